"""How many took how long: histograms by day where days are whole, else by the quarter of an hour.

A local day begins within a day of UTC: it is that day's row, with the quarters of the smaller side
taken from one local day and given to the other.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from delivrd.store.accounts import Accounts
from delivrd.store.counts import BUCKET
from delivrd.store.days import BUCKETS_A_DAY, BUCKETS_AN_HOUR
from delivrd.store.queries.asked import (
    SHARED,
    Filters,
    Unanswerable,
    Values,
    narrowed,
    on_routes,
    shown_time,
    word,
)
from delivrd.store.queries.paging import Condition, rendered
from delivrd.store.queries.spans import BUCKET_SECONDS, TIMES, offset_at, offset_of, within
from delivrd.store.queries.stats import some
from delivrd.store.tx import Row, Tx

WHOLE = frozenset((*TIMES, "status"))
DIMENSIONS = frozenset((*SHARED, "network", "status"))

HALF = BUCKETS_A_DAY // 2


class Part(NamedTuple):
    """What a row adds to the time that lies so many quarters after its own."""

    sign: int = 1
    after: int = 0


class Span(NamedTuple):
    """Rows of a table, the time that they are grouped by, and where they are added.

    The time of a group counts units of ``width`` quarters; of the group the quarters ``within``
    are meant.
    """

    table: str
    where: Sequence[Condition]
    time: str = ""
    width: int = 1
    parts: Sequence[Part] = (Part(),)
    within: range = range(0)

    def quarter(self, time: int, part: Part) -> int:
        """One of the quarters of an hour that such a part of a row stands for."""
        at = time * self.width + part.after
        return min(max(at, self.within.start), self.within.stop - 1)


async def steps(
    tx: Tx, accounts: Accounts, by: Sequence[str], filters: Filters, status: str,
    zone: ZoneInfo | None = None,
) -> dict[Values, dict[int, int]]:  # fmt: skip
    """How many that ended in ``status`` took so long: latency step -> number, by dimension.

    Raises:
        Unanswerable: latencies are not kept by all these dimensions.
    """
    asked = {*by, *filters.used()}
    if not asked <= DIMENSIONS:
        raise Unanswerable("latencies", asked, (WHOLE, DIMENSIONS))
    of: list[Condition] = [(f"unit = {filters.unit(by)}", ()), ("status = ?", (status,))]
    common = [*of, *on_routes(accounts, filters), *narrowed(filters)]
    columns = list(dict.fromkeys(_column(name) for name in by if name not in TIMES))
    times = [name for name in by if name in TIMES]
    known = await _known(tx, of) if times else range(0)
    shown: dict[tuple[Any, ...], Values] = {}
    found: dict[Values, dict[int, int]] = {}
    for span in spans(filters, times, zone, known, whole=asked <= WHOLE):
        for time, key, number in await histograms(tx, span, columns, common):
            for part in span.parts:
                place = (*((span.quarter(time, part),) if times else ()), *key)
                if place not in shown:
                    shown[place] = _values(accounts, by, columns, zone, place)
                _add(found, shown[place], number, part.sign)
    return some(found)


async def histograms(
    tx: Tx, span: Span, columns: Sequence[str], common: Sequence[Condition]
) -> list[tuple[int, Row, Mapping[int, int]]]:
    """The time, the key and the numbers by step of each group of a span's rows."""
    where, args = rendered([*common, *span.where])
    key = [*([span.time] if span.time else []), *columns]
    grouped = f" GROUP BY {', '.join(key)}" if key else ""
    rows = await tx.fetch(
        f"SELECT {', '.join([*key, 'sum(steps)'])} FROM {span.table} WHERE {where}{grouped}", *args
    )
    first = 1 if span.time else 0
    return [
        (row[0] if first else 0, tuple(row[first:-1]), tx.steps(row[-1]))
        for row in rows
        if row[-1] is not None
    ]


def _add(
    found: dict[Values, dict[int, int]], values: Values, number: Mapping[int, int], sign: int
) -> None:
    if values not in found and sign > 0:
        found[values] = {**number}
        return
    into = found.setdefault(values, {})
    for step, n in number.items():
        into[step] = into.get(step, 0) + sign * n


def _column(name: str) -> str:
    return "account_id" if name in ("account", "provider") else name


def _values(
    accounts: Accounts, by: Sequence[str], columns: Sequence[str], zone: ZoneInfo | None,
    place: Sequence[Any],
) -> Values:  # fmt: skip
    """A place (a quarter of an hour where times are asked for, then the columns) as it is shown."""
    raw = dict(zip(reversed(columns), reversed(place), strict=False))
    return tuple(
        shown_time(name, place[0], zone) if name in TIMES
        else word(name, accounts)(raw[_column(name)], 0)
        for name in by
    )  # fmt: skip


async def _known(tx: Tx, of: Sequence[Condition]) -> range:
    """The days of which there are latencies."""
    where, args = rendered(of)
    ends = (f"(SELECT {end}(bucket) FROM latency_whole WHERE {where})" for end in ("min", "max"))
    first, last = (await tx.fetch(f"SELECT {', '.join(ends)}", *args))[0]
    return range(0) if first is None else range(first // BUCKETS_A_DAY, last // BUCKETS_A_DAY + 1)


# --- what is read ---------------------------------------------------------------------------------


def spans(
    filters: Filters, times: Sequence[str], zone: ZoneInfo | None, known: range, *, whole: bool
) -> Iterator[Span]:
    """What to read to count by ``times`` (of `TIMES`); ``whole`` without regard to routes."""
    begin = None if filters.since is None else filters.since // BUCKET
    end = None if filters.until is None else -(-filters.until // BUCKET)
    first = None if begin is None else -(-begin // BUCKETS_A_DAY)
    last = None if end is None else end // BUCKETS_A_DAY
    no_day = first is not None and last is not None and first >= last
    if whole or no_day or "hour" in times:
        table = "latency_whole" if whole else "latency"
        yield from _quarters(table, times, begin, end, zone, known)
        return
    if not times:
        yield from _at_once(begin, end)
        return
    if begin is not None and first is not None and begin < first * BUCKETS_A_DAY:
        yield from _quarters("latency", times, begin, first * BUCKETS_A_DAY, zone, known)
    if end is not None and last is not None and end > last * BUCKETS_A_DAY:
        yield from _quarters("latency", times, last * BUCKETS_A_DAY, end, zone, known)
    yield from _days(times, first, last, zone, known)


def _at_once(begin: int | None, end: int | None) -> Iterator[Span]:
    """Whole days, and of the days at both ends the lesser side: what is missing, or too much."""
    first = None if begin is None else (begin + HALF) // BUCKETS_A_DAY
    last = None if end is None else (end + HALF) // BUCKETS_A_DAY
    yield Span("latency_day", within("day", first, last))
    for at, day, sign in ((begin, first, 1), (end, last, -1)):
        if at is not None and day is not None and at != day * BUCKETS_A_DAY:
            low, high = sorted((at, day * BUCKETS_A_DAY))
            part = Part(sign if at == low else -sign)
            yield Span("latency", within("bucket", low, high), parts=[part])


def _quarters(
    table: str, times: Sequence[str], begin: int | None, end: int | None, zone: ZoneInfo | None,
    known: range,
) -> Iterator[Span]:  # fmt: skip
    if not times:
        yield Span(table, within("bucket", begin, end))
        return
    first = known.start * BUCKETS_A_DAY
    last = known.stop * BUCKETS_A_DAY
    begin, end = max(begin or first, first), last if end is None else min(end, last)
    width = BUCKETS_AN_HOUR if "hour" in times else BUCKETS_A_DAY
    for offset, run in _steady(begin, end, zone):
        where = within("bucket", run.start, run.stop)
        if offset is None:
            yield Span(table, where, "bucket", 1, within=run)
        else:
            time = f"(bucket + {offset}) / {width}"
            yield Span(table, where, time, width, [Part(1, -offset)], run)


def _steady(begin: int, end: int, zone: ZoneInfo | None) -> Iterator[tuple[int | None, range]]:
    """Quarters of an hour of one offset from UTC, as `_runs` tells it of days."""
    for offset, run in _runs(range(begin // BUCKETS_A_DAY, -(-end // BUCKETS_A_DAY)), zone):
        low, high = max(begin, run.start * BUCKETS_A_DAY), min(end, run.stop * BUCKETS_A_DAY)
        if offset is not None or zone is None:
            yield offset, range(low, high)
            continue
        for found, quarters in groupby(
            range(low, high), lambda at: _in_quarters(offset_at(at, zone))
        ):
            some = list(quarters)
            yield found, range(some[0], some[-1] + 1)


def _in_quarters(seconds: int | None) -> int | None:
    return None if seconds is None or seconds % BUCKET_SECONDS else seconds // BUCKET_SECONDS


def _runs(days: range, zone: ZoneInfo | None) -> Iterator[tuple[int | None, range]]:
    """Days of one offset from UTC, in quarters of an hour; None where it is not one of these."""

    def offset(day: int) -> int | None:
        return _in_quarters(offset_of(day, zone) if zone else 0)

    for found, run in groupby(days, offset):
        some = list(run)
        yield found, range(some[0], some[-1] + 1)


def _days(
    times: Sequence[str], first: int | None, last: int | None, zone: ZoneInfo | None, known: range
) -> Iterator[Span]:
    first = known.start if first is None else max(first, known.start)
    last = known.stop if last is None else min(last, known.stop)
    for offset, run in _runs(range(first, last), zone):
        if offset is None:
            begin, end = run.start * BUCKETS_A_DAY, run.stop * BUCKETS_A_DAY
            yield from _quarters("latency", times, begin, end, zone, known)
        else:
            yield from _split(run, -offset % BUCKETS_A_DAY)


def _split(days: range, midnight: int) -> Iterator[Span]:
    """Days of UTC in each of which a local one begins, so many quarters after its beginning."""
    low, high = days.start * BUCKETS_A_DAY, days.stop * BUCKETS_A_DAY
    early = midnight > HALF or not midnight
    most, least = Part(1, 0 if early else midnight), Part(1, midnight if early else 0)
    yield Span(
        "latency_day", within("day", days.start, days.stop), "day", BUCKETS_A_DAY, [most],
        range(low, high),
    )  # fmt: skip
    moved = range(midnight, BUCKETS_A_DAY) if early else range(midnight)
    if midnight:
        some = [day * BUCKETS_A_DAY + quarter for day in days for quarter in moved]
        yield Span(
            "latency", [("bucket = ANY(?::bigint[])", (some,))], f"bucket / {BUCKETS_A_DAY}",
            BUCKETS_A_DAY, [least, Part(-1, most.after)], range(low, high),
        )  # fmt: skip
