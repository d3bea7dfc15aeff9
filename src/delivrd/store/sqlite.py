"""The embedded store: one process, one writer, many readers (rule G4).

All writes run on the event loop's thread, in short jobs that never suspend. Only COMMIT, with its
sync to disk, runs in another thread, while jobs for the next transaction queue up. (A separate
writer thread would contend with the event loop for the GIL at every row.) Jobs that callers wait
for share a transaction; each job in the background has one of its own, after theirs.
"""

import asyncio
import fcntl
import os
import sqlite3
import time
from collections import deque
from collections.abc import Coroutine, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, NamedTuple, TypeVar, cast

from delivrd.store import histograms
from delivrd.store.accounts import Accounts
from delivrd.store.base import Bell, Job, StoreUnavailable, Writes
from delivrd.store.ids import Ids, now_micros
from delivrd.store.tx import SqliteTx, is_store_error, within_savepoint
from delivrd.supervise import Parts

T = TypeVar("T")

JOBS_A_COMMIT = 2000
QUICK_COMMIT = 0.001
"""Seconds: a faster commit runs on the event loop, as handing it to a thread costs more: callers
that all wait for it part into two groups, with two commits in turn."""

COMMITS_REMEMBERED = 20
LEAST_SLICE, MOST_SLICE = 0.010, 0.025
"""Bounds of a slice of the fold, in seconds."""

LONG_SLICE = 0.040
"""Seconds of a slice to catch up: the fold takes two fifths more receipts a second than with the
least, and the few calls that wait for it still are answered within 50 ms."""

LOCKED_SECONDS = 5.0
"""How long a transaction waits for another process (a backup, a shell) that holds the lock."""
WAL_LIMIT = 64 * 1024**2
"""Bytes of write-ahead log above which a checkpoint starts."""

WAL_KEPT = WAL_LIMIT - 2 * 1024**2
"""Bytes of the log file kept afterwards: overwriting syncs in half the time that growing takes."""

PASSES, FEW_PAGES = 5, 500
"""A checkpoint is repeated up to so many times, until one copied hardly any pages: what is written
during the last one holds up a commit."""


class Busy(Exception):
    """Another process uses the database; str() says which file and what to do."""


def connect(path: Path, *, write: bool = False) -> sqlite3.Connection:
    """Opens a connection with this store's settings; only one may be opened to write."""
    connection = sqlite3.connect(
        path, isolation_level=None, check_same_thread=False, cached_statements=512, timeout=5
    )
    histograms.teach(connection)
    connection.create_function("now_micros", 0, now_micros)
    connection.execute("PRAGMA temp_store = MEMORY")
    if write:
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA wal_autocheckpoint = 0")
        connection.execute(f"PRAGMA journal_size_limit = {WAL_KEPT}")
        connection.execute("PRAGMA cache_size = -24576")
    else:
        connection.execute("PRAGMA query_only = ON")
    return connection


class FileGuard:
    """Holds a kernel lock on the database's lock file, which ends with the process."""

    def __init__(self, path: Path) -> None:
        self.path = path.with_name(path.name + ".lock")
        try:
            self._fd = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise StoreUnavailable(f"{self.path}: {error.strerror}") from error
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._fd)
            raise Busy(
                f"{path} is in use by another delivrd process. Only one process can serve a SQLite "
                "database: stop the other one, or move to PostgreSQL."
            ) from None

    def release(self) -> None:
        os.close(self._fd)


class _Work(NamedTuple):
    job: Job[Any]
    done: "asyncio.Future[Any]"


class SqliteStore:
    """See :class:`delivrd.store.base.Store`; opened by :func:`delivrd.store.open_store`."""

    dialect = "sqlite"
    holds_loop = True

    def __init__(self, path: Path, accounts: Accounts, ids: Ids) -> None:
        self.path, self.accounts, self.ids = path, accounts, ids
        self.bell, self.writes = Bell(), Writes()
        self.commits = 0
        self._connection = self._connect()
        self._file = _identity(path)
        self._front: deque[_Work] = deque()
        self._back: deque[_Work] = deque()
        self._wake = asyncio.Event()
        self._committer = ThreadPoolExecutor(1, "commit")
        self._checkpointer = ThreadPoolExecutor(1, "checkpoint")
        self._checkpointing: asyncio.Future[None] | None = None
        self._wal = path.with_name(path.name + "-wal")
        self._readers = ThreadPoolExecutor(4, "read")
        self._idle: SimpleQueue[sqlite3.Connection] = SimpleQueue()
        self._commit_seconds = QUICK_COMMIT  # a moving mean, without background jobs
        self.parts = Parts()
        self.parts.start("database writer", self._write_forever)

    def slice_seconds(self, *, catching_up: bool) -> float:
        """The mean time of a sync, within bounds: if syncs took longer than slices, the fold would
        mostly wait for the disk and never catch up."""
        if catching_up:
            return LONG_SLICE
        return min(max(LEAST_SLICE, self._commit_seconds), MOST_SLICE)

    async def write(self, job: Job[T], *, background: bool = False) -> T:
        done: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        (self._back if background else self._front).append(_Work(job, done))
        self._wake.set()
        return await done

    async def read(self, job: Job[T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._readers, self._read, job)

    async def close(self) -> None:
        await self.parts.stop()
        for pool in (self._committer, self._readers, self._checkpointer):
            await asyncio.get_running_loop().run_in_executor(None, pool.shutdown)
        while not self._idle.empty():
            self._idle.get().close()
        with suppress(sqlite3.Error):
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._connection.close()

    # --- reading --------------------------------------------------------------------------------

    def _read(self, job: Job[T]) -> T:
        try:
            with self._reader() as connection:
                connection.execute("BEGIN")
                try:
                    return run_now(job(SqliteTx(connection)))
                finally:
                    connection.execute("ROLLBACK")
        except sqlite3.DatabaseError as error:
            if not is_store_error(error):
                raise
            raise StoreUnavailable(str(error)) from error

    @contextmanager
    def _reader(self) -> Generator[sqlite3.Connection]:
        try:
            connection = self._idle.get_nowait()
        except Empty:
            connection = connect(self.path)
        try:
            yield connection
        except sqlite3.DatabaseError:
            connection.close()
            raise
        except BaseException:
            self._idle.put(connection)
            raise
        else:
            self._idle.put(connection)

    # --- writing --------------------------------------------------------------------------------

    async def _write_forever(self) -> None:
        while True:
            while self._front or self._back:
                await self._commit_once(background=False)
                await self._commit_once(background=True)
            self._wake.clear()
            await self._wake.wait()

    def _take(self, *, background: bool) -> list[_Work]:
        queue, most = (self._back, 1) if background else (self._front, JOBS_A_COMMIT)
        taken = [queue.popleft() for _ in range(min(len(queue), most))]
        return [work for work in taken if not work.done.done()]

    async def _commit_once(self, *, background: bool) -> None:
        """Runs the next jobs in one transaction; their results are set only after the commit."""
        works = self._take(background=background)
        if not works:
            return
        tx = SqliteTx(self._connection)
        results: list[tuple[_Work, Any]] = []
        try:
            await self._begin()
            for work in works:
                if not work.done.done():
                    self._run(work, tx, results)
            await self._commit(background=background)
        except Exception as error:
            self._refuse(works, error)
            self._take_back()
            return
        self.commits += 1
        self.writes.done()
        for work, result in results:
            if not work.done.done():
                work.done.set_result(result)
        if tx.changed or tx.queued:
            self.bell.ring(tx.changed, queued=tx.queued)
        await self._checkpoint_if_due()
        await asyncio.sleep(0)  # lets callers go on, and queue their next job

    def _refuse(self, works: list[_Work], error: Exception) -> None:
        refusal = StoreUnavailable(str(error)) if is_store_error(error) else error
        if isinstance(refusal, StoreUnavailable):
            self.writes.failed(refusal)
        for work in works:
            if not work.done.done():
                work.done.set_exception(refusal)

    async def _begin(self) -> None:
        """Takes the write lock, waiting for it without blocking the event loop.

        Raises:
            StoreUnavailable: the path names this file no longer; a commit would be lost with it.
        """
        if _identity(self.path) != self._file:
            raise StoreUnavailable(f"{self.path} was moved, deleted or replaced: restart the hub")
        loop = asyncio.get_running_loop()
        until = loop.time() + LOCKED_SECONDS
        while True:
            try:
                self._connection.execute("BEGIN IMMEDIATE")
                return
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or loop.time() > until:
                    raise
            await asyncio.sleep(0.01)

    def _connect(self) -> sqlite3.Connection:
        connection = connect(self.path, write=True)
        connection.execute("PRAGMA busy_timeout = 0")
        return connection

    async def _commit(self, *, background: bool) -> None:
        """Commits in another thread, unless that takes longer than the commit.

        A background job's always runs there: it may have to write hundreds of pages, and calls that
        came during the job become jobs meanwhile, before the next one in the background.
        """
        if self._commit_seconds < QUICK_COMMIT and not background:
            spent = self._timed_commit()
        else:
            spent = await self._in_thread(self._committer, self._timed_commit)
        if not background:
            self._commit_seconds += (spent - self._commit_seconds) / COMMITS_REMEMBERED

    def _timed_commit(self) -> float:
        began = time.perf_counter()
        self._connection.commit()
        return time.perf_counter() - began

    def _run(self, work: _Work, tx: SqliteTx, results: list[tuple[_Work, Any]]) -> None:
        try:
            results.append((work, run_now(within_savepoint(tx, lambda: work.job(tx)))))
        except Exception as error:
            if is_store_error(error):
                raise
            work.done.set_exception(error)

    def _take_back(self) -> None:
        """Rolls back a failed transaction; if even that fails, reconnects."""
        try:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
        except sqlite3.Error:
            self._connection.close()
            self._connection = self._connect()

    async def _in_thread(self, pool: ThreadPoolExecutor, call: Any) -> Any:
        """Runs a call in a thread and waits for its end, even if cancelled meanwhile."""
        future = asyncio.get_running_loop().run_in_executor(pool, call)
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            await asyncio.wait([future])
            raise

    # --- the write-ahead log --------------------------------------------------------------------

    async def _checkpoint_if_due(self) -> None:
        """Bounds the log without slowing commits: another thread checkpoints most of it.

        A checkpoint cannot catch up with a busy writer, so the few pages written meanwhile are
        copied here, between two transactions; then the log starts over.
        """
        if self._checkpointing is None:
            if _size(self._wal) > WAL_LIMIT:
                run = asyncio.get_running_loop().run_in_executor
                self._checkpointing = run(self._checkpointer, self._checkpoint)
        elif self._checkpointing.done():
            self._checkpointing = None
            await self._in_thread(self._committer, lambda: _copy_back(self._connection))

    def _checkpoint(self) -> None:
        connection = sqlite3.connect(self.path, isolation_level=None, timeout=0.05)
        try:
            copied = 0
            for _ in range(PASSES):
                before, copied = copied, _copy_back(connection)
                if copied - before < FEW_PAGES:
                    break
        finally:
            connection.close()


def _identity(path: Path) -> tuple[int, int] | None:
    """What tells a file from others; None if there is none."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _size(path: Path) -> int:
    try:
        return os.stat(path).st_size
    except FileNotFoundError:
        return 0


def _copy_back(connection: sqlite3.Connection) -> int:
    """Copies what it can of the log into the database; returns how many of its pages are copied."""
    try:
        _, _, copied = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
    except sqlite3.OperationalError:
        return 0
    return int(copied)


def run_now(job: Coroutine[Any, Any, T] | Any) -> T:
    """Runs a coroutine that never suspends, as every job on SQLite must be; returns its result."""
    try:
        job.send(None)
    except StopIteration as stop:
        return cast(T, stop.value)
    job.close()
    raise RuntimeError("a job on SQLite waited for something other than the store")
