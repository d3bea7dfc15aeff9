"""Waits for final statuses: one query serves all callers, of whom there may be thousands."""

import asyncio
from collections import defaultdict
from collections.abc import Collection

import structlog

from delivrd.store.base import Store, StoreUnavailable, event_or_time
from delivrd.store.queries.messages import finality

log = structlog.get_logger(__name__)

GATHER_SECONDS = 0.02
POLL_SECONDS = 5.0
REST = 4
"""The pause after a query, as a multiple of its duration: queries take a fifth of the time."""


class Waiting:
    """The waiting callers, by message. Changes in the store trigger the query."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._waiters: defaultdict[str, set[asyncio.Future[None]]] = defaultdict(set)
        self._ids: dict[str, int] = {}
        self._uuids: defaultdict[int, set[str]] = defaultdict(set)  # the inverse of _ids
        self._unknown: set[str] = set()  # waited for, without an entry in _ids
        self._due: set[str] = set()  # to be queried next
        self._look = asyncio.Event()
        self._stop_listening = store.bell.listen(self._on_change)
        self._closed = False

    async def until_final(self, uuid: str, seconds: float) -> None:
        """Returns when the message's status is final, or there is none; after ``seconds`` anyway.

        It returns early when the hub is stopping.
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
        """Queries after each change, until cancelled."""
        loop = asyncio.get_running_loop()
        all_at = 0.0
        self._look.set()  # for changes before this run
        while True:
            await event_or_time(self._look, POLL_SECONDS)
            self._look.clear()
            if loop.time() >= all_at:  # another process's notification may have been lost
                all_at = loop.time() + POLL_SECONDS
                self._due.update(self._waiters)
            if self._due:
                began = loop.time()
                await self._query_due()
                await asyncio.sleep(max(GATHER_SECONDS, REST * (loop.time() - began)))

    def close(self) -> None:
        """Wakes all callers, for the shutdown of the hub; later ones return at once."""
        if not self._closed:
            self._closed = True
            self._stop_listening()
        for uuid in list(self._waiters):
            self._wake(uuid)

    def _on_change(self, changed: set[int]) -> None:
        if not changed:  # an unknown set of messages
            self._want(self._waiters.keys())
            return
        known = (self._uuids[i] for i in changed & self._uuids.keys())
        self._want(self._unknown.union(*known))

    def _want(self, uuids: Collection[str]) -> None:
        if uuids:
            self._due.update(uuids)
            self._look.set()

    async def _query_due(self) -> None:
        uuids, self._due = list(self._due & self._waiters.keys()), set()
        try:
            found = await self._store.read(lambda tx: finality(tx, uuids))
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
        """Records whose row has the status: after a merge, that of another message."""
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
