"""``POST /v1/messages/{id}/feedback``: whether a message did what it was sent for."""

from typing import Any, Literal

from fastapi import APIRouter, Depends, Response

from delivrd.store.feedback import OUTCOMES, tell
from delivrd.store.ids import now_micros
from delivrd.store.keys import Scope
from delivrd.web.api.common import answer, responses
from delivrd.web.api.messages import Body, message_id
from delivrd.web.auth import needs
from delivrd.web.context import Context
from delivrd.web.problems import not_found


class Feedback(Body):
    """What became of the message at your end."""

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
        """Tells that the code in a message was used (`converted`), or never was.

        It changes no status. Per route it is held against the deliveries that the gateway claims:
        GET /v1/stats/honesty. The last word about a message counts.
        """
        uuid = message_id(id)
        await context.settled()
        told = await store.write(lambda tx: tell(tx, now_micros(), uuid, body.outcome))
        if told is None:
            raise not_found("message", "GET /v1/messages lists what there is.")
        return answer({"id": told.uuid, "outcome": told.outcome, "previous": told.previous})

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
