"""Answers to "how many arrive, and how fast": rollups read, then rates and percentiles told."""

from typing import Any
from zoneinfo import ZoneInfo

from delivrd.insight.latency import Latency, latency
from delivrd.insight.rates import Delivery, delivery
from delivrd.store.accounts import Accounts
from delivrd.store.queries import stats
from delivrd.store.queries.stats import UNITS, Filters, Value
from delivrd.store.tx import Tx

MAX_ITEMS = 10_000
_TIMES = ("day", "hour")


async def delivery_stats(
    tx: Tx, accounts: Accounts, by: str | None, filters: Filters, zone: ZoneInfo | None = None
) -> dict[str, Any]:
    """``{"by", "unit", "items", "summary"}``: counts by status and the delivery rate.

    Times come in order; other values with the greatest number first. The summary is of all that
    the filters leave; without any, its rate is None.
    """
    found = await stats.counts(tx, accounts, by, filters, zone)
    unit = UNITS[filters.unit(by)]
    whole: dict[str, int] = {}
    for counted in found.values():
        for status, n in counted.items():
            whole[status] = whole.get(status, 0) + n
    items = [(value, delivery(counted)) for value, counted in found.items()] if by else []
    return {
        "by": by,
        "unit": unit,
        "items": [
            {by: value, **_delivery(unit, told)}
            for value, told in _ordered(by, [(v, d, d.total) for v, d in items])
        ],
        "summary": _delivery(unit, delivery(whole)),
    }


def _delivery(unit: str, told: Delivery) -> dict[str, Any]:
    rate = told.rate
    return {
        "unit": unit,
        "total": told.total,
        "counts": told.counts,
        "delivery_rate": None if rate is None else round(rate.rate, 6),
        "low": None if rate is None else round(rate.low, 6),
        "high": None if rate is None else round(rate.high, 6),
    }


async def latency_stats(
    tx: Tx,
    accounts: Accounts,
    by: str | None,
    filters: Filters,
    status: str = "delivered",
    zone: ZoneInfo | None = None,
) -> dict[str, Any]:
    """``{"by", "unit", "status", "items", "summary"}``: seconds from hand-over to the end."""
    found = await stats.steps(tx, accounts, by, filters, status, zone)
    unit = UNITS[filters.unit(by)]
    whole: dict[int, int] = {}
    for counted in found.values():
        for step, n in counted.items():
            whole[step] = whole.get(step, 0) + n
    items = [(value, latency(counted)) for value, counted in found.items()] if by else []
    return {
        "by": by,
        "unit": unit,
        "status": status,
        "items": [
            {by: value, **_latency(unit, told)}
            for value, told in _ordered(by, [(v, t, t.total + t.untold) for v, t in items])
        ],
        "summary": _latency(unit, latency(whole)),
    }


def _latency(unit: str, told: Latency) -> dict[str, Any]:
    return {
        "unit": unit,
        "total": told.total,
        "untold": told.untold,
        **{
            f"p{share}": None if seconds is None else round(seconds, 4)
            for share, seconds in told.percentiles.items()
        },
        "histogram": [{"le": round(bar.le, 4), "count": bar.number} for bar in told.histogram],
    }


def _ordered(by: str | None, items: list[tuple[Value, Any, int]]) -> list[tuple[Value, Any]]:
    if by in _TIMES:
        items = sorted(items, key=lambda item: item[0] or "")[-MAX_ITEMS:]
    else:
        items = sorted(items, key=lambda item: (-item[2], item[0] or ""))[:MAX_ITEMS]
    return [(value, told) for value, told, _ in items]
