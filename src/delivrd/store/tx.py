"""A transaction on either store: the same few methods, the same SQL.

SQL is written once, for PostgreSQL (``$1``, ``= ANY($1)``, ``FOR UPDATE``); :func:`for_sqlite`
translates it for SQLite, where arrays are passed as JSON and the single writer needs no row locks.
Many rows are written by :meth:`Tx.insert` and :meth:`Tx.update`: ``unnest`` of arrays on
PostgreSQL, ``executemany`` on SQLite.
"""

import re
import sqlite3
from collections.abc import Awaitable, Callable, Sequence
from functools import cache
from typing import Any, Literal, NamedTuple, Protocol, TypeVar, cast

import asyncpg
import msgspec
from sqlalchemy import BigInteger, Boolean, LargeBinary, Numeric, SmallInteger, Table

from delivrd.store import histograms

T = TypeVar("T")

Row = Sequence[Any]
Conflict = Literal["error", "ignore", "add"]
"""What an insert does when the row exists: fail, leave it, or add the columns outside the key to
its own; null adds nothing."""


class Tx(Protocol):
    """One transaction. On SQLite no method ever suspends."""

    slot: int
    changed: set[int]
    """Ids of the messages whose status this transaction changed."""
    queued: bool
    """Whether this transaction left work for others to take: a message to send, a delivery."""
    clock_ahead: int
    """Microseconds by which the database's clock is ahead of this process's."""
    clock: str
    """The SQL of the database's time, in microseconds since 1970: hosts' clocks differ."""
    locks_rows: bool
    """Whether written rows are locked one by one, so that two transactions which write the same
    rows in different orders may deadlock."""

    async def fetch(self, sql: str, *args: Any) -> list[Row]: ...

    async def execute(self, sql: str, *args: Any) -> int:
        """Runs one statement; returns the number of rows affected."""
        ...

    async def insert(
        self,
        table: Table,
        columns: tuple[str, ...],
        rows: Sequence[Row],
        conflict: Conflict = "error",
    ) -> int:
        """Inserts the rows; returns how many were inserted (or added to). Histograms are passed in
        their in-memory form (:mod:`delivrd.store.histograms`)."""
        ...

    async def update(
        self, table: Table, key: str, columns: tuple[str, ...], rows: Sequence[Row]
    ) -> None:
        """Sets ``columns`` by ``key``; each row is the key, then the values."""
        ...

    def steps(self, value: Any) -> dict[int, int]:
        """The counts by step of a fetched histogram or ``sum(steps)``."""
        ...

    async def histograms(
        self, key: Sequence[str], rows: str, *args: Any, distinct: bool = False
    ) -> list[tuple[Row, int]]:
        """The sum of the histograms for each value of a key, in their in-memory form. ``rows`` is
        the SQL from FROM on; it ends in a condition, to which more are added. ``distinct`` is a
        hint that hardly any two rows share a key."""
        ...


class SqliteStatement(NamedTuple):
    """A statement for SQLite, whose placeholders are numbered by their order alone."""

    sql: str
    order: tuple[int, ...]
    """For each placeholder, the position of its argument."""

    def bound(self, args: Sequence[Any]) -> list[Any]:
        """The arguments in the order of the placeholders; lists as JSON."""
        return [_json(args[i]) for i in self.order]


@cache
def for_sqlite(sql: str) -> SqliteStatement:
    """Translates a statement for SQLite, and remembers it for good: values belong in arguments."""
    sql = re.sub(r"= ANY\(\$(\d+)(::\w+\[\])?\)", r"IN (SELECT value FROM json_each($\1))", sql)
    sql = re.sub(r"\s+FOR UPDATE( OF \w+)?( SKIP LOCKED)?", "", sql)
    order = tuple(int(number) - 1 for number in re.findall(r"\$(\d+)", sql))
    sql = re.sub(r"\$\d+", "?", sql)
    sql = sql.replace("sum(steps)", "steps_sum(steps)")
    return SqliteStatement(re.sub(r"::\w+", "", sql), order)


def _json(value: Any) -> Any:
    return msgspec.json.encode(value).decode() if isinstance(value, list) else value


class SqliteTx:
    """A transaction on a connection of :mod:`sqlite3`; BEGIN and COMMIT are its owner's."""

    locks_rows = False
    clock = "now_micros()"
    clock_ahead = 0

    def __init__(self, connection: sqlite3.Connection, slot: int = 0) -> None:
        self.connection = connection
        self.slot = slot
        self.changed: set[int] = set()
        self.queued = False

    async def fetch(self, sql: str, *args: Any) -> list[Row]:
        statement = for_sqlite(sql)
        return self.connection.execute(statement.sql, statement.bound(args)).fetchall()

    async def execute(self, sql: str, *args: Any) -> int:
        statement = for_sqlite(sql)
        return self.connection.execute(statement.sql, statement.bound(args)).rowcount

    async def insert(
        self,
        table: Table,
        columns: tuple[str, ...],
        rows: Sequence[Row],
        conflict: Conflict = "error",
    ) -> int:
        if not rows:
            return 0
        sql = _insert_sqlite(table, columns, conflict)
        rows = _encoded(table, columns, rows, histograms.to_blob)
        return self.connection.executemany(sql, rows).rowcount

    async def update(
        self, table: Table, key: str, columns: tuple[str, ...], rows: Sequence[Row]
    ) -> None:
        if rows:
            key_last = [(*row[1:], row[0]) for row in rows]
            self.connection.executemany(_update_sqlite(table, key, columns), key_last)

    def steps(self, value: Any) -> dict[int, int]:
        return histograms.steps(histograms.number_of(value))

    async def histograms(
        self, key: Sequence[str], rows: str, *args: Any, distinct: bool = False
    ) -> list[tuple[Row, int]]:
        """Adds them in Python: an aggregate function would be called as often, and need a sort."""
        sql = f"SELECT {', '.join([*key, 'steps'])} {rows} AND steps IS NOT NULL"
        statement = for_sqlite(sql)
        found = self.connection.execute(statement.sql, statement.bound(args))
        return list(histograms.by_key(found).items())


class PostgresTx:
    """A transaction on a connection of asyncpg; BEGIN and COMMIT are its owner's."""

    locks_rows = True
    clock = "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint"

    def __init__(self, connection: Any, slot: int = 0, clock_ahead: int = 0) -> None:
        self.connection = connection
        self.slot, self.clock_ahead = slot, clock_ahead
        self.changed: set[int] = set()
        self.queued = False

    async def fetch(self, sql: str, *args: Any) -> list[Row]:
        return cast("list[Row]", await self.connection.fetch(sql, *args))

    async def execute(self, sql: str, *args: Any) -> int:
        tag = await self.connection.execute(sql, *args)
        last = tag.rpartition(" ")[2]
        return int(last) if last.isdigit() else 0

    async def insert(
        self,
        table: Table,
        columns: tuple[str, ...],
        rows: Sequence[Row],
        conflict: Conflict = "error",
    ) -> int:
        if not rows:
            return 0
        sql = _insert_postgres(table, columns, conflict)
        rows = _encoded(table, columns, rows, histograms.to_text)
        return await self.execute(sql, *zip(*rows, strict=True))

    async def update(
        self, table: Table, key: str, columns: tuple[str, ...], rows: Sequence[Row]
    ) -> None:
        if rows:
            sql = _update_postgres(table, key, columns)
            await self.connection.execute(sql, *zip(*rows, strict=True))

    def steps(self, value: Any) -> dict[int, int]:
        return histograms.decimal_digits(value).steps()

    async def histograms(
        self, key: Sequence[str], rows: str, *args: Any, distinct: bool = False
    ) -> list[tuple[Row, int]]:
        """Rows with a key each are added in Python: PostgreSQL's sum() of one row costs more."""
        grouped = f" GROUP BY {', '.join(key)}" if key and not distinct else ""
        told = ", ".join([*key, f"numeric_send({'steps' if distinct else 'sum(steps)'})"])
        found = await self.fetch(f"SELECT {told} {rows} AND steps IS NOT NULL{grouped}", *args)
        some = [row for row in map(tuple, found) if row[-1] is not None]
        numbers = histograms.numbers_sent([row[-1] for row in some])
        whole: dict[Row, int] = {}
        for row, number in zip(some, numbers, strict=True):
            whole[row[:-1]] = whole.get(row[:-1], 0) + number
        return list(whole.items())


def _encoded(
    table: Table, columns: tuple[str, ...], rows: Sequence[Row],
    encode: Callable[[int], Any],
) -> Sequence[Row]:  # fmt: skip
    """The rows with their histogram, if there is one (always the last column), encoded."""
    if not _is_histogram(table, columns[-1]):
        return rows
    return [row if row[-1] is None else (*row[:-1], encode(row[-1])) for row in rows]


@cache
def _is_histogram(table: Table, column: str) -> bool:
    return isinstance(table.c[column].type, Numeric)


def _conflict(
    table: Table, columns: tuple[str, ...], conflict: Conflict, added: Callable[[Table, str], str]
) -> str:
    match conflict:
        case "error":
            return ""
        case "ignore":
            return " ON CONFLICT DO NOTHING"
        case "add":
            key = [column.name for column in table.primary_key]
            sets = (f"{name} = {added(table, name)}" for name in columns if name not in key)
            return f" ON CONFLICT ({', '.join(key)}) DO UPDATE SET {', '.join(sets)}"


def _added(table: Table, name: str) -> str:
    old, more = f"{table.name}.{name}", f"excluded.{name}"
    added = f"{old} + {more}"
    return f"coalesce({added}, {old}, {more})" if table.c[name].nullable else added


def _added_by_us(table: Table, name: str) -> str:
    """The same for SQLite, where histograms are added by our own function, called only if neither
    is null."""
    if not _is_histogram(table, name):
        return _added(table, name)
    old, more = f"{table.name}.{name}", f"excluded.{name}"
    return (
        f"CASE WHEN {old} IS NULL OR {more} IS NULL THEN coalesce({old}, {more}) "
        f"ELSE steps_added({old}, {more}) END"
    )


@cache
def _insert_sqlite(table: Table, columns: tuple[str, ...], conflict: Conflict) -> str:
    marks = ", ".join("?" * len(columns))
    tail = _conflict(table, columns, conflict, _added_by_us)
    return f"INSERT INTO {table.name} ({', '.join(columns)}) VALUES ({marks}){tail}"


@cache
def _insert_postgres(table: Table, columns: tuple[str, ...], conflict: Conflict) -> str:
    arrays = _arrays(table, columns)
    tail = _conflict(table, columns, conflict, _added)
    return f"INSERT INTO {table.name} ({', '.join(columns)}) SELECT * FROM unnest({arrays}){tail}"


@cache
def _update_sqlite(table: Table, key: str, columns: tuple[str, ...]) -> str:
    """Its rows are the columns, then the key."""
    sets = ", ".join(f"{column} = ?" for column in columns)
    return f"UPDATE {table.name} SET {sets} WHERE {key} = ?"


@cache
def _update_postgres(table: Table, key: str, columns: tuple[str, ...]) -> str:
    arrays = _arrays(table, (key, *columns))
    sets = ", ".join(f"{c} = given.{c}" for c in columns)
    return (
        f"UPDATE {table.name} SET {sets} FROM unnest({arrays}) "
        f"AS given({', '.join((key, *columns))}) WHERE {table.name}.{key} = given.{key}"
    )


def _arrays(table: Table, columns: tuple[str, ...]) -> str:
    kinds = (_type(table, column) for column in columns)
    return ", ".join(f"${i}::{kind}[]" for i, kind in enumerate(kinds, 1))


def _type(table: Table, column: str) -> str:
    kind = table.c[column].type
    if isinstance(kind, SmallInteger):
        return "smallint"
    if isinstance(kind, BigInteger):
        return "bigint"
    if isinstance(kind, Boolean):
        return "boolean"
    if isinstance(kind, Numeric):
        return "text[]::numeric"
    return "bytea" if isinstance(kind, LargeBinary) else "text"


async def within_savepoint(tx: Tx, job: Callable[[], Awaitable[T]]) -> T:
    """Runs a job within a savepoint; if it fails, undoes its own writes alone and re-raises."""
    await tx.execute("SAVEPOINT step")
    try:
        result = await job()
    except BaseException:
        await tx.execute("ROLLBACK TO SAVEPOINT step")
        await tx.execute("RELEASE SAVEPOINT step")
        raise
    await tx.execute("RELEASE SAVEPOINT step")
    return result


async def ends(tx: Tx, table: str) -> tuple[int, int] | None:
    """The smallest and the greatest id of a table; None if it is empty.

    One subquery each: for ``min(id), max(id)`` together SQLite reads the whole table, two seconds
    with ten million rows.
    """
    (row,) = await tx.fetch(f"SELECT (SELECT min(id) FROM {table}), (SELECT max(id) FROM {table})")
    return None if row[0] is None else (row[0], row[1])


_STORE_ERRORS = (
    sqlite3.OperationalError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # used at the moment at which the server ended the connection
    asyncpg.InsufficientResourcesError,
    asyncpg.InvalidAuthorizationSpecificationError,  # a password changed, and the server restarted
    asyncpg.InvalidCatalogNameError,
    asyncpg.InvalidSchemaNameError,
    asyncpg.InsufficientPrivilegeError,
    asyncpg.OperatorInterventionError,
    asyncpg.PostgresSystemError,
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.TransactionRollbackError,
    asyncpg.ObjectNotInPrerequisiteStateError,  # a lock, or a database closed to connections
    OSError,
    TimeoutError,
)


def is_store_error(error: BaseException) -> bool:
    """Whether the store failed (connection, lock, deadlock, disk, time-out), not the data (A8)."""
    damaged = type(error) is sqlite3.DatabaseError  # the file is not a database, or is malformed
    if damaged or isinstance(error, OSError):  # a certificate's is a ValueError besides
        return True
    return isinstance(error, _STORE_ERRORS) and not isinstance(error, ValueError)


def is_conflict(error: BaseException) -> bool:
    """Whether the same transaction is likely to succeed when it is retried."""
    return isinstance(error, asyncpg.TransactionRollbackError)
