"""Chooses the rows that count a span of time: whole hours from the rows by the day, the rest from
the rows by the quarter of an hour.

A day's row has its 24 hours in columns. A local day that begins within a day of UTC is the sum of
the hours on either side. If the zone's offset from UTC is not in whole hours, or changes within an
hour, quarters of an hour are read instead.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, tzinfo
from itertools import groupby
from typing import NamedTuple
from zoneinfo import ZoneInfo

from delivrd.core.statement import moment
from delivrd.core.units import DAY_SECONDS, HOUR_SECONDS, SECOND
from delivrd.store.counts import BUCKET
from delivrd.store.days import BUCKETS_A_DAY, BUCKETS_AN_HOUR, HOURS
from delivrd.store.queries.paging import Condition

TIMES = ("day", "hour")

BUCKET_SECONDS = BUCKET // SECOND


class Part(NamedTuple):
    """A sum over some rows; its local time is that of ``after`` quarters past the rows' time."""

    sums: str
    """SQL, with ``{only}`` where a FILTER clause may go."""
    after: int = 0

    def sql(self, only: str = "") -> str:
        """The sum, over the rows that satisfy the condition ``only``."""
        return self.sums.format(only=f" FILTER (WHERE {only})" if only else "")


ALL = (Part("sum(n){only}"),)

Parts = Sequence[Part]


class Span(NamedTuple):
    """Rows of a table, by the quarter of an hour or by the day, and the sums to take of them."""

    table: str
    by_day: bool
    first: int | None
    last: int | None
    parts: Parts = ALL
    among: Sequence[int] | None = None
    """The times to look up one by one; None for all from `first` to just before `last`."""
    ahead: int | None = None
    """Quarters of an hour by which local time is ahead of UTC, to group by the local hour; None to
    group by the quarter or the day."""

    @property
    def conditions(self) -> list[Condition]:
        if self.among is not None:
            return [(f"{self.column} = ANY(?::bigint[])", (list(self.among),))]
        return within(self.column, self.first, self.last)

    def each(self, known: range) -> "Span":
        """The same rows, with the days that have counts looked up one by one."""
        first = known.start if self.first is None else max(known.start, self.first)
        last = known.stop if self.last is None else min(known.stop, self.last)
        return self._replace(among=range(first, last)) if self.by_day else self

    @property
    def column(self) -> str:
        return "day" if self.by_day else "bucket"

    @property
    def time(self) -> str:
        """The SQL expression of the time to group by."""
        if self.ahead is None:
            return self.column
        return f"(bucket + {self.ahead}) / {BUCKETS_AN_HOUR}"

    @property
    def width(self) -> int:
        """The number of quarters of an hour in a unit of `time`."""
        if self.ahead is not None:
            return BUCKETS_AN_HOUR
        return BUCKETS_A_DAY if self.by_day else 1


def spans(
    quarters: str, days: str, times: Sequence[str], since: int | None, until: int | None,
    zone: ZoneInfo | None, known: range,
) -> list[Span]:  # fmt: skip
    """What to read to count by ``times`` (of `TIMES`) from ``since`` to just before ``until``.

    Both are microseconds since 1970; the quarters of an hour that they fall into count as whole.
    ``known`` are the days that have counts.
    """
    begin = None if since is None else since // BUCKET
    end = None if until is None else -(-until // BUCKET)
    first = None if begin is None else -(-begin // BUCKETS_AN_HOUR)
    last = None if end is None else end // BUCKETS_AN_HOUR
    if first is not None and last is not None and first >= last:
        return [Span(quarters, False, begin, end)]
    found: list[Span] = []
    if begin is not None and first is not None and begin != first * BUCKETS_AN_HOUR:
        found.append(Span(quarters, False, begin, first * BUCKETS_AN_HOUR))
    if end is not None and last is not None and end != last * BUCKETS_AN_HOUR:
        found.append(Span(quarters, False, last * BUCKETS_AN_HOUR, end))
    for piece in _pieces(first, last):
        found += _in_piece(quarters, days, times, piece, zone, known)
    return found


class Piece(NamedTuple):
    """The same hours of each day from ``first`` to just before ``last``."""

    first: int | None
    last: int | None
    hours: range = range(24)


def _pieces(first: int | None, last: int | None) -> Iterator[Piece]:
    """Hours from ``first`` to just before ``last``: part of a day, whole days, part of a day."""
    day, begin = (None, 0) if first is None else divmod(first, 24)
    until, end = (None, 0) if last is None else divmod(last, 24)
    if day is not None and day == until:
        yield Piece(day, day + 1, range(begin, end))
        return
    if day is not None and begin:
        yield Piece(day, day + 1, range(begin, 24))
        day += 1
    if day is None or until is None or day < until:
        yield Piece(day, until)
    if until is not None and end:
        yield Piece(until, until + 1, range(end))


def within(column: str, since: int | None, until: int | None) -> list[Condition]:
    """The conditions that the column is at least ``since`` and less than ``until``."""
    found: list[Condition] = []
    if since is not None:
        found.append((f"{column} >= ?", (since,)))
    if until is not None:
        found.append((f"{column} < ?", (until,)))
    return found


def _in_piece(
    quarters: str, days: str, times: Sequence[str], piece: Piece, zone: ZoneInfo | None,
    known: range,
) -> Iterator[Span]:  # fmt: skip
    """The spans of a piece: one without a zone or times, else one for each run of equal offsets."""
    hourly = "hour" in times
    if zone is None or not times:
        parts = _each(piece.hours) if hourly else (_sum(piece.hours),)
        yield Span(days, True, piece.first, piece.last, parts)
        return
    first = known.start if piece.first is None else max(piece.first, known.start)
    last = known.stop if piece.last is None else min(piece.last, known.stop)
    for offset, run in groupby(range(first, last), lambda day: offset_of(day, zone)):
        some = list(run)
        if offset is None and all(_in_hours(day, zone) for day in some):
            for day in some:
                sides = _each(piece.hours) if hourly else _by_date(day, piece.hours, zone)
                yield Span(days, True, day, day + 1, sides)
        elif offset is None or (hourly and offset % HOUR_SECONDS):
            begin = some[0] * BUCKETS_A_DAY + piece.hours.start * BUCKETS_AN_HOUR
            end = some[-1] * BUCKETS_A_DAY + piece.hours.stop * BUCKETS_AN_HOUR
            yield _quarters(quarters, begin, end, offset)
        elif hourly:
            yield Span(days, True, some[0], some[-1] + 1, _each(piece.hours))
        else:
            yield from _split_at_midnight(quarters, days, some, piece.hours, -offset % DAY_SECONDS)


def _quarters(table: str, begin: int, end: int, offset: int | None) -> Span:
    """Quarters of an hour, by the local hour if the offset (seconds) is constant and whole."""
    if offset is None or offset % BUCKET_SECONDS:
        return Span(table, False, begin, end)
    ahead = offset // BUCKET_SECONDS
    return Span(table, False, begin, end, (Part("sum(n){only}", -ahead),), ahead=ahead)


def offset_of(day: int, zone: tzinfo) -> int | None:
    """Seconds by which the zone is ahead of UTC throughout a day of UTC; None if that changes."""
    begins, ends = (offset_at(bucket, zone) for bucket in (day * BUCKETS_A_DAY, _last_quarter(day)))
    return begins if begins == ends else None


def _in_hours(day: int, zone: tzinfo) -> bool:
    """Whether the zone's offset is in whole hours, and constant in each hour of a day of UTC."""
    begin = day * BUCKETS_A_DAY
    offsets = [offset_at(bucket, zone) for bucket in range(begin, begin + BUCKETS_A_DAY)]
    hours = range(0, BUCKETS_A_DAY, BUCKETS_AN_HOUR)
    return not any(offset % HOUR_SECONDS for offset in offsets) and all(
        len({*offsets[at : at + BUCKETS_AN_HOUR]}) == 1 for at in hours
    )


def _by_date(day: int, hours: range, zone: tzinfo) -> Parts:
    """The hours of a day of UTC by their local date."""

    def date(hour: int) -> object:
        return local(day * BUCKETS_A_DAY + hour * BUCKETS_AN_HOUR, zone).date()

    return [_sum(range(some[0], some[-1] + 1)) for _, run in groupby(hours, date)
            for some in [list(run)]]  # fmt: skip


def _last_quarter(day: int) -> int:
    return (day + 1) * BUCKETS_A_DAY - 1


def offset_at(bucket: int, zone: tzinfo) -> int:
    """Seconds by which the zone is ahead of UTC at the start of a quarter of an hour."""
    offset = local(bucket, zone).utcoffset()
    return 0 if offset is None else int(offset.total_seconds())


def local(bucket: int, zone: tzinfo | None) -> datetime:
    """The start of a quarter of an hour as local time; a zone of None is UTC."""
    when = moment(bucket * BUCKET)
    return when.astimezone(zone) if zone else when


def _split_at_midnight(
    quarters: str, days: str, some: Sequence[int], hours: range, midnight: int
) -> Iterator[Span]:
    """Days of UTC in which the local midnight is ``midnight`` seconds after their beginning."""
    at = -(-midnight // BUCKET_SECONDS)
    hour = -(-at // BUCKETS_AN_HOUR)
    sides = (range(hours.start, min(hours.stop, hour)), range(max(hours.start, hour), hours.stop))
    yield Span(days, True, some[0], some[-1] + 1, [_sum(side) for side in sides if side])
    if at % BUCKETS_AN_HOUR and hour - 1 in hours:  # an hour that ends in the next day
        over = range(at, hour * BUCKETS_AN_HOUR)
        moved = [day * BUCKETS_A_DAY + quarter for day in some for quarter in over]
        parts = (Part("sum(n){only}"), Part("-sum(n){only}", -BUCKETS_AN_HOUR))
        yield Span(quarters, False, moved[0], moved[-1] + 1, parts, moved)


def _each(hours: range) -> Parts:
    return [Part(f"sum({HOURS[hour]}){{only}}", hour * BUCKETS_AN_HOUR) for hour in hours]


def _sum(hours: range) -> Part:
    """The sum of these hours; if they are most of a day, the whole day less the others."""
    after = hours.start * BUCKETS_AN_HOUR
    others = [hour for hour in range(24) if hour not in hours]
    if not others:
        return Part("sum(n){only}", after)
    if len(others) < len(hours):
        return Part("sum(n){only} - " + _added(others), after)
    return Part(_added(hours), after)


def _added(hours: Iterable[int]) -> str:
    return "sum(" + " + ".join(f"coalesce({HOURS[hour]}, 0)" for hour in hours) + "){only}"
