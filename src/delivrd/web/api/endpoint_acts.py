"""``/v1/endpoints/{id}/…``: enable, disable, rotate the secret, test."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Response

from delivrd.relay.sample_call import call_with_sample
from delivrd.store.keys import Scope
from delivrd.store.queries.deliveries import find_delivery
from delivrd.store.tx import Tx
from delivrd.web.api import endpoint_jobs, relay_views
from delivrd.web.api.common import answer, ref, responses
from delivrd.web.api.endpoint_bodies import Rotation
from delivrd.web.api.endpoint_rows import endpoint_row, own, shown
from delivrd.web.auth import Caller, needs
from delivrd.web.context import Context

_SECRET: dict[str, Any] = {
    "type": "object",
    "required": ["id", "secret", "old_secret_until"],
    "properties": {
        "id": {"type": "string"},
        "secret": {"type": "string"},
        "old_secret_until": {"type": ["string", "null"], "format": "date-time"},
    },
}


def add(routes: APIRouter, context: Context) -> None:
    """Adds these routes to those of endpoints."""
    _switching(routes, context)
    _secrets(routes, context)


def _switching(routes: APIRouter, context: Context) -> None:
    store, admin = context.store, needs(Scope.ADMIN)
    answers = responses(ref(relay_views.Endpoint), 404)

    @routes.post("/{id}/enable", responses=answers)
    async def enable(id: str, caller: Annotated[Caller, Depends(admin)]) -> Response:
        """Enables an endpoint. Deliveries that were parked meanwhile wait for a replay."""
        row_id = endpoint_row(id)

        async def job(tx: Tx) -> relay_views.Endpoint:
            await endpoint_jobs.enable(context, tx, caller, row_id)
            return await shown(tx, row_id)

        return answer(await store.write(job))

    @routes.post("/{id}/disable", responses=answers)
    async def disable(id: str, caller: Annotated[Caller, Depends(admin)]) -> Response:
        """Disables an endpoint. Its waiting deliveries are parked, and can be replayed."""
        row_id = endpoint_row(id)

        async def job(tx: Tx) -> relay_views.Endpoint:
            await endpoint_jobs.disable(context, tx, caller, row_id)
            return await shown(tx, row_id)

        return answer(await store.write(job))


def _secrets(routes: APIRouter, context: Context) -> None:
    store, admin = context.store, needs(Scope.ADMIN)

    @routes.post("/{id}/rotate-secret", responses=responses(_SECRET, 400, 404, 409, 413))
    async def rotate(
        id: str, caller: Annotated[Caller, Depends(admin)], body: Rotation | None = None
    ) -> Response:
        """Makes a new secret, shown only this once. Calls are signed with the old one too for a
        day.

        `keep_seconds` changes how long; with 0 the old one is dropped at once.
        """
        row_id, keep = endpoint_row(id), (body or Rotation()).keep_seconds

        async def job(tx: Tx) -> dict[str, Any]:
            secret = await endpoint_jobs.rotate(context, tx, caller, row_id, keep)
            view = await shown(tx, row_id)
            return {"id": id, "secret": secret, "old_secret_until": view.old_secret_until}

        return answer(await store.write(job))

    @routes.post("/{id}/test", responses=responses(ref(relay_views.DeliveryDetail), 404, 409))
    async def test(id: str, caller: Annotated[Caller, Depends(admin)]) -> Response:
        """Calls the endpoint with a test event now, and returns the result.

        The event is a `message.delivered` of the real schema; its `metadata` is `{"test": true}`.
        """
        row_id = endpoint_row(id)
        one = await store.read(lambda tx: own(tx, row_id))
        delivery = await call_with_sample(store, context.config, one)
        tried = await store.read(lambda tx: find_delivery(tx, store.accounts, delivery))
        assert tried is not None
        return answer(relay_views.detail(tried))
