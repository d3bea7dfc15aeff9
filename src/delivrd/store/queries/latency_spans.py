"""Chooses the rows of histograms that cover a span of time: whole days, and the rest.

Histograms are large, so few rows should be read. A local day begins within a day of UTC: the row of
that day counts for the local day that has more of it, and shorter rows move the smaller side to the
other local day. The rest is covered by the longest rows (six hours, half an hour, a quarter), added
or subtracted: eleven hours are twice six hours less two half hours.
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
    """Tables with the same histograms: by the quarter of an hour, by the day and, if they exist,
    by half an hour and by six hours."""

    quarters: str
    days: str
    halves: str | None = None
    parts: str | None = None


class Rows(NamedTuple):
    """The rows of a table whose time column is from ``first`` to just before ``until``.

    Each covers ``width`` quarters of an hour; they are added or, if ``sign`` is -1, subtracted.
    """

    table: str
    column: str
    width: int
    first: int
    until: int
    sign: int = 1

    def of_days(self, days: Sequence[int]) -> list[Condition]:
        """The condition for these rows of each of the days; ``first`` and ``until`` count from the
        beginning of the day."""
        a_day = BUCKETS_A_DAY // self.width
        some = [day * a_day + at for day in days for at in range(self.first, self.until)]
        return [(f"{self.column} = ANY(?::bigint[])", (some,))]


class Part(NamedTuple):
    """Adds (or subtracts) a row's histogram ``after`` quarters later than the row's own time."""

    sign: int = 1
    after: int = 0


class Span(NamedTuple):
    """Rows of a table, the SQL for the time that they are grouped by, and where they are added.

    The time of a group counts units of ``width`` quarters; ``within`` are the quarters of an hour
    that the span covers.
    """

    table: str
    where: Sequence[Condition]
    time: str = ""
    width: int = 1
    parts: Sequence[Part] = (Part(),)
    within: range = range(0)
    single: bool = False
    """Whether each route has at most one row in each group."""

    def quarter(self, time: int, part: Part) -> int:
        """A quarter of an hour that this part of a group with that time covers."""
        at = time * self.width + part.after
        return min(max(at, self.within.start), self.within.stop - 1)


def spans(
    kept: Kept, times: Sequence[str], since: int | None, until: int | None,
    zone: ZoneInfo | None, known: range,
) -> Iterator[Span]:  # fmt: skip
    """What to read to count by ``times`` (of `TIMES`) from ``since`` to just before ``until``.

    Both are microseconds since 1970; the quarters of an hour that they fall into count as whole.
    ``known`` are the days that have histograms.
    """
    begin = None if since is None else since // BUCKET
    end = None if until is None else -(-until // BUCKET)
    first = None if begin is None else -(-begin // BUCKETS_A_DAY)
    last = None if end is None else end // BUCKETS_A_DAY
    no_day = first is not None and last is not None and first >= last
    if not times:
        yield from _part_of_day(kept, begin or 0, end or 0) if no_day else _total(kept, begin, end)
    elif no_day or "hour" in times:
        yield from _without_days(kept, times, begin, end, zone, known)
    else:
        if begin is not None and first is not None:
            yield from _without_days(kept, times, begin, first * BUCKETS_A_DAY, zone, known)
        if end is not None and last is not None:
            yield from _without_days(kept, times, last * BUCKETS_A_DAY, end, zone, known)
        yield from _whole_days(kept, times, first, last, zone, known)


def finer_rows(kept: Kept, times: Sequence[str], zone: ZoneInfo | None, day: int) -> int:
    """How many rows of less than a day are read at most for a row of that day."""
    ((offset, _),) = _days_by_offset(range(day, day + 1), zone)
    if "hour" in times or offset is None:
        by_half = kept.halves is not None and offset is not None and not offset % BUCKETS_A_HALF
        return BUCKETS_A_DAY // (BUCKETS_A_HALF if by_half else 1)
    moved = _moved(-offset % BUCKETS_A_DAY)
    return sum(rows.until - rows.first for rows in _cover(_levels(kept), *moved))


def _levels(kept: Kept) -> list[tuple[str, str, int]]:
    """The tables whose rows cover less than a day, the longest first: table, time column, width."""
    found = (
        (kept.parts, "part", BUCKETS_A_PART),
        (kept.halves, "half", BUCKETS_A_HALF),
        (kept.quarters, "bucket", 1),
    )
    return [(table, column, width) for table, column, width in found if table]


def _cover(
    levels: Sequence[tuple[str, str, int]], begin: int, end: int, sign: int = 1
) -> Iterator[Rows]:
    """Covers the quarters from ``begin`` to just before ``end`` with as few rows as possible."""
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


def _cover_from_inside(kept: Kept, begin: int, end: int) -> Iterator[Rows]:
    """Covers the same quarters with rows that lie inside, so that nothing is subtracted."""
    first, last = -(-begin // BUCKETS_A_HALF), end // BUCKETS_A_HALF
    quarters = [(begin, end)]
    if kept.halves is not None and first < last:
        yield Rows(kept.halves, "half", BUCKETS_A_HALF, first, last)
        quarters = [(begin, first * BUCKETS_A_HALF), (last * BUCKETS_A_HALF, end)]
    for low, high in quarters:
        if low < high:
            yield Rows(kept.quarters, "bucket", 1, low, high)


def _part_of_day(kept: Kept, begin: int, end: int, sign: int = 1) -> Iterator[Span]:
    for rows in _cover(_levels(kept), begin, end, sign):
        where = within(rows.column, rows.first, rows.until)
        yield Span(rows.table, where, parts=[Part(rows.sign)])


def _total(kept: Kept, begin: int | None, end: int | None) -> Iterator[Span]:
    """One total: whole days, and at both ends the smaller side of the day, added or subtracted."""
    first = None if begin is None else (begin + HALF) // BUCKETS_A_DAY
    last = None if end is None else (end + HALF) // BUCKETS_A_DAY
    yield Span(kept.days, within("day", first, last))
    for at, day, sign in ((begin, first, 1), (end, last, -1)):
        if at is not None and day is not None:
            low, high = sorted((at, day * BUCKETS_A_DAY))
            yield from _part_of_day(kept, low, high, sign if at == low else -sign)


def _without_days(
    kept: Kept, times: Sequence[str], begin: int | None, end: int | None, zone: ZoneInfo | None,
    known: range,
) -> Iterator[Span]:  # fmt: skip
    """Covers the span without the rows of whole days."""
    first, last = known.start * BUCKETS_A_DAY, known.stop * BUCKETS_A_DAY
    begin, end = max(begin or first, first), last if end is None else min(end, last)
    width = BUCKETS_AN_HOUR if "hour" in times else BUCKETS_A_DAY
    for offset, run in _quarters_by_offset(begin, end, zone):
        if offset is None:
            where = within("bucket", run.start, run.stop)
            yield Span(kept.quarters, where, "bucket", 1, within=run)
            continue
        some = kept if offset % BUCKETS_A_HALF == 0 else kept._replace(halves=None)
        for rows in _cover_from_inside(some, run.start, run.stop):
            time = f"({rows.column} + {offset // rows.width}) / {width // rows.width}"
            where = within(rows.column, rows.first, rows.until)
            within_rows = range(rows.first * rows.width, rows.until * rows.width)
            yield Span(rows.table, where, time, width, [Part(1, -offset)], within_rows)


def _quarters_by_offset(
    begin: int, end: int, zone: ZoneInfo | None
) -> Iterator[tuple[int | None, range]]:
    """Runs of quarters with one offset from UTC (in quarters; None if it is no whole number)."""
    for offset, run in _days_by_offset(
        range(begin // BUCKETS_A_DAY, -(-end // BUCKETS_A_DAY)), zone
    ):
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


def _days_by_offset(days: range, zone: ZoneInfo | None) -> Iterator[tuple[int | None, range]]:
    """Runs of days with one offset from UTC (in quarters; None if it changes or is not whole)."""

    def offset(day: int) -> int | None:
        return _in_quarters(offset_of(day, zone) if zone else 0)

    for found, run in groupby(days, offset):
        some = list(run)
        yield found, range(some[0], some[-1] + 1)


def _whole_days(
    kept: Kept, times: Sequence[str], first: int | None, last: int | None, zone: ZoneInfo | None,
    known: range,
) -> Iterator[Span]:  # fmt: skip
    first = known.start if first is None else max(first, known.start)
    last = known.stop if last is None else min(last, known.stop)
    for offset, run in _days_by_offset(range(first, last), zone):
        if offset is None:
            begin, end = run.start * BUCKETS_A_DAY, run.stop * BUCKETS_A_DAY
            yield from _without_days(kept, times, begin, end, zone, known)
        else:
            yield from _split_at_midnight(kept, run, -offset % BUCKETS_A_DAY)


def _split_at_midnight(kept: Kept, days: range, midnight: int) -> Iterator[Span]:
    """Days of UTC in which the local midnight is ``midnight`` quarters after their beginning."""
    meant = range(days.start * BUCKETS_A_DAY, days.stop * BUCKETS_A_DAY)
    early = _is_early(midnight)
    most, least = Part(1, 0 if early else midnight), Part(1, midnight if early else 0)
    where = within("day", days.start, days.stop)
    yield Span(kept.days, where, "day", BUCKETS_A_DAY, [most], meant, single=True)
    if not midnight:
        return
    for rows in _cover(_levels(kept), *_moved(midnight)):
        time = f"{rows.column} / {BUCKETS_A_DAY // rows.width}"
        parts = [Part(rows.sign, least.after), Part(-rows.sign, most.after)]
        single = rows.until - rows.first == 1
        yield Span(rows.table, rows.of_days(days), time, BUCKETS_A_DAY, parts, meant, single)


def _is_early(midnight: int) -> bool:
    """Whether most of a day of UTC belongs to the local day that begins in it or at its end."""
    return midnight > HALF or not midnight


def _moved(midnight: int) -> tuple[int, int]:
    """The quarters of a day of UTC that are moved to the other local day."""
    if not midnight:
        return 0, 0
    return (midnight, BUCKETS_A_DAY) if _is_early(midnight) else (0, midnight)
