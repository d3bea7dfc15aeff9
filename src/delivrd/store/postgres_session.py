"""What delivrd needs of a session of PostgreSQL, and whether it gets one.

Prepared statements, LISTEN and the settings below last as long as a session. A pooler by session
(PgBouncer's default) gives each connection its own; one by transaction hands sessions around.
"""

import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, TypeAlias
from urllib.parse import parse_qsl, urlencode, urlsplit

import asyncpg

from delivrd.store.base import StoreUnavailable

Connection: TypeAlias = "asyncpg.Connection[Any]"

HOST_SECONDS = 2.0
"""How long one of several servers may take before the next one is tried."""

SILENCE_SECONDS = 15
"""How long the server's machine may acknowledge nothing before its connections are given up.

One that lost its power closes none of them: queries would wait for their own limit of time, which
is there for slow ones, and a connection that only listens would wait for hours.
"""

_NEXT = (
    OSError,
    asyncpg.CannotConnectNowError,
    asyncpg.PostgresConnectionError,
    asyncpg.TargetServerAttributeNotMatched,
)

ENCODINGS = ("UTF8", "SQL_ASCII")  # the second keeps the bytes of our UTF-8 as they are

# Set once connected: poolers refuse most settings in the startup packet.
_SETTINGS = """
SET synchronous_commit = on;
SET random_page_cost = 1.1;  -- the default, 4, is for spinning disks: it led to sequential scans
SET default_transaction_isolation = 'read committed';
"""

_BACKEND = "SELECT pg_backend_pid()"


class SharedSessions(StoreUnavailable):
    """A pooler hands the sessions of the server around."""

    def __init__(self) -> None:
        super().__init__("the pooler before PostgreSQL gives each transaction another session")


class LossyEncoding(StoreUnavailable):
    """The database cannot store every text."""

    def __init__(self, encoding: str) -> None:
        super().__init__(f"its encoding, {encoding}, lacks characters that messages have")


class Session(asyncpg.Connection):  # type: ignore[misc]  # its type parameters are in stubs alone
    """A pool's connection, which keeps its settings when it is given back to the pool."""

    def get_reset_query(self) -> str:
        return ""


async def connect(url: str, **options: Any) -> Connection:
    """A connection to the first server of the address that answers and is as it says.

    asyncpg gives all of them one limit of time: a machine without power, which refuses nothing,
    would keep it from the others.
    """
    *others, last = _servers(url)
    for server in others:
        with suppress(*_NEXT):
            return _watched(await asyncpg.connect(server, timeout=HOST_SECONDS, **options))
    return _watched(await asyncpg.connect(last, **options))


def _watched(connection: Connection) -> Connection:
    """The connection, which ends once the server's machine has been silent for too long.

    Keepalives ask while nothing is under way; the user timeout bounds how long what was sent may
    stay unacknowledged.
    """
    made = connection._transport.get_extra_info("socket")  # asyncpg gives no other way to it
    if made is not None and made.family != socket.AF_UNIX:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        third = max(1, SILENCE_SECONDS // 3)
        for name, value in (
            ("TCP_KEEPIDLE", third),
            ("TCP_KEEPALIVE", third),  # what macOS calls it
            ("TCP_KEEPINTVL", third),
            ("TCP_KEEPCNT", 2),
            ("TCP_USER_TIMEOUT", SILENCE_SECONDS * 1000),
        ):
            if option := getattr(socket, name, None):
                made.setsockopt(socket.IPPROTO_TCP, option, value)
    return connection


def _servers(url: str) -> list[str]:
    """The address with each of its hosts alone, which stand before the path or in the query."""
    parts = urlsplit(url)
    login, at, hosts = parts.netloc.rpartition("@")
    if "," in hosts:
        return [parts._replace(netloc=f"{login}{at}{host}").geturl() for host in hosts.split(",")]
    if hosts or not parts.query:
        return [url]
    named = dict(parse_qsl(parts.query, strict_parsing=True))
    servers = named.pop("host", "").split(",")
    ports = named.pop("port", "").split(",")
    if len(servers) == 1 or len(ports) not in (1, len(servers)):
        return [url]  # asyncpg says what is wrong with it
    if len(ports) == 1:
        ports *= len(servers)
    of = [{"host": h, "port": p} if p else {"host": h} for h, p in zip(servers, ports, strict=True)]
    return [parts._replace(query=urlencode({**one, **named})).geturl() for one in of]


async def settle(connection: Any) -> None:
    """Makes the settings of a new session."""
    await connection.execute(_SETTINGS)


async def check(connection: Connection, another: Callable[[], Awaitable[Connection]]) -> None:
    """Makes sure that sessions are what delivrd needs.

    Raises:
        SharedSessions: by a pooler.
        LossyEncoding: of the database.
    """
    encoding = connection.get_settings().server_encoding
    if encoding not in ENCODINGS:
        raise LossyEncoding(encoding)
    backend = await _backend(connection)
    if backend == connection.get_server_pid():
        return  # no pooler, which makes up a number of its own
    other = await another()
    try:
        # both are open: each should have its own, and keep it
        if await _backend(other) == backend or await _backend(connection) != backend:
            raise SharedSessions
    finally:
        await other.close()


async def _backend(connection: Connection) -> Any:
    async with connection.transaction():
        return await connection.fetchval(_BACKEND)
