"""What each process counts of itself, and the figures of all processes of a store together.

With several processes on one port, a scrape reaches any of them. Therefore each process publishes
its figures in the store, and the one that is scraped shows those of all, with a label ``process``.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping

import msgspec
import structlog
from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from delivrd.store import process_figures
from delivrd.store.base import Store, StoreUnavailable
from delivrd.store.tx import Tx

log = structlog.get_logger(__name__)

PUBLISH_SECONDS = 10.0

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Metrics:
    """The figures of this process. Its parts add theirs by :meth:`watch`."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "delivrd_http_requests",
            "Calls of the API and the pages",
            ("method", "route", "status"),
            registry=self._registry,
        )
        self._seconds = Histogram(
            "delivrd_http_request_seconds",
            "Time to answer",
            ("route",),
            registry=self._registry,
        )
        self._events = Counter(
            "delivrd_events",
            "Events that this process numbered, such as a message's change of status",
            ("type",),
            registry=self._registry,
        )

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """Counts a call of the API or of a page, by its route's template."""
        known = method if method in _METHODS else "other"
        self._requests.labels(known, route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def numbered(self, types: Iterable[str]) -> None:
        """Counts events; each is numbered by one process, so that sums are right."""
        for kind in types:
            self._events.labels(kind).inc()

    def watch(self, collect: Callable[[], Iterable[Metric]]) -> None:
        """Asks ``collect`` for its figures whenever they are read; it must not block."""
        self._registry.register(_Watched(collect))

    def collect(self) -> list[Metric]:
        """The figures as they are now."""
        return list(self._registry.collect())

    async def publish(self, tx: Tx) -> None:
        """Publishes them, so that other processes can show them."""
        await process_figures.publish(tx, pack(self.collect()))

    async def keep_published(self, store: Store) -> None:
        """Publishes them every `PUBLISH_SECONDS`, until cancelled."""
        while True:
            try:
                await store.write(self.publish, background=True)
            except StoreUnavailable as error:
                log.warning("figures cannot be published", error=str(error))
            await asyncio.sleep(PUBLISH_SECONDS)


def together(own: Mapping[int, Iterable[Metric]], others: Mapping[int, bytes]) -> list[Metric]:
    """The figures of several processes, given by their slots, as they are or as published."""
    by_process = {**own, **{slot: unpack(data) for slot, data in others.items()}}
    found: dict[str, Metric] = {}
    for process, figures in sorted(by_process.items()):
        for metric in figures:
            name = metric.name
            into = found.setdefault(name, Metric(name, metric.documentation, metric.type))
            for sample in metric.samples:
                labels = {**sample.labels, "process": str(process)}
                into.add_sample(sample.name, labels, sample.value)
    return list(found.values())


class _Family(msgspec.Struct, array_like=True):
    """A metric with its samples (name, labels, value), as published."""

    name: str
    about: str
    kind: str
    samples: list[tuple[str, dict[str, str], float]]


def pack(figures: Iterable[Metric]) -> bytes:
    return msgspec.msgpack.encode([_family(metric) for metric in figures])


def _family(metric: Metric) -> _Family:
    samples = [(sample.name, sample.labels, float(sample.value)) for sample in metric.samples]
    return _Family(metric.name, metric.documentation, metric.type, samples)


def unpack(data: bytes) -> Iterator[Metric]:
    """What was packed."""
    for family in msgspec.msgpack.decode(data, type=list[_Family]):
        metric = Metric(family.name, family.about, family.kind)
        for name, labels, value in family.samples:
            metric.add_sample(name, labels, value)
        yield metric


def counter(name: str, about: str, value: float) -> Metric:
    return CounterMetricFamily(name, about, value=value)


def gauge(name: str, about: str, value: float) -> Metric:
    return GaugeMetricFamily(name, about, value=value)


class _Watched(Collector):
    def __init__(self, collect: Callable[[], Iterable[Metric]]) -> None:
        self._collect = collect

    def collect(self) -> Iterator[Metric]:
        yield from self._collect()

    def describe(self) -> Iterator[Metric]:
        """Nothing: figures are asked for when they are read."""
        return iter(())
