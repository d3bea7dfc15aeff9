"""Who may come in, and how: keys, sessions, hosts, headers (rules H1 and H4)."""

import asyncio
import json
import re
from html import unescape
from typing import Any

import httpx2
import pytest
from starlette.types import Message

from delivrd import __version__
from delivrd.store.tx import Tx
from delivrd.web.app import create, routes
from delivrd.web.auth import COOKIE, is_public
from delivrd.web.gate import Gate, allowed_hosts
from delivrd.web.signin import first_link, local_path
from tests.support import run, until
from tests.web.web_support import ADMIN_KEY, NEW, Web, web, web_settings

FORM = {"content-type": "application/x-www-form-urlencoded"}


def bearer(hub: Web, key: str) -> httpx2.AsyncClient:
    return hub.somebody(authorization=f"Bearer {key}")


async def make_key(hub: Web, *scopes: str) -> str:
    made = await hub.post("/v1/keys", {"name": "x", "scopes": list(scopes)}, 201)
    return str(made["key"])


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


async def raw_status(
    hub: Web, method: str, path: str, headers: list[tuple[bytes, bytes]], *received: Message
) -> int:
    """The status of the answer to a call as the server passes it on, as soon as it begins."""
    begun: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    coming = iter(received)

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            begun.set_result(message["status"])

    async def receive() -> Message:
        for message in coming:
            return message
        return await asyncio.Future()  # the caller stays

    scope = {"type": "http", "method": method, "path": path, "query_string": b"",
             "headers": headers}  # fmt: skip
    answering = asyncio.create_task(hub.app(scope, receive, send))
    try:
        return await begun
    finally:
        answering.cancel()
        await asyncio.gather(answering, return_exceptions=True)


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


# --- people -----------------------------------------------------------------------------------


async def sign_in(hub: Web, **form: str) -> tuple[httpx2.AsyncClient, httpx2.Response]:
    browser = hub.somebody()
    return browser, await browser.post("/sign-in", data=form)


async def link_token(hub: Web) -> str:
    made = await hub.post("/v1/sign-in-links", None, 201)
    return str(made["url"]).rpartition("token=")[2]


def test_a_link_signs_in_once(database_url: str) -> None:
    async def test() -> None:
        async with web(database_url) as hub:
            token = await link_token(hub)
            browser = hub.somebody()
            for _ in range(2):  # looking at it uses nothing up
                assert token in (await browser.get(f"/sign-in?token={token}")).text
            browser, answer = await sign_in(hub, token=token)
            assert (answer.status_code, answer.headers["location"]) == (303, "/")
            assert (await browser.get("/v1/messages")).status_code == 200
            again, answer = await sign_in(hub, token=token)
            assert "failed" in answer.headers["location"]
            assert (await again.get("/v1/messages")).status_code == 401

    run(test())


def test_the_cookie_is_kept_from_scripts_and_other_sites(sqlite_url: str) -> None:
    async def test() -> None:
        async with web(sqlite_url) as hub:
            _, answer = await sign_in(hub, key=ADMIN_KEY)
            cookie = answer.headers["set-cookie"]
            assert "HttpOnly" in cookie
            assert "SameSite=Lax" in cookie
            assert "Secure" not in cookie
            assert f"Max-Age={30 * 86400};" in cookie

    run(test())


def test_the_cookie_is_secure_where_the_hub_is_public_by_https(sqlite_url: str) -> None:
    async def test() -> None:
        async with web(sqlite_url, public_url="https://sms.example.org") as hub:
            _, answer = await sign_in(hub, key=ADMIN_KEY)
            assert "Secure" in answer.headers["set-cookie"]

    run(test())


def test_a_wrong_admin_key_signs_nobody_in(sqlite_url: str) -> None:
    async def test() -> None:
        async with web(sqlite_url) as hub:
            for key in ("", ADMIN_KEY[:-1], ADMIN_KEY + "x", await make_key(hub, "send")):
                _, answer = await sign_in(hub, key=key)
                assert "set-cookie" not in answer.headers

    run(test())


def test_signing_out_ends_the_session(sqlite_url: str) -> None:
    async def test() -> None:
        async with web(sqlite_url) as hub:
            browser, _ = await sign_in(hub, key=ADMIN_KEY)
            cookie = browser.cookies[COOKIE]
            token = await csrf(browser)
            answer = await browser.post("/sign-out", data={"csrf": token})
            assert answer.headers["location"] == "/sign-in"
            assert f"{COOKIE}=; Path=/; Max-Age=0;" in answer.headers["set-cookie"]
            old = await hub.somebody(cookie=f"{COOKIE}={cookie}").get("/v1/messages")
            assert old.status_code == 401

    run(test())


def test_a_session_may_no_more_than_the_key_that_made_it(sqlite_url: str) -> None:
    async def test() -> None:
        async with web(sqlite_url) as hub:
            browser, _ = await sign_in(hub, key=await make_key(hub, "read"))
            assert (await browser.get("/messages")).status_code == 200
            token = {"x-csrf-token": await csrf(browser)}
            for path in ("/v1/messages", "/v1/keys", "/send", "/v1/sign-in-links"):
                answer = await browser.post(path, json=NEW, headers=token)
                assert answer.status_code == 403
                assert "scope" in answer.json()["detail"]

    run(test())


def test_who_may_only_look_may_sign_out(sqlite_url: str) -> None:
    async def test() -> None:
        async with web(sqlite_url) as hub:
            browser, _ = await sign_in(hub, key=await make_key(hub, "read"))
            cookie = browser.cookies[COOKIE]
            answer = await browser.post("/sign-out", data={"csrf": await csrf(browser)})
            assert answer.headers["location"] == "/sign-in"
            assert not await _opens(hub, cookie)

    run(test())


def test_signing_in_takes_over_no_cookie_that_was_there_before(sqlite_url: str) -> None:
    """Who can plant a cookie in somebody's browser must not share the session that follows."""

    async def test() -> None:
        async with web(sqlite_url) as hub:
            browser = hub.somebody(cookie=f"{COOKIE}=planted")
            answer = await browser.post("/sign-in", data={"key": ADMIN_KEY})
            assert f"{COOKIE}=planted" not in answer.headers["set-cookie"]
            assert not await _opens(hub, "planted")

    run(test())


@pytest.mark.parametrize("beside", ['a={"b": "c"}', "a[b]=c", 'a="', "a=é", "a b=c", "é", ""])
def test_a_session_is_known_beside_the_cookies_of_other_programs(
    sqlite_url: str, beside: str
) -> None:
    """Cookies know no ports: what else is served on this host sends its own along."""

    async def test() -> None:
        async with web(sqlite_url) as hub:
            browser, _ = await sign_in(hub, key=ADMIN_KEY)
            ours = f"{COOKIE}={browser.cookies[COOKIE]}"
            for cookies in (f"{beside}; {ours}", f"{ours}; {beside}"):
                raw = [("cookie", cookies.encode())]
                answer = await hub.somebody().get("/v1/messages", headers=raw)  # type: ignore[arg-type]
                assert answer.status_code == 200

    run(test())


def test_a_person_and_the_admin_key_may_use_the_same_idempotency_key(sqlite_url: str) -> None:
    async def test() -> None:
        async with web(sqlite_url) as hub:
            browser, _ = await sign_in(hub, key=ADMIN_KEY)
            once = {"idempotency-key": "once"}
            own = {**once, "x-csrf-token": await csrf(browser)}
            first = (await browser.post("/v1/messages", json=NEW, headers=own)).json()
            second = await hub.post("/v1/messages", NEW, 202, **once)
            assert first["id"] != second["id"]

    run(test())


def test_a_session_made_by_the_admin_key_ends_when_that_is_changed(database_url: str) -> None:
    """A key that leaked is changed; who came in by it must not stay for the cookie's 30 days."""

    async def test() -> None:
        async with web(database_url) as hub:
            browser, _ = await sign_in(hub, key=ADMIN_KEY)
            by_key, by_link = browser.cookies[COOKIE], await link_token(hub)
            browser, _ = await sign_in(hub, token=by_link)
            by_link = browser.cookies[COOKIE]
            assert await _opens(hub, by_key)
        async with web(database_url, admin_key="another-admin-key-of-many-characters") as hub:
            assert not await _opens(hub, by_key)
            assert await _opens(hub, by_link)

    run(test())


async def _opens(hub: Web, cookie: str) -> bool:
    answer = await hub.somebody(cookie=f"{COOKIE}={cookie}").get("/v1/messages")
    return answer.status_code == 200


async def csrf(browser: httpx2.AsyncClient) -> str:
    """The token that a page of this session carries."""
    page = (await browser.get("/send")).text
    return page.partition('name="csrf" value="')[2].partition('"')[0]


def test_a_page_without_a_session_leads_to_signing_in(sqlite_url: str) -> None:
    async def test() -> None:
        async with web(sqlite_url) as hub:
            answer = await hub.somebody(accept="text/html").get("/messages")
            assert answer.status_code == 303
            assert answer.headers["location"] == "/sign-in?next=/messages"

    run(test())


def test_a_link_to_a_filtered_page_survives_signing_in(sqlite_url: str) -> None:
    async def test() -> None:
        async with web(sqlite_url) as hub:
            link = "/messages?status=failed&to=%2B44"
            asked = await hub.somebody(accept="text/html").get(link)
            form = await hub.somebody().get(asked.headers["location"])
            goal = unescape(form.text.partition('name="next" value="')[2].partition('"')[0])
            assert goal == link
            _, answer = await sign_in(hub, key=ADMIN_KEY, next=goal)
            assert answer.headers["location"] == link

    run(test())


async def _never() -> Message:
    raise AssertionError("the body was read")


@pytest.mark.parametrize("path", ["/v1/messages", "/send", "/nothing"])
def test_nothing_is_taken_in_of_what_nobody_with_a_key_sends(sqlite_url: str, path: str) -> None:
    """Bodies of callers without a key would fill the memory of a hub on the open network."""

    async def test() -> None:
        async with web(sqlite_url) as hub:
            said: list[Message] = []

            async def send(message: Message) -> None:
                said.append(message)

            headers = [(b"host", b"127.0.0.1"), (b"content-length", b"4000000")]
            scope = {"type": "http", "method": "POST", "path": path, "query_string": b"",
                     "headers": headers}  # fmt: skip
            await create(hub.context)(scope, _never, send)
            assert said[0]["status"] == 401

    run(test())


def test_the_form_to_sign_in_is_short(sqlite_url: str) -> None:
    async def test() -> None:
        async with web(sqlite_url) as hub:
            answer = await hub.somebody().post("/sign-in", content=b"key=" + b"x" * 100_000)
            assert answer.status_code == 413

    run(test())


def test_a_form_that_says_it_is_long_is_not_read(sqlite_url: str) -> None:
    async def test() -> None:
        async with web(sqlite_url) as hub:
            headers = [(b"host", b"127.0.0.1"), (b"content-length", b"4000000")]
            assert await raw_status(hub, "POST", "/sign-in", headers) == 413

    run(test())


def test_a_form_that_does_not_say_how_long_it_is_is_read_no_further_than_it_may_be(
    sqlite_url: str,
) -> None:
    async def test() -> None:
        async with web(sqlite_url) as hub:
            headers, piece = [(b"host", b"127.0.0.1")], b"x" * 16_384
            pieces = [{"type": "http.request", "body": piece, "more_body": True}] * 5
            assert await raw_status(hub, "POST", "/sign-in", headers, *pieces) == 413

    run(test())


def test_nothing_is_done_for_a_caller_who_goes_away_in_the_middle(sqlite_url: str) -> None:
    """What has come of a body may look whole."""

    async def test() -> None:
        async with web(sqlite_url) as hub:
            headers = [(b"host", b"127.0.0.1"), (b"authorization", f"Bearer {ADMIN_KEY}".encode()),
                       (b"content-type", b"application/json")]  # fmt: skip
            part = {"type": "http.request", "body": json.dumps(NEW).encode(), "more_body": True}
            gone = {"type": "http.disconnect"}
            assert await raw_status(hub, "POST", "/v1/messages", headers, part, gone) == 400
            assert await hub.items("/v1/messages") == []

    run(test())


@pytest.mark.parametrize(("method", "path"), [("GET", "/v1/messages"), ("POST", "/send")])
def test_only_who_opens_a_page_is_led_to_signing_in(
    sqlite_url: str, method: str, path: str
) -> None:
    """A program must not take the form to sign in for its answer."""

    async def test() -> None:
        async with web(sqlite_url) as hub:
            answer = await hub.somebody(accept="text/html").request(method, path)
            assert answer.status_code == 401

    run(test())


OWN = {"origin": "http://127.0.0.1"}
FOREIGN: list[dict[str, str]] = [
    {"origin": "https://evil.example"},
    {"origin": "http://127.0.0.1:9"},
    {"origin": "null"},
    {"origin": "http://["},
    {"sec-fetch-site": "cross-site"},
    {"sec-fetch-site": "same-site"},
]


@pytest.mark.parametrize("headers", FOREIGN)
def test_another_site_cannot_use_a_session(sqlite_url: str, headers: dict[str, str]) -> None:
    async def test() -> None:
        async with web(sqlite_url) as hub:
            browser, _ = await sign_in(hub, key=ADMIN_KEY)
            token = {"x-csrf-token": await csrf(browser)}
            assert len(token["x-csrf-token"]) == 64
            refused = await browser.post("/v1/messages", json=NEW, headers={**token, **headers})
            assert refused.status_code == 403
            taken = await browser.post("/v1/messages", json=NEW, headers={**token, **OWN})
            assert taken.status_code == 202

    run(test())


def test_the_token_of_one_session_is_none_of_another(sqlite_url: str) -> None:
    async def test() -> None:
        async with web(sqlite_url) as hub:
            mine, _ = await sign_in(hub, key=ADMIN_KEY)
            others, _ = await sign_in(hub, key=ADMIN_KEY)
            token = {"x-csrf-token": await csrf(mine)}
            refused = await others.post("/v1/messages", json=NEW, headers=token)
            assert refused.status_code == 403
            taken = await mine.post("/v1/messages", json=NEW, headers=token)
            assert taken.status_code == 202

    run(test())


@pytest.mark.parametrize("token", [None, "", "0" * 64, "é"])
def test_a_session_changes_nothing_without_its_pages_token(
    sqlite_url: str, token: str | None
) -> None:
    async def test() -> None:
        async with web(sqlite_url) as hub:
            browser, _ = await sign_in(hub, key=ADMIN_KEY)
            raw = [] if token is None else [("x-csrf-token", token.encode())]
            answer = await browser.post("/v1/messages", json=NEW, headers=raw)  # type: ignore[arg-type]
            assert answer.status_code == 403
            form = await browser.post("/send", data={"csrf": token or "", "to": "+12015555522"})
            assert form.status_code == 403

    run(test())


@pytest.mark.parametrize(
    ("method", "path"),
    [("DELETE", "/v1/keys/1"), ("PATCH", "/v1/endpoints/ep_1"), ("PUT", "/v1/alerts/rules/x")],
)
def test_every_method_that_changes_something_needs_the_token(
    sqlite_url: str, method: str, path: str
) -> None:
    async def test() -> None:
        async with web(sqlite_url) as hub:
            browser, _ = await sign_in(hub, key=ADMIN_KEY)
            answer = await browser.request(method, path)
            assert answer.status_code == 403
            assert "token" in answer.json()["detail"]

    run(test())


def test_another_site_cannot_sign_somebody_in(sqlite_url: str) -> None:
    async def test() -> None:
        async with web(sqlite_url) as hub:
            answer = await hub.somebody(origin="https://evil.example").post(
                "/sign-in", data={"key": ADMIN_KEY}
            )
            assert answer.status_code == 403

    run(test())


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        ("/messages", "/messages"),
        ("/messages?status=failed&to=%2B44", "/messages?status=failed&to=%2B44"),
        ("/messages?a\r\nSet-Cookie: x=y", "/"),
        ("/?next=\u2028", "/"),
        ("//evil.example", "/"),
        ("/\\evil.example", "/"),
        ("https://evil.example", "/"),
        ("/\u00e9", "/"),
        ("/a\r\nSet-Cookie: x=y", "/"),
        ("", "/"),
    ],
)
def test_after_signing_in_one_stays_on_this_site(given: str, taken: str) -> None:
    assert local_path(given) == taken


@pytest.mark.parametrize("key", [ADMIN_KEY, "wrong"])
def test_the_form_to_sign_in_leads_to_no_other_site(sqlite_url: str, key: str) -> None:
    async def test() -> None:
        async with web(sqlite_url) as hub:
            _, answer = await sign_in(hub, key=key, next="//evil.example/")
            assert answer.status_code == 303
            assert "evil" not in answer.headers["location"]

    run(test())


def test_the_first_start_gives_a_link_until_somebody_came(database_url: str) -> None:
    async def test() -> None:
        async with web(database_url) as hub:
            url = await first_link(hub.store, hub.hub.config)
            assert url is not None
            await sign_in(hub, token=url.rpartition("token=")[2])
            assert await first_link(hub.store, hub.hub.config) is None

    run(test())


# --- every answer -----------------------------------------------------------------------------


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
            gate = Gate(breaks, config=parts.config, auth=parts.auth, metrics=parts.metrics)
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
