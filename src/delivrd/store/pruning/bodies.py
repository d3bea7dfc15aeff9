"""Erases the bodies, queries and headers of requests."""

from delivrd.store.ids import floor
from delivrd.store.tx import Tx, ends


async def oldest(tx: Tx) -> int | None:
    """The id of the oldest request whose body is still kept.

    Bodies are erased in order of ids, so it is found by binary search.
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


async def erase(tx: Tx, before: int, limit: int) -> int:
    """Empties requests older than ``before``, and the raw form of their faults.

    Times are microseconds since 1970.
    """
    first = await oldest(tx)
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
