"""``/v1/deliveries``: list and show deliveries with their tries, replay and cancel them."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Response
from pydantic import Field

from delivrd.store import replays
from delivrd.store.ids import now_micros
from delivrd.store.keys import Scope
from delivrd.store.queries import deliveries as queries
from delivrd.store.queries.paging import Listed
from delivrd.store.replays import Step
from delivrd.store.tx import Tx
from delivrd.web.api import relay_views
from delivrd.web.api.common import (
    ListParams,
    SpanParams,
    Word,
    answer,
    before,
    cursor_of,
    list_of,
    micros_or_none,
    page,
    ref,
    responses,
)
from delivrd.web.api.delivery_choice import (
    CANCEL,
    HINT,
    REPLAY,
    Choice,
    DeliveryReplay,
    State,
    act_on_listed,
    delivery_row,
    replay_since,
)
from delivrd.web.api.endpoint_rows import filtered_by
from delivrd.web.api.messages import ID_HINT, uuid_or_none
from delivrd.web.auth import Caller, needs
from delivrd.web.context import Context
from delivrd.web.problems import Problem, invalid, not_found


class DeliveryFilters(ListParams, SpanParams):
    endpoint: Word | None = Field(None, description="An endpoint's id.")
    message: Word | None = Field(None, description="A message's id.")
    state: State | None = None


_COUNTED: dict[str, Any] = {
    "type": "object",
    "required": ["count", "dry_run", "next_cursor"],
    "properties": {
        "count": {"type": "integer"},
        "dry_run": {"type": "boolean"},
        "next_cursor": {"type": ["string", "null"]},
    },
}


def router(context: Context) -> APIRouter:
    routes = APIRouter(prefix="/v1/deliveries", tags=["endpoints"])
    _many(routes, context)
    _reading(routes, context)
    _one(routes, context)
    return routes


def _reading(routes: APIRouter, context: Context) -> None:
    store = context.store
    read = Depends(needs(Scope.READ))

    @routes.get("", dependencies=[read], responses=responses(list_of(relay_views.Delivery)))
    async def list_deliveries(filters: Annotated[DeliveryFilters, Query()]) -> Response:
        """Deliveries, the newest first. With some filters a call examines a bounded number, and may
        return a partial page.
        """
        message = None if filters.message is None else named_message(filters.message)
        start = before("deliveries", filters.cursor)

        async def read(tx: Tx) -> Listed[queries.Delivery]:
            name = filters.endpoint
            return await queries.list_deliveries(
                tx,
                store.accounts,
                endpoint_id=None if name is None else await filtered_by(tx, name),
                message_id=message,
                state=None if filters.state is None else str(filters.state),
                since=micros_or_none(filters.since),
                until=micros_or_none(filters.until),
                before=start,
                limit=filters.limit,
            )

        found = await store.read(read)
        items = [relay_views.delivery(item) for item in found.items]
        return page("deliveries", Listed(items, found.next_before, found.scanned_to))

    @routes.get(
        "/{id}", dependencies=[read], responses=responses(ref(relay_views.DeliveryDetail), 404)
    )
    async def show(id: str) -> Response:
        """One delivery: its event, its call, and every try with the answer."""
        return answer(await shown(context, id))


def _one(routes: APIRouter, context: Context) -> None:
    admin = needs(Scope.ADMIN)
    answers = responses(ref(relay_views.DeliveryDetail), 404, 409)

    @routes.post("/{id}/replay", responses=answers)
    async def replay(id: str, caller: Annotated[Caller, Depends(admin)]) -> Response:
        """Replays a delivery as soon as possible, whatever its state."""
        await replay_delivery(context, caller, id)
        return answer(await shown(context, id))

    @routes.post("/{id}/cancel", responses=answers)
    async def cancel(id: str, caller: Annotated[Caller, Depends(admin)]) -> Response:
        """Cancels a delivery that is waiting or parked, with the rest of its batch."""
        await cancel_delivery(context, caller, id)
        return answer(await shown(context, id))


def _many(routes: APIRouter, context: Context) -> None:
    admin = needs(Scope.ADMIN)
    answers = responses(_COUNTED, 400, 404, 409, 413)

    @routes.post("/replay", responses=answers)
    async def replay_many(
        body: DeliveryReplay, caller: Annotated[Caller, Depends(admin)]
    ) -> Response:
        """Replays many deliveries: `ids`, those in a `state`, or all events that an endpoint
        subscribes to `since` a time.

        With `dry_run` they are only counted. While `next_cursor` is not null there are more: call
        again with it as `cursor`.
        """
        if body.since is not None and body.state is None and body.ids is None:
            step = await replay_since(context, body)
        else:
            step = await act_on_listed(context, body, REPLAY)
        return await _counted(context, caller, "deliveries.replay", body, step)

    @routes.post("/cancel", responses=answers)
    async def cancel_many(body: Choice, caller: Annotated[Caller, Depends(admin)]) -> Response:
        """Cancels many deliveries: `ids`, or those in the `state` waiting or parked."""
        step = await act_on_listed(context, body, CANCEL)
        return await _counted(context, caller, "deliveries.cancel", body, step)


async def _counted(
    context: Context, caller: Caller, action: str, body: Choice, step: Step
) -> Response:
    await note_step(context, caller, action, body, step)
    cursor = None if step.last is None else cursor_of("replay", step.last)
    return answer({"count": step.told, "dry_run": body.dry_run, "next_cursor": cursor})


async def note_step(
    context: Context, caller: Caller, action: str, body: Choice, step: Step
) -> None:
    """Adds to the audit log how many deliveries were replayed or cancelled, if any were."""
    if step.told and not body.dry_run:
        detail = f"{step.told} of {body.endpoint or body.state or 'those named'}"
        await context.store.write(lambda tx: context.note(tx, caller, action, detail))


# --- ids in filters -------------------------------------------------------------------------------


def named_message(name: str) -> str:
    """The id of the message that a filter names.

    Raises:
        Problem: it is no id of a message.
    """
    uuid = uuid_or_none(name)
    if uuid is None:
        raise invalid("message", "is no message's id", ID_HINT)
    return uuid


# --- actions --------------------------------------------------------------------------------------


async def shown(context: Context, name: str) -> relay_views.DeliveryDetail:
    """The delivery with that id.

    Raises:
        Problem: there is none.
    """
    row_id, store = delivery_row(name), context.store
    found = await store.read(lambda tx: queries.find_delivery(tx, store.accounts, row_id))
    if found is None:
        raise not_found("delivery", HINT)
    return relay_views.detail(found)


async def replay_delivery(context: Context, caller: Caller, name: str) -> None:
    """Makes a delivery due now, whatever its state.

    Raises:
        Problem: there is none with that id, or it cannot be called now.
    """
    await shown(context, name)

    async def job(tx: Tx) -> None:
        if not await replays.replay(tx, now_micros(), [delivery_row(name)]):
            raise Problem(
                409,
                "It is under way or due just now, or its endpoint is disabled.",
                "Enable or resume the endpoint first, or look again in a moment.",
            )
        await context.note(tx, caller, "deliveries.replay", name)

    await context.store.write(job)


async def cancel_delivery(context: Context, caller: Caller, name: str) -> None:
    """Cancels a delivery that is waiting or parked.

    Raises:
        Problem: there is none with that id, or it is neither waiting nor parked.
    """
    await shown(context, name)

    async def job(tx: Tx) -> None:
        if not await replays.cancel(tx, now_micros(), [delivery_row(name)]):
            raise Problem(
                409,
                "It neither waits nor is parked.",
                "What is under way ends within seconds; look again then.",
            )
        await context.note(tx, caller, "deliveries.cancel", name)

    await context.store.write(job)
