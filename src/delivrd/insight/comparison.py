"""Compares accounts on one country or network."""

from collections.abc import Sequence
from typing import Any

from delivrd.core.text import counted
from delivrd.insight.rates import Rate
from delivrd.insight.statistics import delivery_stats, latency_stats
from delivrd.store.accounts import Accounts
from delivrd.store.queries.filters import Filters
from delivrd.store.queries.stats import Silent
from delivrd.store.tx import Tx

MIN_SAMPLE = 100
"""An account with fewer ended attempts is not ranked."""


async def compared(
    tx: Tx, accounts: Accounts, filters: Filters, minimum: int, silent: Silent
) -> dict[str, Any]:
    """``{"country", "network", "minimum", "ranked", "why", "items"}``: the accounts, best first.

    ``why`` is the reason that there is no ranking, or None. Accounts whose route there is one of
    the ``silent`` have no rate: how their messages ended is not known.
    """
    stats = await delivery_stats(tx, accounts, ("account",), filters, silent=silent)
    times = await latency_stats(tx, accounts, ("account",), filters)
    by_account = {item["account"]: item for item in times["items"]}
    items = [_item(item, by_account.get(item["account"], {})) for item in stats["items"]]
    measured = [item for item in items if item["ended"] >= minimum]
    places = ranks([_rate(item) for item in measured])
    for item, place in zip(measured, places, strict=True):
        item["rank"] = place if len(measured) > 1 else None
    return {
        "country": filters.country,
        "network": filters.network,
        "minimum": minimum,
        "ranked": len(measured) > 1,
        "why": None if len(measured) > 1 else _why(len(items), len(measured), minimum),
        "items": sorted(items, key=_order),
    }


def ranks(rates: Sequence[Rate]) -> list[int]:
    """The rank of each: 1 plus the number of rates whose interval lies entirely above its own."""
    return [1 + sum(other.low > one.high for other in rates) for one in rates]


def _item(stats: dict[str, Any], times: dict[str, Any]) -> dict[str, Any]:
    ended = stats["total"] - stats["counts"].get("pending", 0)
    return {
        "account": stats["account"],
        "rank": None,
        "total": stats["total"],
        "ended": 0 if stats["unreported"] else ended,  # in one country, an account has one route
        "unreported": stats["unreported"],
        "delivery_rate": stats["delivery_rate"],
        "low": stats["low"],
        "high": stats["high"],
        "p50": times.get("p50"),
        "p95": times.get("p95"),
        "cost": stats["cost"],
    }


def _rate(item: dict[str, Any]) -> Rate:
    return Rate(item["delivery_rate"], item["low"], item["high"])


def _order(item: dict[str, Any]) -> tuple[Any, ...]:
    ranked = item["rank"] is not None
    return not ranked, item["rank"] or 0, -(item["delivery_rate"] or 0.0), item["account"]


def _why(accounts: int, measured: int, minimum: int) -> str:
    if not accounts:
        return "nothing was sent there"
    if accounts == 1:
        return "only one account sends there"
    few = "none" if not measured else "only one"
    return f"{few} of {accounts} accounts has at least {counted(minimum, 'ended attempt')} there"
