"""Authentication and scopes: API keys for programs, a session cookie for people (rule H4)."""

import hmac
from collections.abc import Callable
from hashlib import sha256
from typing import NamedTuple
from urllib.parse import parse_qs, urlsplit

from fastapi import Request
from starlette.datastructures import Headers
from starlette.requests import HTTPConnection, cookie_parser

from delivrd.config import Config
from delivrd.core.units import MINUTE
from delivrd.store.base import Store
from delivrd.store.gathered import Gathered
from delivrd.store.ids import now_micros
from delivrd.store.keys import Key, Scope, digest, find_key, touch_key
from delivrd.store.sessions import COOKIE_MICROS, find_session
from delivrd.store.tx import Tx
from delivrd.web.problems import Problem

COOKIE = "delivrd_session"
CSRF_HEADER = "x-csrf-token"
CSRF_FIELD = "csrf"
PUBLIC = ("/healthz", "/sign-in")
SIGN_OUT = "/sign-out"
"""The only form that everybody who is signed in may send, whatever their scopes."""
PUBLIC_FILES = "/static/"
"""Styles and scripts, which the sign-in page needs before anybody is signed in."""

TOUCH_MICROS = MINUTE
ADMIN_KEY_ID, SESSION_KEY_ID = 0, -1
"""The key ids that idempotency uses for callers without a stored API key."""

_ALL = frozenset(Scope)
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


class Caller(NamedTuple):
    """Who calls. ``csrf`` is set for sessions: the token that their forms must send."""

    name: str
    scopes: frozenset[Scope]
    key_id: int
    csrf: str | None = None

    def may(self, scope: Scope) -> bool:
        """The scope admin includes all others."""
        return scope in self.scopes or Scope.ADMIN in self.scopes


class Auth:
    """Authenticates callers."""

    def __init__(self, store: Store, config: Config, clock: Callable[[], int] = now_micros) -> None:
        self._store, self._clock = store, clock
        admin = config.admin_key
        self._admin = None if admin is None else digest(admin.get_secret_value())
        self.admin_mark = sha256(b"session" + (self._admin or b"")).hexdigest()[:16]
        """The owner of sessions made with the admin key: they end when it changes."""
        self._touched: dict[int, int] = {}
        self._due: set[int] = set()
        self._keys: Gathered[str, Key | None] = Gathered(store, _find_keys)

    async def caller(self, headers: Headers) -> Caller | None:
        """The caller that the headers authenticate; a key has precedence over a cookie.

        Raises:
            Problem: the key is not valid.
            StoreUnavailable: the key or the session cannot be checked.
        """
        scheme, _, given = headers.get("authorization", "").partition(" ")
        if scheme:
            return await self._by_key(scheme, given.strip())
        cookie = session_cookie(headers)
        return await self._by_cookie(cookie) if cookie else None

    async def _by_key(self, scheme: str, given: str) -> Caller:
        if scheme.lower() != "bearer":
            raise unauthorized("The Authorization header must be `Bearer KEY`.")
        if self.is_admin_key(given):
            return Caller("admin key", _ALL, ADMIN_KEY_ID)
        key = await self._keys.ask(given)
        if key is None:
            raise unauthorized("This key is unknown or revoked.")
        if self._clock() - self._touched.get(key.id, key.last_used_at or 0) > TOUCH_MICROS:
            self._due.add(key.id)
        return Caller(key.name, key.scopes, key.id)

    def is_admin_key(self, given: str) -> bool:
        """Compared by hash, in constant time."""
        return self._admin is not None and hmac.compare_digest(digest(given), self._admin)

    async def _by_cookie(self, cookie: str) -> Caller | None:
        session = await self._store.read(lambda tx: find_session(tx, cookie, self._clock()))
        if session is None or session.mark not in (None, self.admin_mark):
            return None
        return Caller("session", session.scopes, SESSION_KEY_ID, csrf_token(cookie))

    async def note_uses(self) -> None:
        """Records which keys were used, at most once a minute for each."""
        due, now = sorted(self._due), self._clock()
        self._due.clear()
        if not due:
            return
        self._touched.update(dict.fromkeys(due, now))

        async def job(tx: Tx) -> None:
            for key_id in due:
                await touch_key(tx, key_id, now)

        await self._store.write(job, background=True)

    @property
    def uses_to_note(self) -> bool:
        return bool(self._due)


async def _find_keys(tx: Tx, given: list[str]) -> dict[str, Key | None]:
    return {each: await find_key(tx, each) for each in given}


def unauthorized(detail: str) -> Problem:
    return Problem(
        401,
        detail,
        "Send `Authorization: Bearer KEY`; `delivrd keys create` creates a key.",
        headers={"WWW-Authenticate": "Bearer"},
    )


def session_cookie(headers: Headers) -> str | None:
    """The session's cookie, whatever cookies of other programs on this host are beside it."""
    return cookie_parser(headers.get("cookie", "")).get(COOKIE) or None


def set_cookie(config: Config, value: str) -> str:
    """The header that sets the session's cookie; without a value, the one that deletes it."""
    age = COOKIE_MICROS // 1_000_000 if value else 0
    secure = "; Secure" if (config.public_url or "").startswith("https:") else ""
    return f"{COOKIE}={value}; Path=/; Max-Age={age}; HttpOnly; SameSite=Lax{secure}"


def csrf_token(cookie: str) -> str:
    """The CSRF token of this session's forms; it does not reveal the cookie."""
    return hmac.new(cookie.encode("utf-8", "replace"), b"csrf", sha256).hexdigest()


def is_public(path: str) -> bool:
    return path in PUBLIC or path.startswith(PUBLIC_FILES)


def is_safe(method: str) -> bool:
    return method in _SAFE


def by_htmx(headers: Headers) -> bool:
    """Whether a page's own script asks, which puts what it gets into that page."""
    return "hx-request" in headers


def wants_page(path: str, headers: Headers) -> bool:
    """Whether a person opens this address or sends a form, to whom an error is shown as a page."""
    accepts = "text/html" in headers.get("accept", "")
    return accepts and not path.startswith("/v1/") and not by_htmx(headers)


def check_origin(headers: Headers) -> None:
    """Refuses requests that another site made the browser send.

    Raises:
        Problem: the browser says that the call comes from another site.
    """
    site = headers.get("sec-fetch-site")
    if site is not None and site not in ("same-origin", "none"):
        raise _foreign()
    origin = headers.get("origin")
    if origin is not None and _host_of(origin) != headers.get("host"):
        raise _foreign()


def _host_of(origin: str) -> str:
    try:
        return urlsplit(origin).netloc
    except ValueError:  # an unclosed bracket
        return ""


def check_csrf(caller: Caller, headers: Headers, body: bytes) -> None:
    """Checks that a session's call that changes something has its page's token.

    Raises:
        Problem: it has not, or it comes from another site.
    """
    check_origin(headers)
    given = headers.get(CSRF_HEADER)
    if given is None and headers.get("content-type", "").startswith(
        "application/x-www-form-urlencoded"
    ):
        given = parse_qs(body.decode("latin-1")).get(CSRF_FIELD, [""])[0]
    if caller.csrf is None or not hmac.compare_digest(
        (given or "").encode("utf-8", "replace"), caller.csrf.encode()
    ):
        raise Problem(
            403,
            "The call does not have the token of your page.",
            "Go back, copy what you typed, reload the page and try again.",
        )


def _foreign() -> Problem:
    return Problem(
        403, "The call comes from another site.", "Open the dashboard itself and try again."
    )


def caller_of(request: HTTPConnection) -> Caller:
    """The caller of this request, which the gate has authenticated."""
    caller: Caller = request.state.caller
    return caller


def lacking(*scopes: Scope) -> Problem:
    """The refusal of a caller who has none of these scopes."""
    what = f"This needs a key with the scope {' or '.join(scopes)}."
    return Problem(403, what, f"`delivrd keys create NAME --scope {scopes[0]}` creates one.")


def needs(*scopes: Scope) -> Callable[[Request], Caller]:
    """A dependency: the caller, who must have one of these scopes."""

    def check(request: Request) -> Caller:
        caller = caller_of(request)
        if not any(caller.may(scope) for scope in scopes):
            raise lacking(*scopes)
        return caller

    return check
