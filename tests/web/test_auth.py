"""Who may come in by a key, and what for (rules H1 and H4)."""

import re
from typing import Any

import pytest

from delivrd import __version__
from delivrd.store.tx import Tx
from delivrd.web.app import routes
from delivrd.web.auth import is_public
from tests.support import run, until
from tests.web.access import bearer, make_key, raw_status, sign_in
from tests.web.web_support import ADMIN_KEY, NEW, Web, web


def addresses(hub: Web) -> list[tuple[str, str]]:
    """Every address of the app, also the pages'."""

    found = []
    waiting = list(routes(hub.context).routes)
    while waiting:
        route: Any = waiting.pop()
        inner = getattr(route, "original_router", None)
        if inner is not None:
            waiting += inner.routes
        elif getattr(route, "path", None):
            found += [(method, route.path) for method in route.methods]
    return found


def test_nothing_but_the_sign_in_page_and_healthz_answers_without_a_key(sqlite_url: str) -> None:
    async def test() -> None:
        async with web(sqlite_url) as hub:
            known = addresses(hub)
            assert ("GET", "/v1/messages") in known
            assert ("GET", "/messages") in known
            stranger = hub.somebody()
            for method, path in known:
                if path in ("/healthz", "/sign-in") or path.startswith("/static/"):
                    continue
                answer = await stranger.request(method, path.replace("{id}", "1"))
                assert answer.status_code == 401, (method, path)
            assert (await stranger.get("/healthz")).status_code == 200
            assert (await stranger.get("/sign-in")).status_code == 200

    run(test())


@pytest.mark.parametrize(
    "path",
    ["/healthz/x", "/healthz.html", "/sign-in/x", "/sign-in-links", "/v1/messages/static/x",
     "/messages/static/", "/static", "/statics/x"],
)  # fmt: skip
def test_an_address_like_a_public_one_needs_a_key(sqlite_url: str, path: str) -> None:
    async def test() -> None:
        async with web(sqlite_url) as hub:
            assert await raw_status(hub, "GET", path, [(b"host", b"127.0.0.1")]) == 401

    run(test())


@pytest.mark.parametrize(
    "path", ["/static/none", "/static/%2e%2e/auth.py", "/static/%2fetc/passwd", "/static/%00"]
)
def test_a_stranger_is_told_nothing_by_a_file_that_does_not_exist(
    sqlite_url: str, path: str
) -> None:
    async def test() -> None:
        async with web(sqlite_url) as hub:
            answer = await hub.somebody(accept="text/html").get(path)
            assert answer.status_code == 404
            assert answer.headers["cache-control"] == "no-store"
            assert "SQLite" not in answer.text
            assert __version__ not in answer.text

    run(test())


@pytest.mark.parametrize(
    "header",
    ["Bearer nonsense", "Bearer dlv_0123_4567", "Basic YTpi", "Bearer", "Bearer \xff", "x",
     f"Basic {ADMIN_KEY}", f"Token {ADMIN_KEY}", ADMIN_KEY],
)  # fmt: skip
def test_a_wrong_key_is_401_with_a_hint(database_url: str, header: str) -> None:
    async def test() -> None:
        async with web(database_url) as hub:
            client = hub.somebody()
            raw = [("authorization", header.encode("latin-1"))]
            answer = await client.get("/v1/messages", headers=raw)  # type: ignore[arg-type]
            assert answer.status_code == 401
            assert answer.headers["www-authenticate"] == "Bearer"
            assert answer.json()["hint"]

    run(test())


@pytest.mark.parametrize("header", ["Bearer", "Bearer nonsense"])
def test_a_session_does_not_stand_in_for_a_key_that_is_wrong(sqlite_url: str, header: str) -> None:
    async def test() -> None:
        async with web(sqlite_url) as hub:
            browser, _ = await sign_in(hub, key=ADMIN_KEY)
            answer = await browser.get("/v1/messages", headers={"authorization": header})
            assert answer.status_code == 401

    run(test())


def test_the_word_bearer_may_be_in_any_case(sqlite_url: str) -> None:
    """RFC 9110 compares the names of schemes without case."""

    async def test() -> None:
        async with web(sqlite_url) as hub:
            for scheme in ("bearer", "BEARER"):
                client = hub.somebody(authorization=f"{scheme} {ADMIN_KEY}")
                assert (await client.get("/v1/messages")).status_code == 200

    run(test())


MAY = [
    ("read", "GET", "/v1/messages", True),
    ("read", "POST", "/v1/messages", False),
    ("read", "GET", "/v1/keys", False),
    ("read", "GET", "/metrics", True),
    ("send", "POST", "/v1/messages", True),
    ("send", "GET", "/v1/messages", False),
    ("send", "GET", "/v1/stats/delivery", False),
    ("send", "GET", "/", False),
    ("send", "POST", "/v1/keys", False),
    ("admin", "GET", "/v1/messages", True),
    ("admin", "POST", "/v1/messages", True),
    ("admin", "GET", "/v1/keys", True),
]


@pytest.mark.parametrize(("scope", "method", "path", "allowed"), MAY)
def test_a_key_may_what_its_scope_says(
    sqlite_url: str, scope: str, method: str, path: str, allowed: bool
) -> None:
    async def test() -> None:
        async with web(sqlite_url) as hub:
            client = bearer(hub, await make_key(hub, scope))
            answer = await client.request(method, path, json=NEW if method == "POST" else None)
            assert (answer.status_code != 403) is allowed
            if not allowed:
                assert re.search(r"--scope (read|send|admin)` creates one", answer.json()["hint"])

    run(test())


SENDS = {
    ("POST", "/v1/messages"),
    ("POST", "/v1/messages/sent"),
    ("POST", "/v1/messages/{id}/feedback"),
    ("GET", "/v1/messages/{id}"),
    ("GET", "/v1/messages/{id}/wait"),
}
PREVIEW = ("POST", "/v1/alerts/preview")
"""It is posted because it is long, and changes nothing."""
FOR_ADMINS = {
    ("GET", "/v1/keys"),
    ("GET", "/send"),
    ("GET", "/alerts/new"),
    ("GET", "/alerts/rules/{name}/edit"),
    ("GET", "/endpoints/new"),
    ("GET", "/endpoints/options"),
    ("GET", "/endpoints/{endpoint_id}/edit"),
}
"""What is looked at only to change it."""


@pytest.mark.parametrize("scope", ["read", "send", "admin"])
def test_every_address_refuses_the_keys_that_are_not_for_it(sqlite_url: str, scope: str) -> None:
    async def test() -> None:
        async with web(sqlite_url) as hub:
            known = set(addresses(hub))
            guarded = {one for one in known if not is_public(one[1]) and one[1] != "/sign-out"}
            changes = {one for one in guarded if one[0] != "GET"}
            expected = {
                "read": changes - {PREVIEW} | FOR_ADMINS,
                "send": guarded - SENDS,
                "admin": set(),
            }
            key = await make_key(hub, scope)
            refused = {one for one in known if await status(hub, *one, key) == 403}
            assert sorted(refused ^ expected[scope]) == []

    run(test())


async def status(hub: Web, method: str, path: str, key: str) -> int:
    """The status of the answer to a call without a body."""
    headers = [(b"host", b"127.0.0.1"), (b"authorization", f"Bearer {key}".encode())]
    return await raw_status(hub, method, path, headers, {"type": "http.request"})


def test_a_key_that_may_send_follows_its_message(sqlite_url: str) -> None:
    async def test() -> None:
        async with web(sqlite_url) as hub:
            client = bearer(hub, await make_key(hub, "send"))
            made = (await client.post("/v1/messages", json=NEW)).json()
            assert (await client.get(f"/v1/messages/{made['id']}")).status_code == 200
            wait = await client.get(f"/v1/messages/{made['id']}/wait?timeout=0")
            assert wait.status_code == 200

    run(test())


def test_a_key_is_shown_once_and_listed_without_itself(database_url: str) -> None:
    async def test() -> None:
        async with web(database_url) as hub:
            made = await hub.post("/v1/keys", {"name": "shop", "scopes": ["read", "send"]}, 201)
            answer = await hub.client.get("/v1/keys")
            (listed,) = answer.json()["items"]
            assert made["key"] not in answer.text
            assert listed == {name: value for name, value in made.items() if name != "key"}
            assert listed["scopes"] == ["read", "send"]

    run(test())


def test_a_revoked_key_is_refused_at_once(database_url: str) -> None:
    async def test() -> None:
        async with web(database_url) as hub:
            made = await hub.post("/v1/keys", {"name": "x", "scopes": ["admin"]}, 201)
            client = bearer(hub, made["key"])
            assert (await client.get("/v1/messages")).status_code == 200
            assert (await hub.client.delete(f"/v1/keys/{made['id']}")).status_code == 204
            assert (await client.get("/v1/messages")).status_code == 401
            assert (await hub.client.delete("/v1/keys/1")).status_code == 404

    run(test())


def test_the_use_of_a_key_is_noted_once_a_minute(database_url: str) -> None:
    async def test() -> None:
        async with web(database_url) as hub:
            client = bearer(hub, await make_key(hub, "read"))
            await client.get("/v1/messages")

            async def used() -> Any:
                return (await hub.items("/v1/keys"))[0]["last_used_at"]

            first = await until(used)
            for _ in range(3):
                await client.get("/v1/messages")
                assert not hub.context.auth.uses_to_note
            assert await used() == first

    run(test())


def test_making_and_revoking_keys_is_written_down(database_url: str) -> None:
    async def test() -> None:
        async with web(database_url) as hub:
            made = await hub.post("/v1/keys", {"name": "shop", "scopes": ["read"]}, 201)
            await hub.client.delete(f"/v1/keys/{made['id']}")

            async def read(tx: Tx) -> list[Any]:
                return await tx.fetch("SELECT actor, action FROM audit ORDER BY id")

            rows = [tuple(row) for row in await hub.store.read(read)]
            assert rows == [("admin key", "keys.create"), ("admin key", "keys.revoke")]

    run(test())


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"name": "x"},
        {"name": "x", "scopes": []},
        {"name": "", "scopes": ["read"]},
        {"name": "x", "scopes": ["root"]},
        {"name": "x\0", "scopes": ["read"]},
        {"name": "x", "scopes": ["read"], "more": 1},
    ],
)
def test_a_key_that_cannot_be_made_is_422(sqlite_url: str, body: dict[str, Any]) -> None:
    async def test() -> None:
        async with web(sqlite_url) as hub:
            assert (await hub.post("/v1/keys", body, 422))["hint"]

    run(test())
