"""Counts by UTC day: each row holds the day's total and a column for each of its hours.

Queries over long times read one row a day instead of 96; the hours are also enough to compose the
days of any zone at a whole number of hours from UTC. Each table sums its table by quarter of an
hour, under the same columns or fewer, so that the most frequent queries read the fewest rows.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from operator import itemgetter
from typing import Any, NamedTuple

from delivrd.store.latencies import STEPS, parts

BUCKETS_A_DAY = 96
BUCKETS_AN_HOUR = 4

HOURS = tuple(f"h{hour:02}" for hour in range(24))
"""The columns of the hours; null if nothing was ever counted in that hour."""

FEW = 3
"""A write that touches more hours than this names all 24 columns, as each set of columns needs its
own prepared statement."""

_ROUTE = ("account_id", "country")
_NETWORK = (*_ROUTE, "network")


class Days(NamedTuple):
    """A table by day: the table that it sums, and its key without the slot."""

    of: str
    key: tuple[str, ...]


TABLES: Mapping[str, Days] = {
    "rollup_day": Days("rollup", ("unit", "day", *_NETWORK, "status", "reason")),
    "route_day": Days("rollup", ("unit", "day", *_ROUTE, "status")),
    "status_day": Days("rollup", ("unit", "day", "status")),
    "cost_day": Days("cost", ("unit", "day", *_NETWORK, "currency", "what")),
    "route_cost_day": Days("cost", ("unit", "day", *_ROUTE, "currency", "what")),
    "charge_day": Days("cost", ("unit", "day", "currency", "what")),
    "rollup_sender_day": Days("rollup_sender", ("day", *_ROUTE, "sender", "status")),
    "rollup_code_day": Days("rollup_code", ("day", *_ROUTE, "status", "code")),
    "account_reason_day": Days("account_reason", ("unit", "day", "account_id", "status", "reason")),
    "account_sender_day": Days("account_sender", ("day", "account_id", "sender", "status")),
    "account_code_day": Days("account_code", ("day", "account_id", "status", "code")),
}

Count = tuple[Any, ...]
"""A key of a table, followed by the hour of the day."""

Told = tuple[Count, tuple[int, int]]
"""A key, and the count and the histogram that it adds (see `latencies.parts`)."""

Addend = tuple[tuple[str, ...], list[tuple[Any, ...]]]
"""The columns of rows to add (key, slot and numbers), and the rows."""


_SAME = {name: of for name, (of, _) in TABLES.items() if name.removesuffix("_day") == of}
_FEWER = {
    name: (f"{of}_day", itemgetter(*map(TABLES[f"{of}_day"].key.index, key), -1))
    for name, (of, key) in TABLES.items()
    if name not in _SAME
}
"""Tables with fewer columns are summed from those with all columns."""


def by_day(quarters: Mapping[str, Mapping[Count, int]]) -> dict[str, Mapping[Count, int]]:
    """What changes of the counts by quarter of an hour add to each of `TABLES`."""
    found: dict[str, Mapping[Count, int]] = {}
    for name, of in _SAME.items():
        found[name] = _in_days(TABLES[name].key.index("day"), quarters[of])
    for name, (of, pick) in _FEWER.items():
        days: defaultdict[Count, int] = defaultdict(int)
        for key, n in found[of].items():
            days[pick(key)] += n
        found[name] = days
    return found


def _in_days(at: int, quarters: Mapping[Count, int]) -> Mapping[Count, int]:
    """The counts under keys in which the day replaces the quarter, with the hour appended."""
    days: defaultdict[Count, int] = defaultdict(int)
    for key, n in quarters.items():
        if n:
            bucket = key[at]
            day = bucket // BUCKETS_A_DAY
            hour = bucket % BUCKETS_A_DAY // BUCKETS_AN_HOUR
            days[(*key[:at], day, *key[at + 1 :], hour)] += n
    return days


def rows(
    name: str, counted: Mapping[Count, int], slot: int, sign: int, *, once: bool
) -> list[Addend]:
    """The rows to add. With ``once`` each row of the table is written once, with all its hours;
    otherwise once for each hour, as SQLite takes three times as long for a row that names them all.
    """
    told: defaultdict[int, list[Told]] = defaultdict(list)
    for key, number in counted.items():
        if number:
            told[key[-1]].append((key[:-1], parts(sign * number)))
    if once and len(told) > 1:
        return [_together(name, told, slot)]
    return [_hour(name, hour, some, slot) for hour, some in sorted(told.items())]


def _hour(name: str, hour: int, told: Iterable[Told], slot: int) -> Addend:
    columns = (*TABLES[name].key, "slot", "n", HOURS[hour])
    if _timed(name):
        return (*columns, STEPS), [(*key, slot, n, n, took or None) for key, (n, took) in told]
    return columns, [(*key, slot, n, n) for key, (n, _) in told]


def _together(name: str, told: Mapping[int, Iterable[Told]], slot: int) -> Addend:
    hours = sorted(told) if len(told) <= FEW else range(24)
    place = {hour: 1 + at for at, hour in enumerate(hours)}
    made: dict[Count, list[int | None]] = {}
    for hour, some in told.items():
        for key, (n, took) in some:
            sums = made.setdefault(key, [0, *(None for _ in hours), None])
            for at, more in ((0, n), (place[hour], n), (-1, took)):
                sums[at] = (sums[at] or 0) + more
    columns = (*TABLES[name].key, "slot", "n", *(HOURS[hour] for hour in hours))
    if _timed(name):
        found = [(*key, slot, *sums[:-1], sums[-1] or None) for key, sums in made.items()]
        return (*columns, STEPS), found
    return columns, [(*key, slot, *sums[:-1]) for key, sums in made.items()]


def _timed(name: str) -> bool:
    return "status" in TABLES[name].key
