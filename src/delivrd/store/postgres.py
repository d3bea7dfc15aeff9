"""The store for many processes: PostgreSQL through asyncpg."""

import asyncio
import random
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from typing import Any, TypeVar
from uuid import uuid4

import asyncpg
import structlog

from delivrd.core.units import SECOND
from delivrd.store import postgres_session
from delivrd.store.accounts import Accounts
from delivrd.store.base import Bell, Job, StoreUnavailable, Writes
from delivrd.store.graph import Moved
from delivrd.store.ids import SLOTS, Ids, floor, now_micros
from delivrd.store.tx import PostgresTx, is_conflict, is_store_error
from delivrd.supervise import Parts

log = structlog.get_logger(__name__)

T = TypeVar("T")

CONNECTIONS, READERS = 12, 6
"""Of a process; and how many of them readers may have at once: intake goes on beside slow ones."""

SLICE_SECONDS = 0.200
CONFLICT_TRIES = 20
SLOT_SECONDS = 60
"""How long a writer keeps its slot after the last renewal, by the database's clock."""

NOTIFY = "delivrd"

_TAKE_SLOT = f"""
INSERT INTO lease (name, holder, expires_at)
VALUES ($1, $2, {PostgresTx.clock} + {SLOT_SECONDS * SECOND})
ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, expires_at = excluded.expires_at
WHERE lease.holder = excluded.holder OR lease.expires_at < {PostgresTx.clock}
RETURNING (SELECT expires_at FROM lease WHERE name = $1), {PostgresTx.clock}
"""

_GIVE_SLOT_BACK = f"""
UPDATE lease SET expires_at = greatest({PostgresTx.clock}, $3) WHERE name = $1 AND holder = $2
"""


class PostgresStore:
    """See :class:`delivrd.store.base.Store`; opened by :func:`delivrd.store.open_store`."""

    dialect = "postgresql"
    holds_loop = False

    def __init__(self, pool: "asyncpg.Pool[Any]", accounts: Accounts) -> None:
        self.pool, self.accounts = pool, accounts
        self._readers = asyncio.Semaphore(READERS)
        self.bell, self.writes = Bell(), Writes()
        self.commits = 0
        self.holder = str(uuid4())
        self.ids = Ids(0)
        self.parts = Parts()
        self._clock_ahead = 0  # of the database, in microseconds, when the slot was last renewed

    async def start(self) -> None:
        """Takes a writer slot, and starts to listen to the other processes."""
        await self._take_slot()
        self.parts.start("writer slot", self._keep_slot)
        self.parts.start("listening to other processes", self._listen)

    def slice_seconds(self, *, catching_up: bool) -> float:
        """The same always: slices block no other job."""
        return SLICE_SECONDS

    async def write(self, job: Job[T], *, background: bool = False) -> T:
        for attempt in range(CONFLICT_TRIES):
            try:
                return await self._write_once(job)
            except Exception as error:
                if isinstance(error, asyncpg.ReadOnlySQLTransactionError):
                    # of a server that is no longer the primary: others may lead to the new one
                    await self.pool.expire_connections()
                if not (isinstance(error, Moved) or is_conflict(error)):
                    if is_store_error(error):
                        raise self._unavailable(str(error) or type(error).__name__) from error
                    raise
            await asyncio.sleep(random.uniform(0, 0.002 * 2 ** min(attempt, 6)))
        raise self._unavailable(f"the transaction conflicted with others {CONFLICT_TRIES} times")

    def _unavailable(self, why: str) -> StoreUnavailable:
        self.writes.failed(error := StoreUnavailable(why))
        return error

    async def _write_once(self, job: Job[T]) -> T:
        async with self.pool.acquire(timeout=5) as connection:
            tx = PostgresTx(connection, self.ids.slot, self._clock_ahead)
            try:
                async with connection.transaction():
                    result = await job(tx)
                    if tx.changed or tx.queued:
                        await connection.execute("SELECT pg_notify($1, $2)", NOTIFY, self.holder)
            except asyncpg.PostgresSystemError:  # of the server's disk: trust nothing of it (G5)
                connection.terminate()
                raise
        self.commits += 1
        self.writes.done()
        if tx.changed or tx.queued:
            self.bell.ring(tx.changed, queued=tx.queued)
        return result

    async def read(self, job: Job[T]) -> T:
        try:
            async with self._reader() as connection, connection.transaction(readonly=True):
                return await job(PostgresTx(connection))
        except Exception as error:
            if is_store_error(error):
                raise StoreUnavailable(str(error) or type(error).__name__) from error
            raise

    @asynccontextmanager
    async def _reader(self) -> AsyncGenerator[Any]:
        """A connection for a reader, once one of those that readers may have is free."""
        async with asyncio.timeout(5):
            await self._readers.acquire()
        try:
            async with self.pool.acquire(timeout=5) as connection:
                yield connection
        finally:
            self._readers.release()

    async def close(self) -> None:
        await self.parts.stop()
        with suppress(Exception):
            async with self.pool.acquire(timeout=2) as connection:
                await connection.execute(
                    _GIVE_SLOT_BACK, f"slot:{self.ids.slot}", self.holder, self.ids.until
                )
        with suppress(TimeoutError):
            await asyncio.wait_for(self.pool.close(), 5)
        self.pool.terminate()

    # --- the slot -------------------------------------------------------------------------------

    async def _take_slot(self) -> None:
        for slot in range(1, SLOTS):
            if (before := await self._has_slot(slot)) is not None:
                self.ids.move(slot, after=floor(before))
                return
        raise StoreUnavailable(
            f"all {SLOTS - 1} writer slots are taken: stop a process, or wait {SLOT_SECONDS} s for "
            "the slot of one that died"
        )

    async def _has_slot(self, slot: int) -> int | None:
        """Takes or renews a slot. Returns until when it was somebody's before (0: nobody's), in
        microseconds since 1970; None if it is another writer's."""
        async with self.pool.acquire(timeout=5) as connection:
            row = await connection.fetchrow(_TAKE_SLOT, f"slot:{slot}", self.holder)
        if row is None:
            return None
        self._clock_ahead = row[1] - now_micros()
        return row[0] or 0

    async def keep_slot(self) -> None:
        """Renews the slot, or takes another one if it is lost: after a pause of this process, or
        when the database was away for long."""
        if await self._has_slot(self.ids.slot) is None:
            log.warning("the writer slot was lost to another process", slot=self.ids.slot)
            await self._take_slot()

    async def _keep_slot(self) -> None:
        while True:
            await asyncio.sleep(SLOT_SECONDS / 6)
            try:
                await self.keep_slot()
            except Exception as error:
                if not (isinstance(error, StoreUnavailable) or is_store_error(error)):
                    raise
                log.warning("the writer slot was not renewed", why=str(error))

    # --- other processes ------------------------------------------------------------------------

    async def _listen(self) -> None:
        """Rings our bell when another process notifies us of a change."""
        while True:
            try:
                async with self.pool.acquire(timeout=5) as connection:
                    lost = asyncio.Event()
                    connection.add_termination_listener(lambda _, lost=lost: lost.set())
                    await connection.add_listener(NOTIFY, self._heard)
                    try:
                        await lost.wait()
                    finally:
                        with suppress(Exception):
                            await connection.remove_listener(NOTIFY, self._heard)
            except Exception as error:
                if not is_store_error(error):
                    raise
            await asyncio.sleep(1)

    def _heard(self, connection: object, pid: int, channel: str, payload: object) -> None:
        if payload != self.holder:
            self.bell.ring(set(), queued=True)


async def connect(url: str, accounts: Accounts) -> PostgresStore:
    """Opens the pool and starts the store.

    Raises:
        StoreUnavailable: the server cannot be reached, or written to.
    """
    try:
        pool = await asyncpg.create_pool(
            url,
            connect=postgres_session.connect,
            connection_class=postgres_session.Session,
            init=postgres_session.settle,
            min_size=2,
            max_size=CONNECTIONS,
            max_inactive_connection_lifetime=0,
            command_timeout=60,
            server_settings={"application_name": "delivrd"},
        )
        store = PostgresStore(pool, accounts)
        try:
            await store.start()
        except BaseException:
            pool.terminate()
            raise
    except Exception as error:
        if is_store_error(error):
            raise StoreUnavailable(str(error)) from error
        raise
    return store
