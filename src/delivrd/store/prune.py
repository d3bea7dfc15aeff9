"""What is kept only for a while goes, in small steps (rule F5 and `[retention]`).

Each step is a job of one short transaction that says how many rows it took; 0 means that nothing is
left to take. Ids grow with time, so that the oldest rows are the first ones.
"""

from collections import Counter

from delivrd.store.accounts import Accounts
from delivrd.store.adding import add
from delivrd.store.counts import BUCKET, first_minute
from delivrd.store.feedback import forget
from delivrd.store.graph import Graph, PartName
from delivrd.store.ids import Ids, floor
from delivrd.store.tally import Tally
from delivrd.store.tombstones import bury
from delivrd.store.tx import SqliteTx, Tx, ends

PRUNED = -1
"""The slot that holds the counts of messages that are gone."""

# --- simple rows --------------------------------------------------------------------------------


async def events(tx: Tx, before: int, limit: int) -> int:
    """Events of before that moment (microseconds since 1970) that nobody waits for any more."""
    return await tx.execute(
        "DELETE FROM event WHERE id IN (SELECT e.id FROM event e WHERE e.id < $1 AND e.fanned_out "
        "AND NOT EXISTS (SELECT 1 FROM delivery d WHERE d.event_id = e.id "
        "AND d.state IN ('waiting', 'in_flight', 'parked')) ORDER BY e.id LIMIT $2)",
        floor(before),
        limit,
    )


async def deliveries(tx: Tx, before: int, limit: int) -> int:
    """Deliveries of before that moment that have ended, with their tries; not those parked."""
    rows = await tx.fetch(
        "SELECT id FROM delivery WHERE id < $1 "
        "AND state NOT IN ('waiting', 'in_flight', 'parked') ORDER BY id LIMIT $2",
        floor(before),
        limit,
    )
    ids = [row[0] for row in rows]
    await tx.execute("DELETE FROM try WHERE delivery_id = ANY($1::bigint[])", ids)
    return await tx.execute("DELETE FROM delivery WHERE id = ANY($1::bigint[])", ids)


async def tallies(tx: Tx, before: int, limit: int) -> int:
    """Counts of tries of before that moment: bars and rates reach back for a day."""
    rows = await tx.fetch(
        "SELECT t.endpoint_id, t.bucket FROM endpoint e JOIN told t ON t.endpoint_id = e.id "
        "AND t.bucket < $1 LIMIT $2",
        before // BUCKET,
        limit,
    )
    count = 0
    for endpoint_id, bucket in sorted({(row[0], row[1]) for row in rows}):
        count += await tx.execute(
            "DELETE FROM told WHERE endpoint_id = $1 AND bucket = $2", endpoint_id, bucket
        )
    return count


async def gone_urls(tx: Tx, before: int, limit: int) -> int:
    """callback_urls that answered 410 before that moment: they are asked again after that time."""
    return await tx.execute(
        "DELETE FROM gone WHERE url IN (SELECT url FROM gone WHERE at < $1 LIMIT $2)",
        before,
        limit,
    )


async def idempotency_keys(tx: Tx, before: int, limit: int) -> int:
    return await tx.execute(
        "DELETE FROM idempotency WHERE (key_id, key) IN "
        "(SELECT key_id, key FROM idempotency WHERE created_at < $1 LIMIT $2)",
        before,
        limit,
    )


async def nonces(tx: Tx, now: int, limit: int) -> int:
    return await tx.execute(
        "DELETE FROM nonce WHERE (account_id, nonce) IN "
        "(SELECT account_id, nonce FROM nonce WHERE expires_at < $1 LIMIT $2)",
        now,
        limit,
    )


async def notices(tx: Tx, before: int, limit: int) -> int:
    """Notices that have ended, with the single failures that some of them told, older than that
    moment. Other firings stay for good: there are few."""
    gone = await tx.execute(
        "DELETE FROM notice WHERE id IN (SELECT id FROM notice WHERE state <> 'waiting' "
        "AND id < $1 ORDER BY id LIMIT $2)",
        floor(before),
        limit,
    )
    return gone + await tx.execute(
        "DELETE FROM firing WHERE id IN (SELECT id FROM firing WHERE state = 'told' "
        "AND id < $1 ORDER BY id LIMIT $2)",
        floor(before),
        limit,
    )


async def sessions(tx: Tx, now: int, limit: int) -> int:
    return await tx.execute(
        "DELETE FROM session WHERE hash IN "
        "(SELECT hash FROM session WHERE expires_at < $1 LIMIT $2)",
        now,
        limit,
    )


async def ring(tx: Tx, rows: int, size: int) -> int:
    """Refused calls over the bounds, the oldest first."""
    kept = await tx.fetch(
        "SELECT id, coalesce(length(query), 0) + coalesce(length(headers), 0) "
        "+ coalesce(length(body), 0) FROM ring ORDER BY id DESC"
    )
    total = 0
    for position, (row_id, length) in enumerate(kept):
        total += length
        if position >= rows or total > size:
            return await tx.execute("DELETE FROM ring WHERE id <= $1", row_id)
    return 0


# --- the bodies of requests ---------------------------------------------------------------------


async def oldest_body(tx: Tx) -> int | None:
    """The id of the oldest request whose body is still kept.

    Bodies go in the order of the ids, so that it is found by halving, however many are gone.
    """
    span = await ends(tx, "request")
    if span is None:
        return None
    low, high = span
    while low < high:
        middle = (low + high) // 2
        row = await tx.fetch(
            "SELECT id, body IS NULL FROM request WHERE id >= $1 ORDER BY id LIMIT 1", middle
        )
        if row[0][1]:
            low = row[0][0] + 1
        else:
            high = middle
    found = await tx.fetch("SELECT id FROM request WHERE id >= $1 AND body IS NOT NULL "
                           "ORDER BY id LIMIT 1", low)  # fmt: skip
    return found[0][0] if found else None


async def bodies(tx: Tx, before: int, limit: int) -> int:
    """Bodies, queries and headers of requests, and the raw form of what could not be read."""
    first = await oldest_body(tx)
    if first is None:
        return 0
    rows = await tx.fetch(
        "SELECT id FROM request WHERE id >= $1 AND id < $2 ORDER BY id LIMIT $3",
        first,
        floor(before),
        limit,
    )
    taken = [row[0] for row in rows]
    await tx.execute(
        "UPDATE request SET body = NULL, query = NULL, headers = NULL WHERE id = ANY($1::bigint[])",
        taken,
    )
    await tx.execute("UPDATE fault SET raw = NULL WHERE request_id = ANY($1::bigint[])", taken)
    return len(taken)


# --- messages -----------------------------------------------------------------------------------

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
    "SELECT id, key FROM part WHERE attempt_id IS NULL AND id < $1 ORDER BY id LIMIT $2 FOR UPDATE"
)


async def messages(tx: Tx, accounts: Accounts, ids: Ids, now: int, before: int, limit: int) -> int:
    """Messages made before that moment, with all that was said of them.

    Their counts go to the slot of the pruned; each part leaves a tombstone. One that is still
    waited for stays. One process at a time may do this (rule F4).
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
    await bury(tx, now, [part.key for part in parts])
    await _forget_parts(tx, [part.id for part in parts])
    await _delete(tx, "attempt", [attempt.id for attempt in attempts])
    await _delete(tx, "message", [message.id for message in doomed])
    await forget(tx, [message.id for message in doomed], PRUNED)
    return len(doomed)


async def unmatched(tx: Tx, now: int, before: int, limit: int) -> int:
    """Receipts of before that moment that never met a message."""
    rows = await tx.fetch(_UNMATCHED, floor(before), limit)
    await bury(tx, now, [row[1] for row in rows])
    await _forget_parts(tx, [row[0] for row in rows])
    return len(rows)


async def requests(tx: Tx, before: int, limit: int) -> int:
    """Requests of before that moment of which nothing is kept any more."""
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


async def _move_counts(tx: Tx, tally: Tally, first: int) -> None:
    counted = tally.tables(first)
    await add(tx, counted, tx.slot, -1)
    await add(tx, counted, PRUNED)


async def minutes(tx: Tx, now: int, limit: int) -> int:
    """Counts by the minute that are kept no more."""
    oldest = (await tx.fetch("SELECT min(minute) FROM recent"))[0][0]
    if oldest is None or oldest >= first_minute(now):
        return 0
    until = min(oldest + max(1, limit), first_minute(now))
    return await tx.execute("DELETE FROM recent WHERE minute < $1", until)


async def _forget_parts(tx: Tx, part_ids: list[int]) -> None:
    """Takes parts away with their statements, and with the links to the requests these came in."""
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


# --- the file -----------------------------------------------------------------------------------

FREE_PAGES = 2_000
"""So many free pages stay in the file, to be written again."""


async def vacuum(tx: Tx, pages: int, *, keep: int = FREE_PAGES) -> int:
    """Gives free pages of a SQLite file back to the disk, but for those to keep; how many."""
    if not isinstance(tx, SqliteTx):
        return 0
    free = int((await tx.fetch("PRAGMA freelist_count"))[0][0])
    spare = min(pages, free - keep)
    if spare <= 0:
        return 0
    for _ in range(spare):  # however many one is asked for, Python's driver stops after the first
        await tx.execute("PRAGMA incremental_vacuum(1)")
    return spare
