"""Deliveries and their tries: the list with filters, one in detail, and selections of many."""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from delivrd.store.accounts import Accounts
from delivrd.store.ids import floor
from delivrd.store.queries.paging import Condition, Listed, Span, listed, scan
from delivrd.store.queries.views import simulated
from delivrd.store.replays import ENDED
from delivrd.store.tx import Row, Tx

STATES = ("waiting", "in_flight", "delivered", "parked", "superseded", "skipped", "cancelled")
TRIES_SHOWN = 100
STEP = 500


class Delivery(msgspec.Struct):
    """One event for one endpoint; times are microseconds since 1970."""

    id: int
    event_id: int
    endpoint_id: int
    message_row: int
    url: str | None
    state: str
    final: bool
    tries: int
    next_at: int | None
    batch: int | None
    why: str | None
    created_at: int
    ended_at: int | None
    type: str | None = None
    message_id: str | None = None
    last_status: int | None = None
    simulated: bool = False


class Try(msgspec.Struct):
    """One HTTP call; headers are JSON lists of pairs, as stored."""

    number: int
    at: int
    connect_us: int | None
    first_byte_us: int | None
    total_us: int | None
    status: int | None
    error: str | None
    request_headers: bytes | None
    response_headers: bytes | None
    response: bytes | None


class Detail(msgspec.Struct):
    """A delivery, its event's JSON, the packed call to make, and its tries, newest first."""

    delivery: Delivery
    event_at: int | None
    data: str | None
    call: bytes | None
    tries: Sequence[Try]


_COLUMNS = Delivery.__struct_fields__[:13]
_SELECT = f"SELECT {', '.join(_COLUMNS).replace('message_row', 'message_id')} FROM delivery"


async def list_deliveries(
    tx: Tx,
    accounts: Accounts,
    *,
    endpoint_id: int | None = None,
    message_id: str | None = None,
    state: str | None = None,
    since: int | None = None,
    until: int | None = None,
    before: int | None = None,
    limit: int = 50,
) -> Listed[Delivery]:
    """The newest deliveries; ``message_id`` is a message's UUID."""
    span = Span(since, until)
    indexed = span.conditions("created_at")
    others: list[Condition] = []
    if message_id is not None:
        rows = await tx.fetch("SELECT id FROM message WHERE uuid = $1", message_id)
        indexed.append(("message_id = ?", (rows[0][0] if rows else -1,)))
    if endpoint_id is not None:
        (others if message_id else indexed).append(("endpoint_id = ?", (endpoint_id,)))
    if state == "parked":  # as the partial index says it
        alone = endpoint_id is None and message_id is None
        (indexed if alone else others).append(("state = 'parked'", ()))
    elif state is not None:
        others.append(("state = ?", (state,)))
    found = await scan(
        tx, _SELECT, indexed=indexed, others=others, below=span.below(before), lowest=span.lowest,
        limit=limit,
    )  # fmt: skip
    return listed(await _with_related(tx, accounts, found.rows), found)


async def _with_related(tx: Tx, accounts: Accounts, rows: Iterable[Row]) -> list[Delivery]:
    """Adds what other tables hold: of the event, the message, its account, and the last try."""
    found = [Delivery(*row) for row in rows]
    types = await _by_id(
        tx,
        "SELECT id, type FROM event WHERE id = ANY($1::bigint[])",
        [delivery.event_id for delivery in found],
    )
    messages = await _by_id(
        tx,
        "SELECT id, uuid, account_id FROM message WHERE id = ANY($1::bigint[])",
        [delivery.message_row for delivery in found],
    )
    last = await _by_id(
        tx,
        "SELECT t.delivery_id, t.status FROM try t WHERE t.delivery_id = ANY($1::bigint[]) "
        "AND t.number = (SELECT max(l.number) FROM try l WHERE l.delivery_id = t.delivery_id)",
        [_lead(delivery) for delivery in found],
    )
    for delivery in found:
        delivery.final = bool(delivery.final)
        (delivery.type,) = types.get(delivery.event_id, (None,))
        (delivery.last_status,) = last.get(_lead(delivery), (None,))
        if message := messages.get(delivery.message_row):
            delivery.message_id, account_id = message
            delivery.simulated = simulated(accounts, account_id)
    return found


def _lead(delivery: Delivery) -> int:
    """The delivery that keeps the tries of its batch; one that is in none keeps its own."""
    return delivery.batch or delivery.id


async def _by_id(tx: Tx, sql: str, ids: Sequence[int]) -> dict[int, Sequence[Any]]:
    """The other columns of the rows by the first one."""
    return {row[0]: row[1:] for row in await tx.fetch(sql, sorted(set(ids)))} if ids else {}


async def find_delivery(tx: Tx, accounts: Accounts, delivery_id: int) -> Detail | None:
    """One delivery with its tries; the tries of a batch are kept with its first delivery."""
    rows = await tx.fetch(f"{_SELECT} WHERE id = $1", delivery_id)
    if not rows:
        return None
    (delivery,) = await _with_related(tx, accounts, rows)
    lead = _lead(delivery)
    event = await tx.fetch("SELECT created_at, data FROM event WHERE id = $1", delivery.event_id)
    at, data = event[0] if event else (None, None)
    call = await tx.fetch("SELECT call FROM delivery WHERE id = $1", lead)
    tries = await tx.fetch(
        f"SELECT {', '.join(Try.__struct_fields__)} FROM try WHERE delivery_id = $1 "
        f"ORDER BY number DESC LIMIT {TRIES_SHOWN}",
        lead,
    )
    packed = call[0][0] if call else None
    return Detail(delivery, at, data, packed, [Try(*row) for row in tries])


# --- selections ----------------------------------------------------------------------------------


async def chosen(
    tx: Tx, state: str, *, endpoint_id: int | None, since: int | None, after: int
) -> list[int]:
    """The next deliveries in that state after an id, at most :data:`STEP`, the oldest first."""
    args: list[object] = [max(after, 0 if since is None else floor(since) - 1)]
    where = "id > $1"
    if endpoint_id is not None:
        args.append(endpoint_id)
        where += f" AND endpoint_id = ${len(args)}"
    if state == "parked":
        where += " AND state = 'parked'"  # as the partial index says it
    else:
        args.append(state)
        where += f" AND state = ${len(args)}"
    rows = await tx.fetch(f"SELECT id FROM delivery WHERE {where} ORDER BY id LIMIT {STEP}", *args)
    return [row[0] for row in rows]


async def count_replayable(tx: Tx, now: int, delivery_ids: Sequence[int]) -> int:
    """How many of these a replay would send again now."""
    rows = await tx.fetch(
        "SELECT count(*) FROM delivery d JOIN endpoint e ON e.id = d.endpoint_id "
        "WHERE d.id = ANY($1::bigint[]) AND e.enabled AND e.deleted_at IS NULL "
        "AND (d.state = ANY($2::text[]) OR (d.state = 'waiting' AND d.next_at > $3))",
        sorted(set(delivery_ids)),
        list(ENDED),
        now,
    )
    return int(rows[0][0])


async def count_cancellable(tx: Tx, delivery_ids: Sequence[int]) -> int:
    """How many of these can be cancelled; the others of their batches would be cancelled too."""
    rows = await tx.fetch(
        "SELECT count(*) FROM delivery WHERE id = ANY($1::bigint[]) "
        "AND state IN ('waiting', 'parked')",
        sorted(set(delivery_ids)),
    )
    return int(rows[0][0])
