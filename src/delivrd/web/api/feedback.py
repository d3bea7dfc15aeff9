"""``POST /v1/messages/{id}/feedback``: whether a message achieved its purpose."""

from typing import Any, Literal

from fastapi import APIRouter, Depends, Response

from delivrd.store.feedback import OUTCOMES, store_feedback
from delivrd.store.ids import now_micros
from delivrd.store.keys import Scope
from delivrd.web.api.common import Body, answer, responses
from delivrd.web.api.messages import message_id
from delivrd.web.auth import needs
from delivrd.web.context import Context
from delivrd.web.problems import not_found


class Feedback(Body):
    """What your application knows about the message."""

    outcome: Literal["converted", "not_converted"]


def router(context: Context) -> APIRouter:
    routes = APIRouter(prefix="/v1/messages", tags=["messages"])
    store = context.store

    @routes.post(
        "/{id}/feedback",
        dependencies=[Depends(needs(Scope.SEND))],
        responses=responses(_SCHEMA, 400, 404, 413),
    )
    async def feedback(id: str, body: Feedback) -> Response:
        """Reports that a message achieved its purpose, for example that its code was used
        (`converted`), or did not.

        It changes no status. Conversions are compared by route with the deliveries that the gateway
        reports: GET /v1/stats/honesty. The last report for a message counts.
        """
        uuid = message_id(id)
        await context.folded()
        stored = await store.write(lambda tx: store_feedback(tx, now_micros(), uuid, body.outcome))
        if stored is None:
            raise not_found("message", "GET /v1/messages lists them all.")
        return answer({"id": stored.uuid, "outcome": stored.outcome, "previous": stored.previous})

    return routes


_SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["id", "outcome", "previous"],
    "properties": {
        "id": {"type": "string"},
        "outcome": {"enum": [*OUTCOMES]},
        "previous": {"enum": [*OUTCOMES, None]},
    },
}
