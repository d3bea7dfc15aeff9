"""The ring of refused calls: bounded, best effort, outside the append (rule B2)."""

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import NamedTuple

import structlog

from delivrd.store import schema
from delivrd.store.base import Store, StoreUnavailable
from delivrd.store.ids import now_micros
from delivrd.store.pruning import aged
from delivrd.store.tx import Tx

log = structlog.get_logger(__name__)

FLUSH_SECONDS = 1.0
PER_SOURCE = 20
"""Calls kept of one account and source between two flushes; the rest are counted as dropped."""

MAX_WAITING = 1000
BODY = 2048
"""Bytes kept of a body, unless the call may be admitted later (only its signature was wrong)."""


class Refusal(NamedTuple):
    """A call that was refused or is a probe; it touches no message."""

    account: str | None
    source: str
    method: str
    path: str
    query: bytes
    headers: bytes
    body: bytes
    status: int
    why: str
    admissible: bool = False


_COLUMNS = ("id", "received_at", *Refusal._fields)


class Ring:
    """Collects refusals and writes them periodically; new ones displace the oldest."""

    def __init__(
        self, store: Store, *, rows: int, size: int, clock: Callable[[], int] = now_micros
    ) -> None:
        self._store, self._clock = store, clock
        self._rows, self._size = rows, size
        self._waiting: list[tuple[object, ...]] = []
        self._seen: Counter[tuple[str | None, str]] = Counter()
        self.dropped = 0
        self.noted: Counter[tuple[str, int]] = Counter()

    def note(self, refusal: Refusal) -> None:
        """Queues a refusal, or counts it as dropped."""
        self.noted[refusal.account or "", refusal.status] += 1
        self._seen[refusal.account, refusal.source] += 1
        crowded = self._seen[refusal.account, refusal.source] > PER_SOURCE
        if crowded or len(self._waiting) >= MAX_WAITING:
            self.dropped += 1
            return
        if not refusal.admissible:
            refusal = refusal._replace(body=refusal.body[:BODY], query=refusal.query[:BODY])
        self._waiting.append((self._store.ids.next(), self._clock(), *refusal))

    async def run(self) -> None:
        """Flushes once a second, until cancelled."""
        while True:
            await asyncio.sleep(FLUSH_SECONDS)
            try:
                await self.flush()
            except StoreUnavailable as error:
                log.warning("refused calls could not be stored", error=str(error))
            except Exception:
                log.exception("refused calls could not be stored")

    async def flush(self) -> None:
        """Writes the queued refusals, and deletes the oldest beyond the bounds."""
        rows, self._waiting = self._waiting, []
        self._seen.clear()
        if rows:
            try:
                await self._store.write(lambda tx: self._write(tx, rows), background=True)
            except Exception:
                self.dropped += len(rows)
                raise

    async def _write(self, tx: Tx, rows: list[tuple[object, ...]]) -> None:
        await tx.insert(schema.ring, _COLUMNS, rows)
        await aged.ring(tx, self._rows, self._size)
