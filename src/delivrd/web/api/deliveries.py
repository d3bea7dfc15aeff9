"""``/v1/deliveries``: what was told to whom, every try of it, and telling it again."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from enum import StrEnum
from functools import partial
from typing import Annotated, Any, NamedTuple

from fastapi import APIRouter, Depends, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from delivrd.core.statement import micros, moment
from delivrd.relay.event import row_of
from delivrd.relay.recovering import STEPS, tell_since
from delivrd.store import replays
from delivrd.store.endpoints import Endpoint
from delivrd.store.ids import born, now_micros
from delivrd.store.keys import Scope
from delivrd.store.queries import told as queries
from delivrd.store.replays import Step
from delivrd.store.tx import Tx
from delivrd.web.api import relay_views
from delivrd.web.api.common import (
    ListParams,
    Moment,
    SpanParams,
    Word,
    answer,
    before,
    cursor_of,
    list_of,
    micros_or_none,
    ref,
    responses,
)
from delivrd.web.api.endpoint_rows import endpoint_row, found, note
from delivrd.web.api.messages import message_id
from delivrd.web.auth import Caller, needs
from delivrd.web.context import Context
from delivrd.web.problems import Problem, invalid, not_found

HINT = "GET /v1/deliveries lists what there is; old ones are pruned."
State = StrEnum("State", {word.upper(): word for word in queries.STATES})  # type: ignore[misc]


class DeliveryFilters(ListParams, SpanParams):
    endpoint: Word | None = Field(None, description="An endpoint's id.")
    message: Word | None = Field(None, description="A message's id.")
    state: State | None = None


class Choice(BaseModel):
    """Which deliveries: ``ids``, or those of a ``state``, or an endpoint's ``since`` a time."""

    model_config = ConfigDict(extra="forbid", strict=True)

    ids: list[Word] | None = Field(None, min_length=1, max_length=1000)
    endpoint: Word | None = Field(None, description="An endpoint's id.")
    state: Annotated[State, Field(strict=False)] | None = None
    since: Annotated[Moment, Field(strict=False)] | None = None
    dry_run: bool = Field(False, description="Only count.")
    cursor: str | None = Field(None, max_length=100, description="next_cursor of the call before.")


class Replay(Choice):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "endpoint": "ep_005f0c2a9d1e3001",
                    "since": "2026-11-21T20:00:00Z",
                    "missed_only": True,
                    "dry_run": True,
                },
                {"endpoint": "ep_005f0c2a9d1e3001", "state": "parked"},
            ]
        }
    )

    missed_only: bool = Field(
        False, description="With `since`: only what the endpoint never took, to recover it."
    )


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
        """Deliveries, the newest first. Some filters look at a bounded number at a time."""
        endpoint = None if filters.endpoint is None else named_endpoint(filters.endpoint)
        message = None if filters.message is None else message_id(filters.message)
        start = before("deliveries", filters.cursor)
        items, page = await store.read(
            lambda tx: queries.list_deliveries(
                tx,
                endpoint_id=endpoint,
                message_id=message,
                state=None if filters.state is None else str(filters.state),
                since=micros_or_none(filters.since),
                until=micros_or_none(filters.until),
                before=start,
                limit=filters.limit,
            )
        )
        shown: dict[str, Any] = {"items": [relay_views.delivery(item) for item in items]}
        more = page.next_before
        shown["next_cursor"] = None if more is None else cursor_of("deliveries", more)
        if page.scanned_to is not None:
            shown["scanned_to"] = moment(born(page.scanned_to))
        return answer(shown)

    @routes.get(
        "/{id}", dependencies=[read], responses=responses(ref(relay_views.DeliveryDetail), 404)
    )
    async def show(id: str) -> Response:
        """One delivery: its event, what is called, and every try with what was answered."""
        return answer(await _shown(context, delivery_row(id)))


def _one(routes: APIRouter, context: Context) -> None:
    store, admin = context.store, needs(Scope.ADMIN)
    answers = responses(ref(relay_views.DeliveryDetail), 404, 409)

    @routes.post("/{id}/replay", responses=answers)
    async def replay(id: str, caller: Annotated[Caller, Depends(admin)]) -> Response:
        """Tells it again as soon as may be, whatever came of it before."""
        row_id = delivery_row(id)
        await _shown(context, row_id)

        async def job(tx: Tx) -> None:
            if not await replays.replay(tx, now_micros(), [row_id]):
                raise Problem(
                    409,
                    "It is under way or due just now, or its endpoint is disabled.",
                    "Enable the endpoint first, or look again in a moment.",
                )
            await note(context, tx, caller, "deliveries.replay", id)

        await store.write(job)
        return answer(await _shown(context, row_id))

    @routes.post("/{id}/cancel", responses=answers)
    async def cancel(id: str, caller: Annotated[Caller, Depends(admin)]) -> Response:
        """Gives up what waits or was parked, with the rest of its batch."""
        row_id = delivery_row(id)
        await _shown(context, row_id)

        async def job(tx: Tx) -> None:
            if not await replays.cancel(tx, now_micros(), [row_id]):
                raise Problem(
                    409,
                    "It neither waits nor is parked.",
                    "What is under way ends within seconds; look again then.",
                )
            await note(context, tx, caller, "deliveries.cancel", id)

        await store.write(job)
        return answer(await _shown(context, row_id))


def _many(routes: APIRouter, context: Context) -> None:
    admin = needs(Scope.ADMIN)
    answers = responses(_COUNTED, 400, 404, 409, 413)

    @routes.post("/replay", responses=answers)
    async def replay_many(body: Replay, caller: Annotated[Caller, Depends(admin)]) -> Response:
        """Tells many again: `ids`, those of a `state`, or all that an endpoint wants `since` then.

        With `dry_run` they are only counted. Where `next_cursor` is not null there are more: call
        again with it as `cursor`.
        """
        if body.since is not None and body.state is None and body.ids is None:
            step = await _since(context, body)
        else:
            step = await _listed(context, body, _REPLAY)
        return await _counted(context, caller, "deliveries.replay", body, step)

    @routes.post("/cancel", responses=answers)
    async def cancel_many(body: Choice, caller: Annotated[Caller, Depends(admin)]) -> Response:
        """Gives up many: `ids`, or those of the `state` waiting or parked."""
        step = await _listed(context, body, _CANCEL)
        return await _counted(context, caller, "deliveries.cancel", body, step)


async def _counted(
    context: Context, caller: Caller, action: str, body: Choice, step: Step
) -> Response:
    if step.told and not body.dry_run:
        detail = f"{step.told} of {body.endpoint or body.state or 'those named'}"
        await context.store.write(lambda tx: note(context, tx, caller, action, detail))
    cursor = None if step.last is None else cursor_of("replay", step.last)
    return answer({"count": step.told, "dry_run": body.dry_run, "next_cursor": cursor})


# --- which ----------------------------------------------------------------------------------------


def delivery_row(name: str) -> int:
    """The row that a delivery's id stands for.

    Raises:
        Problem: it can be none.
    """
    row_id = row_of(name, "dlv")
    if row_id is None:
        raise not_found("delivery", HINT)
    return row_id


def named_endpoint(name: str) -> int:
    """The row of an endpoint that a filter names.

    Raises:
        Problem: it is no endpoint's id.
    """
    row_id = row_of(name, "ep")
    if row_id is None:
        hint = "Ids look like ep_005f0c2a9d1e3001; GET /v1/endpoints lists them."
        raise invalid("endpoint", "is no endpoint's id", hint)
    return row_id


async def _shown(context: Context, row_id: int) -> relay_views.DeliveryDetail:
    told = await context.store.read(lambda tx: queries.find_delivery(tx, row_id))
    if told is None:
        raise not_found("delivery", HINT)
    return relay_views.detail(told)


# --- many, in steps of bounded size ---------------------------------------------------------------


class _Act(NamedTuple):
    """What is done to deliveries, how they are counted beforehand, and in which states it can."""

    do: Callable[[Tx, int, Sequence[int]], Awaitable[int]]
    try_: Callable[[Tx, int, Sequence[int]], Awaitable[int]]
    states: tuple[str, ...]


async def _cancellable(tx: Tx, now: int, ids: Sequence[int]) -> int:
    return await queries.count_cancellable(tx, ids)


_REPLAY = _Act(replays.replay, queries.count_replayable, (*replays.ENDED, "waiting"))
_CANCEL = _Act(replays.cancel, _cancellable, ("waiting", "parked"))


async def _listed(context: Context, body: Choice, act: _Act) -> Step:
    """Of those that the choice lists, step by step."""
    _check(body, act)
    if body.ids is not None:
        return Step(await _do(context, body, act, [_row(name) for name in body.ids]), None)
    endpoint = None if body.endpoint is None else endpoint_row(body.endpoint)
    total, last = 0, before("replay", body.cursor) or 0
    for _ in range(STEPS):
        ids = await context.store.read(partial(_chosen, body, endpoint, last))
        total += await _do(context, body, act, ids)
        if len(ids) < queries.STEP:
            return Step(total, None)
        last = ids[-1]
    return Step(total, last)


def _past(since: datetime) -> int:
    """Since then, as far as ids reach back and on."""
    return min(max(0, micros(since)), now_micros())


async def _chosen(body: Choice, endpoint: int | None, after: int, tx: Tx) -> list[int]:
    since = None if body.since is None else _past(body.since)
    return await queries.chosen(tx, str(body.state), endpoint_id=endpoint, since=since, after=after)


def _row(name: str) -> int:
    row_id = row_of(name, "dlv")
    if row_id is None:
        raise invalid("ids", f"{name[:50]!r} is no delivery's id", HINT)
    return row_id


def _check(body: Choice, act: _Act) -> None:
    if (body.ids is None) == (body.state is None):
        why = "name either ids or a state, or for a replay an endpoint and since"
        raise invalid("ids", why, "/docs tells what this call takes.")
    if body.ids is not None and (body.endpoint or body.since or body.cursor):
        raise invalid("ids", "go with nothing else", "Leave endpoint, since and cursor out.")
    if body.state is not None and body.state not in act.states:
        raise invalid("state", "cannot be taken", f"One of {', '.join(act.states)}.")
    if body.state not in (None, "parked") and body.endpoint is None:
        raise invalid("endpoint", "is missing", "With this state, name an endpoint.")


async def _do(context: Context, body: Choice, act: _Act, ids: Sequence[int]) -> int:
    now = now_micros()
    if body.dry_run:
        return await context.store.read(lambda tx: act.try_(tx, now, ids))
    return await context.store.write(lambda tx: act.do(tx, now, ids))


async def _since(context: Context, body: Replay) -> Step:
    """Of all that the endpoint wants to hear since then, whether it was told already or not."""
    if body.endpoint is None:
        raise invalid("endpoint", "is missing", "Name the endpoint that is told again.")
    assert body.since is not None
    row_id, since = endpoint_row(body.endpoint), _past(body.since)
    endpoint = await context.store.read(lambda tx: found(tx, row_id))
    _check_since(endpoint, dry_run=body.dry_run)
    return await tell_since(
        context.store,
        endpoint,
        since,
        missed_only=body.missed_only,
        dry_run=body.dry_run,
        after=before("replay", body.cursor) or 0,
    )


def _check_since(endpoint: Endpoint, *, dry_run: bool) -> None:
    if endpoint.kind == "callback":
        hint = "Replay deliveries by ids or state: callback_urls are the messages' own."
        raise Problem(409, "It stands for the callback_urls of one origin.", hint)
    if not endpoint.enabled and not dry_run:
        raise Problem(409, "The endpoint is disabled.", "Enable it first.")
