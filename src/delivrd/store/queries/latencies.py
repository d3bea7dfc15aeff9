"""Latency histograms grouped by dimensions over a span of time, in any time zone."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple
from zoneinfo import ZoneInfo

from delivrd.store.accounts import Accounts
from delivrd.store.histograms import Digits, digits
from delivrd.store.queries.filters import (
    ATTEMPTS,
    MESSAGES,
    Filters,
    Values,
    narrowed,
    on_routes,
    shown_time,
    word,
)
from delivrd.store.queries.grouped import Source, column_of, known_days
from delivrd.store.queries.latency_spans import Kept, Span, spans
from delivrd.store.queries.paging import Condition, rendered
from delivrd.store.queries.spans import TIMES
from delivrd.store.queries.stats import (
    ROUTES,
    WHOLE,
    source,
    with_code,
    without_code,
)
from delivrd.store.tx import Row, Tx

BY_ROUTE = Kept("rollup", "route_day", "latency_half", "latency_part")


class Took(NamedTuple):
    """Latency histograms by the values of the dimensions, and their total."""

    by: Mapping[Values, Digits]
    whole: Digits


async def steps(
    tx: Tx, accounts: Accounts, by: Sequence[str], filters: Filters, status: str,
    zone: ZoneInfo | None = None,
) -> dict[Values, dict[int, int]]:  # fmt: skip
    """Those that ended in ``status``: how many by latency step, by the values of the dimensions.

    Raises:
        Unanswerable: latencies are not kept by all these dimensions.
    """
    found = await took(tx, accounts, by, filters, status, zone)
    return {values: histogram.steps() for values, histogram in found.by.items()}


async def took(
    tx: Tx, accounts: Accounts, by: Sequence[str], filters: Filters, status: str,
    zone: ZoneInfo | None = None, unit: int | None = None,
) -> Took:  # fmt: skip
    """As `steps`, with the total. The code None stands for attempts without a code.

    What is counted is ``unit`` (`MESSAGES` or `ATTEMPTS`), by default what the dimensions imply.

    Raises:
        Unanswerable: latencies are not kept by all these dimensions.
    """
    kept = source(by, filters, "latencies")
    found = await _grouped(tx, kept, accounts, by, filters, status, zone, unit)
    if "code" in kept.dimensions and filters.code is None:
        found |= await _without_code(tx, accounts, by, filters, status, zone, found)
    shown = ((values, digits(one).some()) for values, one in found.items())
    return Took(
        {values: one for values, one in shown if any(one.numbers)},
        digits(sum(found.values())).some(),
    )


async def _without_code(
    tx: Tx, accounts: Accounts, by: Sequence[str], filters: Filters, status: str,
    zone: ZoneInfo | None, coded: Mapping[Values, int],
) -> dict[Values, int]:  # fmt: skip
    """Attempts without a code: all less those with one, as only the latter have a table."""
    others = [name for name in by if name != "code"]
    total = await _grouped(tx, ROUTES, accounts, others, filters, status, zone, ATTEMPTS)
    rest = {with_code(by, values): one for values, one in total.items()}
    for values, one in coded.items():
        plain = without_code(by, values)
        if plain in rest:
            rest[plain] -= one
    return rest


async def _grouped(
    tx: Tx, kept: Source, accounts: Accounts, by: Sequence[str], filters: Filters, status: str,
    zone: ZoneInfo | None, unit: int | None = None,
) -> dict[Values, int]:  # fmt: skip
    unit = filters.unit(by) if unit is None else unit
    of: list[Condition] = [(f"unit = {unit}", ())] if kept.units else []
    of.append(("status = ?", (status,)))
    common = [*of, *on_routes(accounts, filters), *narrowed(filters)]
    columns = list(dict.fromkeys(column_of(name) for name in by if name not in TIMES))
    routes = {"country"} if kept.units and unit == MESSAGES else {"country", "account_id"}
    times = [name for name in by if name in TIMES]
    known = await known_days(tx, WHOLE, unit) if times else range(0)
    shown = _Shown(accounts, by, columns, zone)
    found: dict[Values, int] = {}
    for span in spans(tables(kept), times, filters.since, filters.until, zone, known):
        distinct = span.single and kept is ROUTES and routes <= {*columns}
        rows = await histograms(tx, span, columns, common, distinct=distinct)
        for part in span.parts:
            when = {time: shown.when(span.quarter(time, part)) for time in {row[0] for row in rows}}
            for time, key, one in rows:
                values = shown.values(when[time], key)
                found[values] = found.get(values, 0) + (one if part.sign > 0 else -one)
    return found


class _Shown:
    """Turns rows into shown values; caches them, as many rows combine few times and few routes."""

    def __init__(
        self, accounts: Accounts, by: Sequence[str], columns: Sequence[str], zone: ZoneInfo | None
    ) -> None:
        self._times = [name for name in by if name in TIMES]
        others = [name for name in by if name not in TIMES]
        self._zone = zone
        self._words = [(word(name, accounts), columns.index(column_of(name))) for name in others]
        self._order = [[*self._times, *others].index(name) for name in by]
        if self._order == sorted(self._order):
            self._order = []  # already in that order
        self._where: dict[Row, Values] = {}

    def when(self, quarter: int) -> Values:
        """The shown times of a quarter of an hour."""
        return tuple(shown_time(name, quarter, self._zone) for name in self._times)

    def values(self, when: Values, key: Row) -> Values:
        """The shown values of a row: its times, and what its columns hold."""
        where = self._where.get(key)
        if where is None:
            where = self._where[key] = tuple(read(key[at], 0) for read, at in self._words)
        both = when + where
        return tuple([both[at] for at in self._order]) if self._order else both


def tables(kept: Source) -> Kept:
    """The tables of these counts that have histograms."""
    return BY_ROUTE if kept is ROUTES else Kept(kept.table, kept.days)


async def histograms(
    tx: Tx, span: Span, columns: Sequence[str], common: Sequence[Condition], *,
    distinct: bool = False,
) -> list[tuple[int, Row, int]]:  # fmt: skip
    """The time, the key and the histogram of each group of a span's rows.

    ``distinct`` says that hardly any group has several rows.
    """
    where, args = rendered([*common, *span.where])
    key = [*([span.time] if span.time else []), *columns]
    rows = await tx.histograms(key, f"FROM {span.table} WHERE {where}", *args, distinct=distinct)
    if not span.time:
        return [(0, values, one) for values, one in rows]
    return [(values[0], values[1:], one) for values, one in rows]
