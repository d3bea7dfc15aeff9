"""The checks that every call passes before a page or the API handles it (rules H1, H3, H4)."""

import asyncio
import time
from collections.abc import Callable, MutableMapping
from typing import Any
from urllib.parse import quote, urlsplit

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from delivrd.config import Config
from delivrd.core.addresses import address_of, host_name, is_local, is_loopback
from delivrd.metrics import Metrics
from delivrd.store.base import StoreUnavailable
from delivrd.store.keys import Scope as Role
from delivrd.web.auth import (
    SIGN_OUT,
    Auth,
    Caller,
    check_csrf,
    check_origin,
    is_public,
    is_safe,
    lacking,
    unauthorized,
    wants_page,
)
from delivrd.web.problems import Problem, crashed, unavailable

log = structlog.get_logger(__name__)

CSP = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'"
)
"""The policy of answers without one of their own: nothing in them may run."""

HEADERS = {
    "content-security-policy": CSP,
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cache-control": "no-store",
}


FORM_LIMIT = 64 * 1024
"""The most bytes that unauthenticated callers may send: enough for the sign-in form."""


ErrorPage = Callable[[Request, Problem], Response]
"""Shows a problem to a person. Without a caller in the request's state, it is a stranger."""


class Gate:
    """Checks the host, the caller and the body's size; measures and counts the answers."""

    def __init__(
        self, app: ASGIApp, *, config: Config, auth: Auth, metrics: Metrics, page: ErrorPage
    ) -> None:
        self._app, self._auth, self._metrics, self._page = app, auth, metrics, page
        self._limit = int(config.limits.max_body)
        self._hosts = allowed_hosts(config)
        self._tasks: set[asyncio.Task[None]] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if scope["path"].endswith("/"):
            # a redirect would have the URL as this process sees it: behind a proxy that ends
            # TLS, a client would send its key again, unencrypted
            scope = {**scope, "path": scope["path"].rstrip("/") or "/"}
        if scope["method"] == "HEAD":
            # handled as GET; the server knows the original method and sends no body
            scope = {**scope, "method": "GET"}
        began = time.perf_counter()
        answer = _Answer(send)
        try:
            await self._pass(scope, receive, answer)
        except Exception:
            log.exception("a call failed", method=scope["method"], route=route_of(scope))
            if answer.status is None:
                await crashed().response()(scope, receive, answer)
            elif answer.status < 500:
                raise  # the answer had begun; only a broken connection shows that it is incomplete
        finally:
            self._metrics.answered(
                scope["method"], route_of(scope), answer.status or 0, time.perf_counter() - began
            )
        if self._auth.uses_to_note:
            self._in_background()

    async def _pass(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        try:
            self._check_host(headers)
            caller = await self._who(scope["path"], headers)  # before the body is read
            _tell(scope, caller)
            limit = self._limit if caller else FORM_LIMIT
            body = b"" if is_safe(scope["method"]) else await _receive(headers, receive, limit)
            self._let_in(scope, headers, caller, body)
        except StoreUnavailable as error:
            await self._refusal(unavailable(error), scope, headers)(scope, receive, send)
        except Problem as problem:
            await self._refusal(problem, scope, headers)(scope, receive, send)
        else:
            again = receive if is_safe(scope["method"]) else _replayed(body, receive)
            await self._app(scope, again, send)

    async def _who(self, path: str, headers: Headers) -> Caller | None:
        """The caller; None for paths that need no authentication.

        Raises:
            Problem: the caller is not authenticated.
        """
        if is_public(path):
            return None
        caller = await self._auth.caller(headers)
        if caller is None:
            raise unauthorized("This needs an API key or a session.")
        return caller

    def _let_in(self, scope: Scope, headers: Headers, caller: Caller | None, body: bytes) -> None:
        """Checks what the caller may do here.

        Raises:
            Problem: the caller may not do this, or another site sent the call.
        """
        if caller is None:
            if not is_safe(scope["method"]):
                check_origin(headers)
            return
        if caller.csrf is not None and not is_safe(scope["method"]):
            check_csrf(caller, headers, body)
        if not scope["path"].startswith("/v1/") and scope["path"] != SIGN_OUT:
            _check_pages(caller, scope["method"])

    def _refusal(self, problem: Problem, scope: Scope, headers: Headers) -> Response:
        """The problem; a person gets it as a page, or is redirected to the sign-in page."""
        if not wants_page(scope["path"], headers):
            return problem.response()
        if problem.status == 401 and scope["method"] == "GET":
            return RedirectResponse(f"/sign-in?next={quote(_goal(scope))}", 303)
        return self._page(Request(scope), problem)

    def _check_host(self, headers: Headers) -> None:
        """Refuses host names that others could point at this machine (DNS rebinding)."""
        for host in map(host_name, headers.getlist("host") or [""]):
            if not self._hosts(host):
                raise Problem(
                    421,
                    f"{host[:100]!r} is not a host name of this hub.",
                    "Set public_url (or host) in delivrd.toml to the address that you use.",
                )

    def _in_background(self) -> None:
        task = asyncio.create_task(self._note_uses())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _note_uses(self) -> None:
        try:
            await self._auth.note_uses()
        except StoreUnavailable as error:
            log.warning("the use of a key was not noted", error=str(error))


async def _receive(headers: Headers, receive: Receive, limit: int) -> bytes:
    told = headers.get("content-length", "")
    if told.isascii() and told.isdigit() and int(told[:20]) > limit:
        raise _too_large(limit)
    body, more = bytearray(), True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Problem(400, "The caller disconnected.")
        body += message.get("body", b"")
        more = message.get("more_body", False)
        if len(body) > limit:
            raise _too_large(limit)
    return bytes(body)


class _Answer:
    """Adds the headers that every answer has, and remembers the status."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.status: int | None = None

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers.setdefault(name, value)
        await self._send(message)


def _tell(scope: Scope, caller: Caller | None) -> None:
    """Puts the caller into the scope, for the handlers and the error page."""
    if caller is not None:
        state = scope.setdefault("state", {})
        state["caller"], state["actor"], state["csrf"] = caller, caller.name, caller.csrf


def _check_pages(caller: Caller, method: str) -> None:
    """Checks the scope for a page: pages show everything, and their forms can change everything.

    Raises:
        Problem: the caller lacks the scope.
    """
    needed = Role.READ if is_safe(method) else Role.ADMIN
    if not caller.may(needed):
        raise lacking(needed)


def _replayed(body: bytes, receive: Receive) -> Receive:
    """A ``receive`` that returns the body that was read, then what follows it."""
    given = False

    async def again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again


def _goal(scope: Scope) -> str:
    """The requested path with its query, which holds a page's filters."""
    query = scope["query_string"].decode("latin-1")
    return str(scope["path"]) + (f"?{query}" if query else "")


def _too_large(limit: int) -> Problem:
    return Problem(413, f"The body is larger than {limit} bytes.", "Send less at once.")


def route_of(scope: MutableMapping[str, Any]) -> str:
    """The route's template, never the path itself, which may contain numbers and tokens."""
    route = scope.get("route")
    return str(getattr(route, "path", None) or "other")


def allowed_hosts(config: Config) -> Callable[[str], bool]:
    """The host names that a Host header may contain.

    A hub that listens on all addresses accepts any address: unlike names, they cannot be rebound.
    """
    named = {config.host.lower(), "localhost"}
    if config.public_url:
        named.add((urlsplit(config.public_url).hostname or "").lower())
    any_address = not is_local(config.host)

    def allowed(host: str) -> bool:
        if host in named or is_loopback(host):
            return True
        return any_address and address_of(host) is not None

    return allowed
