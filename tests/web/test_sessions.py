"""How people sign in and out, and that no other site does it for them (rules H1 and H4)."""

import json
from html import unescape
from urllib.parse import urlencode

import httpx2
import pytest
from starlette.datastructures import Headers
from starlette.types import Message

from delivrd import __version__
from delivrd.store.base import StoreUnavailable
from delivrd.web.app import create
from delivrd.web.auth import COOKIE
from delivrd.web.signin import first_link, local_path
from tests.support import run
from tests.web.access import csrf, link_token, make_key, raw_status, sign_in
from tests.web.web_support import ADMIN_KEY, NEW, Web, web


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


def test_signing_in_says_why_it_failed(sqlite_url: str) -> None:
    async def test() -> None:
        async with web(sqlite_url) as hub:

            async def told(**form: str) -> str:
                browser, answer = await sign_in(hub, **form)
                return (await browser.get(answer.headers["location"])).text

            assert "older than 15 minutes" in await told(token="used")
            assert "unknown or revoked" in await told(key="of nobody")
            assert "neither the scope read nor admin" in await told(key=await make_key(hub, "send"))

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


def test_a_part_of_a_page_is_not_replaced_by_the_page_to_sign_in(sqlite_url: str) -> None:
    """Scripts follow redirects: the form would stand where the list was."""

    async def test() -> None:
        async with web(sqlite_url) as hub:
            script = hub.somebody(accept="text/html", **{"hx-request": "true"})
            assert (await script.get("/messages/live")).status_code == 401

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


PERSON = {"accept": "text/html"}


async def _refused(browser: httpx2.AsyncClient, status: int, what: str, **form: str) -> str:
    """The page that a refused form leads to."""
    answer = await browser.post("/send", data=form, headers=PERSON)
    assert answer.status_code == status
    assert answer.headers["content-type"].startswith("text/html")
    assert what in answer.text
    return answer.text


def test_a_form_without_a_session_is_refused_by_a_page_that_leads_to_signing_in(
    sqlite_url: str,
) -> None:
    """Strangers are not told the release."""

    async def test() -> None:
        async with web(sqlite_url) as hub:
            page = await _refused(hub.somebody(), 401, "Not signed in", text="Hello")
            assert 'href="/sign-in"' in page
            assert __version__ not in page

    run(test())


def test_a_form_that_this_session_may_not_send_is_refused_by_a_page(sqlite_url: str) -> None:
    async def test() -> None:
        async with web(sqlite_url) as hub:
            browser, _ = await sign_in(hub, key=await make_key(hub, "read"))
            page = await _refused(browser, 403, "the scope admin", csrf=await csrf(browser))
            assert 'href="/messages"' in page

    run(test())


def test_a_form_with_the_token_of_an_older_session_is_refused_by_a_page(sqlite_url: str) -> None:
    async def test() -> None:
        async with web(sqlite_url) as hub:
            browser, _ = await sign_in(hub, key=ADMIN_KEY)
            await _refused(browser, 403, "reload the page", csrf="of an older session")

    run(test())


def test_a_form_that_is_too_long_is_refused_by_a_page(sqlite_url: str) -> None:
    async def test() -> None:
        async with web(sqlite_url, limits={"max_body": 70_000}) as hub:
            browser, _ = await sign_in(hub, key=ADMIN_KEY)
            await _refused(browser, 413, "70000 bytes", text="x" * 80_000)

    run(test())


def test_a_form_while_the_database_is_away_is_refused_by_a_page(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(headers: Headers) -> None:
        raise StoreUnavailable("disk I/O error")

    async def test() -> None:
        async with web(sqlite_url) as hub:
            monkeypatch.setattr(hub.context.auth, "caller", away)
            assert "Try again" in await _refused(hub.somebody(), 503, "database does not answer")

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


@pytest.mark.parametrize("once", ["a\0b", "é" * 20_000, "\ud800"])
def test_a_form_is_sent_whatever_its_own_token_is(database_url: str, once: str) -> None:
    async def test() -> None:
        async with web(database_url) as hub:
            browser, _ = await sign_in(hub, key=ADMIN_KEY)
            fields = {"csrf": await csrf(browser), "to": "+12015555522", "from": "Acme",
                      "text": "Hello", "via": "main", "once": once}  # fmt: skip
            body = urlencode(fields, errors="surrogatepass").encode()
            typed = {"content-type": "application/x-www-form-urlencoded"}
            sent = [await browser.post("/send", content=body, headers=typed) for _ in range(2)]
            assert [answer.status_code for answer in sent] == [303, 303]
            assert len({answer.headers["location"] for answer in sent}) == 1

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
