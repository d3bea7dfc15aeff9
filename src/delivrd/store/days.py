"""Counts by the day of UTC, each hour of the day in a column of its own beside the whole.

A question about a quarter of a year reads one row of a day where it would read one of every quarter
of an hour; and the days of any zone whose clock is whole hours from UTC are put together from them.
Each table holds what its table by the quarter of an hour holds, by all of its columns or by fewer:
what is asked for most reads the fewest rows.
"""

from collections import defaultdict
from collections.abc import Mapping
from operator import itemgetter
from typing import Any, NamedTuple

BUCKETS_A_DAY = 96
BUCKETS_AN_HOUR = 4

HOURS = tuple(f"h{hour:02}" for hour in range(24))
"""Columns; null where nothing was ever counted in that hour."""

FEW = 3
"""With more hours than this in one write all are named: each choice is a statement of its own."""

_ROUTE = ("account_id", "country")
_NETWORK = (*_ROUTE, "network")


class Days(NamedTuple):
    """A table by the day: the table it adds up, and its key without the slot."""

    of: str
    key: tuple[str, ...]


TABLES: Mapping[str, Days] = {
    "rollup_day": Days("rollup", ("unit", "day", *_NETWORK, "status", "reason")),
    "route_day": Days("rollup", ("unit", "day", *_ROUTE, "status")),
    "latency_day": Days("latency", ("unit", "day", *_NETWORK, "status", "le")),
    "le_day": Days("latency", ("unit", "day", "status", "le")),
    "cost_day": Days("cost", ("unit", "day", *_NETWORK, "currency", "what")),
    "rollup_sender_day": Days("rollup_sender", ("day", *_ROUTE, "sender", "status")),
    "rollup_code_day": Days("rollup_code", ("day", *_ROUTE, "status", "code")),
}

Count = tuple[Any, ...]
"""A key of a table, and the hour of the day as its last."""


def by_day(
    columns: Mapping[str, tuple[str, ...]], quarters: Mapping[str, Mapping[Count, int]]
) -> dict[str, Mapping[Count, int]]:
    """What counts by the quarter of an hour add to each of `TABLES`."""
    found: dict[str, Mapping[Count, int]] = {}
    for name, (of, key) in TABLES.items():
        picked = [columns[of].index("bucket" if column == "day" else column) for column in key]
        at, pick = picked.index(columns[of].index("bucket")), itemgetter(*picked)
        days: defaultdict[Count, int] = defaultdict(int)
        for quarter, n in quarters[of].items():
            if n:
                told = pick(quarter)
                day, rest = divmod(told[at], BUCKETS_A_DAY)
                days[*told[:at], day, *told[at + 1 :], rest // BUCKETS_AN_HOUR] += n
        found[name] = days
    return found


def rows(
    name: str, counted: Mapping[Count, int], slot: int, sign: int = 1
) -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:
    """The columns of that table to be added to, and the rows."""
    hours = sorted({key[-1] for key, n in counted.items() if n})
    if len(hours) > FEW:
        hours = list(range(24))
    place = {hour: 1 + at for at, hour in enumerate(hours)}
    made: dict[Count, list[int | None]] = {}
    for (*key, hour), n in counted.items():
        if n:
            sums = made.setdefault(tuple(key), [0, *(None for _ in hours)])
            sums[0] = (sums[0] or 0) + sign * n
            sums[place[hour]] = (sums[place[hour]] or 0) + sign * n
    columns = (*TABLES[name].key, "slot", "n", *(HOURS[hour] for hour in hours))
    return columns, [(*key, slot, *sums) for key, sums in made.items()]
