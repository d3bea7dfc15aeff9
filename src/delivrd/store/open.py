"""Opens a store by its URL: migrates it, enrols the accounts, starts it."""

import os
import socket
import sqlite3
import ssl
from collections.abc import Generator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

import asyncpg
from sqlalchemy import URL, create_engine

from delivrd.core import os_error
from delivrd.providers.base import AccountSettings, Provider
from delivrd.store import migrations, postgres, postgres_session, schema, sqlite
from delivrd.store.accounts import Accounts, enrol
from delivrd.store.base import Store, StoreUnavailable
from delivrd.store.ids import Ids
from delivrd.store.nonces import settle_all
from delivrd.store.tx import PostgresTx, SqliteTx, is_store_error

Configured = Mapping[str, tuple[Provider, AccountSettings]]


def sqlite_path(url: str) -> Path | None:
    """The file of a ``sqlite:///`` URL; None for any other URL.

    A symbolic link is followed, as SQLite does: its log lies beside the file itself, and so must
    our lock and socket, under whatever name a process opens it.
    """
    if not url.startswith("sqlite:///"):
        return None
    path = Path(url.removeprefix("sqlite:///"))
    return path.resolve() if path.is_symlink() else path


async def open_store(url: str, configured: Configured) -> Store:
    """Opens the store at ``sqlite:///path`` or ``postgresql://…``; creates and migrates tables.

    Raises:
        StoreUnavailable: it cannot be reached or opened.
        ValueError: the URL has neither form.
    """
    path = sqlite_path(url)
    if path is not None:
        with unavailable():
            return await _open_sqlite(path, configured)
    if url.startswith("postgresql://"):
        return await _open_postgres(url, configured)
    raise ValueError(f"database = {url!r}: use sqlite:///PATH or postgresql://USER@HOST/NAME")


async def _open_sqlite(path: Path, configured: Configured) -> Store:
    upgrade_sqlite(path)
    connection = sqlite.connect(path, write=True)
    try:
        connection.execute("BEGIN IMMEDIATE")
        accounts: Accounts = sqlite.run_now(enrol(SqliteTx(connection), configured))
        sqlite.run_now(settle_all(SqliteTx(connection)))
        connection.commit()
        last = connection.execute(_LAST_ID).fetchone()[0]
    finally:
        connection.close()
    return sqlite.SqliteStore(path, accounts, Ids(0, after=last or 0))


_LAST_ID = "SELECT max(last) FROM (" + " UNION ALL ".join(
    f"SELECT max(id) AS last FROM {table.name}"
    for table in schema.metadata.sorted_tables if "id" in table.c
) + ")"  # fmt: skip


def upgrade_sqlite(path: Path) -> tuple[str | None, str]:
    """Creates the file if it is missing, and upgrades its tables to this release.

    Returns the revisions before and after.

    Raises:
        StoreUnavailable: it cannot be opened, or is not a database.
    """
    with unavailable():
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))  # it holds people's numbers, texts
        with closing(sqlite.connect(path, write=True)) as connection:
            # which sets auto_vacuum, as must be done before the first table is made
            if _revision_of(connection) == migrations.HEAD:
                return migrations.HEAD, migrations.HEAD
        engine = create_engine(URL.create("sqlite", database=str(path)))
        try:
            with engine.begin() as upgraded:
                return migrations.upgrade(upgraded)
        finally:
            engine.dispose()


def _revision_of(connection: sqlite3.Connection) -> str | None:
    """The revision of the tables; None if there are none yet."""
    try:
        row = connection.execute(migrations.CURRENT).fetchone()
    except sqlite3.OperationalError:
        return None
    return row[0] if row else None


async def upgrade_postgres(url: str) -> tuple[str | None, str]:
    """Upgrades the tables to this release; processes that start together take turns.

    Raises:
        StoreUnavailable: the server cannot be reached, or refuses the user or the upgrade.
    """
    from sqlalchemy.ext.asyncio import create_async_engine  # brings the ORM, slow to import

    engine = create_async_engine("postgresql+asyncpg://", async_creator=lambda: connect(url))
    try:
        with unavailable():
            async with engine.begin() as connection:
                await connection.exec_driver_sql("SELECT pg_advisory_xact_lock(7242001)")
                return await connection.run_sync(migrations.upgrade)
    finally:
        await engine.dispose()


@contextmanager
def unavailable() -> Generator[None]:
    """Turns the driver's errors, bare or wrapped by SQLAlchemy, into StoreUnavailable."""
    try:
        yield
    except StoreUnavailable:
        raise
    except Exception as error:
        cause: BaseException | None = error
        while cause is not None and not is_store_error(cause):
            cause = cause.__cause__
        if cause is None:
            raise
        raise StoreUnavailable(_words(cause)) from cause


def _words(error: BaseException) -> str:
    file, said = getattr(error, "filename", None), os_error.in_words(error)
    return f"{file}: {said}" if file else said


async def connect(url: str) -> "asyncpg.Connection[asyncpg.Record]":
    """A connection to PostgreSQL, by all that its own addresses may say (sslmode, many hosts).

    Raises:
        StoreUnavailable: the server cannot be reached, refuses the user, or does not give the
            sessions that delivrd needs.
    """
    connection = await _connect(url)
    try:
        with unavailable():
            await postgres_session.check(connection, lambda: _connect(url))
            await postgres_session.settle(connection)
    except BaseException:
        connection.terminate()
        raise
    return connection


async def _connect(url: str) -> "asyncpg.Connection[asyncpg.Record]":
    with unavailable():
        try:
            # no statement keeps a name: a pooler by transaction is found out before it stumbles
            return await postgres_session.connect(url, statement_cache_size=0)
        except OSError as error:
            where = urlsplit(url).netloc.rpartition("@")[2] or "the server"
            raise StoreUnavailable(f"{where}: {os_error.in_words(error)}") from error
        except (ValueError, asyncpg.PostgresError) as error:  # such as sslmode=perhaps
            raise StoreUnavailable(str(error)) from error


READ_ONLY = (
    "name the primary in `database`, or all servers with ?target_session_attrs=read-write; "
    "or ALTER ROLE … SET default_transaction_read_only = off"
)

ADVICE: tuple[tuple[type[BaseException], str], ...] = (
    (migrations.LaterRelease, "install that delivrd again, or name another `database`"),
    (socket.gaierror, "check the host in `database`"),
    (IsADirectoryError, "name a file in `database`, not a folder"),
    (PermissionError, "run it as the user that runs the hub"),
    (
        asyncpg.InvalidAuthorizationSpecificationError,
        "check user, password and sslmode in `database`",
    ),
    (asyncpg.InvalidCatalogNameError, "make it by createdb, or check its name in `database`"),
    (
        asyncpg.InsufficientPrivilegeError,
        "ALTER DATABASE … OWNER TO …: the user makes tables; or let their owner do "
        "`delivrd db upgrade`, and GRANT SELECT, INSERT, UPDATE, DELETE on them",
    ),
    (asyncpg.InvalidSchemaNameError, "CREATE SCHEMA …, or check search_path"),
    (asyncpg.ReadOnlySQLTransactionError, READ_ONLY),
    (
        asyncpg.TargetServerAttributeNotMatched,
        "promote a standby, or name the server in `database`",
    ),
    (
        postgres_session.SharedSessions,
        "connect to PostgreSQL directly, or set pool_mode = session in the pooler",
    ),
    (postgres_session.LossyEncoding, "make one by createdb -T template0 -E UTF8 NAME"),
    (
        ssl.SSLCertVerificationError,
        "in `database`, name the CA that signed it (sslrootcert=/path/ca.crt), and the host as its "
        "certificate does",
    ),
    (ssl.SSLError, "check sslmode, sslrootcert, sslcert and sslkey in `database`"),
    (FileNotFoundError, "check the paths in `database`"),
    (asyncpg.UndefinedObjectError, "take that parameter out of `database`"),
    (asyncpg.ConnectionDoesNotExistError, "the log of the server, or of a pooler, says why"),
    (
        asyncpg.TooManyConnectionsError,
        "raise max_connections of the server, or the limit of the user: a process uses up to "
        f"{postgres.CONNECTIONS}",
    ),
)
"""What to do about a database that cannot be opened, by the error or its cause."""


def advice(error: StoreUnavailable) -> str | None:
    """What to do about it; None where the error does not tell."""
    causes = (error, error.__cause__)
    return next((do for kind, do in ADVICE if any(isinstance(c, kind) for c in causes)), None)


async def prepare(url: str) -> None:
    """Makes sure that PostgreSQL can be used, and its tables are those of this release.

    Raises:
        StoreUnavailable: it cannot.
    """
    connection = await connect(url)
    try:
        await _prepare(connection, url)
    finally:
        await connection.close()


async def _prepare(connection: "asyncpg.Connection[asyncpg.Record]", url: str) -> None:
    with unavailable():
        if await _revision(connection) != migrations.HEAD:
            await upgrade_postgres(url)


async def _open_postgres(url: str, configured: Configured) -> Store:
    connection = await connect(url)
    try:
        await _prepare(connection, url)
        with unavailable():
            async with connection.transaction():
                await connection.execute("SELECT pg_advisory_xact_lock(7242002)")
                accounts = await enrol(PostgresTx(connection), configured)
    finally:
        await connection.close()
    return await postgres.connect(url, accounts)


async def _revision(connection: "asyncpg.Connection[Any]") -> str | None:
    try:
        return cast("str | None", await connection.fetchval(migrations.CURRENT))
    except asyncpg.UndefinedTableError:
        return None
