"""Stores the results of calls: each try in detail, and the new state of its delivery."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Literal

import msgspec

from delivrd.store import schema
from delivrd.store.counts import BUCKET
from delivrd.store.deliveries import release
from delivrd.store.tx import Tx

State = Literal["waiting", "delivered", "parked", "skipped"]


class Result(msgspec.Struct, kw_only=True):
    """The result of one try of a delivery, or of a batch under its leader.

    ``number`` identifies the try: if another worker has claimed the delivery meanwhile, only that
    worker's result is stored.
    """

    delivery_id: int
    endpoint_id: int
    message_ids: Sequence[int]
    batch: bool
    ordered: bool
    number: int
    state: State
    next_at: int | None = None
    why: str | None = None
    call: bytes | None = None
    revision: int = 0
    # the try; at is None if no call was made
    at: int | None = None
    connect_us: int | None = None
    first_byte_us: int | None = None
    total_us: int | None = None
    status: int | None = None
    error: str | None = None
    request_headers: bytes | None = None
    response_headers: bytes | None = None
    response: bytes | None = None
    retry_after: int | None = None
    url: str | None = None
    gone: bool = False
    """It answered 410."""

    @property
    def succeeded(self) -> bool:
        return self.state == "delivered"


_TRY = (
    "at", "connect_us", "first_byte_us", "total_us", "status", "error", "request_headers",
    "response_headers", "response",
)  # fmt: skip


async def store_results(tx: Tx, now: int, results: Sequence[Result]) -> list[Result]:
    """Stores the results whose claim still holds, releases the deliveries that waited for their
    end, and returns those results."""
    rows = await tx.fetch(
        "SELECT id, tries FROM delivery WHERE id = ANY($1::bigint[]) AND state = 'in_flight' "
        "ORDER BY id FOR UPDATE",
        [result.delivery_id for result in results],
    )
    held = {(row[0], row[1]) for row in rows}
    ours = [result for result in results if (result.delivery_id, result.number) in held]
    await _write_deliveries(tx, now, ours)
    await _write_batches(tx, now, ours)
    tries = [
        (r.delivery_id, r.number, *(getattr(r, name) for name in _TRY))
        for r in ours
        if r.at is not None
    ]
    await tx.insert(schema.try_, ("delivery_id", "number", *_TRY), tries, "ignore")
    await _count(tx, ours)
    await _release(tx, now, (result for result in ours if result.state != "waiting"))
    return ours


async def _write_deliveries(tx: Tx, now: int, ours: Sequence[Result]) -> None:
    rows = [
        (r.delivery_id, r.state, r.next_at, None, r.call, r.revision, r.why,
         None if r.state == "waiting" else now)
        for r in ours
    ]  # fmt: skip
    columns = ("state", "next_at", "lease_until", "call", "revision", "why", "ended_at")
    await tx.update(schema.delivery, "id", columns, rows)


async def _write_batches(tx: Tx, now: int, ours: Iterable[Result]) -> None:
    """Gives the other members of a batch the state of its leader."""
    for result in ours:
        if result.batch:
            await tx.execute(
                "UPDATE delivery SET state = $2, lease_until = NULL, why = $3, "
                "ended_at = $4::bigint WHERE batch = $1 AND id <> $1 AND state = 'in_flight'",
                result.delivery_id,
                result.state,
                result.why,
                None if result.state == "waiting" else now,
            )


async def _count(tx: Tx, ours: Iterable[Result]) -> None:
    """Counts tries by outcome, for rates and charts; each writer has its own rows (rule F4)."""
    counts = Counter(
        (r.endpoint_id, r.at // BUCKET, "delivered" if r.succeeded else "failed")
        for r in ours
        if r.at is not None
    )
    rows = [(*key, tx.slot, n) for key, n in sorted(counts.items())]
    columns = ("endpoint_id", "bucket", "outcome", "slot", "n")
    await tx.insert(schema.told, columns, rows, "add")


async def _release(tx: Tx, now: int, ended: Iterable[Result]) -> None:
    """Releases the message's next event on ordered endpoints."""
    waiting: dict[int, set[int]] = {}
    for result in ended:
        if result.ordered:
            waiting.setdefault(result.endpoint_id, set()).update(result.message_ids)
    for endpoint_id, messages in waiting.items():
        await release(tx, now, endpoint_id, messages)


async def note_gone(tx: Tx, now: int, endpoint_id: int, url: str) -> None:
    """Stops calls to one callback_url, which answered 410."""
    await tx.insert(schema.gone, ("url", "at"), [(url, now)], "ignore")
    await tx.execute(
        "UPDATE delivery SET state = 'parked', ended_at = $3, why = 'it answered 410 Gone' "
        "WHERE endpoint_id = $1 AND state = 'waiting' AND url = $2",
        endpoint_id,
        url,
        now,
    )
