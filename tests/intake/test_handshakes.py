"""What a gateway wants before its receipts count: documents, confirmations, permissions."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, nullcontext
from types import SimpleNamespace
from typing import Any

import pytest
from aiohttp import web

from delivrd.core.statement import Reading
from delivrd.intake.documents import AT_ONCE, MAX_BYTES, PAUSE_SECONDS, Documents, Unavailable
from delivrd.providers import _all, vonage
from delivrd.providers.base import (
    AccountSettings,
    Authentic,
    NeedsDocument,
    Provider,
    Request,
    Unauthentic,
)
from tests.intake.calls import calling
from tests.support import run, until

KEY = "the-key-of-the-gateway"


class Settings(AccountSettings):
    provider: str = "acme"
    receive_only: bool = True


@asynccontextmanager
async def gateway(status: int = 200) -> AsyncGenerator[tuple[str, list[str]]]:
    """Serves a key at any path; its address, and the paths that were asked for."""
    asked = []

    async def answer(request: web.Request) -> web.Response:
        asked.append(request.path)
        return web.Response(status=status, text=KEY)

    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}", asked
    finally:
        await runner.cleanup()


@pytest.fixture
def acme(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A dialect whose calls bear a key that stands in a document, and that shakes hands."""
    dialect = SimpleNamespace(NAME="acme", DOCS="", Settings=Settings, STATUSES={}, base="")
    keys: dict[str, str] = {}

    def authenticate(request: Request, settings: Settings) -> Authentic:
        url = f"{dialect.base}/{request.header('key-name')}"
        if url not in keys:
            raise NeedsDocument(url)
        if request.header("key") != keys[url]:
            raise Unauthentic("it is not the key")
        return Authentic("key")

    def read(request: Request, settings: Any) -> Reading:
        return Reading(kind="handshake" if b"hello" in request.body else "other")

    async def confirm(request: Request, settings: Any, http: Any) -> None:
        answer = await http.request("GET", f"{dialect.base}/confirmed")
        if answer.status != 200:
            raise OSError("not confirmed")

    def learn(url: str, document: bytes) -> None:
        keys[url] = document.decode()

    vars(dialect).update(authenticate=authenticate, read=read, confirm=confirm, learn=learn)
    known = {**_all(), "acme": Provider(dialect)}
    monkeypatch.setattr("delivrd.providers._all", lambda: known)
    return dialect


HEADERS = {"key-name": "k1", "key": KEY}
ACCOUNTS = {"acme": Settings()}


def test_a_document_is_fetched_once_for_all_who_need_it(
    sqlite_url: str, acme: SimpleNamespace
) -> None:
    async def test() -> None:
        async with gateway() as (acme.base, asked), calling(sqlite_url, accounts=ACCOUNTS) as hub:
            calls = [hub.post("/webhooks/acme", {"n": n}, headers=HEADERS) for n in range(20)]
            assert set(await asyncio.gather(*calls)) == {200}
            assert asked == ["/k1"]
            assert await hub.post("/webhooks/acme", {}, headers={**HEADERS, "key": "no"}) == 401

    run(test())


def test_without_its_document_a_call_is_told_to_come_again(
    sqlite_url: str, acme: SimpleNamespace
) -> None:
    async def test() -> None:
        async with (
            gateway(status=500) as (acme.base, asked),
            calling(sqlite_url, accounts=ACCOUNTS) as hub,
        ):
            for _ in range(3):
                assert await hub.post("/webhooks/acme", {}, headers=HEADERS) == 503
            assert asked == ["/k1"]
            assert await hub.one("SELECT count(*) FROM request") == 0

    run(test())


@pytest.mark.parametrize(("status", "answered"), [(200, 200), (404, 503)])
def test_a_handshake_is_answered_when_it_is_confirmed(
    sqlite_url: str, acme: SimpleNamespace, status: int, answered: int
) -> None:
    async def test() -> None:
        async with calling(sqlite_url, accounts=ACCOUNTS) as hub:
            async with gateway() as (acme.base, _):
                assert await hub.post("/webhooks/acme", {}, headers=HEADERS) == 200
                first = acme.base
            async with gateway(status) as (acme.base, asked):
                acme.learn(f"{acme.base}/k1", KEY.encode())
                assert first != acme.base
                call = hub.post("/webhooks/acme", {"say": "hello"}, headers=HEADERS)
                assert await call == answered
                assert asked == ["/confirmed"]

    run(test())


class Slow:
    """Answers requests with this status, once ``go`` is set."""

    def __init__(self, status: int = 200, body: bytes = b"") -> None:
        self.status, self.body, self.asked, self.go = status, body, 0, asyncio.Event()

    async def request(self, method: str, url: str) -> Any:
        self.asked += 1
        await self.go.wait()
        return SimpleNamespace(status=self.status, body=self.body)


LEARNS: Any = SimpleNamespace(learn=lambda url, document: None)


def test_only_a_few_documents_are_fetched_at_a_time() -> None:
    """Addresses stand in calls that nobody has authenticated yet."""

    async def test() -> None:
        http: Any = Slow()
        documents = Documents(http)
        under_way = [
            asyncio.create_task(documents.learn(LEARNS, f"https://a.example/{n}"))
            for n in range(AT_ONCE)
        ]
        await until(lambda: http.asked == AT_ONCE)
        with pytest.raises(Unavailable, match="too many"):
            await documents.learn(LEARNS, "https://a.example/more")
        http.go.set()
        await asyncio.gather(*under_way)
        await documents.learn(LEARNS, "https://a.example/more")

    run(test())


def test_who_goes_away_takes_no_document_from_the_others() -> None:
    async def test() -> None:
        http: Any = Slow()
        documents = Documents(http)
        first, second = [
            asyncio.create_task(documents.learn(LEARNS, "https://a.example/key")) for _ in range(2)
        ]
        await until(lambda: http.asked)
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        http.go.set()
        await second
        assert http.asked == 1

    run(test())


@pytest.mark.parametrize(("size", "learnt"), [(MAX_BYTES, True), (MAX_BYTES + 1, False)])
def test_a_document_is_no_longer_than_it_may_be(size: int, learnt: bool) -> None:
    async def test() -> None:
        http: Any = Slow(body=b"x" * size)
        http.go.set()
        read: list[bytes] = []
        learns: Any = SimpleNamespace(learn=lambda url, document: read.append(document))
        with nullcontext() if learnt else pytest.raises(Unavailable):
            await Documents(http).learn(learns, "https://a.example/key")
        assert bool(read) is learnt

    run(test())


def test_a_document_that_could_not_be_fetched_is_asked_for_again_after_a_pause(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def test() -> None:
        clock = SimpleNamespace(now=1000.0)
        clock.monotonic = lambda: clock.now
        monkeypatch.setattr("delivrd.intake.documents.time", clock)
        http: Any = Slow(status=500)
        http.go.set()
        documents = Documents(http)
        for pause in (0.0, PAUSE_SECONDS - 1, 1.0):
            clock.now += pause
            with pytest.raises(Unavailable):
                await documents.learn(LEARNS, "https://a.example/key")
        assert http.asked == 2

    run(test())


def test_each_handshake_on_a_connection_is_confirmed(
    sqlite_url: str, acme: SimpleNamespace
) -> None:
    """The second has a head that is known by then."""

    async def test() -> None:
        async with gateway() as (acme.base, asked), calling(sqlite_url, accounts=ACCOUNTS) as hub:
            for number in range(3):
                say = {"say": "hello", "n": number}
                assert await hub.post("/webhooks/acme", say, headers=HEADERS) == 200
            assert asked == ["/k1", *["/confirmed"] * 3]

    run(test())


def test_cloud_events_may_ask_whether_they_may_come(sqlite_url: str) -> None:
    """CloudEvents' HTTP 1.1 webhooks, 4.1: permission is asked for by OPTIONS."""

    async def test() -> None:
        accounts = {"vonage": vonage.Settings(receive_only=True)}
        async with calling(sqlite_url, accounts=accounts) as hub:
            asked = {"WebHook-Request-Origin": "eventgrid.azure.net"}
            url = f"{hub.base}/webhooks/vonage"
            async with hub.client.options(url, headers=asked) as answer:
                assert answer.status == 200
                assert answer.headers["WebHook-Allowed-Origin"] == "eventgrid.azure.net"
            async with hub.client.options(url) as answer:
                assert answer.status == 405
            async with hub.client.options(f"{url}x", headers=asked) as answer:
                assert answer.status == 404

    run(test())
