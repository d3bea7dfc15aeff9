"""The lane: ordinary calls go past the parser, and nobody can tell but by the time it takes."""

import asyncio
import json
import socket
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
import uvicorn
import uvloop
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from uvicorn.server import ServerState

from delivrd.config import Limits
from delivrd.intake.connection import Connection, connection_class
from delivrd.providers import provider
from tests.intake.calls import ELSEWHERE, RECEIPT, Caller, body, calling, signed, signing_account
from tests.support import account, open_hub, run, settings, until

KEPT = "SELECT source, method, path, query, headers, body, auth, kind, why, receipts FROM request"
OK = "HTTP/1.1 200 OK"


def post(content: bytes, *headers: str, path: str = "/webhooks/vonage") -> bytes:
    """The bytes of a call, as a gateway sends them."""
    head = [f"POST {path} HTTP/1.1", "Host: localhost", *headers, f"Content-Length: {len(content)}"]
    return "\r\n".join([*head, "", ""]).encode() + content


def get(path: str, *headers: str) -> bytes:
    return "\r\n".join([f"GET {path} HTTP/1.1", "Host: localhost", *headers, "", ""]).encode()


class Line:
    """One connection to a hub."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def answer(self) -> tuple[str, dict[str, str], bytes]:
        """First line, headers and body of the next answer."""
        async with asyncio.timeout(20):
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode().splitlines()
            headers = dict(line.lower().split(": ", 1) for line in head[1:] if line)
            return head[0], headers, await self.reader.readexactly(int(headers["content-length"]))

    async def ask(self, call: bytes) -> str:
        """The first line of the answer."""
        self.writer.write(call)
        return (await self.answer())[0]


@asynccontextmanager
async def line_to(hub: Caller) -> AsyncGenerator[Line]:
    reader, writer = await hub.connect()
    try:
        yield Line(reader, writer)
    finally:
        writer.close()


# --- what it takes ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "call",
    [
        post(body(RECEIPT), "Content-Type: application/json"),
        post(urlencode(RECEIPT).encode(), "Content-Type: application/x-www-form-urlencoded"),
        post(b"neither JSON nor a form", "User-Agent: gateway/1.0"),
        post(body(RECEIPT), "x-odd: \xe9\x80", "X-Odd: again", "connection: Keep-Alive"),
        post(body(RECEIPT), path="/webhooks/vonage?a=%20b&c"),
        post(body(RECEIPT), path="/webhooks/vonage/0123456789"),
        post(b"\r\n\r\n" + body(RECEIPT)),
        get("/webhooks/vonage?" + urlencode(RECEIPT), "Accept: */*"),
        get("/webhooks/ruach?messageId=7&mobile=447700900123&status=DELIVRD"),
    ],
    ids=["json", "form", "unreadable", "odd headers", "both", "reference", "blank", "get", "ruach"],
)
def test_what_goes_through_the_lane_is_kept_as_what_the_parser_read(
    sqlite_url: str, call: bytes
) -> None:
    async def test() -> None:
        async with calling(sqlite_url) as hub, line_to(hub) as line:
            first, second = await line.ask(call), await line.ask(call)
            assert (first, second) == (OK, OK)
            assert hub.hub.lane.taken == 1
            parsed, laned = await hub.rows(KEPT)
            assert parsed == laned

    run(test())


def test_of_two_calls_at_once_none_is_taken_for_the_head_of_the_other(sqlite_url: str) -> None:
    """Else a caller's headers would speak for the next one's: a proof, or a source address."""

    async def test() -> None:
        plain, odd = post(body(RECEIPT)), post(body(RECEIPT), "X-Odd: mine")
        async with calling(sqlite_url) as hub, line_to(hub) as line:
            line.writer.write(plain + odd)
            assert [(await line.answer())[0] for _ in range(2)] == [OK, OK]
            for _ in range(2):
                assert await line.ask(plain) == OK
            kept = await hub.rows("SELECT headers FROM request ORDER BY id")
            assert [b"x-odd" in bytes(headers) for (headers,) in kept] == [
                False, True, False, False,
            ]  # fmt: skip

    run(test())


def test_its_answers_have_the_headers_of_all_others(sqlite_url: str) -> None:
    async def test() -> None:
        async with calling(sqlite_url) as hub, line_to(hub) as line:
            line.writer.write(post(body(RECEIPT)))
            parsed = await line.answer()
            line.writer.write(post(body(RECEIPT)))
            laned = await line.answer()
            assert hub.hub.lane.taken == 1
            assert (parsed[0], parsed[2], parsed[1].keys()) == (laned[0], laned[2], laned[1].keys())
            assert "date" in laned[1]

    run(test())


def test_many_connections_are_taken_at_the_same_time(sqlite_url: str) -> None:
    async def test() -> None:
        async with calling(sqlite_url) as hub:

            async def talk(name: int) -> list[str]:
                async with line_to(hub) as line:
                    calls = [body({**RECEIPT, "messageId": f"{name}-{n:02}"}) for n in range(20)]
                    return [await line.ask(post(call)) for call in calls]

            answers = await asyncio.gather(*map(talk, range(10, 30)))
            assert {one for each in answers for one in each} == {OK}
            assert hub.hub.lane.taken >= 20 * 19
            await hub.folded()
            assert await hub.one("SELECT count(*) FROM message WHERE status = 'delivered'") == 400

    run(test())


# --- what it does not take ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "status"),
    [
        (post(body(RECEIPT), "Connection: close"), "200"),
        (post(body(RECEIPT), "Expect: nothing"), "200"),
        (post(body(RECEIPT), "TE: trailers"), "200"),
        (post(body(RECEIPT), path="/webhooks/%76onage"), "200"),
        (post(body(RECEIPT)).replace(b"HTTP/1.1", b"HTTP/1.0"), "200"),
        (get("/webhooks/vonage"), "200"),
        (get("/webhooks/vonage?a#b"), "200"),
        (get("/webhooks/nobody?a=b"), "404"),
        (post(b"x" * 1001), "413"),
        (
            b"POST /webhooks/vonage HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n"
            b"\r\n4\r\na=b&\r\n0\r\n\r\n",
            "200",
        ),
        (post(b"a=b").replace(b"\r\nHost", b"\nHost"), "400"),
        (post(b"a=b").replace(b"Host:", b"Ho st:"), "400"),
        (post(b"a=b", "Content-Length: 3"), "400"),
    ],
    ids=[
        "close", "expect", "te", "escaped path", "HTTP/1.0", "probe", "fragment", "nobody",
        "too large", "chunked", "bare newline", "bad name", "two lengths",
    ],
)  # fmt: skip
def test_what_is_out_of_the_ordinary_goes_the_long_way_each_time(
    sqlite_url: str, call: bytes, status: str
) -> None:
    async def test() -> None:
        async with calling(sqlite_url, limits=Limits(max_body=1000)) as hub:
            for _ in range(3):
                async with line_to(hub) as line:
                    assert (await line.ask(call)).split()[1] == status
            assert hub.hub.lane.taken == 0

    run(test())


@pytest.mark.parametrize("warm", [0, 2])
def test_calls_before_an_invalid_one_are_answered_and_the_line_is_closed(
    sqlite_url: str, warm: int
) -> None:
    async def test() -> None:
        async with calling(sqlite_url) as hub, line_to(hub) as line:
            for _ in range(warm):
                assert await line.ask(post(body(RECEIPT))) == OK
            line.writer.write(post(body(RECEIPT)) * 2 + b"no request at all\r\n\r\n")
            assert [(await line.answer())[0] for _ in range(2)] == [OK, OK]
            assert await line.reader.read() == b""
            assert await hub.one("SELECT count(*) FROM request") == warm + 2

    run(test())


OFFER = ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAAP__")
"""The headers by which Java's HTTP client offers HTTP/2 with each call."""


@pytest.mark.parametrize("offer", [OFFER, ("Connection: upgrade", "Upgrade: websocket")])
def test_the_body_of_a_call_that_offers_another_protocol_is_read(
    sqlite_url: str, offer: tuple[str, ...]
) -> None:
    async def test() -> None:
        async with calling(sqlite_url) as hub, line_to(hub) as line:
            calls = [body({**RECEIPT, "messageId": name}) for name in ("M1", "M2", "M3", "M4")]
            assert await line.ask(post(calls[0], *offer)) == OK
            line.writer.write(post(calls[1], *offer) + post(calls[2], *offer) + post(calls[3]))
            assert [(await line.answer())[0] for _ in range(3)] == [OK] * 3
            rows = await hub.rows("SELECT body FROM request ORDER BY id")
            assert [bytes(kept) for (kept,) in rows] == calls

    run(test())


CALLS = st.lists(
    st.sampled_from(
        [
            post(body(RECEIPT)),
            post(b"\r\n\r\n"),
            post(post(b"inner")),
            get("/webhooks/vonage?" + urlencode(RECEIPT)),
            get("/webhooks/vonage"),
            post(b"", "X-More: yes"),
            post(body(RECEIPT), *OFFER),
        ]
    ),
    min_size=1,
    max_size=8,
)


@examples(deadline=None, max_examples=50)
@given(calls=CALLS, cuts=st.lists(st.integers(0, 2000), max_size=6))
def test_however_the_bytes_are_cut_each_call_is_answered_in_turn(
    lane_hub: "LaneHub", calls: list[bytes], cuts: list[int]
) -> None:
    """Pipelined, in pieces, several in one piece: the answers are those of the calls one by one."""
    assert lane_hub.whole(calls) == lane_hub.cut(b"".join(calls), len(calls), cuts)


class LaneHub:
    """One hub for many examples: its lane stays as they left it."""

    def __init__(self, loop: asyncio.Runner, hub: Caller) -> None:
        self.loop, self.hub = loop, hub

    def whole(self, calls: list[bytes]) -> list[Any]:
        async def talk() -> list[Any]:
            return [(await self._alone(call)) for call in calls]

        return self.loop.run(talk())

    async def _alone(self, call: bytes) -> tuple[str, bytes]:
        async with line_to(self.hub) as line:
            line.writer.write(call)
            status, _, text = await line.answer()
            return status, text

    def cut(self, stream: bytes, count: int, cuts: list[int]) -> list[Any]:
        async def talk() -> list[Any]:
            async with line_to(self.hub) as line:
                line.writer.transport.get_extra_info("socket").setsockopt(
                    socket.IPPROTO_TCP, socket.TCP_NODELAY, 1
                )
                ends = sorted({0, len(stream), *(cut % len(stream) for cut in cuts)})
                for start, end in pairwise(ends):
                    line.writer.write(stream[start:end])
                    await line.writer.drain()
                    await asyncio.sleep(0)
                answers = [await line.answer() for _ in range(count)]
                return [(status, text) for status, _, text in answers]

        return self.loop.run(talk())


@pytest.fixture(scope="module")
def lane_hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LaneHub]:
    file: Path = tmp_path_factory.mktemp("lane") / "hub.db"
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as loop:
        around = calling(f"sqlite:///{file}")
        yield LaneHub(loop, loop.run(around.__aenter__()))
        loop.run(around.__aexit__(None, None, None))


# --- how a call in it ends ----------------------------------------------------------------------


def test_a_forged_repeat_in_the_lane_is_refused_and_listed(sqlite_url: str) -> None:
    async def test() -> None:
        accounts = {"vonage": signing_account()}
        async with calling(sqlite_url, accounts=accounts) as hub, line_to(hub) as line:
            told = [
                body(signed({**RECEIPT, "messageId": name}, nonce=nonce))
                for name, nonce in (("M1", "n-1"), ("M2", "n-2"), ("M3", "n-2"))
            ]
            answers = [(await line.ask(post(call))).split()[1] for call in told]
            assert answers == ["200", "200", "401"]
            assert hub.hub.lane.taken == 2  # only the store knows of nonces
            assert [row[1:3] for row in await hub.refused()] == [
                (401, "this nonce was seen before, with other content")
            ]
            assert hub.hub.webhook.bodies.in_flight == 0

    run(test())


def test_a_wrong_signature_is_refused_on_a_line_that_was_in_the_lane(sqlite_url: str) -> None:
    async def test() -> None:
        accounts = {"vonage": signing_account()}
        async with calling(sqlite_url, accounts=accounts) as hub, line_to(hub) as line:
            good = [body(signed(RECEIPT, nonce=f"n-{n}")) for n in range(2)]
            forged = json.loads(good[1])
            wrong = body({**forged, "sig": forged["sig"][::-1]})
            assert [(await line.ask(post(c))).split()[1] for c in (*good, wrong, good[1])] == [
                "200", "200", "401", "200",
            ]  # fmt: skip
            ((_, status, why, admissible),) = await hub.refused()
            assert (status, bool(admissible)) == (401, True)
            assert "signature" in why

    run(test())


def test_while_the_store_is_away_the_lane_answers_503(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch, locked: Any
) -> None:
    monkeypatch.setattr(provider("ruach"), "patience", 0.3)
    call = get("/webhooks/ruach?messageId=7&mobile=447700900123&status=DELIVRD")

    async def test() -> None:
        async with calling(sqlite_url) as hub, line_to(hub) as line:
            assert await line.ask(call) == OK
            locked.execute("BEGIN IMMEDIATE")
            line.writer.write(call)
            status, headers, text = await line.answer()
            assert (hub.hub.lane.taken, status.split()[1]) == (1, "503")
            assert (headers["retry-after"], b"try again" in text) == ("5", True)
            locked.execute("ROLLBACK")
            assert await line.ask(call) == OK

    run(test())


def test_a_caller_that_went_away_is_kept_all_the_same(sqlite_url: str, locked: Any) -> None:
    async def test() -> None:
        async with calling(sqlite_url) as hub:
            async with line_to(hub) as line:
                assert await line.ask(post(body(RECEIPT))) == OK
                locked.execute("BEGIN IMMEDIATE")
                line.writer.write(post(body({**RECEIPT, "messageId": "02000000FEA5EE9C"})))
                await until(lambda: hub.hub.lane.taken)
                line.writer.transport.abort()
            locked.execute("ROLLBACK")
            await until(lambda: hub.hub.webhook.bodies.in_flight == 0)
            assert await hub.one("SELECT count(*) FROM request") == 2

    run(test())


def test_a_server_that_stops_answers_the_lane_first(sqlite_url: str, locked: Any) -> None:
    async def test() -> None:
        async with open_hub(settings(sqlite_url, accounts=ELSEWHERE)) as hub, standing(hub) as far:
            assert await far.line.ask(post(body(RECEIPT))) == OK
            locked.execute("BEGIN IMMEDIATE")
            far.line.writer.write(post(body(RECEIPT)))
            await until(lambda: hub.lane.taken)
            far.connection.shutdown()
            locked.execute("ROLLBACK")
            status, headers, _ = await far.line.answer()
            assert (status, headers["connection"]) == (OK, "close")
            assert await far.line.reader.read() == b""

    run(test())


def test_a_line_that_rests_after_the_lane_is_closed_in_time(sqlite_url: str) -> None:
    async def test() -> None:
        async with open_hub(settings(sqlite_url, accounts=ELSEWHERE)) as hub, standing(hub) as far:
            for _ in range(2):
                assert await far.line.ask(post(body(RECEIPT))) == OK
            now = asyncio.get_running_loop().time()
            far.connection.check_deadline(now + 1)
            assert await far.line.ask(post(body(RECEIPT))) == OK
            far.connection.check_deadline(now + 60)
            assert await far.line.reader.read() == b""
            assert hub.lane.taken == 2

    run(test())


class Standing:
    """A line, and the connection at its other end."""

    def __init__(self, line: Line, connection: Connection) -> None:
        self.line, self.connection = line, connection


@asynccontextmanager
async def standing(hub: Any) -> AsyncGenerator[Standing]:
    made: list[Connection] = []
    config = uvicorn.Config(hub.webhook, interface="asgi3", lifespan="off", log_config=None)
    kind, state = connection_class(hub.config.limits, hub.lane), ServerState()

    def connection() -> Connection:
        made.append(kind(config=config, server_state=state, app_state={}))  # type: ignore[arg-type]
        return made[-1]

    server = await asyncio.get_running_loop().create_server(connection, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        await until(lambda: made)
        try:
            yield Standing(Line(reader, writer), made[0])
        finally:
            writer.close()


@pytest.mark.parametrize("secret", [None, "0123456789abcdef"])
def test_the_secret_of_the_address_is_not_kept(sqlite_url: str, secret: str | None) -> None:
    path = "/webhooks/vonage" + (f"/{secret}" if secret else "")
    one = account("vonage", receive_only=True, webhook_secret=secret or ())

    async def test() -> None:
        async with calling(sqlite_url, accounts={"vonage": one}) as hub, line_to(hub) as line:
            for _ in range(2):
                assert await line.ask(post(body(RECEIPT), path=path)) == OK
            assert hub.hub.lane.taken == 1
            parsed, laned = await hub.rows("SELECT path, auth FROM request")
            assert parsed == laned
            assert secret is None or secret not in laned[0]

    run(test())
