"""Delivery and latency statistics: reads rollups, computes rates and percentiles."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from delivrd.insight.latency import PERCENTILES, STATED_ERROR, Latency, latency, rounded
from delivrd.insight.rates import Delivery, Rate, Thresholds, cost, delivery
from delivrd.store.accounts import Accounts
from delivrd.store.counts import MICRO_UNITS, PRICED
from delivrd.store.queries import stats, time_pages
from delivrd.store.queries.filters import UNITS, Filters, Values
from delivrd.store.queries.latencies import tables, took
from delivrd.store.queries.spans import TIMES
from delivrd.store.queries.stats import Charges, Silent
from delivrd.store.queries.time_pages import Page
from delivrd.store.tx import Tx

MAX_ITEMS = 10_000

MAX_BARRED = 500
"""With more items than this, items have percentiles only: histograms would be most of the answer.
"""

_KINDS_OF_ENDS = {"reason", "code", "status"}
"""Dimensions by which each item has ends of one kind only."""

By = Sequence[str]
"""The dimensions to group by; empty for a summary only."""


async def delivery_stats(
    tx: Tx,
    accounts: Accounts,
    by: By,
    filters: Filters,
    zone: ZoneInfo | None = None,
    thresholds: Thresholds = Thresholds(),  # noqa: B008 - it cannot be changed
    silent: Silent = Silent(),  # noqa: B008
    page: Page | None = None,
) -> dict[str, Any]:
    """``{"by", "unit", "items", "summary"}``: counts by status, rates, health and cost.

    Items are in the order of their times, else the largest first; there are at most `MAX_ITEMS`,
    of the ``page`` (see `delivery_page`) or of all that the filters leave. The summary covers
    everything that the filters leave; without any messages its rates are None.
    ``cost`` is None for dimensions by which prices are not kept. Messages on ``silent`` routes are
    counted, and left out of the rates. Items by reason, code or status hold ends of one kind, of
    which a rate says nothing: their health is None.

    Raises:
        Unanswerable: no counts are kept by all these dimensions.
    """
    page = page or Page(filters)
    kind = filters.unit(by)
    unit = UNITS[kind]
    counted, unreported, charged = await _counted(
        tx, accounts, by, page.filters, kind, silent, zone
    )
    counted = page.of(by, counted)
    one_kind = {*by, *filters.used()} & _KINDS_OF_ENDS

    def item(values: Values) -> dict[str, Any]:
        found = delivery(counted[values], unreported.get(values))
        charges = None if charged is None else charged.get(values, {})
        judged_by = None if one_kind else thresholds
        return {**_named(by, values), **_delivery(unit, found, charges, judged_by)}

    sizes = [(values, values, sum(some.values())) for values, some in counted.items()]
    items = [item(values) for values, _ in ordered(by, sizes)] if by else []
    if page.filters != filters:
        counted, unreported, all_charged = await _counted(
            tx, accounts, (), filters, kind, silent, zone
        )
        charged = None if charged is None else all_charged
    whole = delivery(_added(counted.values()), _added(unreported.values()))
    charges = None if charged is None else _added(charged.values())
    return {
        "by": ",".join(by) or None,
        "unit": unit,
        "items": items,
        "summary": _delivery(unit, whole, charges, thresholds),
    }


Counted = tuple[stats.Counts, stats.Counts, dict[Values, Charges] | None]


async def _counted(
    tx: Tx, accounts: Accounts, by: By, filters: Filters, kind: int, silent: Silent,
    zone: ZoneInfo | None,
) -> Counted:  # fmt: skip
    """Counts by status, those on silent routes among them, and charges."""
    return (
        await stats.counts(tx, accounts, by, filters, zone, unit=kind),
        await stats.unreported(tx, accounts, by, filters, silent, zone, kind),
        await stats.charges(tx, accounts, by, filters, zone, kind),
    )


async def delivery_page(
    tx: Tx, accounts: Accounts, by: By, filters: Filters, zone: ZoneInfo | None = None,
    before: int | None = None,
) -> Page:  # fmt: skip
    """The part of `delivery_stats` by day or hour that ends at ``before``, or the newest one.

    Raises:
        Unanswerable: no counts are kept by all these dimensions.
    """
    kept = stats.source(by, filters)
    return await time_pages.page(tx, kept, accounts, by, filters, zone, time_pages.COUNTS, before)


def _delivery(
    unit: str, found: Delivery, charges: Charges | None, thresholds: Thresholds | None
) -> dict[str, Any]:
    rate, low, high = _shares(found.rate)
    failure, failure_low, failure_high = _shares(found.failure)
    return {
        "unit": unit,
        "total": found.total,
        "counts": found.counts,
        "delivery_rate": rate,
        "low": low,
        "high": high,
        "failed": found.failed,
        "failure_rate": failure,
        "failure_low": failure_low,
        "failure_high": failure_high,
        "health": None if thresholds is None else thresholds.word(found.rate, found.ended),
        "unreported": found.unreported,
        "cost": None if charges is None else _cost(charges, found.counts.get("delivered", 0)),
    }


def _shares(found: Rate | None) -> tuple[float | None, float | None, float | None]:
    if found is None:
        return None, None, None
    rate, low, high = found
    return round(rate, 6), round(low, 6), round(high, 6)


def _cost(charges: Charges, delivered: int) -> list[dict[str, Any]]:
    """Charges by currency, the most used first; amounts are decimal strings."""
    priced = {currency: n for (currency, what), n in charges.items() if what == PRICED and n}
    at_all = sum(priced.values())
    costs = [
        cost(currency, charges.get((currency, MICRO_UNITS), 0), n, delivered, at_all)
        for currency, n in priced.items()
    ]
    return [
        {
            "currency": one.currency or None,
            "amount": f"{one.amount:.6f}",
            "priced": one.priced,
            "per_delivered": None if one.per_delivered is None else f"{one.per_delivered:.6f}",
        }
        for one in sorted(costs, key=lambda one: (-one.priced, one.currency))
    ]


async def latency_stats(
    tx: Tx,
    accounts: Accounts,
    by: By,
    filters: Filters,
    status: str = "delivered",
    zone: ZoneInfo | None = None,
    page: Page | None = None,
) -> dict[str, Any]:
    """``{"by", "unit", "status", "error", "items", "summary"}``: seconds from hand-over to the end.

    The items are those of the ``page`` (see `latency_page`), or all. The histogram of an item is
    None where there are more than `MAX_BARRED`; the summary, of everything, has one.

    Raises:
        Unanswerable: latencies are not kept by all these dimensions.
    """
    page = page or Page(filters)
    kind = filters.unit(by)
    unit = UNITS[kind]
    found = await took(tx, accounts, by, page.filters, status, zone)
    shown, whole = page.of(by, found.by), found.whole
    if page.filters != filters:
        whole = (await took(tx, accounts, (), filters, status, zone, kind)).whole
    barred = len(shown) <= MAX_BARRED
    items = [(v, latency(took, barred=barred)) for v, took in shown.items()] if by else []
    return {
        "by": ",".join(by) or None,
        "unit": unit,
        "status": status,
        "error": STATED_ERROR,
        "items": [
            {**_named(by, values), **latency_shown(unit, one)}
            for values, one in ordered(by, [(v, t, t.total + t.unknown) for v, t in items])
        ],
        "summary": latency_shown(unit, latency(whole)),
    }


async def latency_page(
    tx: Tx, accounts: Accounts, by: By, filters: Filters, status: str = "delivered",
    zone: ZoneInfo | None = None, before: int | None = None,
) -> Page:  # fmt: skip
    """The part of `latency_stats` by day or hour that ends at ``before``, or the newest one.

    Raises:
        Unanswerable: latencies are not kept by all these dimensions.
    """
    kept = stats.source(by, filters, "latencies")
    return await time_pages.page(
        tx, kept, accounts, by, filters, zone, time_pages.LATENCIES, before,
        status=status, shorter=tables(kept),
    )  # fmt: skip


_NAMES = {share: f"p{share}" for share in PERCENTILES}


def latency_shown(unit: str, found: Latency) -> dict[str, Any]:
    return {
        "unit": unit,
        "total": found.total,
        "untold": found.unknown,
        **{
            _NAMES[share]: seconds and rounded(seconds)
            for share, seconds in found.percentiles.items()
        },
        "histogram": found.histogram,
    }


def _added(found: Iterable[Mapping[Any, int]]) -> dict[Any, int]:
    whole: dict[Any, int] = {}
    for counted in found:
        for what, n in counted.items():
            whole[what] = whole.get(what, 0) + n
    return whole


def _named(by: By, values: Values) -> dict[str, Any]:
    return dict(zip(by, values, strict=True))


def ordered(by: By, items: list[tuple[Values, Any, int]]) -> list[tuple[Values, Any]]:
    """At most `MAX_ITEMS` items in the order of their times; within one time the largest first.

    An item is its values, anything that belongs to it, and its size. With times, the last ones are
    kept.
    """
    at = [place for place, name in enumerate(by) if name in TIMES]

    def key(item: tuple[Values, Any, int]) -> tuple[Any, ...]:
        times = [_moment(item[0][i] or "") for i in at]
        return times, -item[2], [value or "" for value in item[0]]

    items = sorted(items, key=key)
    kept = items[-MAX_ITEMS:] if at else items[:MAX_ITEMS]
    return [(values, one) for values, one, _ in kept]


@lru_cache(4096)
def _moment(shown: str) -> datetime:
    """A day, or an hour in UTC, which is faster to compare than with offsets."""
    when = datetime.fromisoformat(shown)
    return when.astimezone(UTC) if when.tzinfo else when
