"""Reads a store that a hub may be using: for `db verify`, `db backup` and `doctor`."""

import asyncio
import sqlite3
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Protocol, TypeVar

import asyncpg

from delivrd.store import sqlite
from delivrd.store.accounts import Accounts
from delivrd.store.base import Job, StoreUnavailable
from delivrd.store.migrations import CURRENT, HEAD, REVISIONS, LaterRelease
from delivrd.store.open import connect, sqlite_path, unavailable
from delivrd.store.tx import PostgresTx, SqliteTx, Tx, is_store_error

T = TypeVar("T")


class NotUpgraded(Exception):
    """The tables are of an earlier release; str() says of which."""


class Reader(Protocol):
    """A store that can be read; every open store is one."""

    accounts: Accounts
    dialect: str

    async def read(self, job: Job[T]) -> T:
        """Runs a job that only reads; returns its result.

        Raises:
            StoreUnavailable: the store did not answer.
        """
        ...


async def snapshot(tx: Tx) -> None:
    """Makes a job read one consistent snapshot, also on PostgreSQL; to be called first in it."""
    if isinstance(tx, PostgresTx):
        await tx.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")


@asynccontextmanager
async def open_reader(url: str) -> AsyncGenerator[Reader]:
    """Opens a database to read only; nothing is created, migrated or locked.

    Raises:
        StoreUnavailable: it cannot be reached, there is no such file, or its tables are of a later
            release.
        NotUpgraded: its tables are of an earlier release.
    """
    path = sqlite_path(url)
    async with _open_sqlite(path) if path else _open_postgres(url) as reader:
        await reader.read(_check_revision)
        reader.accounts = await reader.read(_accounts)
        yield reader


async def _check_revision(tx: Tx) -> None:
    try:
        rows = await tx.fetch(CURRENT)
    except (sqlite3.OperationalError, asyncpg.UndefinedTableError):
        rows = []
    if not rows:
        raise NotUpgraded("it has no tables yet")
    if (found := rows[0][0]) not in REVISIONS:
        raise LaterRelease(found)
    if found != HEAD:
        raise NotUpgraded(f"the tables are of revision {found}, and this release needs {HEAD}")


async def _accounts(tx: Tx) -> Accounts:
    rows = await tx.fetch("SELECT id, name, simulated FROM account")
    simulated = {account_id for account_id, _, is_simulated in rows if is_simulated}
    return Accounts((), {row[0]: row[1] for row in rows}, simulated=simulated)


class _Sqlite:
    dialect = "sqlite"

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection, self.accounts = connection, Accounts((), {})

    async def read(self, job: Job[T]) -> T:
        return await asyncio.to_thread(self._read, job)

    def _read(self, job: Job[T]) -> T:
        try:
            self._connection.execute("BEGIN")
            try:
                return sqlite.run_now(job(SqliteTx(self._connection)))
            finally:
                self._connection.execute("ROLLBACK")
        except sqlite3.DatabaseError as error:
            if not is_store_error(error):
                raise
            raise StoreUnavailable(str(error)) from error


@asynccontextmanager
async def _open_sqlite(path: Path) -> AsyncGenerator[Reader]:
    with closing(_connect(path)) as connection:
        yield _Sqlite(connection)


def _connect(path: Path) -> sqlite3.Connection:
    if not path.exists():
        raise StoreUnavailable(f"there is no file {path.absolute()}")
    if path.is_dir():
        raise StoreUnavailable(f"{path.absolute()}: is a directory") from IsADirectoryError()
    try:
        return sqlite.connect(path)
    except sqlite3.OperationalError as error:  # it is there, so it is most likely another user's
        raise StoreUnavailable(f"{path.absolute()}: {error}") from PermissionError()


class _Postgres:
    dialect = "postgresql"

    def __init__(self, connection: "asyncpg.Connection[asyncpg.Record]") -> None:
        self._connection, self.accounts = connection, Accounts((), {})

    async def read(self, job: Job[T]) -> T:
        with unavailable():
            async with self._connection.transaction(readonly=True):
                return await job(PostgresTx(self._connection))


@asynccontextmanager
async def _open_postgres(url: str) -> AsyncGenerator[Reader]:
    connection = await connect(url)
    try:
        yield _Postgres(connection)
    finally:
        await connection.close()
