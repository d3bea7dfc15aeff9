"""``/healthz``, ``/readyz`` and ``/metrics``: for monitoring."""

from fastapi import APIRouter, Depends, Response

from delivrd.store.base import StoreUnavailable
from delivrd.store.health import answers
from delivrd.store.keys import Scope
from delivrd.web.api.common import PROBLEM, answer, responses
from delivrd.web.auth import needs
from delivrd.web.context import Context
from delivrd.web.metrics import CONTENT_TYPE, page
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

    @routes.get("/healthz", responses={200: {"description": "Alive"}})
    async def healthz() -> Response:
        """Whether the process answers."""
        return answer({"status": "ok"})

    @routes.get("/readyz", dependencies=[read], responses=responses(_STATUS))
    async def readyz() -> Response:
        """Whether the process, each of its parts and its database can do their work.

        `restarts` counts restarts by part, for parts that failed.
        """
        try:
            await context.store.read(answers)
        except StoreUnavailable as error:
            raise Problem(
                503, f"The database does not answer: {error}", "`delivrd doctor` tells more."
            ) from error
        if why := context.store.writes.error:
            raise Problem(
                503, f"The database takes no writes: {why}", "`delivrd doctor` tells more."
            )
        if context.down:
            down = ", ".join(f"{part} ({why})" for part, why in sorted(context.down.items()))
            raise Problem(
                503,
                f"Parts of the hub failed and wait to be started again: {down}.",
                "The hub's log tells why.",
            )
        restarts = {part: n for part, n in context.restarts.items() if n}
        return answer({"status": "ready", **({"restarts": restarts} if restarts else {})})

    @routes.get(
        "/metrics",
        dependencies=[read],
        responses={
            200: {"description": "Figures", "content": {"text/plain": {}}},
            **dict.fromkeys((401, 403), PROBLEM),
        },
    )
    async def metrics() -> Response:
        """Metrics for Prometheus, of all processes on this database.

        With PostgreSQL, what each process counts itself has the label `process`; figures of other
        processes are at most ten seconds old.
        """
        return Response(await page(context.store, context.metrics), media_type=CONTENT_TYPE)

    return routes
