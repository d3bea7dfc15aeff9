"""Waiting for the end of a message: thousands at once, and one query for all of them."""

import asyncio
from collections import defaultdict
from collections.abc import Collection

import structlog

from delivrd.store.base import Store, StoreUnavailable, event_or_time
from delivrd.store.tx import Tx

log = structlog.get_logger(__name__)

GATHER_SECONDS = 0.02
POLL_SECONDS = 5.0
REST = 4
"""After a query there is a pause of this many times its length: queries take a fifth of the time.
"""

_FINAL = (
    "SELECT asked.uuid, m.id, m.final FROM message asked "
    "JOIN message m ON m.id = coalesce(asked.merged_into, asked.id) "
    "WHERE asked.uuid = ANY($1::text[])"
)


class Waiting:
    """The waiting callers, by message; the store's bell wakes them, one query serves all."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._waiters: defaultdict[str, set[asyncio.Future[None]]] = defaultdict(set)
        self._ids: dict[str, int] = {}
        self._uuids: defaultdict[int, set[str]] = defaultdict(set)  # the same, turned round
        self._unknown: set[str] = set()  # waited for, and its row not known yet
        self._due: set[str] = set()  # to be looked at
        self._look = asyncio.Event()
        self._silence = store.bell.listen(self._rung)
        self._closed = False

    async def until_final(self, uuid: str, seconds: float) -> None:
        """Returns when the message's status is final, or there is none; after ``seconds`` anyway.

        It returns early when the hub is about to end.
        """
        if self._closed or seconds <= 0:
            return
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters[uuid].add(done)
        if uuid not in self._ids:
            self._unknown.add(uuid)
        self._want({uuid})
        try:
            async with asyncio.timeout(seconds):
                await done
        except TimeoutError:
            pass
        finally:
            self._waiters[uuid].discard(done)
            if not self._waiters[uuid]:
                self._forget(uuid)

    async def run(self) -> None:
        """Queries whenever something happened, until cancelled."""
        loop = asyncio.get_running_loop()
        all_at = 0.0
        self._look.set()  # what happened while it did not run
        while True:
            await event_or_time(self._look, POLL_SECONDS)
            self._look.clear()
            if loop.time() >= all_at:  # another process's word may have been lost
                all_at = loop.time() + POLL_SECONDS
                self._due.update(self._waiters)
            if self._due:
                began = loop.time()
                await self._look_at_what_is_due()
                await asyncio.sleep(max(GATHER_SECONDS, REST * (loop.time() - began)))

    def close(self) -> None:
        """Wakes everybody who waits: the hub is about to stop."""
        if not self._closed:
            self._closed = True
            self._silence()
        for uuid in list(self._waiters):
            self._wake(uuid)

    def _rung(self, changed: set[int]) -> None:
        if not changed:  # something, somewhere
            self._want(self._waiters.keys())
            return
        known = (self._uuids[i] for i in changed & self._uuids.keys())
        self._want(self._unknown.union(*known))

    def _want(self, uuids: Collection[str]) -> None:
        if uuids:
            self._due.update(uuids)
            self._look.set()

    async def _look_at_what_is_due(self) -> None:
        uuids, self._due = list(self._due & self._waiters.keys()), set()

        async def job(tx: Tx) -> list[tuple[str, int, bool]]:
            return [(row[0], row[1], bool(row[2])) for row in await tx.fetch(_FINAL, uuids)]

        try:
            found = await self._store.read(job)
        except StoreUnavailable as error:
            log.warning("waiting for final statuses: the store is away", error=str(error))
            self._due.update(uuids)
            return
        for uuid in set(uuids).difference(row[0] for row in found):
            self._wake(uuid)
        for uuid, message_id, final in found:
            if uuid in self._waiters:
                self._learn(uuid, message_id)
                if final:
                    self._wake(uuid)

    def _wake(self, uuid: str) -> None:
        for done in tuple(self._waiters.get(uuid, ())):
            if not done.done():
                done.set_result(None)

    def _learn(self, uuid: str, message_id: int) -> None:
        """Notes the row whose status decides: after a merge, that of another message."""
        if self._ids.get(uuid) != message_id:
            self._unlearn(uuid)
            self._ids[uuid] = message_id
            self._uuids[message_id].add(uuid)
        self._unknown.discard(uuid)

    def _unlearn(self, uuid: str) -> None:
        message_id = self._ids.pop(uuid, None)
        if message_id is not None:
            self._uuids[message_id].discard(uuid)
            if not self._uuids[message_id]:
                del self._uuids[message_id]

    def _forget(self, uuid: str) -> None:
        del self._waiters[uuid]
        self._unknown.discard(uuid)
        self._due.discard(uuid)
        self._unlearn(uuid)
