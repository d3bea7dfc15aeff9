"""``/healthz``, ``/readyz`` and ``/metrics``: for those who watch over the process."""

from collections.abc import Iterator

from fastapi import APIRouter, Depends, Response
from prometheus_client.metrics_core import CounterMetricFamily, Metric

from delivrd.store.base import StoreUnavailable
from delivrd.store.keys import Scope
from delivrd.store.tx import Tx
from delivrd.web.api.common import PROBLEM, answer, responses
from delivrd.web.auth import needs
from delivrd.web.context import Context
from delivrd.web.metrics import CONTENT_TYPE, counter, gauge
from delivrd.web.problems import Problem

_STATUS = {"type": "object", "properties": {"status": {"type": "string"}}}


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
        """Whether the process and its database can take work."""

        async def ask(tx: Tx) -> None:
            await tx.fetch("SELECT 1")

        try:
            await context.store.read(ask)
        except StoreUnavailable as error:
            raise Problem(
                503, f"The database does not answer: {error}", "`delivrd doctor` tells more."
            ) from error
        return answer({"status": "ready"})

    @routes.get(
        "/metrics",
        dependencies=[read],
        responses={
            200: {"description": "Figures", "content": {"text/plain": {}}},
            **dict.fromkeys((401, 403, 503), PROBLEM),
        },
    )
    async def metrics() -> Response:
        """Figures for Prometheus; those of one process, unless their help says otherwise."""
        return Response(await context.metrics.page(context.store), media_type=CONTENT_TYPE)

    return routes


def figures(context: Context) -> Iterator[Metric]:
    """What the parts of this process count."""
    commit, folder, ring = context.commit, context.folder, context.ring
    yield counter("delivrd_append_batches", "Shared commits of requests", commit.batches)
    yield counter("delivrd_appended_requests", "Requests kept and acknowledged", commit.appended)
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
    yield gauge("delivrd_stream_listeners", "Open event streams", context.streams.listeners)
