"""Deletes rows by their age alone.

Each function deletes at most ``limit`` rows older than ``before``, a time in microseconds since
1970, and returns how many.
"""

from delivrd.store.counts import BUCKET, first_minute
from delivrd.store.ids import floor
from delivrd.store.tx import Tx


async def events(tx: Tx, before: int, limit: int) -> int:
    """Events that have been fanned out and whose deliveries have ended."""
    return await tx.execute(
        "DELETE FROM event WHERE id IN (SELECT e.id FROM event e WHERE e.id < $1 AND e.fanned_out "
        "AND NOT EXISTS (SELECT 1 FROM delivery d WHERE d.event_id = e.id "
        "AND d.state IN ('waiting', 'in_flight', 'parked')) ORDER BY e.id LIMIT $2)",
        floor(before),
        limit,
    )


async def deliveries(tx: Tx, before: int, limit: int) -> int:
    """Deliveries that have ended, with their tries. Parked ones have not ended."""
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
    """Counts of tries by endpoint, which are needed for the last day only."""
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
    """callback_urls that answered 410; they may be called again afterwards."""
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
    """Notices that have ended, and the firings of single failures (`told`) behind some of them.

    Other firings are few and are kept for good.
    """
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


async def minutes(tx: Tx, now: int, limit: int) -> int:
    """Counts by the minute that are older than `KEPT_MINUTES`, ``limit`` minutes at a time."""
    oldest = (await tx.fetch("SELECT min(minute) FROM recent"))[0][0]
    if oldest is None or oldest >= first_minute(now):
        return 0
    until = min(oldest + max(1, limit), first_minute(now))
    return await tx.execute("DELETE FROM recent WHERE minute < $1", until)


async def ring(tx: Tx, rows: int, size: int) -> int:
    """Refused calls beyond ``rows`` or ``size`` bytes, the oldest first."""
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
