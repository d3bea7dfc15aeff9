"""Wires the hub together: which parts run in a process, and how they start and stop."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any, NamedTuple

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric

from delivrd.config import Config
from delivrd.insight.alerts.notifier import Notifier
from delivrd.insight.alerts.watch import Watch
from delivrd.intake.call import PREFIX
from delivrd.intake.commit import GroupCommit
from delivrd.intake.folder import Folder
from delivrd.intake.lane import Lane
from delivrd.intake.ring import Ring
from delivrd.intake.webhook import Webhook
from delivrd.jobs import taking_jobs
from delivrd.keeping.sweep import Sweep
from delivrd.metrics import Metrics, counter, gauge
from delivrd.relay import endpoint_sync
from delivrd.relay.client import RelayClient
from delivrd.relay.worker import Relay
from delivrd.sending.http import GatewayClient
from delivrd.sending.look_ups import LookUps
from delivrd.sending.waiting import Waiting
from delivrd.sending.worker import Worker
from delivrd.store import deliveries, fold, outbox, process_figures
from delivrd.store.base import Store, StoreUnavailable
from delivrd.store.ids import now_micros
from delivrd.store.leases import end_all_leases
from delivrd.store.open import open_store, sqlite_path
from delivrd.store.rematching import rematch
from delivrd.store.sqlite import FileGuard
from delivrd.supervise import Parts

ROLES = ("intake", "web", "work")
DRAIN_SECONDS = 20.0

Asgi = Callable[[Any, Any, Any], Awaitable[None]]


class Hub(NamedTuple):
    """The parts of a running hub."""

    config: Config
    store: Store
    folder: Folder
    commit: GroupCommit
    ring: Ring
    waiting: Waiting
    webhook: Webhook
    lane: Lane
    parts: Parts
    metrics: Metrics


@asynccontextmanager
async def running(config: Config, roles: tuple[str, ...] = ROLES) -> AsyncGenerator[Hub]:
    """Opens the store and starts the parts that these roles need; stops them in order at the end.

    Raises:
        StoreUnavailable, delivrd.store.sqlite.Busy: the store cannot be opened.
    """
    path = sqlite_path(config.database)
    guard = FileGuard(path) if path else None
    try:
        store = await open_store(config.database, config.configured)
        store.accounts.keep_texts = config.privacy.text == "full"
        try:
            await rematch(store)
            if path:
                await _take_over(store, config)
            if "work" in roles:
                await endpoint_sync.sync_endpoints(store, config)
            async with _parts(config, store, roles) as hub, taking_jobs(store, config):
                yield hub
        finally:
            await store.close()
    finally:
        if guard:
            guard.release()


async def _take_over(store: Store, config: Config) -> None:
    """Releases all claims: in the only process of a store, whoever held them before is dead."""
    await store.write(end_all_leases)
    await store.write(fold.disown_all)
    while await store.write(lambda tx: deliveries.give_back(tx, now_micros(), all_leases=True)):
        pass
    while await store.write(
        lambda tx: outbox.abandon(
            tx, store.accounts, store.ids, now_micros(), all_leases=True,
            grace_seconds=config.sending.grace_seconds,
        )
    ):  # fmt: skip
        pass


@asynccontextmanager
async def _parts(config: Config, store: Store, roles: tuple[str, ...]) -> AsyncGenerator[Hub]:
    folder = Folder(store)
    commit = GroupCommit(store, folder)
    retention = config.retention
    ring = Ring(store, rows=retention.ring_rows, size=int(retention.ring_bytes))
    async with (
        GatewayClient(connections=config.sending.concurrency) as http,
        RelayClient(
            allow_http=config.relay.allow_http, allow_networks=config.relay.allow_networks
        ) as client,
    ):
        webhook = Webhook(config, store.accounts, store.ids, commit, ring, http)
        parts = Parts()
        lane, waiting = Lane(webhook), Waiting(store)
        metrics = Metrics()
        hub = Hub(config, store, folder, commit, ring, waiting, webhook, lane, parts, metrics)
        metrics.watch(lambda: _figures(hub))
        parts.start("fold", folder.run)
        parts.start("append", commit.run)
        parts.start("patience", commit.watch)
        parts.start("refused calls", ring.run)
        parts.start("wait", hub.waiting.run)
        if "work" in roles:
            worker = Worker(store, config, http)
            parts.start("sending", worker.run, end=worker.finish)
            parts.start("retention", Sweep(store, config).run)
            relay = Relay(store, config, client)
            metrics.watch(lambda: [_calls(relay)])
            parts.start("relay", relay.run)
            if config.alerts.enabled:
                parts.start("alerts", Watch(store, config).run)
                parts.start("notices", Notifier(store, config).run)
            if config.sending.look_up:
                parts.start("look-ups", LookUps(store, http).run)
        if sqlite_path(config.database) is None:  # there may be other processes
            publish, withdraw = partial(metrics.keep_published, store), partial(_withdraw, store)
            parts.start("figures", publish, end=withdraw)
        try:
            yield hub
        finally:
            hub.waiting.close()
            await folder.drain(DRAIN_SECONDS)
            await parts.stop()
            with suppress(StoreUnavailable):
                await ring.flush()


async def _withdraw(store: Store) -> None:
    with suppress(StoreUnavailable):
        await store.write(process_figures.withdraw)


def _figures(hub: Hub) -> Iterator[Metric]:
    """What the parts of this process count."""
    commit, folder, ring = hub.commit, hub.folder, hub.ring
    yield counter("delivrd_append_batches", "Shared commits of requests", commit.batches)
    yield counter("delivrd_appended_requests", "Requests kept and acknowledged", commit.appended)
    yield counter("delivrd_lane_calls", "Calls processed without the HTTP parser", hub.lane.taken)
    yield counter("delivrd_folded_receipts", "Receipts folded", folder.folded)
    yield counter("delivrd_fold_slices", "Slices of the fold", folder.slices)
    yield gauge("delivrd_fold_waiting_receipts", "Receipts in memory", folder.waiting)
    yield counter("delivrd_refused_dropped", "Refused calls not kept", ring.dropped)
    refused = CounterMetricFamily(
        "delivrd_refused_requests", "Webhook calls not taken in", labels=("account", "status")
    )
    for (account, status), n in sorted(ring.noted.items()):
        refused.add_metric((account, str(status)), n)
    restarts = CounterMetricFamily(
        "delivrd_part_restarts",
        "Parts of the hub that failed and were started again",
        labels=("part",),
    )
    down = GaugeMetricFamily(
        "delivrd_part_down", "Whether a part of the hub does not run now", labels=("part",)
    )
    for parts in (hub.store.parts, hub.parts):
        for part, n in parts.restarts.items():
            restarts.add_metric((part,), n)
            down.add_metric((part,), part in parts.down)
    yield from (refused, restarts, down)


def _calls(relay: Relay) -> Metric:
    calls = CounterMetricFamily("delivrd_tries", "Calls of endpoints", labels=("outcome",))
    for outcome, n in relay.calls.items():
        calls.add_metric((outcome,), n)
    return calls


def front(webhook: Asgi, rest: Asgi) -> Asgi:
    """The ASGI application of one process: webhooks first, everything else behind."""

    def app(scope: Any, receive: Any, send: Any) -> Awaitable[None]:
        hooked = scope["type"] == "http" and scope["path"].startswith(PREFIX)
        return (webhook if hooked else rest)(scope, receive, send)

    return app
