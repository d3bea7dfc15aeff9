"""One round of the relay: the results of the last calls are stored, and new calls are claimed.

Both run in one transaction. The rules (:mod:`delivrd.relay.schedule`) are applied to the stored
state, so that all processes share the same breakers and rates.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import msgspec
from msgspec.structs import replace

from delivrd.core.statement import moment
from delivrd.core.units import SECOND
from delivrd.relay import schedule
from delivrd.relay.formats import FORMATS
from delivrd.relay.schedule import Health
from delivrd.store import deliveries, endpoints, schema, tries
from delivrd.store.deliveries import Due
from delivrd.store.endpoints import HUB, Endpoint
from delivrd.store.ids import Ids
from delivrd.store.names import endpoint_id
from delivrd.store.tries import Result
from delivrd.store.tx import Tx

GONE_WHY = "it answered 410 Gone"
DEAD_WHY = "nothing but failures for five days"
NOTE_SUCCESS = 5 * SECOND
"""How often, at most, a success after a success is written to the endpoint's row; microseconds."""


class ClaimedCall(NamedTuple):
    """One call to make: the endpoint, and its event or batch of events."""

    endpoint: Endpoint
    dues: Sequence[Due]


class Claimed(NamedTuple):
    """The calls to make, and when to look again for a batch that is not full."""

    calls: list[ClaimedCall]
    wake_at: int | None = None


def health_of(endpoint: Endpoint) -> Health:
    """The health of an endpoint, from its row."""
    return msgspec.convert(endpoint, Health, from_attributes=True)


# --- claiming -------------------------------------------------------------------------------------


async def claim(tx: Tx, now: int, room: Callable[[Endpoint], int]) -> Claimed:
    """Claims the calls that are due, for each endpoint at most as many as ``room`` returns."""
    calls, wakes = [], []
    for endpoint in await deliveries.due_endpoints(tx, now):
        limit = await _limit(tx, endpoint, now, room(endpoint))
        if limit <= 0:
            continue
        together = FORMATS[endpoint.format].BATCHES if endpoint.format in FORMATS else True
        taken = await deliveries.claim(tx, endpoint, now, limit, takes_batches=together)
        calls += [ClaimedCall(endpoint, dues) for dues in taken.calls]
        wakes += [taken.wake_at] if taken.wake_at else []
        await _spend(tx, endpoint, now, len(taken.calls))
    return Claimed(calls, min(wakes, default=None))


async def _limit(tx: Tx, endpoint: Endpoint, now: int, room: int) -> int:
    """How many calls the breaker and the rate allow."""
    health = health_of(endpoint)
    if health.is_open:
        return 1 if room and await _may_probe(tx, endpoint, health, now) else 0
    if endpoint.rate_limit is None or room <= 0:
        return room
    endpoint.next_call_at = await endpoints.lock_rate(tx, endpoint.id)
    return schedule.allowed(endpoint.next_call_at, endpoint.rate_limit, room, now)[0]


async def _may_probe(tx: Tx, endpoint: Endpoint, health: Health, now: int) -> bool:
    """Whether this process may probe: of several, only one succeeds in changing the row."""
    if not schedule.may_probe(health, now):
        return False
    then = schedule.probing(health, now)
    seen = health.probe_at
    return await endpoints.take_probe(tx, endpoint.id, seen, then.probe_at, then.probes)


async def _spend(tx: Tx, endpoint: Endpoint, now: int, calls: int) -> None:
    """Counts the calls against the rate; without any, leaves the probe for the next round."""
    if endpoint.opened_at is not None and not calls:  # a batch that is not full waits on
        probe = {"probe_at": endpoint.probe_at, "probes": endpoint.probes}
        await endpoints.set_fields(tx, endpoint.id, **probe)
    if endpoint.rate_limit is not None and calls:
        at = schedule.allowed(endpoint.next_call_at, endpoint.rate_limit, calls, now)[1]
        await endpoints.set_fields(tx, endpoint.id, next_call_at=at)


# --- storing --------------------------------------------------------------------------------------


async def store(tx: Tx, ids: Ids, now: int, results: Sequence[Result]) -> None:
    """Stores the results whose claims still hold, and updates their endpoints' health."""
    ours = await tries.store_results(tx, now, await _still_gone(tx, now, results))
    for called in sorted({result.endpoint_id for result in ours}):
        made = [r for r in ours if r.endpoint_id == called and r.at is not None]
        await _update_endpoint(tx, ids, now, called, made)


async def _still_gone(tx: Tx, now: int, results: Sequence[Result]) -> list[Result]:
    """The results, those of a 410 at an address that was replaced meanwhile as ones to retry."""
    revisions = await endpoints.revisions(tx, {r.endpoint_id for r in results if r.gone})
    return [
        replace(r, gone=False, state="waiting", next_at=now)
        if r.gone and r.revision != revisions.get(r.endpoint_id, r.revision)
        else r
        for r in results
    ]


async def _update_endpoint(tx: Tx, ids: Ids, now: int, called: int, results: list[Result]) -> None:
    if not results:
        return
    if all(result.succeeded for result in results):
        at = max(result.at or 0 for result in results)
        await endpoints.note_success(tx, called, at, unless_since=at - NOTE_SUCCESS)
        return
    endpoint = await endpoints.lock(tx, called)
    if endpoint is None:
        return
    health = health_of(endpoint)
    for result in sorted(results, key=lambda result: result.at or 0):
        step = schedule.after_success if result.succeeded else schedule.after_failure
        health = step(health, result.at or 0)
    pauses = [schedule.pause_after(now, result.retry_after) or 0 for result in results]
    paused = max([endpoint.paused_until or 0, *pauses]) or None
    fields = {name: getattr(health, name) for name in health.__struct_fields__}
    await endpoints.set_fields(tx, called, **fields, paused_until=paused)
    await _disable_if_dead(tx, ids, now, endpoint, health, results)


async def _disable_if_dead(
    tx: Tx, ids: Ids, now: int, endpoint: Endpoint, health: Health, results: Iterable[Result]
) -> None:
    """Disables an endpoint that answered 410, or has failed for days."""
    gone = {result.url for result in results if result.gone}
    if endpoint.kind == "callback":
        for url in gone:
            await tries.note_gone(tx, now, endpoint.id, url or "")
    elif gone:
        await disable(tx, ids, now, endpoint, GONE_WHY)
        return
    if schedule.should_give_up(health, now):
        await disable(tx, ids, now, endpoint, DEAD_WHY)


async def disable(tx: Tx, ids: Ids, now: int, endpoint: Endpoint, why: str) -> None:
    """Disables an endpoint, and adds the event that endpoints with ``operational`` get."""
    if not await endpoints.disable(tx, endpoint.id, now, why):
        return
    data = {
        "endpoint_id": endpoint_id(endpoint.id),
        "description": endpoint.description,
        "origin": endpoint.origin,
        "why": why,
        "disabled_at": moment(now),
        "failing_since": endpoint.failing_since and moment(endpoint.failing_since),
    }
    text = msgspec.json.encode(data).decode()
    columns = ("id", "message_id", "type", "data", "created_at")
    await tx.insert(schema.event, columns, [(ids.next(), HUB, "endpoint.disabled", text, now)])
    tx.queued = True
