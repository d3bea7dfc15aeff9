"""Which deliveries are replayed or cancelled: by id, by state, or all since a time."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from enum import StrEnum
from functools import partial
from typing import Annotated, NamedTuple

from pydantic import ConfigDict, Field

from delivrd.core.statement import micros
from delivrd.relay.replay import STEPS, replay_to_endpoint
from delivrd.store import replays
from delivrd.store.endpoints import Endpoint
from delivrd.store.ids import now_micros
from delivrd.store.names import row_of
from delivrd.store.queries import deliveries as queries
from delivrd.store.replays import Step
from delivrd.store.tx import Tx
from delivrd.web.api.common import Body, Moment, Word, before, row_named
from delivrd.web.api.endpoint_rows import endpoint_row, filtered_by, found
from delivrd.web.context import Context
from delivrd.web.problems import Problem, invalid

HINT = "GET /v1/deliveries lists them; old ones are pruned."
State = StrEnum("State", {word.upper(): word for word in queries.STATES})  # type: ignore[misc]


class Choice(Body):
    """Which deliveries: ``ids``, or those of a ``state``, or an endpoint's ``since`` a time."""

    ids: list[Word] | None = Field(None, min_length=1, max_length=1000)
    endpoint: Word | None = Field(None, description="An endpoint's id.")
    state: Annotated[State, Field(strict=False)] | None = None
    since: Annotated[Moment, Field(strict=False)] | None = None
    dry_run: bool = Field(False, description="Only count.")
    cursor: str | None = Field(None, max_length=100, description="next_cursor of the call before.")


class DeliveryReplay(Choice):
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


delivery_row = partial(row_named, what="delivery", hint=HINT, kind="dlv")
"""The row id of a delivery's public id."""


# --- many, in steps of bounded size ---------------------------------------------------------------


class Act(NamedTuple):
    """An action on deliveries: how to do it, how to count for a dry run, and the states that
    allow it.
    """

    do: Callable[[Tx, int, Sequence[int]], Awaitable[int]]
    dry_run: Callable[[Tx, int, Sequence[int]], Awaitable[int]]
    states: tuple[str, ...]


async def _cancellable(tx: Tx, now: int, ids: Sequence[int]) -> int:
    return await queries.count_cancellable(tx, ids)


REPLAY = Act(replays.replay, queries.count_replayable, (*replays.ENDED, "waiting"))
CANCEL = Act(replays.cancel, _cancellable, ("waiting", "parked"))


async def act_on_listed(context: Context, body: Choice, act: Act) -> Step:
    """Acts on the deliveries with these ids or in this state, at most ``STEPS`` steps at a time.

    Raises:
        Problem: the choice is not complete, there is no such endpoint, or the action does not apply
            to the state.
    """
    _check(body, act)
    if body.ids is not None:
        return Step(await _do(context, body, act, [_row(name) for name in body.ids]), None)
    name = body.endpoint
    endpoint = None if name is None else await context.store.read(lambda tx: filtered_by(tx, name))
    total, last = 0, before("replay", body.cursor) or 0
    for _ in range(STEPS):
        ids = await context.store.read(partial(_chosen, body, endpoint, last))
        total += await _do(context, body, act, ids)
        if len(ids) < queries.STEP:
            return Step(total, None)
        last = ids[-1]
    return Step(total, last)


def _past(since: datetime) -> int:
    """In microseconds since 1970, within the times that ids can have."""
    return min(max(0, micros(since)), now_micros())


async def _chosen(body: Choice, endpoint: int | None, after: int, tx: Tx) -> list[int]:
    since = None if body.since is None else _past(body.since)
    return await queries.chosen(tx, str(body.state), endpoint_id=endpoint, since=since, after=after)


def _row(name: str) -> int:
    row_id = row_of(name, "dlv")
    if row_id is None:
        raise invalid("ids", f"{name[:50]!r} is no delivery's id", HINT)
    return row_id


def _check(body: Choice, act: Act) -> None:
    if (body.ids is None) == (body.state is None):
        why = "name either ids or a state, or for a replay an endpoint and since"
        raise invalid("ids", why, "/docs describes this call.")
    if body.ids is not None and (body.endpoint or body.since or body.cursor):
        raise invalid("ids", "go with nothing else", "Leave endpoint, since and cursor out.")
    if body.state is not None and body.state not in act.states:
        raise invalid("state", "cannot be taken", f"One of {', '.join(act.states)}.")
    if body.state not in (None, "parked") and body.endpoint is None:
        raise invalid("endpoint", "is missing", "With this state, name an endpoint.")


async def _do(context: Context, body: Choice, act: Act, ids: Sequence[int]) -> int:
    now = now_micros()
    if body.dry_run:
        return await context.store.read(lambda tx: act.dry_run(tx, now, ids))
    return await context.store.write(lambda tx: act.do(tx, now, ids))


async def replay_since(context: Context, body: DeliveryReplay) -> Step:
    """Replays all events since a time that the endpoint subscribes to, delivered before or not.

    Raises:
        Problem: no endpoint is named, it does not exist, or it cannot be called.
    """
    if body.endpoint is None:
        raise invalid("endpoint", "is missing", "Name the endpoint to send to again.")
    assert body.since is not None
    row_id, since = endpoint_row(body.endpoint), _past(body.since)
    endpoint = await context.store.read(lambda tx: found(tx, row_id))
    _check_since(endpoint, dry_run=body.dry_run)
    return await replay_to_endpoint(
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
