"""What Prometheus scrapes: of this process, and what the database says of all of them."""

from collections.abc import Callable, Iterable, Iterator, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from delivrd.core.units import DAY
from delivrd.store.base import Store
from delivrd.store.ids import now_micros
from delivrd.store.queries import alerts
from delivrd.store.queries.endpoints import totals
from delivrd.store.tx import Tx

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
COUNTED = 10_000
"""Beyond this many, unmapped receipts are not counted further."""


OUTCOMES = ("delivered", "failed")
"""Of a try, as the store counts them."""


class Metrics:
    """The registry of one process. Others add to it by :meth:`watch` or to ``registry``."""

    def __init__(self, clock: Callable[[], int] = now_micros) -> None:
        self._clock = clock
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "delivrd_http_requests",
            "Calls of the API and the pages",
            ("method", "route", "status"),
            registry=self.registry,
        )
        self._seconds = Histogram(
            "delivrd_http_request_seconds",
            "Time to answer",
            ("route",),
            registry=self.registry,
        )
        self._events = Counter(
            "delivrd_events",
            "Events that this process numbered, such as a message's change of status",
            ("type",),
            registry=self.registry,
        )
        self._backlog = Gauge(
            "delivrd_fold_backlog_requests",
            "Requests of all processes that wait for the fold",
            registry=self.registry,
        )
        self._lag = Gauge(
            "delivrd_fold_lag_seconds",
            "Age of the oldest request that waits for the fold",
            registry=self.registry,
        )
        self._unmapped = Gauge(
            "delivrd_unmapped_receipts",
            f"Receipts whose word or code stands in no table (counted up to {COUNTED})",
            registry=self.registry,
        )
        self._waiting = Gauge(
            "delivrd_deliveries_waiting",
            "Deliveries to endpoints, of all processes, that wait for a try or are under way",
            registry=self.registry,
        )
        self._oldest = Gauge(
            "delivrd_deliveries_oldest_seconds",
            "Age of the oldest delivery that waits",
            registry=self.registry,
        )
        self._alerts: alerts.Figures | None = None
        self._names: Callable[[int], str] = str
        self._tries: Mapping[str, int] = {}
        self._before = dict.fromkeys(OUTCOMES, 0)
        self._since = clock()
        self.watch(self._told)
        self.watch(self._judged)

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        known = method if method in _METHODS else "other"
        self._requests.labels(known, route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def numbered(self, types: Iterable[str]) -> None:
        """Counts events; every one is numbered by one process, so that sums come out right."""
        for kind in types:
            self._events.labels(kind).inc()

    def watch(self, collect: Callable[[], Iterable[Metric]]) -> None:
        """Asks ``collect`` for its figures at each scrape; it must not block."""
        self.registry.register(_Watched(collect))

    async def page(self, store: Store) -> bytes:
        """What a scrape gets; without the database, what this process knows."""
        backlog, oldest, unmapped = await store.read(_figures)
        self._backlog.set(backlog)
        self._lag.set(_age(oldest))
        self._unmapped.set(unmapped)
        relay = await store.read(lambda tx: totals(tx, self._since))
        self._waiting.set(relay.waiting)
        self._oldest.set(_age(relay.oldest_at))
        self._tries = {name: self._before[name] + relay.tries.get(name, 0) for name in OUTCOMES}
        await self._move_on(store)
        self._alerts = await store.read(lambda tx: alerts.figures(tx, now_micros()))
        self._names = store.accounts.name
        return generate_latest(self.registry)

    async def _move_on(self, store: Store) -> None:
        """Keeps what was counted days ago here: the store forgets it, and a counter never falls."""
        cut = self._clock() - DAY
        if cut - self._since > DAY:
            later = await store.read(lambda tx: totals(tx, cut))
            for name in OUTCOMES:
                self._before[name] = self._tries[name] - later.tries.get(name, 0)
            self._since = cut

    def _judged(self) -> Iterator[Metric]:
        """Alerts and rates, as the database has them."""
        known = self._alerts
        if known is None:
            return
        firing = GaugeMetricFamily(
            "delivrd_alerts_firing", "What is bad now, by the rule that found it", labels=("rule",)
        )
        for rule, n in sorted(known.firing.items()):
            firing.add_metric((rule,), n)
        notices = GaugeMetricFamily(
            "delivrd_alert_notices", "Notices by channel: waiting, sent, failed",
            labels=("channel", "state"),
        )  # fmt: skip
        for (channel, state), n in sorted(known.notices.items()):
            notices.add_metric((channel, state), n)
        attempts = GaugeMetricFamily(
            "delivrd_attempts_last_hour",
            "What became so far of what went out in about the last hour",
            labels=("account", "status"),
        )
        for (account_id, status), n in sorted(known.attempts.items()):
            attempts.add_metric((self._names(account_id), status), n)
        yield from (firing, notices, attempts)
        age = "Age of the last evaluation of the alert rules; 0 where there was none yet"
        yield gauge("delivrd_alerts_evaluated_seconds", age, _age(known.evaluated_at))

    def _told(self) -> Iterator[Metric]:
        """Counts of the database: they begin when this process did, and are those of all."""
        tries = CounterMetricFamily(
            "delivrd_tries",
            "Calls of endpoints, of all processes, since about this one's start",
            labels=("outcome",),
        )
        for outcome in OUTCOMES:
            tries.add_metric((outcome,), self._tries.get(outcome, 0))
        yield tries


def _age(since: int | None) -> float:
    return 0.0 if since is None else max(0.0, (now_micros() - since) / 1e6)


_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class _Watched(Collector):
    def __init__(self, collect: Callable[[], Iterable[Metric]]) -> None:
        self._collect = collect

    def collect(self) -> Iterator[Metric]:
        yield from self._collect()

    def describe(self) -> Iterator[Metric]:
        """Nothing: figures are asked for at scrapes only."""
        return iter(())


async def _figures(tx: Tx) -> tuple[int, int | None, int]:
    waiting = await tx.fetch("SELECT count(*), min(received_at) FROM to_fold")
    unmapped = await tx.fetch(
        "SELECT count(*) FROM (SELECT 1 FROM statement WHERE unmapped AND count > 0 "
        f"LIMIT {COUNTED}) AS found"
    )
    return waiting[0][0], waiting[0][1], unmapped[0][0]


def counter(name: str, about: str, value: float) -> Metric:
    return CounterMetricFamily(name, about, value=value)


def gauge(name: str, about: str, value: float) -> Metric:
    return GaugeMetricFamily(name, about, value=value)
