"""Endpoints on real sockets that misbehave as told, and a relay that is driven by hand."""

import asyncio
import json
import ssl
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from ipaddress import ip_network
from typing import Any, NamedTuple

from delivrd.config import Config
from delivrd.core.units import SECOND
from delivrd.relay.client import RelayClient
from delivrd.relay.worker import Relay
from delivrd.store import endpoints, schema
from delivrd.store.base import Store
from delivrd.store.fan_out import origin
from delivrd.store.open import open_store
from delivrd.store.tx import Tx
from tests.clock import Clock
from tests.support import Looking, settings

START = 1_760_000_000_000_000
LOOPBACK = (ip_network("127.0.0.0/8"),)


class Request(NamedTuple):
    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


Behaviour = Callable[[asyncio.StreamWriter], Awaitable[None]]


def says(status: int, body: bytes = b"", **headers: str) -> Behaviour:
    async def behave(out: asyncio.StreamWriter) -> None:
        lines = [f"HTTP/1.1 {status} X", f"content-length: {len(body)}"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        out.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)

    return behave


async def hangs(out: asyncio.StreamWriter) -> None:
    await asyncio.Event().wait()


async def resets(out: asyncio.StreamWriter) -> None:
    out.transport.abort()


async def drips(out: asyncio.StreamWriter) -> None:
    """A byte now and then: no answer within any patience."""
    out.write(b"HTTP/1.1 200 OK\r\nx: ")
    while not out.is_closing():
        out.write(b"y")
        await asyncio.sleep(0.02)


async def talks_on(out: asyncio.StreamWriter) -> None:
    """A good answer, whose body has no end."""
    out.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000000000\r\n\r\n")
    while not out.is_closing():
        out.write(b"x" * 65536)
        await out.drain()


class Sink:
    """Hears calls; ``then`` are its behaviours in turn, the last for ever."""

    def __init__(self, *then: Behaviour) -> None:
        self.then = list(then) or [says(200)]
        self.calls: list[Request] = []
        self.url = ""
        self._busy: set[asyncio.Task[Any] | None] = set()

    @property
    def statuses(self) -> list[str]:
        return [call.json["data"]["status"] for call in self.calls]

    async def _serve(self, source: asyncio.StreamReader, out: asyncio.StreamWriter) -> None:
        self._busy.add(asyncio.current_task())
        with suppress(asyncio.IncompleteReadError, OSError, asyncio.CancelledError):
            while not out.is_closing():
                self.calls.append(await _request(source))
                behave = self.then.pop(0) if len(self.then) > 1 else self.then[0]
                await behave(out)
                await out.drain()
        out.close()

    @asynccontextmanager
    async def listening(self, tls: ssl.SSLContext | None = None) -> AsyncGenerator["Sink"]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=tls)
        port = server.sockets[0].getsockname()[1]
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{port}/hook"
        try:
            yield self
        finally:
            server.close()
            for task in self._busy:
                if task:
                    task.cancel()


async def _request(source: asyncio.StreamReader) -> Request:
    head = (await source.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    method, path, _ = head[0].split(" ")
    headers = dict(line.split(": ", 1) for line in head[1:] if line)
    headers = {name.lower(): value for name, value in headers.items()}
    body = await source.readexactly(int(headers.get("content-length", "0")))
    return Request(method, path, headers, body)


class Telling(Looking):
    """A relay whose steps are taken one by one, by a clock that stands still in between."""

    def __init__(
        self, store: Store, config: Config, client: RelayClient, clock: Clock[int]
    ) -> None:
        super().__init__(store)
        self.clock = clock
        self.relay = Relay(store, config, client, clock)

    async def endpoint(self, url: str, **fields: Any) -> int:
        made = {"url": url, "origin": origin(url), **fields}
        return (await self.write(
            lambda tx: endpoints.create(tx, self.store.ids, self.clock(), **made)
        )).id  # fmt: skip

    async def write(self, job: Callable[[Tx], Awaitable[Any]]) -> Any:
        return await self.store.write(job)

    async def happens(
        self, status: str = "delivered", *, message: int = 1, final: bool | None = None,
        **data: Any,
    ) -> int:  # fmt: skip
        """An event of a message; the row's id."""
        event_id = self.store.ids.next()
        final = status != "pending" if final is None else final
        text = json.dumps({"message_id": str(message), "status": status, "final": final, **data})
        columns = ("id", "message_id", "type", "data", "created_at")
        row = (event_id, message, f"message.{status}", text, self.clock())
        await self.write(lambda tx: tx.insert(schema.event, columns, [row]))
        return event_id

    async def settle(self) -> None:
        """Fans out and delivers until nothing is left to do at this moment."""
        while await self.relay.fan_out():
            pass
        while True:
            begun = await self.relay.round()
            if calls := self.relay._calls:
                await asyncio.wait(set(calls))
            elif not begun and not self.relay._results:
                return

    async def later(self, seconds: float) -> None:
        self.clock.now += int(seconds * SECOND)
        await self.settle()

    async def tries_to_the_end(self) -> None:
        """Lets all pauses of the schedule pass."""
        for hours in (0.1, 0.1, 0.6, 2.3, 5.6, 11.1, 15.5, 22.1, 26.5):
            await self.later(hours * 3600)

    async def states(self) -> list[str]:
        return [row[0] for row in await self.rows("SELECT state FROM delivery ORDER BY event_id")]

    async def errors(self) -> list[str | None]:
        return [row[0] for row in await self.rows("SELECT error FROM try ORDER BY at, number")]

    async def wait(self) -> float:
        """Seconds until the only delivery is tried again."""
        ((at,),) = await self.rows("SELECT next_at FROM delivery WHERE state = 'waiting'")
        return float((at - self.clock()) / SECOND)


@asynccontextmanager
async def telling(
    database_url: str, *, patience: float = 10.0, clock: Clock[int] | None = None, **client: Any
) -> AsyncGenerator[Telling]:
    """A store, and a relay that may call loopback unless it is told otherwise."""
    client = {"allow_http": True, "allow_networks": LOOPBACK, "timeout": patience} | client
    relay = client.pop("relay", {})
    config = settings(database_url, relay=relay)
    store = await open_store(database_url, config.configured)
    try:
        async with RelayClient(**client) as made:
            yield Telling(store, config, made, clock or Clock(START))
    finally:
        await store.close()
