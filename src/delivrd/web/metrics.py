"""What Prometheus scrapes: the metrics of all processes, and those from the database."""

from collections.abc import Iterable, Iterator

from prometheus_client import generate_latest
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from delivrd.metrics import Metrics, gauge, together
from delivrd.store import health, process_figures
from delivrd.store.accounts import Accounts
from delivrd.store.base import Store, StoreUnavailable
from delivrd.store.ids import now_micros
from delivrd.store.queries import alerts
from delivrd.store.queries.endpoints import totals
from delivrd.store.tx import Tx

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
COUNTED = 10_000
"""Unmapped receipts are counted up to this number."""


async def page(store: Store, metrics: Metrics) -> bytes:
    """The answer to a scrape; while the database is away, only this process's metrics."""
    slot, own, up = store.ids.slot, metrics.collect(), True
    figures: list[Metric] = []

    async def read(tx: Tx) -> tuple[dict[int, bytes], list[Metric]]:
        return await process_figures.others(tx, slot), await _of_database(tx, store.accounts)

    alone = store.dialect == "sqlite"
    try:
        if not alone:  # the next scrape may reach another process, and a counter must not decrease
            await store.write(metrics.publish)
        others, figures = await store.read(read)
    except StoreUnavailable:
        others, up = {}, False
    found = own if alone else together({slot: own}, others)
    database = gauge("delivrd_database_up", "Whether the database answers", up)
    return generate_latest(_Page([*found, *figures, database]))


class _Page(Collector):
    """Metrics that were collected before."""

    def __init__(self, figures: Iterable[Metric]) -> None:
        self._figures = figures

    def collect(self) -> Iterable[Metric]:
        return self._figures


async def _of_database(tx: Tx, accounts: Accounts) -> list[Metric]:
    """The metrics that hold for all processes."""
    now = now_micros()
    return [
        *await _backlog(tx, now),
        *await _deliveries(tx, now),
        *_judged(await alerts.figures(tx, now), accounts, now),
    ]


async def _backlog(tx: Tx, now: int) -> Iterable[Metric]:
    requests, oldest_at = await health.backlog(tx)
    unmapped = await health.unmapped(tx, COUNTED)
    return (
        gauge("delivrd_fold_backlog_requests", "Requests that wait for the fold", requests),
        gauge(
            "delivrd_fold_lag_seconds",
            "Age of the oldest request that waits for the fold",
            _age(oldest_at, now),
        ),
        gauge(
            "delivrd_unmapped_receipts",
            f"Receipts with an unknown status word or error code (counted up to {COUNTED})",
            unmapped,
        ),
    )


async def _deliveries(tx: Tx, now: int) -> Iterable[Metric]:
    relay = await totals(tx, now)
    return (
        gauge(
            "delivrd_deliveries_waiting",
            "Deliveries to endpoints that wait for a try or are under way",
            relay.waiting,
        ),
        gauge(
            "delivrd_deliveries_oldest_seconds",
            "Age of the oldest delivery that waits",
            _age(relay.oldest_at, now),
        ),
    )


def _judged(known: alerts.Figures, accounts: Accounts, now: int) -> Iterator[Metric]:
    """The metrics of alerts, and of recent attempts."""
    firing = GaugeMetricFamily(
        "delivrd_alerts_firing", "Current firings by alert rule", labels=("rule",)
    )
    for rule, n in sorted(known.firing.items()):
        firing.add_metric((rule,), n)
    notices = GaugeMetricFamily(
        "delivrd_alert_notices",
        "Notices by channel: waiting, sent, failed",
        labels=("channel", "state"),
    )
    for (channel, state), n in sorted(known.notices.items()):
        notices.add_metric((channel, state), n)
    attempts = GaugeMetricFamily(
        "delivrd_attempts_last_hour",
        "Attempts of about the last hour by account and status",
        labels=("account", "status"),
    )
    for (account_id, status), n in sorted(known.attempts.items()):
        attempts.add_metric((accounts.name(account_id), status), n)
    yield from (firing, notices, attempts)
    yield gauge(
        "delivrd_alerts_evaluated_seconds",
        "Age of the last evaluation of the alert rules; 0 if there was none yet",
        _age(known.evaluated_at, now),
    )


def _age(since: int | None, now: int) -> float:
    return 0.0 if since is None else max(0.0, (now - since) / 1e6)
