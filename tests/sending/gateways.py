"""Gateways on real sockets that misbehave as told, and a hub that sends through them."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from delivrd import app
from delivrd.core.status import State
from delivrd.sending.submit import Order, submit
from delivrd.sending.worker import Worker
from delivrd.store.graph import Graph
from delivrd.store.ids import now_micros
from delivrd.store.tx import Tx
from tests.support import Looking, account, open_hub, settings, until

TO = "+447700900123"
Behaviour = Callable[["Gateway", web.Request, dict[str, str]], Awaitable[web.StreamResponse]]


async def accepts(gateway: "Gateway", request: web.Request, form: dict[str, str]) -> web.Response:
    return gateway.accepted(form)


async def drops(gateway: "Gateway", request: web.Request, form: dict[str, str]) -> web.Response:
    """Takes the text, and breaks the connection instead of answering."""
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


def answers(status: int, text: str = "", **headers: str) -> Behaviour:
    named = {name.replace("_", "-"): value for name, value in headers.items()}

    async def behave(gateway: "Gateway", request: web.Request, form: dict[str, str]) -> Any:
        return web.Response(status=status, text=text, headers=named)

    return behave


def after(event: asyncio.Event) -> Behaviour:
    """Accepts the text, and answers once the event is set."""

    async def behave(gateway: "Gateway", request: web.Request, form: dict[str, str]) -> Any:
        await event.wait()
        return gateway.accepted(form)

    return behave


class Gateway:
    """Takes texts as Vonage does; ``then`` are its behaviours in turn, the last for ever."""

    def __init__(self, *then: Behaviour, port: int = 0) -> None:
        self.then, self.port = list(then) or [accepts], port
        self.calls: list[dict[str, str]] = []
        self.reports: list[dict[str, str]] = []
        """What it knows of what it was given, and tells who asks."""
        self.asked = 0
        self.busy = False
        """Whether it turns away who asks, for half a minute."""

    @property
    def references(self) -> list[str]:
        return [call["client-ref"] for call in self.calls]

    def accepted(self, form: dict[str, str]) -> web.Response:
        part = {"to": form["to"], "message-id": f"M{form['client-ref']}", "status": "0"}
        return web.json_response({"message-count": "1", "messages": [part]})

    async def _take(self, request: web.Request) -> web.StreamResponse:
        form = {name: str(value) for name, value in (await request.post()).items()}
        self.calls.append(form)
        behave = self.then.pop(0) if len(self.then) > 1 else self.then[0]
        return await behave(self, request, form)

    async def _report(self, request: web.Request) -> web.StreamResponse:
        self.asked += 1
        if self.busy:
            return web.Response(status=429, headers={"Retry-After": "30"})
        records = [r for r in self.reports if r["message_id"] == request.query["id"]]
        return web.json_response({"records": records})

    @asynccontextmanager
    async def listening(self) -> AsyncGenerator["Gateway"]:
        made = web.Application()
        made.router.add_post("/sms/json", self._take)
        made.router.add_get("/v2/reports/records", self._report)
        runner = web.AppRunner(made, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", self.port).start()
        self.port = runner.addresses[0][1]
        try:
            yield self
        finally:
            await runner.cleanup()


class Sender(Looking):
    """A hub that sends, and what became of its messages."""

    def __init__(self, hub: app.Hub) -> None:
        super().__init__(hub.store)
        self.hub = hub

    async def send(self, by: str = "main", **more: Any) -> str:
        order = Order(TO, "Acme", "Hello", (by,), **more)
        return (await submit(self.hub.store, self.hub.config, order)).uuid

    async def states(self) -> list[str]:
        return [row[0] for row in await self.rows("SELECT state FROM attempt ORDER BY id")]

    async def reaches(self, *states: str, seconds: float = 10.0) -> None:
        """Waits until the attempts are in these states."""

        async def so() -> bool:
            return await self.states() == list(states)

        await until(so, seconds)


@asynccontextmanager
async def sending(
    database_url: str, address: str, accounts: Iterable[str] = ("main",), **more: Any
) -> AsyncGenerator[Sender]:
    """A hub with these accounts, whose gateway has this address."""
    named = dict.fromkeys(accounts, account("vonage", base_url=address))
    async with open_hub(settings(database_url, accounts=named, **more)) as hub:
        yield Sender(hub)


async def end(hub: Sender, uuid: str) -> None:
    """The message is refused by its gateway."""
    store = hub.hub.store

    async def job(tx: Tx) -> None:
        rows = await tx.fetch("SELECT id FROM message WHERE uuid = $1", uuid)
        graph = await Graph.load(tx, store.accounts, store.ids, now_micros(), messages=[rows[0][0]])
        for attempt in graph.attempts.values():
            attempt.state = State.REFUSED.value
        await graph.save()

    await store.write(job)


def stopping(monkeypatch: pytest.MonkeyPatch) -> asyncio.Event:
    """Is set once a hub that stops waits for its hand-overs."""
    finish, begun = Worker.finish, asyncio.Event()

    async def tells_and_finishes(worker: Worker) -> None:
        begun.set()
        await finish(worker)

    monkeypatch.setattr(Worker, "finish", tells_and_finishes)
    return begun


def at(gateway: Gateway) -> str:
    return f"http://127.0.0.1:{gateway.port}"
