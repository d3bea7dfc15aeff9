"""The group commit: concurrent requests share one sync to disk (rules A2 and A7).

While one batch is written, the next one forms; a single request is written at once. When the store
fails, the batch is retried; each request gives up after as long as its gateway allows.
"""

import asyncio
from typing import NamedTuple, Protocol

from delivrd.intake.folder import Folder
from delivrd.store.append import Entry, append, is_appended
from delivrd.store.base import Store, StoreUnavailable
from delivrd.store.fold import Work

MAX_BATCH = 1000
MAX_WAITING = 20_000
WATCH_SECONDS = 0.25
RETRY_SECONDS = (0.05, 0.1, 0.2, 0.5, 1.0)


class Refused(Exception):
    """The request's nonce was seen before with other content (rule B3)."""


class Written(Protocol):
    """Resolved when an entry was written: a future, or an object with these methods of one."""

    def done(self) -> bool: ...
    def set_result(self, result: None, /) -> None: ...
    def set_exception(self, exception: Exception, /) -> None: ...


class _Waiting(NamedTuple):
    """An entry, who waits for it, and until when, by the loop's clock."""

    entry: Entry
    written: Written
    until: float


class GroupCommit:
    """Appends entries to the store in shared commits."""

    def __init__(self, store: Store, folder: Folder) -> None:
        self._store, self._folder, self._nonces = store, folder, folder.nonces
        self._loop = asyncio.get_running_loop()
        self._waiting: list[_Waiting] = []
        self._written: list[_Waiting] = []  # the batch being written
        self._wake = asyncio.Event()
        self.batches = 0
        self.appended = 0

    def append(self, entry: Entry, patience: float, written: Written) -> None:
        """Queues an entry; resolves ``written`` once it is on disk, or sets an exception.

        The exception is ``Refused`` if its nonce was seen before with other content, and
        ``StoreUnavailable`` if it could not be written within ``patience`` seconds.
        """
        if len(self._waiting) >= MAX_WAITING:
            written.set_exception(StoreUnavailable("too many requests are waiting for the store"))
            return
        self._waiting.append(_Waiting(entry, written, self._loop.time() + patience))
        self._wake.set()

    async def run(self) -> None:
        """Writes batch after batch, until cancelled."""
        self._waiting[:0] = self._written  # the batch that an earlier, ended run was writing
        self._written = []
        self._wake.set()
        await self._write_forever()

    async def watch(self) -> None:
        """Fails requests that have waited as long as their gateway allows, until cancelled."""
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            now = self._loop.time()
            for waiting in (*self._written, *self._waiting):
                if waiting.until < now and not waiting.written.done():
                    waiting.written.set_exception(StoreUnavailable("the store took too long"))

    async def _write_forever(self) -> None:
        failures = 0
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._waiting:
                await self._gather()
                await self._folder.throttle_intake()
                batch = [w for w in self._waiting[:MAX_BATCH] if not w.written.done()]
                del self._waiting[:MAX_BATCH]
                self._written = batch
                try:
                    await self._write(batch)
                    failures = 0
                except StoreUnavailable:
                    self._waiting[:0], self._written = batch, []
                    await asyncio.sleep(RETRY_SECONDS[min(failures, len(RETRY_SECONDS) - 1)])
                    failures += 1

    async def _gather(self) -> None:
        """Lets requests that are arriving right now join the batch; returns once none is.

        Clients that wait for each answer send their next request just after it. Without this they
        would split into two groups that alternate, at twice the number of commits.
        """
        came = 0
        while came < len(self._waiting) < MAX_BATCH:
            came = len(self._waiting)
            for _ in range(2):  # in one round of the loop calls are read, in the next processed
                await asyncio.sleep(0)

    async def _write(self, batch: "list[_Waiting]") -> None:
        if not batch:
            return
        entries = [waiting.entry for waiting in batch]
        own = self._folder.is_next(sum(len(entry.reading.receipts) for entry in entries))
        ids, nonces = self._store.ids, self._nonces
        try:
            judged = await self._store.write(
                lambda tx: append(tx, ids, entries, own=own, nonces=nonces)
            )
        except StoreUnavailable:
            raise
        except Exception as error:
            await self._write_singly(batch, error)
            return
        nonces.remember(judged)
        refused = judged.refused
        self.batches += 1
        self.appended += len(entries)
        for entry, written, _ in batch:
            if not written.done():
                if entry.id in refused:
                    written.set_exception(Refused())
                else:
                    written.set_result(None)
        self._folder.offer([_work(e) for e in entries if e.id not in refused], own=own)

    async def _write_singly(self, batch: "list[_Waiting]", error: Exception) -> None:
        """Writes a batch that failed for its data one by one, so that only the bad entry fails."""
        if len(batch) > 1:
            for one in batch:
                await self._write([one])
            return
        entry, written, _ = batch[0]
        appended = await self._store.read(lambda tx: is_appended(tx, entry))
        if not written.done():  # if it is in the store, an earlier commit succeeded unconfirmed
            written.set_result(None) if appended else written.set_exception(error)


def _work(entry: Entry) -> Work:
    return Work(entry.id, 0, entry.account_id, entry.received_at, entry.reading.receipts)
