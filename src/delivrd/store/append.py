"""The append: makes requests durable before they are answered (rules A2, A3, B3)."""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from delivrd.core.statement import Reading
from delivrd.core.units import SECOND
from delivrd.store import schema
from delivrd.store.ids import Ids
from delivrd.store.nonces import Judged, Nonce, Nonces
from delivrd.store.tx import Row, Tx

OWNED_MICROS = 5 * SECOND
"""How long a row of `to_fold` belongs to its owner; after that, the owner is presumed dead."""

_pack = msgspec.msgpack.Encoder().encode


class Entry(NamedTuple):
    """An authentic request as stored: secrets replaced, with its verdict and its reading."""

    id: int
    account_id: int
    received_at: int
    took_us: int
    source: str
    method: str
    path: str
    query: bytes
    headers: bytes
    body: bytes
    auth: str
    reading: Reading
    nonce: Nonce | None = None


_REQUEST = ("id", "account_id", "received_at", "took_us", "source", "method", "path", "query",
            "headers", "body", "auth", "kind", "why", "receipts", "faults")  # fmt: skip
_TO_FOLD = ("id", "account_id", "received_at", "data", "owner", "owned_until")
_FAULT = ("id", "request_id", "reading_no", "position", "why", "raw")


async def append(
    tx: Tx, ids: Ids, entries: Sequence[Entry], *, own: bool, nonces: Nonces | None = None
) -> Judged:
    """Writes the entries, except those refused because of their nonces.

    With ``own``, they are marked for this process's folder, which has them in memory and folds them
    next; otherwise any folder may claim them.
    """
    judged = await _judged(tx, entries, nonces or Nonces())
    kept = [entry for entry in entries if entry.id not in judged.refused]
    await tx.insert(schema.request, _REQUEST, [_request(entry) for entry in kept])
    owner, owned = tx.slot if own else None, tx.clock_ahead + OWNED_MICROS
    waiting = [
        (e.id, e.account_id, e.received_at, _pack(e.reading), owner, e.received_at + owned)
        for e in kept
        if e.reading.receipts
    ]
    await tx.insert(schema.to_fold, _TO_FOLD, waiting)
    faults = [row for e in kept if e.reading.faults for row in _fault_rows(ids, e.id, e.reading)]
    await tx.insert(schema.fault, _FAULT, faults)
    return judged


async def _judged(tx: Tx, entries: Sequence[Entry], nonces: Nonces) -> Judged:
    signed = [(e.id, e.account_id, e.nonce) for e in entries if e.nonce is not None]
    return await nonces.judge(tx, signed) if signed else Judged(set(), {})


async def is_appended(tx: Tx, entry: Entry) -> bool:
    """Whether an entry is in the store already; not if its id is another request's there."""
    rows = await tx.fetch(
        "SELECT account_id, received_at, path, query, headers, body FROM request WHERE id = $1",
        entry.id,
    )
    kept = [entry.account_id, entry.received_at, entry.path, entry.query, entry.headers, entry.body]
    return [list(row) for row in rows] == [kept]


def _request(entry: Entry) -> Row:
    reading = entry.reading
    return (*entry[:11], reading.kind, reading.why, len(reading.receipts), len(reading.faults))


async def note_faults(tx: Tx, ids: Ids, request_id: int, reading: Reading, reading_no: int) -> None:
    """Stores the faults of a reading of a request."""
    await tx.insert(schema.fault, _FAULT, _fault_rows(ids, request_id, reading, reading_no))


def _fault_rows(ids: Ids, request_id: int, reading: Reading, reading_no: int = 0) -> list[Row]:
    return [
        (ids.next(), request_id, reading_no, fault.position, fault.why, fault.raw)
        for fault in reading.faults
    ]
