"""Waiting for the end of a message: thousands at once, and one query for all of them."""

import asyncio
from collections import defaultdict

import structlog

from delivrd.store.base import Store, StoreUnavailable, event_or_time
from delivrd.store.tx import Tx

log = structlog.get_logger(__name__)

GATHER_SECONDS = 0.02
POLL_SECONDS = 5.0

_FINAL = (
    "SELECT asked.uuid, m.id, m.final FROM message asked "
    "JOIN message m ON m.id = coalesce(asked.merged_into, asked.id) "
    "WHERE asked.uuid = ANY($1::text[])"
)


class Waiting:
    """Those who wait, by message. Woken by the store's bell; looks at all of them in one query."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._waiters: defaultdict[str, set[asyncio.Future[None]]] = defaultdict(set)
        self._known: dict[str, int] = {}
        self._look = asyncio.Event()
        self._silence = store.bell.listen(self._rung)

    async def until_final(self, uuid: str, seconds: float) -> None:
        """Returns when the message's status is final, or after ``seconds``."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters[uuid].add(done)
        self._look.set()
        try:
            async with asyncio.timeout(seconds):
                await done
        except TimeoutError:
            pass
        finally:
            self._waiters[uuid].discard(done)
            if not self._waiters[uuid]:
                del self._waiters[uuid]
                self._known.pop(uuid, None)

    async def run(self) -> None:
        """Looks whenever something happened, until cancelled."""
        while True:
            await event_or_time(self._look, POLL_SECONDS)
            self._look.clear()
            if self._waiters:
                try:
                    await self._look_at_all()
                except StoreUnavailable as error:
                    log.warning("waiting for final statuses: the store is away", error=str(error))
                await asyncio.sleep(GATHER_SECONDS)

    def close(self) -> None:
        self._silence()

    def _rung(self, changed: set[int]) -> None:
        unknown = len(self._known) < len(self._waiters)
        if not changed or unknown or not changed.isdisjoint(self._known.values()):
            self._look.set()

    async def _look_at_all(self) -> None:
        uuids = list(self._waiters)

        async def job(tx: Tx) -> list[tuple[str, int, bool]]:
            return [(row[0], row[1], bool(row[2])) for row in await tx.fetch(_FINAL, uuids)]

        for uuid, message_id, final in await self._store.read(job):
            if uuid in self._waiters:
                self._known[uuid] = message_id
            for done in tuple(self._waiters.get(uuid, ())) if final else ():
                if not done.done():
                    done.set_result(None)
