"""How long each answer of `/v1/stats` takes over months of counts, on each store."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from delivrd.insight.comparison import MIN_SAMPLE, compared
from delivrd.insight.honesty import honesty_stats
from delivrd.insight.settled import Settling, settled_stats
from delivrd.insight.statistics import delivery_stats, latency_stats
from delivrd.store.base import Store
from delivrd.store.ids import now_micros
from delivrd.store.queries.stats import Filters

ACCOUNTS = ("north", "south", "west")
AIM = 0.050
DAY = 86_400 * 1_000_000
ZONES = ("Europe/Vienna", "America/Los_Angeles", "Asia/Kolkata", "Pacific/Auckland")

Call = Callable[[], Awaitable[Any]]


@dataclass(frozen=True)
class Plan:
    messages: int
    days: int
    rounds: int
    stores: tuple[str, ...]
    folder: Path | None


def calls(store: Store, days: int) -> dict[str, Call]:
    """Each question by its name."""
    accounts, now = store.accounts, now_micros()

    def delivery(*by: str, over: int | None = days, tz: str = "", **only: str) -> Call:
        filters = Filters(since=over and now - over * DAY, until=None, **only)
        zone = ZoneInfo(tz) if tz else None
        return lambda: store.read(lambda tx: delivery_stats(tx, accounts, by, filters, zone))

    def latency(*by: str, over: int | None = days, tz: str = "", **only: str) -> Call:
        filters = Filters(since=over and now - over * DAY, **only)
        zone = ZoneInfo(tz) if tz else None
        return lambda: store.read(
            lambda tx: latency_stats(tx, accounts, by, filters, "delivered", zone)
        )

    def settled(settling: Callable[[], Settling], *by: str) -> Call:
        return lambda: settled_stats(store, settling(), by)

    warm = Settling(accounts)
    return {
        "delivery": delivery(over=None),
        "delivery by day": delivery("day"),
        **{f"delivery by day, {tz}": delivery("day", tz=tz) for tz in ZONES},
        "delivery by day, Europe/Vienna, one country": delivery(
            "day", tz="Europe/Vienna", country="GB"
        ),
        "delivery by day and country, Europe/Vienna": delivery("day", "country", tz=ZONES[0]),
        "delivery by hour, a week": delivery("hour", over=7),
        "delivery by hour": delivery("hour"),
        "delivery by country": delivery("country"),
        "delivery by account and country": delivery("account", "country"),
        "delivery by network": delivery("network"),
        "delivery by reason": delivery("reason"),
        "delivery by sender": delivery("sender"),
        "delivery by day and sender": delivery("day", "sender"),
        "delivery by code": delivery("code"),
        "delivery by account and code": delivery("account", "code"),
        "latency, all time": latency(over=None),
        "latency by day": latency("day"),
        "latency by day, Europe/Vienna": latency("day", tz=ZONES[0]),
        "latency by account and country": latency("account", "country"),
        "latency by network, a week": latency("network", over=7),
        "settled, the first call": settled(lambda: Settling(accounts)),
        "settled": settled(lambda: warm),
        "settled by account and country": settled(lambda: warm, "account", "country"),
        "comparison": lambda: store.read(
            lambda tx: compared(tx, accounts, Filters(country="GB"), MIN_SAMPLE)
        ),
        "honesty": lambda: store.read(lambda tx: honesty_stats(tx, accounts, Filters())),
    }
