"""What tests of the running parts share: settings, a hub, a server around it, patience."""

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager, nullcontext
from typing import Any, TypeVar

import uvicorn
import uvloop

from delivrd import app
from delivrd.config import Config
from delivrd.intake.commit import GroupCommit
from delivrd.intake.connection import connection_class
from delivrd.intake.protocol import keep_deadlines
from delivrd.providers import provider
from delivrd.server import bind
from delivrd.store.append import Entry
from delivrd.store.base import Store

T = TypeVar("T")

SECRETS = {
    "vonage": {"api_key": "abcd1234", "api_secret": "vonage-api-secret"},
    "ruach": {"client_id": "client-1", "api_key": "ruach-api-key-0001"},
    "smspm": {"hash": "smspm-hash-0001", "token": "smspm-token-0001"},
}
"""What each dialect cannot send without."""


def run(test: Coroutine[Any, Any, T], seconds: float = 60.0) -> T:
    """Runs an async test to its end, on the loop that the hub runs on."""

    async def within() -> T:
        async with asyncio.timeout(seconds):
            return await test

    return uvloop.run(within())


async def until(condition: Callable[[], Any], seconds: float = 30.0, pause: float = 0.005) -> Any:
    """The first truth that ``condition`` (plain or async) tells, looked at again and again."""
    end = time.monotonic() + seconds
    while True:
        found = condition()
        if isinstance(found, Awaitable):
            found = await found
        if found:
            return found
        if time.monotonic() > end:
            raise AssertionError(f"not so after {seconds} s: {condition}")
        await asyncio.sleep(pause)


def soon(look: Callable[[], Any], seconds: float = 30.0, pause: float = 0.02) -> Any:
    """The first truth that ``look`` tells, for tests that run no event loop."""
    end = time.monotonic() + seconds
    while not (found := look()):
        if time.monotonic() > end:
            raise AssertionError(f"not so after {seconds} s: {look}")
        time.sleep(pause)
    return found


class Looking:
    """Somebody who may look into a store."""

    def __init__(self, store: Store) -> None:
        self.store = store

    async def rows(self, sql: str, *args: Any) -> list[Any]:
        return [tuple(row) for row in await self.store.read(lambda tx: tx.fetch(sql, *args))]

    async def one(self, sql: str, *args: Any) -> Any:
        """The only value of the only row."""
        ((value,),) = await self.rows(sql, *args)
        return value


def account(kind: str, **settings: Any) -> Any:
    """The settings of an account that can send, of that provider."""
    return provider(kind).Settings(**{**SECRETS[kind], **settings})


def settings(database_url: str, *, port: int = 0, **more: Any) -> Config:
    """A hub's settings; ``accounts`` are three plain ones unless they are given."""
    more.setdefault("accounts", {kind: account(kind) for kind in SECRETS})
    return Config(database=database_url, port=port, **more)


async def appended(commit: GroupCommit, entry: Entry, patience: float) -> None:
    """Returns once the entry is on disk; raises what it is refused for."""
    written = asyncio.get_running_loop().create_future()
    commit.append(entry, patience, written)
    await written


@asynccontextmanager
async def open_hub(config: Config, **more: Any) -> AsyncGenerator[app.Hub]:
    """The parts of a hub, running in this process, without a server."""
    async with app.running(config, **more) as hub:
        yield hub


async def _nothing(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 404, "headers": []})
    await send({"type": "http.response.body", "body": b""})


@asynccontextmanager
async def serving(hub: app.Hub, rest: app.Asgi = _nothing) -> AsyncGenerator[str]:
    """The hub's webhooks (and ``rest``) over a real socket on loopback; its base address."""
    sock = bind("127.0.0.1", hub.config.port)
    server = _Server(
        uvicorn.Config(
            app.front(hub.webhook, rest),
            http=connection_class(hub.config.limits, hub.lane),
            interface="asgi3",
            loop="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_graceful_shutdown=2,
        )
    )
    task = asyncio.create_task(server.serve(sockets=[sock]))
    deadlines = asyncio.create_task(keep_deadlines(server.server_state.connections))
    await until(lambda: server.started or task.done())
    try:
        yield f"http://127.0.0.1:{sock.getsockname()[1]}"
    finally:
        deadlines.cancel()
        server.should_exit = True
        await task


class _Server(uvicorn.Server):
    """uvicorn's server, which leaves the signals of the test run alone."""

    def install_signal_handlers(self) -> None:
        pass

    def capture_signals(self) -> Any:

        return nullcontext()
