"""Endpoints that misbehave, over real sockets: what is seen, and what follows."""

import asyncio
import json
import socket
import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import pytest
from aiohttp.abc import AbstractResolver
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from standardwebhooks import Webhook

from delivrd.relay import client
from tests.clock import Clock
from tests.relay.relay_support import (
    Behaviour,
    Sink,
    drips,
    hangs,
    resets,
    says,
    talks_on,
    telling,
)
from tests.support import run


def test_an_event_reaches_its_endpoint_signed(database_url: str) -> None:
    async def test() -> None:
        clock = Clock(int(datetime.now(UTC).timestamp() * 1_000_000))
        async with telling(database_url, clock=clock) as story, Sink().listening() as sink:
            endpoint_id = await story.endpoint(sink.url)
            event_id = await story.happens("delivered", reference="r-1")
            await story.settle()
            (call,) = sink.calls
            ((secrets,),) = await story.rows(
                "SELECT secrets FROM endpoint WHERE id = $1", endpoint_id
            )
            told = Webhook(json.loads(secrets)[0][0]).verify(call.body, call.headers)
            assert told["id"] == call.headers["webhook-id"] == f"evt_{event_id:016x}"
            assert (told["type"], told["data"]["reference"]) == ("message.delivered", "r-1")
            assert await story.states() == ["delivered"]

    run(test())


def test_a_try_keeps_what_was_seen_but_no_secret(database_url: str) -> None:
    async def test() -> None:
        sink = Sink(says(200, b"thanks", x_served_by="b-7"))
        async with telling(database_url) as story, sink.listening():
            await story.endpoint(sink.url)
            await story.happens()
            await story.settle()
            ((status, error, body, asked, answered, total, first, connect),) = await story.rows(
                "SELECT status, error, response, request_headers, response_headers, total_us, "
                "first_byte_us, connect_us FROM try"
            )
            assert (status, error, body) == (200, None, b"thanks")
            assert ["x-served-by", "b-7"] in json.loads(answered)
            assert "webhook-signature" in dict(json.loads(asked))
            assert 0 < connect <= first <= total

    run(test())


@pytest.mark.parametrize(
    ("behaviour", "words"),
    [
        (hangs, "no answer within 1 seconds"),
        (drips, "no answer within 1 seconds"),
        (resets, "closed the connection|the connection broke"),
        (says(500), "it answered 500: an error of its own"),
        (says(404), "it answered 404: there is nothing at this address"),
        (says(302, location="http://10.0.0.1/"), "302, a redirect to http://10.0.0.1/"),
    ],
)
def test_a_fault_is_explained_and_tried_again_after_five_seconds(
    database_url: str, behaviour: Behaviour, words: str
) -> None:
    async def test() -> None:
        sink = Sink(behaviour, says(200))
        async with telling(database_url, patience=1.0) as story, sink.listening():
            await story.endpoint(sink.url)
            await story.happens()
            await story.settle()
            (error,) = await story.errors()
            assert any(word in (error or "") for word in words.split("|"))
            assert 5 <= await story.wait() <= 5.5
            await story.later(4)
            assert len(sink.calls) == 1
            await story.later(2)
            assert await story.states() == ["delivered"]
            first, second = sink.calls
            assert (first.body, first.headers["webhook-id"]) == (
                second.body,
                second.headers["webhook-id"],
            )

    run(test())


def answers(head: bytes) -> Behaviour:
    """An answer of exactly these lines, without a body."""

    async def behave(out: asyncio.StreamWriter) -> None:
        out.write(b"HTTP/1.1 " + head + b"\r\ncontent-length: 0\r\n\r\n")

    return behave


@pytest.mark.parametrize(
    ("head", "state"),
    [
        (b"200 OK\r\nx-served-by: Andr\xe9", "delivered"),
        (b"302 Found\r\nlocation: http://caf\xe9/", "waiting"),
        (b"503 Busy\r\nretry-after: Mon, 01 Jan 99999999999999999999 00:00:00 GMT", "waiting"),
    ],
)
def test_a_header_that_makes_no_sense_costs_no_result(
    database_url: str, head: bytes, state: str
) -> None:
    """The event would be sent again every minute, without an end."""

    async def test() -> None:
        async with telling(database_url) as story, Sink(answers(head)).listening() as sink:
            await story.endpoint(sink.url)
            await story.happens()
            await story.settle()
            assert await story.states() == [state]
            assert await story.rows("SELECT status FROM try") == [(int(head[:3]),)]

    run(test())


def test_an_endless_body_is_cut(database_url: str) -> None:
    async def test() -> None:
        async with telling(database_url) as story, Sink(talks_on).listening() as sink:
            await story.endpoint(sink.url)
            await story.happens()
            await story.settle()
            assert await story.states() == ["delivered"]
            ((body,),) = await story.rows("SELECT response FROM try")
            assert len(body) == client.MAX_RESPONSE

    run(test())


def test_a_body_that_drips_is_no_failure(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What counts is the status; for the rest a moment is waited, not as long as it takes."""

    async def good_then_slow(out: asyncio.StreamWriter) -> None:
        out.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\nthanks")
        await hangs(out)

    async def test() -> None:
        monkeypatch.setattr(client, "BODY_SECONDS", 0.1)
        async with telling(sqlite_url) as story, Sink(good_then_slow).listening() as sink:
            await story.endpoint(sink.url)
            await story.happens()
            await story.settle()
            assert await story.states() == ["delivered"]
            assert await story.rows("SELECT status, response FROM try") == [(200, b"thanks")]

    run(test())


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_leads_nowhere(sqlite_url: str, status: int) -> None:
    async def test() -> None:
        inside = Sink()
        async with telling(sqlite_url) as story, inside.listening():
            sink = Sink(says(status, location=inside.url))
            async with sink.listening():
                await story.endpoint(sink.url)
                await story.happens()
                await story.settle()
            assert (len(sink.calls), inside.calls) == (1, [])
            (error,) = await story.errors()
            assert "which is not followed" in (error or "")

    run(test())


def test_retry_after_puts_the_next_try_off(database_url: str) -> None:
    async def test() -> None:
        sink = Sink(says(429, retry_after="60"), says(200))
        async with telling(database_url) as story, sink.listening():
            await story.endpoint(sink.url)
            await story.happens()
            await story.settle()
            assert 60 <= await story.wait() <= 66
            await story.happens(message=2)
            await story.later(30)
            assert len(sink.calls) == 1, "it asked for no calls at all"
            await story.later(40)
            assert await story.states() == ["delivered", "delivered"]

    run(test())


def test_gone_disables_the_endpoint_and_tells_who_asks_for_it(database_url: str) -> None:
    async def test() -> None:
        async with (
            telling(database_url) as story,
            Sink(says(410)).listening() as dead,
            Sink().listening() as watcher,
        ):
            dead_id = await story.endpoint(dead.url)
            await story.endpoint(watcher.url, operational=True, statuses=frozenset({"none"}))
            await story.happens()
            await story.happens(message=2)
            await story.settle()
            await story.settle()
            ((enabled, why),) = await story.rows(
                "SELECT enabled, disabled_why FROM endpoint WHERE id = $1", dead_id
            )
            assert (bool(enabled), why) == (False, "it answered 410 Gone")
            (told,) = watcher.calls
            assert told.json["type"] == "endpoint.disabled"
            assert told.json["data"]["why"] == "it answered 410 Gone"

    run(test())


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://127.0.0.1:9/", "not a public address"),
        ("http://[::ffff:127.0.0.1]:9/", "not a public address"),
        ("http://2130706433:9/", "not a public address"),
        ("http://0177.1:9/", "not a public address"),
        ("http://169.254.169.254/latest", "not a public address"),
        ("http://100.64.1.1/", "not a public address"),
        ("http://\u2460\u2461\u2466.0.0.1/", "not a public address"),
        ("ftp://example.org/", "not a web address"),
        ("http://localhost:9/", "not a public name"),
    ],
)
def test_the_inside_is_never_called(sqlite_url: str, url: str, words: str) -> None:
    async def test() -> None:
        async with telling(sqlite_url, allow_networks=()) as story:
            await story.endpoint(url)
            await story.happens()
            await story.settle()
            (error,) = await story.errors()
            assert error is not None
            assert "may not be called" in error
            assert words in error

    run(test())


def test_a_host_that_no_name_can_be_is_told_in_words(sqlite_url: str) -> None:
    async def test() -> None:
        async with telling(sqlite_url) as story:
            await story.endpoint("https://bad..host/")
            await story.happens()
            await story.settle()
            assert await story.errors() == ["it may not be called: its host is no host name"]

    run(test())


def test_http_is_not_called_unless_it_is_allowed(sqlite_url: str) -> None:
    async def test() -> None:
        async with telling(sqlite_url, allow_http=False) as story, Sink().listening() as sink:
            await story.endpoint(sink.url)
            await story.happens()
            await story.settle()
            assert await story.errors() == ["it may not be called: it is not https"]
            assert sink.calls == []

    run(test())


class Names(AbstractResolver):
    """Answers look-ups in turn, the last for ever."""

    def __init__(self, *addresses: str) -> None:
        self.addresses, self.asked = list(addresses), 0

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> Any:
        self.asked += 1
        address = self.addresses.pop(0) if len(self.addresses) > 1 else self.addresses[0]
        kind = socket.AF_INET6 if ip_address(address).version == 6 else socket.AF_INET
        return [{"hostname": host, "host": address, "port": port, "family": kind,
                 "proto": 0, "flags": socket.AI_NUMERICHOST}]  # fmt: skip

    async def close(self) -> None:
        pass


def test_a_cookie_that_an_endpoint_sets_is_not_sent_back(sqlite_url: str) -> None:
    async def test() -> None:
        async with (
            telling(sqlite_url, resolver=Names("127.0.0.1")) as story,
            Sink(says(200, set_cookie="id=7; Path=/")).listening() as sink,
        ):
            await story.endpoint(f"http://app.example:{sink.url.rpartition(':')[2]}")
            for number in (1, 2):
                await story.happens(message=number)
                await story.settle()
            assert ["cookie" in call.headers for call in sink.calls] == [False, False]

    run(test())


@pytest.mark.parametrize("second", ["127.0.0.1", "::ffff:127.0.0.1", "10.0.0.1"])
def test_a_name_that_resolves_to_the_inside_at_the_second_look_up_is_not_called(
    sqlite_url: str, second: str
) -> None:
    """The first look-up gives what may be called; what counts is the address connected to."""

    async def test() -> None:
        names, allowed = Names("127.0.0.2", second), (ip_network("127.0.0.2/32"),)
        sink = Sink(says(500, connection="close"))
        async with (
            telling(sqlite_url, allow_networks=allowed, resolver=names) as story,
            sink.listening(),
        ):
            port = sink.url.rpartition(":")[2]
            await story.endpoint(f"http://rebinding.example:{port}")
            await story.happens()
            story.relay._caller._client._session.connector._cached_hosts.expired = (  # type: ignore[union-attr]
                lambda key: True
            )
            await story.settle()
            await story.later(6)
            errors = await story.errors()
            assert names.asked == 2
            assert "not a public address" in (errors[1] or "")
            assert len(sink.calls) == 0  # it listens on 127.0.0.1 alone

    run(test())


def certificate(folder: Path) -> ssl.SSLContext:
    """TLS of a server whose certificate nobody signed."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sink")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    plain = serialization.NoEncryption()
    pem = serialization.Encoding.PEM
    (folder / "sink.pem").write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain) + made.public_bytes(pem)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "sink.pem")
    return context


def test_a_certificate_that_is_not_valid_is_no_endpoint(sqlite_url: str, tmp_path: Path) -> None:
    async def test() -> None:
        sink = Sink()
        async with telling(sqlite_url) as story, sink.listening(certificate(tmp_path)):
            await story.endpoint(sink.url)
            await story.happens()
            await story.settle()
            (error,) = await story.errors()
            assert error is not None
            assert "its TLS certificate is not valid" in error
            assert sink.calls == []

    run(test())


def test_a_server_without_tls_is_explained(sqlite_url: str) -> None:
    async def test() -> None:
        async def greet(source: asyncio.StreamReader, out: asyncio.StreamWriter) -> None:
            out.write(b"220 mail.example ESMTP\r\n")

        async with (
            telling(sqlite_url) as story,
            await asyncio.start_server(greet, "127.0.0.1", 0) as server,
        ):
            port = server.sockets[0].getsockname()[1]
            await story.endpoint(f"https://127.0.0.1:{port}/")
            await story.happens()
            await story.settle()
            (error,) = await story.errors()
            assert error is not None
            assert "TLS" in error
            assert "[" not in error

    run(test())


def test_an_endpoint_without_a_server_is_explained(sqlite_url: str) -> None:
    async def test() -> None:
        async with telling(sqlite_url) as story:
            async with Sink().listening() as sink:
                url = sink.url
            await story.endpoint(url)
            await story.happens()
            await story.settle()
            (error,) = await story.errors()
            assert error is not None
            assert error == "no connection could be made: connection refused"

    run(test())


def test_after_the_last_try_it_is_parked_and_says_why(database_url: str) -> None:
    """D40, D41."""

    async def test() -> None:
        async with telling(database_url) as story, Sink(says(500)).listening() as sink:
            await story.endpoint(sink.url)
            await story.happens()
            await story.settle()
            await story.tries_to_the_end()
            assert len(sink.calls) == 10
            ((state, why),) = await story.rows("SELECT state, why FROM delivery")
            assert state == "parked"
            assert why == "given up after 10 tries: it answered 500: an error of its own"

    run(test())
