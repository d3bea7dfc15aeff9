"""The stream: committed events in one order, numbered by the holder of its lease (rule G2).

Ids cannot order a stream: a transaction with a lower id may commit later. Only committed events get
a position, from one process at a time, so a reader of all events up to a position has missed none.
Positions are times in microseconds where no event had them before: they grow, and are never reused,
even after old events were pruned.
"""

from typing import NamedTuple

from delivrd.core.units import MINUTE
from delivrd.store import schema
from delivrd.store.ids import now_micros
from delivrd.store.leases import take_lease
from delivrd.store.tx import Tx

LEASE = "stream"
LEASE_SECONDS = 10.0
BATCH = 1000


class Event(NamedTuple):
    """``data`` is JSON text; ``created_at`` is in microseconds since 1970."""

    id: int
    position: int
    type: str
    data: str
    created_at: int


async def number_if_ours(tx: Tx, holder: str) -> list[str]:
    """Numbers events if this process holds the lease, or can take it."""
    if not await any_unnumbered(tx):
        return []
    if not await take_lease(tx, LEASE, holder, LEASE_SECONDS):
        return []
    return await number_events(tx)


async def any_unnumbered(tx: Tx) -> bool:
    return bool(await tx.fetch("SELECT 1 FROM event WHERE position IS NULL LIMIT 1"))


async def number_events(tx: Tx, limit: int = BATCH) -> list[str]:
    """Gives positions to committed events that have none, in order of ids; returns their types.

    Only the lease's holder may call it, in the transaction in which it took the lease.
    """
    rows = await tx.fetch(
        "SELECT id, type FROM event WHERE position IS NULL ORDER BY id LIMIT $1", limit
    )
    if not rows:
        return []
    first = max(await newest(tx) + 1, now_micros())
    numbered = [(row[0], first + i) for i, row in enumerate(rows)]
    await tx.update(schema.event, "id", ("position",), numbered)
    return [row[1] for row in rows]


async def newest(tx: Tx) -> int:
    """The highest position; a moment ago where there is no event. Test events have lower ones."""
    rows = await tx.fetch("SELECT max(position) FROM event WHERE position > 0")
    return rows[0][0] or now_micros() - MINUTE  # below what another process's clock may give next


async def is_known(tx: Tx, position: int, kept_since: int) -> bool:
    """Whether a stream can be resumed after this position: its event still exists, or it is a
    moment since which no event has been pruned."""
    if kept_since <= position <= now_micros():
        return True
    return bool(await tx.fetch("SELECT 1 FROM event WHERE position = $1", position))


async def events_after(tx: Tx, position: int, limit: int = BATCH) -> list[Event]:
    """The next events after a position."""
    rows = await tx.fetch(
        "SELECT id, position, type, data, created_at FROM event WHERE position > $1 "
        "ORDER BY position LIMIT $2",
        position,
        limit,
    )
    return [Event(*row) for row in rows]
