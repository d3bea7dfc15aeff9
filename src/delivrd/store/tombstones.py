"""Tombstones of the parts of pruned messages: a hash, kept for 13 months (rule F5).

A receipt for such a part is kept as unmatched and creates no message. Ids that are reused mean
another message much earlier: their tombstones are kept for ``id_reuse_after``, then to the end of
the month.
"""

from collections.abc import Iterable, Iterator
from hashlib import blake2b

from delivrd.core.statement import moment
from delivrd.store import schema
from delivrd.store.tx import Tx

MONTHS = 13
AT_A_TIME = 1000
"""Hashes in a query: PostgreSQL takes 32,767 arguments, and one call can bring more receipts."""


async def bury(tx: Tx, now: int, keys: Iterable[str], *, kept: int | None = None) -> None:
    """Adds a tombstone for each of these parts, to be kept at least for ``kept`` microseconds, and
    not much longer (None: 13 months). One that is there already goes no earlier for it."""
    month = _month(now) if kept is None else _month(now + kept) - MONTHS
    hashes = [_hash(key) for key in sorted(keys)]
    for some in _slices(hashes):
        older = f"DELETE FROM tombstone WHERE month < $1 AND hash IN ({_marks(some, 2)})"
        await tx.execute(older, month, *some)
    rows = [(key_hash, month) for key_hash in hashes]
    await tx.insert(schema.tombstone, ("hash", "month"), rows, "ignore")


async def buried(tx: Tx, keys: Iterable[str]) -> set[str]:
    """Those of the keys that have a tombstone."""
    by_hash = {_hash(key): key for key in keys}
    found: set[str] = set()
    for some in _slices(list(by_hash)):
        rows = await tx.fetch(f"SELECT hash FROM tombstone WHERE hash IN ({_marks(some)})", *some)
        found.update(by_hash[bytes(row[0])] for row in rows)
    return found


async def delete_expired(tx: Tx, now: int, limit: int) -> int:
    """Deletes tombstones older than 13 months; returns how many."""
    return await tx.execute(
        "DELETE FROM tombstone WHERE hash IN "
        "(SELECT hash FROM tombstone WHERE month < $1 LIMIT $2)",
        _month(now) - MONTHS,
        limit,
    )


def _slices(hashes: list[bytes]) -> Iterator[list[bytes]]:
    return (hashes[at : at + AT_A_TIME] for at in range(0, len(hashes), AT_A_TIME))


def _marks(some: list[bytes], first: int = 1) -> str:
    return ", ".join(f"${i}" for i in range(first, first + len(some)))


def _hash(key: str) -> bytes:
    return blake2b(key.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def _month(micros: int) -> int:
    """The month, counted from the year 0."""
    at = moment(micros)
    return at.year * 12 + at.month - 1
