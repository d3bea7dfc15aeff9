"""``/healthz``, ``/readyz`` and ``/metrics``: for monitoring."""

from collections.abc import Iterator

from fastapi import APIRouter, Depends, Response
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric

from delivrd.store.base import StoreUnavailable
from delivrd.store.keys import Scope
from delivrd.store.tx import Tx
from delivrd.web.api.common import PROBLEM, answer, responses
from delivrd.web.auth import needs
from delivrd.web.context import Context
from delivrd.web.metrics import CONTENT_TYPE, counter, gauge
from delivrd.web.problems import Problem

_STATUS = {
    "type": "object",
    "properties": {
        "status": {"type": "string"},
        "restarts": {"type": "object", "additionalProperties": {"type": "integer"}},
    },
}


def router(context: Context) -> APIRouter:
    routes = APIRouter(tags=["health"])
    read = Depends(needs(Scope.READ))
    context.metrics.watch(lambda: figures(context))

    @routes.get("/healthz", responses={200: {"description": "Alive"}})
    async def healthz() -> Response:
        """Whether the process answers."""
        return answer({"status": "ok"})

    @routes.get("/readyz", dependencies=[read], responses=responses(_STATUS))
    async def readyz() -> Response:
        """Whether the process, each of its parts and its database can do their work.

        `restarts` counts restarts by part, for parts that failed.
        """

        async def ask(tx: Tx) -> None:
            await tx.fetch("SELECT 1")

        try:
            await context.store.read(ask)
        except StoreUnavailable as error:
            raise Problem(
                503, f"The database does not answer: {error}", "`delivrd doctor` tells more."
            ) from error
        if context.down:
            told = ", ".join(f"{part} ({why})" for part, why in sorted(context.down.items()))
            raise Problem(
                503,
                f"Parts of the hub failed and wait to be started again: {told}.",
                "The hub's log tells why.",
            )
        restarts = {part: n for part, n in context.restarts.items() if n}
        return answer({"status": "ready", **({"restarts": restarts} if restarts else {})})

    @routes.get(
        "/metrics",
        dependencies=[read],
        responses={
            200: {"description": "Figures", "content": {"text/plain": {}}},
            **dict.fromkeys((401, 403, 503), PROBLEM),
        },
    )
    async def metrics() -> Response:
        """Metrics for Prometheus, of this process unless their help says otherwise."""
        return Response(await context.metrics.page(context.store), media_type=CONTENT_TYPE)

    return routes


def figures(context: Context) -> Iterator[Metric]:
    """The counters of this process's parts."""
    commit, folder, ring = context.commit, context.folder, context.ring
    yield counter("delivrd_append_batches", "Shared commits of requests", commit.batches)
    yield counter("delivrd_appended_requests", "Requests kept and acknowledged", commit.appended)
    yield counter("delivrd_lane_calls", "Calls taken without the long way", context.lane.taken)
    yield counter("delivrd_folded_receipts", "Receipts folded", folder.folded)
    yield counter("delivrd_fold_slices", "Slices of the fold", folder.slices)
    yield gauge("delivrd_fold_waiting_receipts", "Receipts in memory", folder.waiting)
    yield counter("delivrd_refused_dropped", "Refused calls not kept", ring.dropped)
    refused = CounterMetricFamily(
        "delivrd_refused_requests", "Webhook calls not taken in", labels=("account", "status")
    )
    for (account, status), n in sorted(ring.noted.items()):
        refused.add_metric((account, str(status)), n)
    yield refused
    restarts = CounterMetricFamily(
        "delivrd_part_restarts",
        "Parts of the hub that failed and were started again",
        labels=("part",),
    )
    down = GaugeMetricFamily(
        "delivrd_part_down", "Whether a part of the hub does not run now", labels=("part",)
    )
    for part, n in context.restarts.items():
        restarts.add_metric((part,), n)
        down.add_metric((part,), part in context.down)
    yield from (restarts, down)
    yield gauge("delivrd_stream_listeners", "Open event streams", context.streams.listeners)
