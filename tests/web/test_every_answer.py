"""What holds for every call and answer: hosts, headers, slashes (rules H1 and H4)."""

from typing import Any

import httpx2
import pytest

from delivrd.web.gate import Gate, allowed_hosts
from delivrd.web.pages.render import Pages
from tests.support import run
from tests.web.access import raw_status
from tests.web.web_support import ADMIN_KEY, web, web_settings


@pytest.mark.parametrize(
    "host",
    ["evil.example", "127.0.0.1.evil.example", "", "[::2]", "[::1]evil.example", "localhost:evil"],
)
def test_a_host_that_is_not_ours_is_refused(sqlite_url: str, host: str) -> None:
    """Against DNS rebinding: a name of somebody else's that points to this machine."""

    async def test() -> None:
        async with web(sqlite_url) as hub:
            answer = await hub.client.get("/v1/messages", headers={"host": host})
            assert answer.status_code == 421
            assert "public_url" in answer.json()["hint"]

    run(test())


@pytest.mark.parametrize("hosts", [[], [b"127.0.0.1", b"evil.example"]])
def test_every_host_that_is_named_must_be_ours_and_one_must_be(
    sqlite_url: str, hosts: list[bytes]
) -> None:
    """Of two, a proxy before the hub may have looked at the other one."""

    async def test() -> None:
        async with web(sqlite_url) as hub:
            headers = [(b"host", host) for host in hosts]
            assert await raw_status(hub, "GET", "/healthz", headers) == 421

    run(test())


@pytest.mark.parametrize(
    ("host", "public_url", "name", "ours"),
    [
        ("127.0.0.1", None, "localhost", True),
        ("127.0.0.1", None, "::1", True),
        ("127.0.0.1", None, "192.0.2.1", False),
        ("0.0.0.0", None, "192.0.2.1", True),
        ("0.0.0.0", None, "evil.example", False),
        ("0.0.0.0", "https://sms.example.org/x", "sms.example.org", True),
        ("hub.internal", None, "hub.internal", True),
        ("Hub.Internal", None, "hub.internal", True),
        ("0.0.0.0", "https://SMS.example.org", "sms.example.org", True),
    ],
)
def test_the_hosts_that_are_ours(host: str, public_url: str | None, name: str, ours: bool) -> None:
    config = web_settings("sqlite:///x.db", host=host, public_url=public_url)
    assert allowed_hosts(config)(name) is ours


@pytest.mark.parametrize("path", ["/healthz", "/v1/messages", "/nothing", "/", "/docs", "/send"])
def test_every_answer_has_its_safety_headers(sqlite_url: str, path: str) -> None:
    async def test() -> None:
        async with web(sqlite_url) as hub:
            headers = (await hub.client.get(path)).headers
            assert headers["x-content-type-options"] == "nosniff"
            assert "frame-ancestors 'none'" in headers["content-security-policy"]
            assert "unsafe" not in headers["content-security-policy"]
            assert headers["referrer-policy"] == "same-origin"
            assert headers["cross-origin-opener-policy"] == "same-origin"
            assert headers["cache-control"] == "no-store"

    run(test())


@pytest.mark.parametrize("path", ["/", "/messages/", "/v1/messages/", "/v1/messages//"])
def test_a_slash_at_the_end_changes_nothing(sqlite_url: str, path: str) -> None:
    async def test() -> None:
        async with web(sqlite_url) as hub:
            assert (await hub.client.get(path, follow_redirects=True)).status_code == 200

    run(test())


def test_an_address_that_does_not_exist_shows_nowhere_in_the_metrics(sqlite_url: str) -> None:
    """It may hold a number or a token."""

    async def test() -> None:
        async with web(sqlite_url) as hub:
            assert (await hub.client.get("/nothing/12015555522")).status_code == 404
            assert "12015555522" not in (await hub.client.get("/metrics")).text

    run(test())


def test_an_answer_that_breaks_off_is_not_ended_as_if_it_were_whole(sqlite_url: str) -> None:
    async def breaks(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise RuntimeError("in the middle")

    async def test() -> None:
        async with web(sqlite_url) as hub:
            parts = hub.context
            gate = Gate(
                breaks,
                config=parts.config,
                auth=parts.auth,
                metrics=parts.metrics,
                page=Pages(parts).problem,
            )
            broken = httpx2.AsyncClient(
                transport=httpx2.ASGITransport(app=gate), base_url="http://127.0.0.1"
            )
            with pytest.raises(RuntimeError, match="in the middle"):
                await broken.get("/healthz")

    run(test())


def test_the_admin_key_shows_nowhere(sqlite_url: str) -> None:
    async def test() -> None:
        async with web(sqlite_url) as hub:
            for path in ("/metrics", "/openapi.json", "/docs", "/", "/start", "/send", "/v1/nope"):
                answer = await hub.client.get(path)
                assert ADMIN_KEY not in answer.text
                assert ADMIN_KEY not in str(answer.headers)

    run(test())
