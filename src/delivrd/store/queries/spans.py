"""From which rows a span of time is counted: whole days from a row a day, the rest by the quarter.

A day's row has its hours in columns. A local day that begins within a day of UTC is put together
from the hours on either side; where the zone's clock is not whole hours from UTC, or is put forward
or back within the day, quarters of an hour tell what hours cannot.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, tzinfo
from itertools import groupby
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from delivrd.core.statement import moment
from delivrd.store.counts import BUCKET
from delivrd.store.days import BUCKETS_A_DAY, BUCKETS_AN_HOUR, HOURS
from delivrd.store.queries.paging import Condition

TIMES = ("day", "hour")

HOUR_SECONDS = 3600
DAY_SECONDS = 24 * HOUR_SECONDS
BUCKET_SECONDS = BUCKET // 1_000_000

Days = tuple[int | None, int | None]
"""From a day to before another, counted from 1970; None is without an end."""


class Part(NamedTuple):
    """A sum over some rows, and the quarter of an hour after their time whose local time it has."""

    sql: str
    after: int = 0


WHOLE = (Part("sum(n)"),)


class Span(NamedTuple):
    """Rows of a table, by the quarter of an hour or by the day, and what is added up of them."""

    table: str
    by_day: bool
    conditions: Sequence[Condition]
    parts: Sequence[Part] = WHOLE

    @property
    def column(self) -> str:
        return "day" if self.by_day else "bucket"

    @property
    def width(self) -> int:
        """Quarters of an hour that the column counts by."""
        return BUCKETS_A_DAY if self.by_day else 1


def spans(
    quarters: str, days: str, times: Sequence[str], since: int | None, until: int | None,
    zone: ZoneInfo | None, known: range,
) -> list[Span]:  # fmt: skip
    """What to read to count by ``times`` (of `TIMES`) from one moment to before another.

    Moments are microseconds since 1970; each quarter of an hour that they fall into is whole.
    ``known`` are the days of which there are counts.
    """
    begin = None if since is None else since // BUCKET
    end = None if until is None else -(-until // BUCKET)
    first = None if begin is None else -(-begin // BUCKETS_A_DAY)
    last = None if end is None else end // BUCKETS_A_DAY
    if first is not None and last is not None and first >= last:
        return [Span(quarters, False, within("bucket", begin, end))]
    found = list(_whole_days(quarters, days, times, (first, last), zone, known))
    if first is not None and begin != first * BUCKETS_A_DAY:
        edge = within("bucket", begin, first * BUCKETS_A_DAY)
        found.append(Span(quarters, False, edge))
    if last is not None and end != last * BUCKETS_A_DAY:
        found.append(Span(quarters, False, within("bucket", last * BUCKETS_A_DAY, end)))
    return found


def within(column: str, since: int | None, until: int | None) -> list[Condition]:
    """The conditions that the column lies from one number to before another."""
    found: list[Condition] = []
    if since is not None:
        found.append((f"{column} >= ?", (since,)))
    if until is not None:
        found.append((f"{column} < ?", (until,)))
    return found


def _whole_days(
    quarters: str, days: str, times: Sequence[str], span: Days, zone: ZoneInfo | None, known: range
) -> Iterator[Span]:
    """Runs of days of one offset from UTC; without a zone, or a time to group by, all at once."""
    hourly = "hour" in times
    if zone is None or not times:
        yield Span(days, True, within("day", *span), _hours() if hourly else WHOLE)
        return
    first = known.start if span[0] is None else max(span[0], known.start)
    last = known.stop if span[1] is None else min(span[1], known.stop)
    for offset, run in groupby(range(first, last), lambda day: offset_of(day, zone)):
        some = list(run)
        here = (some[0], some[-1] + 1)
        if offset is None or (hourly and offset % HOUR_SECONDS):
            in_quarters = (day * BUCKETS_A_DAY for day in here)
            yield Span(quarters, False, within("bucket", *in_quarters))
        elif hourly:
            yield Span(days, True, within("day", *here), _hours())
        else:
            yield from _split(quarters, days, some, -offset % DAY_SECONDS)


def offset_of(day: int, zone: tzinfo) -> int | None:
    """Seconds by which the zone is ahead of UTC all through a day of UTC; None where it changes."""
    begins, ends = (_offset(bucket, zone) for bucket in (day * BUCKETS_A_DAY, _last_quarter(day)))
    return begins if begins == ends else None


def _last_quarter(day: int) -> int:
    return (day + 1) * BUCKETS_A_DAY - 1


def _offset(bucket: int, zone: tzinfo) -> int:
    offset = local(bucket, zone).utcoffset()
    return 0 if offset is None else int(offset.total_seconds())


def local(bucket: int, zone: tzinfo | None) -> datetime:
    """When a quarter of an hour begins, in the zone; None is UTC."""
    when = moment(bucket * BUCKET)
    return when.astimezone(zone) if zone else when


def _hours() -> list[Part]:
    return [Part(f"sum({name})", hour * BUCKETS_AN_HOUR) for hour, name in enumerate(HOURS)]


def _split(quarters: str, days: str, some: Sequence[int], midnight: int) -> Iterator[Span]:
    """Days of UTC in each of which a local one begins, so many seconds after its beginning."""
    at = -(-midnight // BUCKET_SECONDS)
    hour = -(-at // BUCKETS_AN_HOUR)
    conditions = within("day", some[0], some[-1] + 1)
    if not at:
        yield Span(days, True, conditions)
        return
    yield Span(days, True, conditions, _either_side(hour, at))
    over = range(at, hour * BUCKETS_AN_HOUR)  # of the local day, in an hour of the one before
    if over:
        moved = [day * BUCKETS_A_DAY + quarter for day in some for quarter in over]
        only: Condition = ("bucket = ANY(?::bigint[])", (moved,))
        parts = (Part("sum(n)"), Part("-sum(n)", -BUCKETS_AN_HOUR))
        yield Span(quarters, False, [only], parts)


def _either_side(hour: int, at: int) -> Sequence[Part]:
    """What lies before an hour, and from it on: the one with fewer columns is added up."""
    if hour > len(HOURS) // 2:
        later = _sum(HOURS[hour:])
        return (Part(f"sum(n) - {later}"), Part(later, at))
    earlier = _sum(HOURS[:hour])
    return (Part(earlier), Part(f"sum(n) - {earlier}", at))


def _sum(columns: Iterable[str]) -> str:
    added: Any = " + ".join(f"coalesce({column}, 0)" for column in columns)
    return f"sum({added or 0})"
