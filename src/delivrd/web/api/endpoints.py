"""``/v1/endpoints``: list, show, create, update and delete endpoints."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Response

from delivrd.relay import endpoint_fields
from delivrd.relay.endpoint_fields import InvalidField
from delivrd.store import endpoints
from delivrd.store.endpoints import Endpoint
from delivrd.store.ids import now_micros
from delivrd.store.keys import Scope
from delivrd.store.queries.endpoints import figures
from delivrd.store.queries.paging import Listed
from delivrd.store.tx import Tx
from delivrd.web.api import endpoint_acts, endpoint_jobs, relay_views
from delivrd.web.api.common import answer, before, list_of, no_content, page, ref, responses
from delivrd.web.api.endpoint_bodies import Changes, EndpointParams, NewEndpoint
from delivrd.web.api.endpoint_rows import editable, endpoint_row, shown
from delivrd.web.auth import Caller, needs
from delivrd.web.context import Context
from delivrd.web.problems import invalid


def router(context: Context) -> APIRouter:
    routes = APIRouter(prefix="/v1/endpoints", tags=["endpoints"])
    _reading(routes, context)
    _writing(routes, context)
    endpoint_acts.add(routes, context)
    return routes


def _reading(routes: APIRouter, context: Context) -> None:
    store = context.store
    read = Depends(needs(Scope.READ))

    @routes.get("", dependencies=[read], responses=responses(list_of(relay_views.Endpoint)))
    async def list_endpoints(params: Annotated[EndpointParams, Query()]) -> Response:
        """Endpoints, the newest first, each with its last 24 hours and its waiting deliveries."""
        start = before("endpoints", params.cursor)

        async def job(tx: Tx) -> Listed[relay_views.Endpoint]:
            every = reversed(await endpoints.every(tx, callbacks=params.callbacks))
            found = [one for one in every if start is None or one.id < start]
            shown = found[: params.limit]
            now = now_micros()
            by_id = await figures(tx, [one.id for one in shown], now)
            views = [relay_views.endpoint(one, by_id[one.id], now) for one in shown]
            return Listed(views, shown[-1].id if len(found) > len(shown) else None)

        return page("endpoints", await store.read(job))

    @routes.get("/{id}", dependencies=[read], responses=responses(ref(relay_views.Endpoint), 404))
    async def show(id: str) -> Response:
        """One endpoint, with its tries hour by hour."""
        row_id = endpoint_row(id)
        return answer(await store.read(lambda tx: shown(tx, row_id)))


def _writing(routes: APIRouter, context: Context) -> None:
    store, admin = context.store, needs(Scope.ADMIN)
    one = ref(relay_views.Endpoint)

    @routes.post("", status_code=201, responses=responses(one, 400, 413, status=201))
    async def create(body: NewEndpoint, caller: Annotated[Caller, Depends(admin)]) -> Response:
        """Creates an endpoint. The answer holds the secret that signs its calls, only this once."""
        fields = checked(context, body.model_dump())

        async def job(tx: Tx) -> relay_views.Endpoint:
            now = now_micros()
            made = await endpoint_jobs.create(context, tx, caller, fields)
            by_id = await figures(tx, [made.id], now)
            secret = made.secrets[0][0]
            return relay_views.endpoint(made, by_id[made.id], now, hours=True, secret=secret)

        view = await store.write(job)
        return answer(view, 201, {"Location": f"/v1/endpoints/{view.id}"})

    @routes.patch("/{id}", responses=responses(one, 400, 404, 409, 413))
    async def update(id: str, body: Changes, caller: Annotated[Caller, Depends(admin)]) -> Response:
        """Changes the given fields. They apply to waiting deliveries too."""
        row_id = endpoint_row(id)
        changes = body.model_dump(include=body.model_fields_set)

        async def job(tx: Tx) -> relay_views.Endpoint:
            known = await editable(tx, row_id)
            fields = checked_changes(context, known, changes)
            await endpoint_jobs.change(context, tx, caller, row_id, fields)
            return await shown(tx, row_id)

        return answer(await store.write(job))

    @routes.delete(
        "/{id}", status_code=204, response_class=Response, responses=no_content(404, 409)
    )
    async def delete(id: str, caller: Annotated[Caller, Depends(admin)]) -> Response:
        """Deletes an endpoint. Its deliveries stay on record; waiting ones are cancelled."""
        row_id = endpoint_row(id)
        await store.write(lambda tx: endpoint_jobs.delete(context, tx, caller, row_id))
        return Response(status_code=204)


# --- checks ---------------------------------------------------------------------------------------


def checked(context: Context, given: Mapping[str, Any]) -> dict[str, Any]:
    """All fields of a new endpoint, checked.

    Raises:
        Problem: about the first field that is not acceptable.
    """
    try:
        return endpoint_fields.checked(context.config.relay, context.store.accounts.names, given)
    except InvalidField as error:
        raise invalid(*error.args) from None


def checked_changes(
    context: Context, known: Endpoint, changes: Mapping[str, Any]
) -> dict[str, Any]:
    """The fields that these changes set, checked.

    Raises:
        Problem: with them the endpoint could not be called.
    """
    try:
        return endpoint_fields.checked_changes(
            context.config.relay, context.store.accounts.names, known, changes
        )
    except InvalidField as error:
        raise invalid(*error.args) from None
