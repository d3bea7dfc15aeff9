"""``/v1/events/stream`` over real sockets: live, resumable, bounded."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import aiohttp
import pytest

from delivrd.store.base import StoreUnavailable
from delivrd.store.leases import take_lease
from delivrd.store.stream import Event
from delivrd.store.tx import Tx
from delivrd.web import stream
from delivrd.web.api import events as events_api
from delivrd.web.app import create
from delivrd.web.stream import ROOM, Behind, Listener, Streams
from tests.support import run, serving, until
from tests.web.web_support import ADMIN_KEY, Web, web

DELIVERED = {"status": "delivered", "err-code": "0"}


class Sent(NamedTuple):
    """One event as it came over the wire."""

    id: str | None
    event: str
    data: Any


class Reader:
    """Reads a stream of server-sent events."""

    def __init__(self, content: aiohttp.StreamReader) -> None:
        self._content = content
        self.last_id: str | None = None

    async def next(self) -> Sent:
        """The next event with data."""
        fields: dict[str, str] = {}
        while True:
            line = (await self._content.readline()).decode()
            assert line, "the stream ended"
            name, _, value = line.rstrip("\n").partition(": ")
            if name:
                fields[name] = value
                continue
            self.last_id = fields.get("id", self.last_id)
            if "data" in fields:
                return Sent(
                    fields.get("id"), fields.get("event", "message"), json.loads(fields["data"])
                )
            fields = {}

    async def begun(self) -> None:
        """Returns once the stream stands, with the id that it begins with."""
        while not (line := await self._content.readline()).startswith(b":"):
            if line.startswith(b"id: "):
                self.last_id = line.decode().strip().removeprefix("id: ")
        await self._content.readline()


@asynccontextmanager
async def listening(base: str, last: str | None = None) -> AsyncIterator[Reader]:
    headers = {"authorization": f"Bearer {ADMIN_KEY}"}
    if last is not None:
        headers["Last-Event-ID"] = last
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{base}/v1/events/stream", headers=headers) as answer,
    ):
        assert answer.status == 200
        assert answer.content_type == "text/event-stream"
        yield Reader(answer.content)


@asynccontextmanager
async def served(hub: Web) -> AsyncIterator[str]:
    async with serving(hub.hub, create(hub.context)) as base:
        yield base


async def numbered(tx: Tx) -> bool:
    return not await tx.fetch("SELECT 1 FROM event WHERE position IS NULL")


@pytest.fixture(autouse=True)
def one_app(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two apps of one context share its registry of metrics, which takes each figure once."""
    monkeypatch.setattr("delivrd.web.metrics.Metrics.watch", lambda self, collect: None)


def test_a_change_is_streamed_as_it_happens(database_url: str) -> None:
    async def test() -> None:
        async with web(database_url) as hub, served(hub) as base, listening(base) as reader:
            await reader.begun()
            await hub.receipt("inbox", messageId="id-1", **DELIVERED)
            sent = await reader.next()
            assert sent.event == "message.delivered"
            (message,) = await hub.items("/v1/messages")
            assert sent.data["message_id"] == message["id"]
            assert sent.data["status"] == "delivered"

    run(test())


def test_all_listeners_get_all_events_in_one_order(database_url: str) -> None:
    async def test() -> None:
        async with (
            web(database_url) as hub,
            served(hub) as base,
            listening(base) as one,
            listening(base) as two,
        ):
            await one.begun()
            await two.begun()
            for number in range(5):
                await hub.receipt("inbox", messageId=f"id-{number}", **DELIVERED)
            first = [(await one.next()).id for _ in range(5)]
            second = [(await two.next()).id for _ in range(5)]
            assert first == second == sorted(first, key=lambda i: int(i or 0))

    run(test())


def test_a_stream_is_resumed_without_loss_or_repetition(database_url: str) -> None:
    async def test() -> None:
        async with web(database_url) as hub, served(hub) as base:
            async with listening(base) as reader:
                await reader.begun()
                await hub.receipt("inbox", messageId="id-1", **DELIVERED)
                last = (await reader.next()).id
            for number in (2, 3):
                await hub.receipt("inbox", messageId=f"id-{number}", **DELIVERED)
            messages = await hub.items("/v1/messages")
            await until(lambda: hub.store.read(numbered))
            async with listening(base, last) as reader:
                found = [(await reader.next()).data["message_id"] for _ in range(2)]
                assert found == [m["id"] for m in messages[1::-1]]

    run(test())


@pytest.mark.parametrize("before", [0, 1])
def test_a_stream_that_brought_no_event_is_resumed_from_its_beginning(
    database_url: str, before: int
) -> None:
    async def test() -> None:
        async with web(database_url) as hub, served(hub) as base:
            for number in range(before):
                await hub.receipt("inbox", messageId=f"before-{number}", **DELIVERED)
            await until(lambda: hub.store.read(numbered))
            last = None
            for _ in range(2):
                async with listening(base, last) as reader:
                    await reader.begun()
                    last = last or reader.last_id
            await hub.receipt("inbox", messageId="missed", **DELIVERED)
            await until(lambda: hub.store.read(numbered))
            async with listening(base, last) as reader:
                assert (await reader.next()).event == "message.delivered"

    run(test())


@pytest.mark.parametrize("last", ["1", "nonsense", "-1", "9" * 30, "1795000000000000"])
def test_a_position_that_does_not_exist_gets_a_reset(database_url: str, last: str) -> None:
    async def test() -> None:
        async with web(database_url) as hub, served(hub) as base, listening(base, last) as reader:
            assert (await reader.next()).event == "reset"
            await reader.begun()
            await hub.receipt("inbox", **DELIVERED)
            assert (await reader.next()).event == "message.delivered"

    run(test())


def test_a_quiet_stream_has_a_heartbeat(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events_api, "HEARTBEAT_SECONDS", 0.01)

    async def test() -> None:
        async with web(sqlite_url) as hub, served(hub) as base, listening(base) as reader:
            for _ in range(3):
                await reader.begun()

    run(test())


def test_a_listener_that_goes_is_forgotten(sqlite_url: str) -> None:
    async def test() -> None:
        async with web(sqlite_url) as hub, served(hub) as base:
            async with listening(base) as reader:
                await reader.begun()
                assert hub.context.streams.listeners == 1
            await until(lambda: hub.context.streams.listeners == 0)

    run(test())


def test_a_listener_that_is_too_slow_is_told_to_reconnect(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "ROOM", 2)

    async def test() -> None:
        async with web(sqlite_url) as hub:
            streams = hub.context.streams
            async with streams.listen() as slow:
                for number in range(3):
                    await hub.receipt("inbox", messageId=f"id-{number}", **DELIVERED)
                    await streams.step()
                assert await slow.next(0) is not None
                assert await slow.next(0) is not None
                with pytest.raises(Behind):
                    await slow.next(0)
            async with streams.listen(slow.position) as again:
                assert await again.next(0) is not None
                assert await again.next(0) is None

    run(test())


def test_events_of_one_process_reach_listeners_of_another(postgres_url: str) -> None:
    async def test() -> None:
        async with (
            web(postgres_url) as one,
            web(postgres_url) as two,
            served(two) as base,
            listening(base) as reader,
        ):
            await reader.begun()
            await one.receipt("inbox", **DELIVERED)
            assert (await reader.next()).event == "message.delivered"

    run(test())


def test_the_process_after_one_that_stopped_streams_at_once(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("delivrd.store.stream.LEASE_SECONDS", 3600.0)

    async def test() -> None:
        for number in (1, 2):
            async with web(database_url) as hub, hub.context.streams.listen() as listener:
                await hub.receipt("inbox", messageId=f"id-{number}", **DELIVERED)
                assert await listener.next(10) is not None

    run(test())


def test_on_sqlite_so_does_the_one_after_one_that_was_killed(sqlite_url: str) -> None:
    async def test() -> None:
        async with web(sqlite_url) as hub:
            await hub.store.write(lambda tx: take_lease(tx, "stream", "one that dies", 3600))
        async with web(sqlite_url) as hub, hub.context.streams.listen() as listener:
            await hub.receipt("inbox", **DELIVERED)
            assert await listener.next(10) is not None

    run(test())


def test_streams_end_when_the_hub_ends(sqlite_url: str) -> None:
    async def test() -> None:
        async with web(sqlite_url) as hub, served(hub) as base, listening(base) as reader:
            await reader.begun()
            hub.context.streams.close()
            with pytest.raises(AssertionError, match="ended"):
                await reader.next()

    run(test())


def test_a_store_that_is_away_stops_no_stream_for_good(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:

    monkeypatch.setattr(stream, "IDLE_SECONDS", 0.01)
    failures = iter([True, True])
    step = Streams.step

    async def failing(self: Streams) -> None:
        if next(failures, False):
            raise StoreUnavailable("away")
        await step(self)

    monkeypatch.setattr(Streams, "step", failing)

    async def test() -> None:
        async with web(sqlite_url) as hub, hub.context.streams.listen() as listener:
            await hub.receipt("inbox", **DELIVERED)
            assert await listener.next(10) is not None

    run(test())


def listener(position: int, live_from: int, *stored: Event) -> Listener:
    async def read(after: int) -> list[Event]:
        return [event for event in stored if event.position > after]

    return Listener(read, position, live_from)


def event_at(position: int) -> Event:
    return Event(position, position, "message.delivered", "{}", 0)


def test_what_is_stored_and_live_is_heard_once() -> None:
    async def test() -> None:
        events = [event_at(position) for position in range(1, 5)]
        hears = listener(0, 2, *events)
        hears.offer(events[2:])
        heard = [await hears.next(0.01) for _ in range(5)]
        assert heard == [*events, None]

    run(test())


def test_who_has_missed_an_event_hears_none_after_it() -> None:
    async def test() -> None:
        hears = listener(0, 0)
        hears.offer([event_at(1)])
        hears.offer([event_at(2)] * ROOM)
        hears.offer([event_at(3)])
        assert await hears.next(0.01) == event_at(1)
        with pytest.raises(Behind):
            await hears.next(0.01)

    run(test())
