"""Pages of statistics by day or hour, newest first: each as long as is quick to read.

What is grouped by time grows with the span that is asked about, and with the number of routes. A
page has whole local days (by the hour, whole hours), so that each item is complete in one page.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, time, timedelta
from typing import NamedTuple, TypeVar
from zoneinfo import ZoneInfo

from msgspec.structs import replace

from delivrd.core.statement import micros
from delivrd.core.units import DAY, HOUR
from delivrd.store.accounts import Accounts
from delivrd.store.counts import BUCKET
from delivrd.store.ids import now_micros
from delivrd.store.queries.filters import Filters, Values, narrowed, on_routes, shown_time
from delivrd.store.queries.grouped import Source, column_of, known_days
from delivrd.store.queries.latency_spans import Kept, finer_rows
from delivrd.store.queries.paging import Condition, rendered
from delivrd.store.queries.spans import TIMES, local
from delivrd.store.tx import Tx

T = TypeVar("T")

QUICK = 7_000.0
"""Microseconds that reading a page should take, on a quick machine of docs/benchmarks.md."""

SAMPLED = (2, 9, 30)
"""How many days before the end of a page its rows are counted: on one that is whole, and on the
same weekday one and four weeks before it."""


class Work(NamedTuple):
    """Microseconds that an item takes, a row of a day, and a row of less than a day."""

    item: float
    row: float
    finer: float


COUNTS = Work(20, 0.6, 0)
LATENCIES = Work(14, 2.5, 1.7)


class Page(NamedTuple):
    """A part of an answer: the filters with the span to read for it."""

    filters: Filters
    first_day: str = ""
    """The first local day of the page, if more is read."""
    end_day: str | None = None
    """The local day after the last one of the page, if more is read."""
    next_before: int | None = None
    """Where the next page ends (microseconds since 1970); None after the last."""

    def of(self, by: Sequence[str], found: Mapping[Values, T]) -> dict[Values, T]:
        """What belongs to the page of what was read."""
        first, end = self.first_day, self.end_day
        if not first and end is None:
            return dict(found)
        at = by.index("day")
        days = ((values[at] or "", values) for values in found)
        within = [values for day, values in days if first <= day and (end is None or day < end)]
        return {values: found[values] for values in within}


async def page(
    tx: Tx, kept: Source, accounts: Accounts, by: Sequence[str], filters: Filters,
    zone: ZoneInfo | None, work: Work, before: int | None = None, *,
    status: str | None = None, shorter: Kept | None = None,
) -> Page:  # fmt: skip
    """The page that ends at ``before``, a `Page.next_before`, or the newest one.

    ``status`` is the only one that is read; ``shorter`` names the tables with rows of less than a
    day, if they are read too. What is not grouped by time has one page.
    """
    if not {*TIMES} & {*by}:
        return Page(filters)
    unit = filters.unit(by)
    known = await known_days(tx, kept, unit)
    begin = max(filters.since or 0, known.start * DAY)
    ends = (filters.until, before, known.stop * DAY, now_micros())
    end = min(moment for moment in ends if moment is not None)
    if end <= begin:
        nothing = begin // BUCKET * BUCKET
        return Page(filters if before is None else replace(filters, since=nothing, until=nothing))
    of: list[Condition] = [(f"unit = {unit}", ())] if kept.units else []
    of += [*on_routes(accounts, filters), *narrowed(filters)]
    of += [("status = ?", (status,))] if status else []
    columns = list(dict.fromkeys(column_of(name) for name in by if name not in TIMES))
    sampled = sorted({max(known.start, end // DAY - ago) for ago in SAMPLED})
    sizes = [await _size(tx, kept, [*of, ("day = ?", (day,))], columns) for day in sampled]
    items, rows = max(1, *(items for items, _ in sizes)), max(rows for _, rows in sizes)

    def cost(day: int) -> float:
        finer = finer_rows(shorter, by, zone, day) if shorter else 0
        times = 24 if "hour" in by else 1
        return items * times * work.item + rows * (work.row + finer * work.finer)

    if "hour" in by:
        hours = int(24 * QUICK / cost(end // DAY))
        return _of_hours(filters, begin, end, before, _hours_before(end, hours, zone))
    days = _within(QUICK, cost, range(end // DAY, known.start - 1, -1))
    return _of_days(filters, begin, end, before, _days_before(end, days, zone), zone)


def _within(limit: float, cost: Callable[[int], float], days: range) -> int:
    """The number of days, from the first one on, that together cost so much at most."""
    total = 0.0
    for number, day in enumerate(days):
        total += cost(day)
        if total > limit:
            return number
    return len(days) + 1  # a zone's days may be one more


async def _size(
    tx: Tx, kept: Source, where: Sequence[Condition], columns: Sequence[str]
) -> tuple[int, int]:
    """How many groups there are, and how many rows."""
    text, args = rendered(where)
    groups = f"GROUP BY {', '.join(columns)}" if columns else ""
    each = f"SELECT count(*) AS n FROM {kept.days} WHERE {text} {groups}"
    items, rows = (await tx.fetch(f"SELECT count(*), sum(n) FROM ({each}) AS found", *args))[0]
    return int(items), int(rows or 0)


def _of_hours(filters: Filters, begin: int, end: int, before: int | None, since: int) -> Page:
    if before is not None:
        filters = replace(filters, until=end)
    if since <= begin:
        return Page(filters)
    return Page(replace(filters, since=since), next_before=since)


def _of_days(
    filters: Filters, begin: int, end: int, before: int | None, since: int, zone: ZoneInfo | None
) -> Page:
    """Reads whole days of UTC, which takes fewer rows than the days of a zone from their first
    quarter to their last."""
    end_day = None
    if before is not None:
        end_day = shown_time("day", end // BUCKET, zone)
        filters = replace(filters, until=-(-end // DAY) * DAY)
    if since <= begin:
        return Page(filters, end_day=end_day)
    first_day = shown_time("day", since // BUCKET, zone)
    return Page(replace(filters, since=since // DAY * DAY), first_day, end_day, since)


def _days_before(end: int, days: int, zone: ZoneInfo | None) -> int:
    """The local midnight before which so many days, at least one, lie up to ``end``."""
    last = local((end - 1) // BUCKET, zone)
    first = last.date() - timedelta(max(1, days) - 1)
    return micros(datetime.combine(first, time(), last.tzinfo))


def _hours_before(end: int, hours: int, zone: ZoneInfo | None) -> int:
    """The beginning of the local hour before which so many hours, at least one, lie."""

    def hour(at: int) -> int:
        return micros(local(at // BUCKET, zone).replace(minute=0))

    return hour(hour(end - 1) - (max(1, hours) - 1) * HOUR)
