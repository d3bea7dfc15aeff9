"""Deletes messages with their parts, unmatched receipts, and requests without any content."""

from collections import Counter, defaultdict
from collections.abc import Mapping

from delivrd.store.accounts import Accounts
from delivrd.store.adding import add
from delivrd.store.counts import PRUNED, first_minute
from delivrd.store.feedback import forget
from delivrd.store.graph import Graph, PartName
from delivrd.store.ids import Ids, floor
from delivrd.store.rows import PartRow
from delivrd.store.tally import Tally
from delivrd.store.tombstones import bury
from delivrd.store.tx import Tx

_OLD_MESSAGES = (
    "SELECT m.id FROM message m WHERE m.id < $1 AND (m.final OR NOT EXISTS (SELECT 1 FROM attempt "
    "a WHERE a.message_id = m.id AND NOT a.final AND (a.state IN ('queued', 'handing_over') "
    "OR a.expires_at IS NOT NULL))) ORDER BY m.id LIMIT $2"
)
_PARTS_OF = (
    "SELECT p.key, p.ns, p.provider_message_id FROM part p JOIN attempt a ON a.id = p.attempt_id "
    "WHERE a.message_id = ANY($1::bigint[])"
)
_UNMATCHED = (
    "SELECT id, key, ns, (SELECT max(s.received_at) FROM statement s WHERE s.part_id = part.id) "
    "FROM part WHERE attempt_id IS NULL AND id < $1 AND NOT EXISTS (SELECT 1 FROM statement s "
    "WHERE s.part_id = part.id AND s.received_at >= $2) ORDER BY id LIMIT $3 FOR UPDATE"
)


async def prune(tx: Tx, accounts: Accounts, ids: Ids, now: int, before: int, limit: int) -> int:
    """Deletes messages older than ``before``, with their attempts, parts and statements.

    Their counts move to the slot `PRUNED`, and each part leaves a tombstone, unless its id may mean
    another message by now. A message that may still get a final status stays. Only one process at a
    time may do this (rule F4).
    """
    old = [row[0] for row in await tx.fetch(_OLD_MESSAGES, floor(before), limit)]
    if not old:
        return 0
    names = [PartName(*row) for row in await tx.fetch(_PARTS_OF, old)]
    graph = await Graph.load(tx, accounts, ids, now, parts=names, messages=old)
    doomed = [graph.messages[i] for i in old if i in graph.messages]
    tally = Tally()
    tally.add(doomed)
    await _move_counts(tx, tally, first_minute(now))
    attempts = [attempt for message in doomed for attempt in message.attempts]
    parts = [part for attempt in attempts for part in attempt.parts]
    await _bury(
        tx, accounts, now, {part.key: (part.ns, _last_statement_at(part)) for part in parts}
    )
    await _forget_parts(tx, [part.id for part in parts])
    await _delete(tx, "attempt", [attempt.id for attempt in attempts])
    await _delete(tx, "message", [message.id for message in doomed])
    await forget(tx, [message.id for message in doomed], PRUNED)
    return len(doomed)


async def prune_unmatched(tx: Tx, accounts: Accounts, now: int, before: int, limit: int) -> int:
    """Deletes receipts that were never matched with a message: those of an id of which nothing has
    come since ``before``."""
    rows = await tx.fetch(_UNMATCHED, floor(before), before, limit)
    await _bury(tx, accounts, now, {row[1]: (row[2], row[3] or 0) for row in rows})
    await _forget_parts(tx, [row[0] for row in rows])
    return len(rows)


async def prune_requests(tx: Tx, before: int, limit: int) -> int:
    """Deletes requests older than ``before`` to which no kept row refers."""
    rows = await tx.fetch(
        "SELECT r.id FROM request r WHERE r.id < $1 "
        "AND NOT EXISTS (SELECT 1 FROM link l WHERE l.request_id = r.id) "
        "AND NOT EXISTS (SELECT 1 FROM to_fold t WHERE t.id = r.id) "
        "AND NOT EXISTS (SELECT 1 FROM fault f WHERE f.request_id = r.id AND f.set_aside) "
        "ORDER BY r.id LIMIT $2",
        floor(before),
        limit,
    )
    gone = [row[0] for row in rows]
    await tx.execute("DELETE FROM fault WHERE request_id = ANY($1::bigint[])", gone)
    await _delete(tx, "request", gone)
    return len(gone)


def _last_statement_at(part: PartRow) -> int:
    return max((row.statement.received_at for row in part.statements), default=part.created_at)


async def _bury(tx: Tx, accounts: Accounts, now: int, parts: Mapping[str, tuple[int, int]]) -> None:
    """Leaves tombstones of parts, given by key: namespace, and the time of its last statement.

    A reused id has none, or only a short one: it will mean another message.
    """
    kept: defaultdict[int | None, list[str]] = defaultdict(list)
    for key, (ns, last_at) in parts.items():
        account = accounts.by_id.get(ns)
        after = None if account is None else account.reuse_after
        if after is None or now - last_at < after:
            kept[after].append(key)
    for after, keys in kept.items():
        await bury(tx, now, keys, kept=after)


async def _move_counts(tx: Tx, tally: Tally, first: int) -> None:
    counted = tally.tables(first)
    await add(tx, counted, tx.slot, -1)
    await add(tx, counted, PRUNED)


async def _forget_parts(tx: Tx, part_ids: list[int]) -> None:
    """Deletes parts with their statements and links, and corrects their requests' counts."""
    if not part_ids:
        return
    links = await tx.fetch(
        "SELECT l.request_id, r.id, l.live AND l.reading_no = r.reading_no FROM link l "
        "JOIN statement s ON s.id = l.statement_id LEFT JOIN request r ON r.id = l.request_id "
        "WHERE s.part_id = ANY($1::bigint[])",
        part_ids,
    )
    fewer = Counter(row[1] for row in links if row[1] is not None and row[2])
    for request_id, count in sorted(fewer.items()):
        await tx.execute(
            "UPDATE request SET receipts = receipts - $2 WHERE id = $1", request_id, count
        )
    await tx.execute(
        "DELETE FROM link WHERE statement_id IN "
        "(SELECT id FROM statement WHERE part_id = ANY($1::bigint[]))",
        part_ids,
    )
    await tx.execute("DELETE FROM statement WHERE part_id = ANY($1::bigint[])", part_ids)
    await _delete(tx, "part", part_ids)


async def _delete(tx: Tx, table: str, row_ids: list[int]) -> None:
    await tx.execute(f"DELETE FROM {table} WHERE id = ANY($1::bigint[])", row_ids)
