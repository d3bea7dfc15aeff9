"""Replays deliveries by hand, one or many, whatever their state.

A replay returns a delivery to the queue with a fresh schedule. Its tries stay on record and their
numbers go on; the receiver sees the same event id. Many are replayed in steps of bounded size.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from delivrd.store import fan_out, schema
from delivrd.store.deliveries import release
from delivrd.store.endpoints import HUB, Endpoint
from delivrd.store.fan_out import Event, delivery, filtered_fields, wants
from delivrd.store.ids import Ids, floor
from delivrd.store.tx import Tx

STEP = 500
MISSED = ("parked", "cancelled", "skipped")
ENDED = (*MISSED, "delivered", "superseded")

_AGAIN = (
    "UPDATE delivery SET state = 'waiting', base = tries, next_at = $2, batch = NULL, "
    "call = CASE WHEN batch IS NULL THEN call END, lease_until = NULL, ended_at = NULL, why = NULL "
    "WHERE id = ANY($1::bigint[]) AND state = ANY($3::text[])"
)


async def replay(tx: Tx, now: int, delivery_ids: Iterable[int]) -> int:
    """Queues ended deliveries again, and makes waiting ones due now; returns how many.

    Deliveries in flight are left alone, and so are those of disabled or deleted endpoints.
    """
    wanted = sorted(set(delivery_ids))
    rows = await tx.fetch(
        "SELECT d.id FROM delivery d JOIN endpoint e ON e.id = d.endpoint_id "
        "WHERE d.id = ANY($1::bigint[]) AND e.enabled AND e.deleted_at IS NULL",
        wanted,
    )
    callable_ = [row[0] for row in rows]
    count = await tx.execute(_AGAIN, callable_, now, list(ENDED))
    count += await tx.execute(
        "UPDATE delivery SET next_at = $2 WHERE id = ANY($1::bigint[]) "
        "AND state = 'waiting' AND next_at > $2",
        callable_,
        now,
    )
    tx.queued = tx.queued or count > 0
    return count


async def cancel(tx: Tx, now: int, delivery_ids: Iterable[int]) -> int:
    """Cancels waiting and parked deliveries, with the rest of their batches; returns how many."""
    wanted = sorted(set(delivery_ids))
    lines = await tx.fetch(
        "SELECT DISTINCT endpoint_id, message_id FROM delivery "
        "WHERE id = ANY($1::bigint[]) AND ordered",
        wanted,
    )
    count = await tx.execute(
        "UPDATE delivery SET state = 'cancelled', ended_at = $2, why = 'cancelled by hand' "
        "WHERE state IN ('waiting', 'parked') AND (id = ANY($1::bigint[]) OR batch IN "
        "(SELECT batch FROM delivery WHERE id = ANY($1::bigint[])))",
        wanted,
        now,
    )
    for endpoint_id, message_id in lines:
        await release(tx, now, endpoint_id, [message_id])
    return count


# --- everything since a time ----------------------------------------------------------------------


class Step(NamedTuple):
    """How many were (or would be) replayed; continue after ``last``, None at the end."""

    told: int
    last: int | None


async def count_since(
    tx: Tx, endpoint: Endpoint, since: int, *, missed_only: bool, after: int = 0
) -> Step:
    """How many of the next events since a time a replay would deliver; for a preview."""
    events, last = await _events(tx, since, after)
    wanted = [event for event in events if wants(endpoint, event)]
    states = await _states(tx, endpoint, wanted)
    count = sum(_counts(states.get(event.id), missed_only) for event in wanted)
    return Step(count, last)


async def replay_since(
    tx: Tx, ids: Ids, now: int, endpoint: Endpoint, since: int, *, missed_only: bool,
    after: int = 0,
) -> Step:  # fmt: skip
    """Replays the next events since a time; with ``missed_only``, those never delivered.

    Events of a time when the endpoint was disabled or did not exist are delivered for the first
    time.
    """
    events, last = await _events(tx, since, after)
    wanted = [event for event in events if wants(endpoint, event)]
    states = await _states(tx, endpoint, wanted)
    new = [delivery(ids, now, event, endpoint) for event in wanted if event.id not in states]
    count = await tx.insert(schema.delivery, fan_out.COLUMNS, new, "ignore")
    again = [states[e.id][0] for e in wanted if e.id in states]
    count += await tx.execute(_AGAIN, again, now, list(MISSED if missed_only else ENDED))
    tx.queued = tx.queued or count > 0
    return Step(count, last)


def _counts(known: tuple[int, str] | None, missed_only: bool) -> bool:
    return known is None or known[1] in (MISSED if missed_only else ENDED)


async def _events(tx: Tx, since: int, after: int) -> tuple[list[Event], int | None]:
    """The next fanned-out events about messages; the others will be fanned out anyway."""
    rows = await tx.fetch(
        "SELECT id, message_id, type, data FROM event WHERE id > $1 AND fanned_out "
        "AND type <> 'message.test' ORDER BY id LIMIT $2",
        max(after, floor(since) - 1),
        STEP,
    )
    events = [
        Event(row[0], row[1], row[2], filtered_fields(row[3])) for row in rows if row[1] != HUB
    ]
    return events, rows[-1][0] if len(rows) == STEP else None


async def _states(
    tx: Tx, endpoint: Endpoint, events: Sequence[Event]
) -> dict[int, tuple[int, str]]:
    rows = await tx.fetch(
        "SELECT event_id, id, state FROM delivery "
        "WHERE event_id = ANY($1::bigint[]) AND endpoint_id = $2",
        [event.id for event in events],
        endpoint.id,
    )
    return {row[0]: (row[1], row[2]) for row in rows}
