"""From which rows of histograms a span of time is put together: whole days, and what is over.

A local day begins within a day of UTC: it is that day's row, with the time of the smaller side
taken from one local day and given to the other. What is over is put together from the longest rows
that there are, of six hours, half an hour or a quarter: eleven hours are twice six less two halves.
"""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import NamedTuple
from zoneinfo import ZoneInfo

from delivrd.store.counts import BUCKET
from delivrd.store.days import BUCKETS_A_DAY, BUCKETS_AN_HOUR
from delivrd.store.latencies import BUCKETS_A_HALF, BUCKETS_A_PART
from delivrd.store.queries.paging import Condition
from delivrd.store.queries.spans import BUCKET_SECONDS, offset_at, offset_of, within

HALF = BUCKETS_A_DAY // 2


class Kept(NamedTuple):
    """Tables that hold the same histograms: by the quarter of an hour, by the day and, where there
    are such, by half an hour and by six hours."""

    quarters: str
    days: str
    halves: str | None = None
    parts: str | None = None


class Rows(NamedTuple):
    """Rows of a table from one number of its column of time to before another, which are added or
    taken away; each stands for so many quarters of an hour."""

    table: str
    column: str
    width: int
    first: int
    until: int
    sign: int = 1

    def of_days(self, days: Sequence[int]) -> list[Condition]:
        """The condition that a row is one of these, counted from the beginning of such a day."""
        a_day = BUCKETS_A_DAY // self.width
        some = [day * a_day + at for day in days for at in range(self.first, self.until)]
        return [(f"{self.column} = ANY(?::bigint[])", (some,))]


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
    single: bool = False
    """Whether each time of the groups is that of a single row of a route."""

    def quarter(self, time: int, part: Part) -> int:
        """One of the quarters of an hour that such a part of a row stands for."""
        at = time * self.width + part.after
        return min(max(at, self.within.start), self.within.stop - 1)


def spans(
    kept: Kept, times: Sequence[str], since: int | None, until: int | None,
    zone: ZoneInfo | None, known: range,
) -> Iterator[Span]:  # fmt: skip
    """What to read to count by ``times`` (of `TIMES`) from one moment to before another.

    Moments are microseconds since 1970; each quarter of an hour that they fall into is whole.
    ``known`` are the days of which there are histograms.
    """
    begin = None if since is None else since // BUCKET
    end = None if until is None else -(-until // BUCKET)
    first = None if begin is None else -(-begin // BUCKETS_A_DAY)
    last = None if end is None else end // BUCKETS_A_DAY
    no_day = first is not None and last is not None and first >= last
    if not times:
        yield from _short(kept, begin or 0, end or 0) if no_day else _at_once(kept, begin, end)
    elif no_day or "hour" in times:
        yield from _exactly(kept, times, begin, end, zone, known)
    else:
        if begin is not None and first is not None:
            yield from _exactly(kept, times, begin, first * BUCKETS_A_DAY, zone, known)
        if end is not None and last is not None:
            yield from _exactly(kept, times, last * BUCKETS_A_DAY, end, zone, known)
        yield from _days(kept, times, first, last, zone, known)


def _levels(kept: Kept) -> list[tuple[str, str, int]]:
    """The tables with less than a day in a row, the longest time first; and how long it is."""
    found = (
        (kept.parts, "part", BUCKETS_A_PART),
        (kept.halves, "half", BUCKETS_A_HALF),
        (kept.quarters, "bucket", 1),
    )
    return [(table, column, width) for table, column, width in found if table]


def _cover(
    levels: Sequence[tuple[str, str, int]], begin: int, end: int, sign: int = 1
) -> Iterator[Rows]:
    """Quarters of an hour from one to before another, from as few rows as there may be."""
    if begin >= end:
        return
    (table, column, width), *finer = levels
    first, last = ((at + width // 2) // width for at in (begin, end))
    low, high = first * width, last * width
    if finer and abs(begin - low) + abs(end - high) >= end - begin:
        yield from _cover(finer, begin, end, sign)
        return
    yield Rows(table, column, width, first, last, sign)
    if finer:
        yield from _cover(finer, begin, low, sign)
        yield from _cover(finer, low, begin, -sign)
        yield from _cover(finer, high, end, sign)
        yield from _cover(finer, end, high, -sign)


def _finest(kept: Kept, begin: int, end: int) -> Iterator[Rows]:
    """The same, of rows that lie within it."""
    first, last = -(-begin // BUCKETS_A_HALF), end // BUCKETS_A_HALF
    quarters = [(begin, end)]
    if kept.halves is not None and first < last:
        yield Rows(kept.halves, "half", BUCKETS_A_HALF, first, last)
        quarters = [(begin, first * BUCKETS_A_HALF), (last * BUCKETS_A_HALF, end)]
    for low, high in quarters:
        if low < high:
            yield Rows(kept.quarters, "bucket", 1, low, high)


def _short(kept: Kept, begin: int, end: int, sign: int = 1) -> Iterator[Span]:
    for rows in _cover(_levels(kept), begin, end, sign):
        where = within(rows.column, rows.first, rows.until)
        yield Span(rows.table, where, parts=[Part(rows.sign)])


def _at_once(kept: Kept, begin: int | None, end: int | None) -> Iterator[Span]:
    """Whole days, and of the days at both ends the lesser side: what is missing, or too much."""
    first = None if begin is None else (begin + HALF) // BUCKETS_A_DAY
    last = None if end is None else (end + HALF) // BUCKETS_A_DAY
    yield Span(kept.days, within("day", first, last))
    for at, day, sign in ((begin, first, 1), (end, last, -1)):
        if at is not None and day is not None:
            low, high = sorted((at, day * BUCKETS_A_DAY))
            yield from _short(kept, low, high, sign if at == low else -sign)


def _exactly(
    kept: Kept, times: Sequence[str], begin: int | None, end: int | None, zone: ZoneInfo | None,
    known: range,
) -> Iterator[Span]:  # fmt: skip
    """Without rows of days."""
    first, last = known.start * BUCKETS_A_DAY, known.stop * BUCKETS_A_DAY
    begin, end = max(begin or first, first), last if end is None else min(end, last)
    width = BUCKETS_AN_HOUR if "hour" in times else BUCKETS_A_DAY
    for offset, run in _steady(begin, end, zone):
        if offset is None:
            where = within("bucket", run.start, run.stop)
            yield Span(kept.quarters, where, "bucket", 1, within=run)
            continue
        some = kept if offset % BUCKETS_A_HALF == 0 else kept._replace(halves=None)
        for rows in _finest(some, run.start, run.stop):
            time = f"({rows.column} + {offset // rows.width}) / {width // rows.width}"
            where = within(rows.column, rows.first, rows.until)
            within_rows = range(rows.first * rows.width, rows.until * rows.width)
            yield Span(rows.table, where, time, width, [Part(1, -offset)], within_rows)


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
    kept: Kept, times: Sequence[str], first: int | None, last: int | None, zone: ZoneInfo | None,
    known: range,
) -> Iterator[Span]:  # fmt: skip
    first = known.start if first is None else max(first, known.start)
    last = known.stop if last is None else min(last, known.stop)
    for offset, run in _runs(range(first, last), zone):
        if offset is None:
            begin, end = run.start * BUCKETS_A_DAY, run.stop * BUCKETS_A_DAY
            yield from _exactly(kept, times, begin, end, zone, known)
        else:
            yield from _split(kept, run, -offset % BUCKETS_A_DAY)


def _split(kept: Kept, days: range, midnight: int) -> Iterator[Span]:
    """Days of UTC in each of which a local one begins, so many quarters after its beginning."""
    meant = range(days.start * BUCKETS_A_DAY, days.stop * BUCKETS_A_DAY)
    early = midnight > HALF or not midnight
    most, least = Part(1, 0 if early else midnight), Part(1, midnight if early else 0)
    where = within("day", days.start, days.stop)
    yield Span(kept.days, where, "day", BUCKETS_A_DAY, [most], meant, single=True)
    if not midnight:
        return
    moved = (midnight, BUCKETS_A_DAY) if early else (0, midnight)
    for rows in _cover(_levels(kept), *moved):
        time = f"{rows.column} / {BUCKETS_A_DAY // rows.width}"
        parts = [Part(rows.sign, least.after), Part(-rows.sign, most.after)]
        single = rows.until - rows.first == 1
        yield Span(rows.table, rows.of_days(days), time, BUCKETS_A_DAY, parts, meant, single)
