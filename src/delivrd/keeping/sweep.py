"""The retention sweep: singleton work under a lease, in small steps while intake runs (rule G3)."""

import asyncio
import shutil
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import NamedTuple
from uuid import uuid4

import structlog

from delivrd.config import Config, Retention
from delivrd.core.units import DAY, HOUR
from delivrd.store import tombstones
from delivrd.store.base import Store, StoreUnavailable
from delivrd.store.ids import now_micros
from delivrd.store.leases import give_lease_back, take_lease
from delivrd.store.open import sqlite_path
from delivrd.store.pruning import aged, bodies, messages
from delivrd.store.pruning.vacuum import live_bytes, vacuum
from delivrd.store.tx import Tx

log = structlog.get_logger(__name__)

LEASE = "keeping"
LEASE_SECONDS = 60.0
EVERY_SECONDS = 300.0
BODIES = 200
"""Bodies deleted in a step."""

PAGES = 50
"""Free pages released in a step; for each, another page is moved and written."""

PAUSE_SECONDS = 0.02
"""The pause between two steps, for intake."""


Report = Callable[[str, int], None]
"""Is called with the kind of rows, and the number of them deleted so far."""


class NotOurs(Exception):
    """Another process is pruning."""


class Step(NamedTuple):
    """Deletes one kind of rows; ``take`` returns how many it deleted, 0 when it is done."""

    what: str
    take: Callable[[Tx], Awaitable[int]]


def free_disk(config: Config) -> int | None:
    """Free bytes on the disk of the database file; None if the database is on a server."""
    path = sqlite_path(config.database)
    return None if path is None else shutil.disk_usage(path.absolute().parent).free


def disk_is_low(config: Config, spare: int = 0) -> bool:
    """Whether less disk is free than `low_disk_mb`; ``spare`` bytes count as free."""
    free = free_disk(config)
    return free is not None and free + spare < config.retention.low_disk_mb * 1024**2


class Sweep:
    """Deletes what is past its retention, step by step."""

    def __init__(self, store: Store, config: Config, clock: Callable[[], int] = now_micros) -> None:
        self._store, self._config, self._clock = store, config, clock
        self._holder = str(uuid4())

    async def run(self) -> None:
        """Sweeps every few minutes, until cancelled."""
        while True:
            try:
                taken = await self.once()
                if taken:
                    log.info("deleted rows past their retention", **taken)
            except NotOurs:
                pass
            except StoreUnavailable as error:
                log.warning("the retention sweep waits for the store", error=str(error))
            except Exception:
                log.exception("the retention sweep failed")
            await asyncio.sleep(EVERY_SECONDS)

    async def once(
        self, report: Report = lambda what, count: None, pause: float = PAUSE_SECONDS
    ) -> dict[str, int]:
        """Deletes everything past its retention now; returns the number of rows by kind.

        If one kind of rows cannot be deleted, the others are nevertheless.

        Raises:
            NotOurs: another process is pruning.
            StoreUnavailable: the store failed; earlier steps are committed.
            Exception: the first other error, after all steps.
        """
        taken: Counter[str] = Counter()
        failures: list[Exception] = []
        try:
            for step in self._steps():
                try:
                    await self._all_of(step, taken, report, pause)
                except (NotOurs, StoreUnavailable):
                    raise
                except Exception as error:
                    error.add_note(f"while it deleted {step.what}")
                    failures.append(error)
        finally:
            await self._store.write(lambda tx: give_lease_back(tx, LEASE, self._holder))
        for other in failures[1:]:
            log.error("a further step of the retention sweep failed", exc_info=other)
        if failures:
            raise failures[0]
        return dict(taken)

    async def _all_of(self, step: Step, taken: Counter[str], report: Report, pause: float) -> None:
        while count := await self._under_lease(step):
            taken[step.what] += count
            report(step.what, taken[step.what])
            await asyncio.sleep(pause)

    async def _under_lease(self, step: Step) -> int:
        async def job(tx: Tx) -> int:
            if not await take_lease(tx, LEASE, self._holder, LEASE_SECONDS):
                raise NotOurs
            return await step.take(tx)

        return await self._store.write(job, background=True)

    def _steps(self) -> list[Step]:
        now, kept = self._clock(), self._config.retention
        steps = [
            Step("request_bodies", self._bodies),
            Step("events", lambda tx: aged.events(tx, now - kept.events_days * DAY, 500)),
            Step(
                "deliveries",
                lambda tx: aged.deliveries(tx, now - kept.deliveries_days * DAY, 500),
            ),
            Step(
                "tallies",
                lambda tx: aged.tallies(tx, now - kept.deliveries_days * DAY, 500),
            ),
            Step(
                "gone_urls",
                lambda tx: aged.gone_urls(tx, now - kept.deliveries_days * DAY, 500),
            ),
            Step(
                "idempotency_keys",
                lambda tx: aged.idempotency_keys(tx, now - kept.idempotency_hours * HOUR, 500),
            ),
            Step("nonces", lambda tx: aged.nonces(tx, now, 500)),
            Step("notices", lambda tx: aged.notices(tx, now - kept.deliveries_days * DAY, 500)),
            Step("sessions", lambda tx: aged.sessions(tx, now, 500)),
            Step("tombstones", lambda tx: tombstones.delete_expired(tx, now, 500)),
            Step("counts_by_minute", lambda tx: aged.minutes(tx, now, 10)),
            Step("refused_calls", lambda tx: aged.ring(tx, kept.ring_rows, int(kept.ring_bytes))),
            *self._messages(kept, now),
        ]
        return [*steps, Step("free_pages", lambda tx: vacuum(tx, PAGES))]

    async def _bodies(self, tx: Tx) -> int:
        """Deletes bodies past their retention; if disk space is low, younger ones too."""
        kept = self._config.retention.request_bodies_days * DAY
        low = disk_is_low(self._config, await self._spare(tx))
        count = await bodies.erase(tx, self._clock() - (HOUR if low else kept), BODIES)
        if count and low:
            await vacuum(tx, PAGES, keep=0)
        return count

    async def _spare(self, tx: Tx) -> int:
        """Bytes of the file that are free again: they go back to the disk much more slowly than
        bodies are deleted, and would all be deleted meanwhile."""
        path = sqlite_path(self._config.database)
        return 0 if path is None else max(0, path.stat().st_size - await live_bytes(tx))

    def _messages(self, kept: Retention, now: int) -> list[Step]:
        if kept.messages_days is None:
            return []
        accounts, ids = self._store.accounts, self._store.ids
        # a key that is used again is answered with its message
        before = now - max(kept.messages_days * DAY, kept.idempotency_hours * HOUR)
        return [
            Step("messages", lambda tx: messages.prune(tx, accounts, ids, now, before, 50)),
            Step("unmatched", lambda tx: messages.prune_unmatched(tx, accounts, now, before, 100)),
            Step("requests", lambda tx: messages.prune_requests(tx, before, 100)),
        ]
