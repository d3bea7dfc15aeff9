"""Workers claim the deliveries that are due; the claims of dead workers are released."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import msgspec

from delivrd.core.units import SECOND
from delivrd.store import endpoints, schema
from delivrd.store.endpoints import Endpoint
from delivrd.store.leases import shared_time
from delivrd.store.tx import Row, Tx

LEASE_MICROS = 60 * SECOND
"""How long a claim holds: several times as long as a call may take."""


class Due(msgspec.Struct):
    """A delivery that we claimed, and the event that it carries."""

    id: int
    event_id: int
    message_id: int
    ordered: bool
    tries: int
    base: int
    next_at: int
    url: str | None
    call: bytes | None
    revision: int
    batch: int | None
    type: str | None
    data: str | None
    created_at: int | None

    @property
    def failed(self) -> int:
        """Tries since it was last replayed, including this one."""
        return self.tries - self.base


_COLUMNS = (
    "SELECT d.id, d.event_id, d.message_id, d.ordered, d.tries, d.base, d.next_at, d.url, d.call, "
    "d.revision, d.batch, e.type, e.data, e.created_at "
    "FROM delivery d LEFT JOIN event e ON e.id = d.event_id "
)
_DUE = (
    f"{_COLUMNS} WHERE d.endpoint_id = $1 AND d.state = 'waiting' AND d.next_at <= $2 "
    "ORDER BY d.next_at LIMIT $3 FOR UPDATE OF d SKIP LOCKED"
)
_MEMBERS = (
    f"{_COLUMNS} WHERE d.batch = ANY($1::bigint[]) AND d.id <> d.batch AND d.state = 'waiting' "
    "ORDER BY d.id FOR UPDATE OF d SKIP LOCKED"
)
# hops from one endpoint with waiting deliveries to the next, without reading those between
_WAITING = (
    "WITH RECURSIVE waiting (id) AS ("
    "SELECT min(endpoint_id) FROM delivery WHERE state = 'waiting' UNION ALL "
    "SELECT (SELECT min(d.endpoint_id) FROM delivery d WHERE d.state = 'waiting' "
    "AND d.endpoint_id > waiting.id) FROM waiting WHERE waiting.id IS NOT NULL)"
)
_LINE = (
    "SELECT id, message_id, state, final, next_at, lease_until, batch FROM delivery "
    "WHERE endpoint_id = $1 AND message_id = ANY($2::bigint[]) AND ordered "
    "AND state IN ('waiting', 'in_flight') ORDER BY event_id"
)


async def due_endpoints(tx: Tx, now: int) -> list[Endpoint]:
    """The endpoints with due deliveries that may be called, regardless of their breakers."""
    rows = await tx.fetch(
        f"{_WAITING} {endpoints.SELECT} JOIN waiting w ON w.id = e.id "
        "WHERE e.enabled AND e.deleted_at IS NULL "
        "AND (e.paused_until IS NULL OR e.paused_until <= $1) "
        "AND (SELECT min(d.next_at) FROM delivery d "
        "WHERE d.endpoint_id = e.id AND d.state = 'waiting') "  # no join: see fan_out._NEW
        "<= $1 + CASE WHEN e.batch_size > 1 THEN e.batch_ms * 1000 ELSE 0 END",
        now,
    )
    return [endpoints.read(row) for row in rows]


class Claim(NamedTuple):
    """The calls to make, each with its deliveries (one, or a batch with its leader first)."""

    calls: list[list[Due]]
    wake_at: int | None = None
    """When a batch is due even if it is not full."""


async def claim(
    tx: Tx, endpoint: Endpoint, now: int, limit: int, *, takes_batches: bool = True
) -> Claim:
    """Claims due deliveries of one endpoint, for up to ``limit`` calls.

    Without ``takes_batches``, batches of earlier tries are dissolved: the endpoint's format was
    changed to one that tells a single event a call.
    """
    size = endpoint.batch_size
    wait = endpoint.batch_ms * 1000 if size > 1 else 0
    rows = [Due(*row) for row in await tx.fetch(_DUE, endpoint.id, now + wait, limit * size)]
    if endpoint.ordered:
        rows = await _first_in_line(tx, endpoint, now, rows)
    if size > 1:
        taken = await _batches(tx, endpoint, now, rows, limit)
    elif takes_batches:  # batches of earlier tries stay together
        taken = Claim([[row, *more] for row, more in await _with_members(tx, rows)])
    else:
        await _dissolve(tx, now, rows)
        taken = Claim([[row] for row in rows])
    await _mark(tx, now, taken.calls)
    return taken


async def _batches(tx: Tx, endpoint: Endpoint, now: int, rows: Sequence[Due], limit: int) -> Claim:
    """Batches to be tried again, full new ones, and one that has waited long enough.

    What was tried alone is tried again alone: with fewer tries left it would give up for the
    others. So is an event that is no longer on record, with which the others would end.
    """
    again = [row for row in rows if row.batch is not None and row.next_at <= now]
    calls = [[row, *more] for row, more in await _with_members(tx, again)]
    loose = [row for row in rows if row.batch is None]
    calls += [[row] for row in loose if _is_alone(row) and row.next_at <= now]
    fresh = [row for row in loose if not _is_alone(row)]
    wake_at = None
    for i in range(0, len(fresh), endpoint.batch_size):
        batch = fresh[i : i + endpoint.batch_size]
        if len(batch) < endpoint.batch_size and batch[0].next_at > now:
            wake_at = batch[0].next_at
            break
        if len(batch) > 1:
            for row in batch:
                row.call = None  # of a time before a replay, without the others
        calls.append(sorted(batch, key=lambda row: row.event_id))
    return Claim(calls[:limit], wake_at)


def _is_alone(row: Due) -> bool:
    return row.tries > row.base or row.data is None


async def _with_members(tx: Tx, leaders: Sequence[Due]) -> list[tuple[Due, list[Due]]]:
    """Each delivery with the other members of its batch."""
    batches = [row.id for row in leaders if row.batch is not None]
    rows = [Due(*row) for row in await tx.fetch(_MEMBERS, batches)] if batches else []
    return [(lead, [row for row in rows if row.batch == lead.id]) for lead in leaders]


async def _dissolve(tx: Tx, now: int, leaders: Sequence[Due]) -> None:
    """Makes the members of batches deliveries of their own, which are due at once."""
    batches = [row.batch for row in leaders if row.batch is not None]
    if not batches:
        return
    await tx.execute(
        "UPDATE delivery SET batch = NULL, next_at = $2 WHERE batch = ANY($1::bigint[]) "
        "AND state = 'waiting'",
        batches,
        now,
    )
    for row in leaders:
        row.batch = None


async def _mark(tx: Tx, now: int, calls: Iterable[Sequence[Due]]) -> None:
    """Marks deliveries as in flight before they are called, each with the number of its try."""
    marks, until = [], shared_time(tx, now) + LEASE_MICROS
    for call in calls:
        lead = call[0]
        for row in call:
            row.tries += 1
            row.batch = lead.id if len(call) > 1 or row.batch else None
            at = row.next_at if row is lead else None
            marks.append((row.id, "in_flight", row.tries, until, row.batch, at))
    columns = ("state", "tries", "lease_until", "batch", "next_at")
    await tx.update(schema.delivery, "id", columns, marks)


async def _first_in_line(tx: Tx, endpoint: Endpoint, now: int, rows: list[Due]) -> list[Due]:
    """Keeps only the next event of each message; a later one supersedes an intermediate one."""
    messages = sorted({row.message_id for row in rows if row.ordered})
    if not messages:
        return rows
    lines: dict[int, list[Row]] = {}
    for row in await tx.fetch(_LINE, endpoint.id, messages):
        lines.setdefault(row[1], []).append(row)
    stale = {row[0] for line in lines.values() for row in line[:-1] if _gives_way(row)}
    gone = await _supersede(tx, now, stale)
    heads = {}
    for message_id, line in lines.items():
        left = [row for row in line if row[0] not in gone]
        heads[message_id] = left[0]
    held = [row for row in rows if row.ordered and row.id not in gone
            and heads[row.message_id][0] != row.id]  # fmt: skip
    await _hold(tx, now, held, heads)
    waiting = {row.id for row in held} | gone
    return [row for row in rows if row.id not in waiting]


def _gives_way(row: Row) -> bool:
    _, _, state, final, _, _, batch = row
    return state == "waiting" and not final and batch is None


async def _supersede(tx: Tx, now: int, ids: Iterable[int]) -> set[int]:
    """Supersedes these deliveries, except those locked by another worker; returns which."""
    wanted = sorted(ids)
    if not wanted:
        return set()
    locked = await tx.fetch(
        "SELECT id FROM delivery WHERE id = ANY($1::bigint[]) AND state = 'waiting' "
        "ORDER BY id FOR UPDATE SKIP LOCKED",
        wanted,
    )
    why = "a later event of the same message took its place"
    rows = [(row[0], "superseded", now, why) for row in locked]
    await tx.update(schema.delivery, "id", ("state", "ended_at", "why"), rows)
    return {row[0] for row in locked}


async def _hold(tx: Tx, now: int, held: Iterable[Due], heads: dict[int, Row]) -> None:
    """Postpones deliveries whose turn has not come; `release` brings them forward when it has."""
    marks = []
    for row in held:
        _, _, state, _, next_at, _, _ = heads[row.message_id]
        until = next_at or 0 if state == "waiting" else 0
        marks.append((row.id, max(until, now + SECOND)))
    await tx.update(schema.delivery, "id", ("next_at",), marks)


async def release(tx: Tx, now: int, endpoint_id: int, messages: Iterable[int]) -> None:
    """Makes the next event of these messages due, as the one before it has ended.

    The conditions that seem too many choose the index: the first on `state` is that of
    `ix_delivery_queue`, and the sum keeps `ix_delivery_due` out, which would read all that waits.
    """
    await tx.execute(
        "UPDATE delivery SET next_at = $3 WHERE endpoint_id = $1 "
        "AND message_id = ANY($2::bigint[]) AND ordered AND state IN ('waiting', 'in_flight') "
        "AND state = 'waiting' AND tries = base AND next_at + 0 > $3 AND batch IS NULL",
        endpoint_id,
        sorted(messages),
        now,
    )


# --- abandoned claims -----------------------------------------------------------------------------


async def give_back(tx: Tx, now: int, *, all_leases: bool = False, limit: int = 500) -> int:
    """Makes deliveries of dead workers due at once, outside the schedule; returns how many.

    Whether the call was made is unknown: at worst the endpoint gets the event twice.
    """
    horizon = (1 << 62) if all_leases else shared_time(tx, now)
    rows = await tx.fetch(
        "SELECT id, tries, batch FROM delivery WHERE state = 'in_flight' AND lease_until <= $1 "
        "AND (batch IS NULL OR batch = id) ORDER BY lease_until LIMIT $2 FOR UPDATE SKIP LOCKED",
        horizon,
        limit,
    )
    # whole batches: a member left behind would end with a call that does not carry it
    rows += await tx.fetch(
        "SELECT id, tries, batch FROM delivery WHERE batch = ANY($1::bigint[]) AND id <> batch "
        "AND state = 'in_flight' ORDER BY id FOR UPDATE",
        [row[0] for row in rows if row[2] is not None],
    )
    marks = [(row[0], "waiting", None, now if row[2] in (None, row[0]) else None) for row in rows]
    await tx.update(schema.delivery, "id", ("state", "lease_until", "next_at"), marks)
    await tx.execute(
        "UPDATE delivery SET base = base + 1 WHERE id = ANY($1::bigint[])", [r[0] for r in rows]
    )
    why = "the process that made this call ended in between; it may have arrived"
    tries = [(row[0], row[1], now, why) for row in rows if row[2] in (None, row[0])]
    await tx.insert(schema.try_, ("delivery_id", "number", "at", "error"), tries, "ignore")
    return len(rows)


async def end_for_disabled(tx: Tx, now: int, limit: int = 500) -> int:
    """Parks what waits at a disabled endpoint, cancels what waits at a deleted one."""
    disabled = await tx.fetch(
        f"{_WAITING} SELECT e.id, e.disabled_why, e.deleted_at FROM endpoint e "
        "JOIN waiting w ON w.id = e.id WHERE NOT e.enabled LIMIT 1"
    )
    if not disabled:
        return 0
    endpoint_id, why, deleted_at = disabled[0]
    rows = await tx.fetch(
        "SELECT id FROM delivery WHERE endpoint_id = $1 AND state = 'waiting' LIMIT $2 "
        "FOR UPDATE SKIP LOCKED",
        endpoint_id,
        limit,
    )
    state = "parked" if deleted_at is None else "cancelled"
    said = "the endpoint was deleted" if deleted_at else f"the endpoint is disabled: {why}"
    marks = [(row[0], state, now, said) for row in rows]
    await tx.update(schema.delivery, "id", ("state", "ended_at", "why"), marks)
    return len(rows)
