"""The append: what came in, made durable before it is answered (rules A2, A3, B3)."""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from delivrd.core.statement import Reading
from delivrd.store import schema
from delivrd.store.ids import Ids
from delivrd.store.tx import Row, Tx

OWNED_MICROS = 5_000_000
"""For so long a row of `to_fold` is its owner's; after that, the owner is taken for dead."""

_pack = msgspec.msgpack.Encoder().encode


class Nonce(NamedTuple):
    """A value that may not be seen again, until ``expires_at``, with other content."""

    value: str
    content: bytes
    expires_at: int


class Entry(NamedTuple):
    """An authentic request as it is kept: secrets replaced, with its verdict and its reading."""

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


async def append(tx: Tx, ids: Ids, entries: Sequence[Entry], *, own: bool) -> set[int]:
    """Writes the entries; the ids of those refused because their nonce was seen before.

    With ``own``, this process's folder has them in memory and folds them next; otherwise they wait
    for whoever claims them.
    """
    replayed = await _replayed(tx, entries)
    kept = [entry for entry in entries if entry.id not in replayed]
    await tx.insert(schema.request, _REQUEST, [_request(entry) for entry in kept])
    owner = tx.slot if own else None
    waiting = [
        (e.id, e.account_id, e.received_at, _pack(e.reading), owner, e.received_at + OWNED_MICROS)
        for e in kept
        if e.reading.receipts
    ]
    await tx.insert(schema.to_fold, _TO_FOLD, waiting)
    faults = [fault for entry in kept if entry.reading.faults for fault in fault_rows(ids, entry)]
    await tx.insert(schema.fault, _FAULT, faults)
    return replayed


async def is_appended(tx: Tx, entry_id: int) -> bool:
    """Whether an entry stands in the store already."""
    return bool(await tx.fetch("SELECT 1 FROM request WHERE id = $1", entry_id))


def _request(entry: Entry) -> Row:
    reading = entry.reading
    return (*entry[:11], reading.kind, reading.why, len(reading.receipts), len(reading.faults))


def fault_rows(ids: Ids, entry: Entry, reading_no: int = 0) -> list[Row]:
    return [
        (ids.next(), entry.id, reading_no, fault.position, fault.why, fault.raw)
        for fault in entry.reading.faults
    ]


async def _replayed(tx: Tx, entries: Sequence[Entry]) -> set[int]:
    """Inserts the nonces; who brought one that was already there with other content (B3)."""
    signed = [(entry, entry.nonce) for entry in entries if entry.nonce is not None]
    if not signed:
        return set()
    columns = ("account_id", "nonce", "content", "expires_at")
    rows = [(entry.account_id, *nonce) for entry, nonce in signed]
    if await tx.insert(schema.nonce, columns, rows, "ignore") == len(rows):
        return set()
    known = await tx.fetch(
        "SELECT account_id, nonce, content FROM nonce WHERE nonce = ANY($1::text[])",
        [nonce.value for _, nonce in signed],
    )
    content = {(row[0], row[1]): bytes(row[2]) for row in known}
    return {
        entry.id
        for entry, nonce in signed
        if content[entry.account_id, nonce.value] != nonce.content
    }
