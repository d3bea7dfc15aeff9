"""The webhook: a plain ASGI app that receives, authenticates, reads, appends and answers."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any, NamedTuple

import msgspec
import structlog

from delivrd.config import Config
from delivrd.core.statement import Reading, micros
from delivrd.core.text import clean, short
from delivrd.intake.commit import GroupCommit, Refused
from delivrd.intake.documents import Documents, Unavailable
from delivrd.intake.proof import Address, Proof, UnknownAddress
from delivrd.intake.redact import Redactor
from delivrd.intake.ring import Refusal, Ring
from delivrd.intake.source import source_of
from delivrd.providers.base import (
    OK,
    Authentic,
    Http,
    NeedsDocument,
    NotSent,
    Request,
    Response,
    Unauthentic,
    Unreadable,
)
from delivrd.store.accounts import Account, Accounts
from delivrd.store.append import Entry, Nonce
from delivrd.store.base import StoreUnavailable
from delivrd.store.ids import Ids
from delivrd.store.messages import attempt_of

Scope = Mapping[str, Any]
Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Send = Callable[[Mapping[str, Any]], Awaitable[None]]

log = structlog.get_logger(__name__)

PREFIX = "/webhooks/"
LATER = {"retry-after": "5"}
OPEN_PER_SECOND = 100
"""Calls a second that an account without any proof takes (rule H2)."""


class Stop(Exception):
    """The call ends here, with this answer; ``why`` goes to the ring of refused calls."""

    def __init__(self, status: int, why: str, **headers: str) -> None:
        super().__init__(why)
        self.status, self.why, self.headers = status, why, headers


class _Door(NamedTuple):
    """All that is known of one account before a request comes."""

    account: Account
    proof: Proof
    redactor: Redactor


class _Call:
    """One request on its way through."""

    def __init__(self, scope: Scope, source: str) -> None:
        self.scope, self.source = scope, source
        self.began = time.perf_counter()
        self.door: _Door | None = None
        self.address = Address()
        self.body = b""
        self.admissible = False
        self.headers: list[tuple[str, str]] = [
            (name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]
        ]
        self._by_name = dict(reversed(self.headers))

    def header(self, name: str) -> str:
        """The first header of that name (lower case), or the empty string."""
        return self._by_name.get(name, "")


class Webhook:
    """``/webhooks/{account}…``: see the module's docstring."""

    def __init__(
        self,
        config: Config,
        accounts: Accounts,
        ids: Ids,
        commit: GroupCommit,
        ring: Ring,
        http: Http,
    ) -> None:
        self._config, self._ids, self._commit, self._ring = config, ids, commit, ring
        self._http, self._documents = http, Documents(http)
        self._in_flight = 0
        self._tokens: dict[int, tuple[float, float]] = {}
        self._base = (config.public_url or f"http://{config.host}:{config.port}").rstrip("/")
        self._doors = {
            name: _Door(
                account,
                Proof(account, local=config.local),
                Redactor([account], config.privacy.text),
            )
            for name, account in accounts.by_name.items()
        }
        self._redactor = Redactor(accounts.by_name.values(), config.privacy.text)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        peer = scope["client"][0] if scope.get("client") else "127.0.0.1"
        call = _Call(scope, peer)
        forwarded = call.header("x-forwarded-for")
        if forwarded and self._config.trusted_proxies:
            call.source = source_of(peer, forwarded, self._config.trusted_proxies)
        headers: Mapping[str, str] = {}
        try:
            answer = await self._answer(call, receive)
        except Stop as stop:
            self._note(call, stop.status, stop.why)
            answer, headers = Response(stop.status, (stop.why + "\n").encode()), stop.headers
        except StoreUnavailable:
            answer = Response(503, b"the store is not available; please try again\n")
            headers = LATER
        await _respond(send, answer, headers)

    async def _answer(self, call: _Call, receive: Receive) -> Response:
        door = self._find(call)
        method = call.scope["method"]
        if method == "OPTIONS" and (origin := call.header("webhook-request-origin")):
            # CloudEvents' HTTP webhooks ask whether they may come (its section 4.1)
            raise Stop(
                200, "handshake", **{"webhook-allowed-origin": origin, "webhook-allowed-rate": "*"}
            )
        if method not in ("GET", "POST", "HEAD"):
            raise Stop(405, "use GET or POST", allow="GET, POST, HEAD")
        if method == "HEAD" or (method == "GET" and not call.scope["query_string"]):
            self._note(call, 200, "probe")
            return OK
        call.body = await self._receive(call, receive)
        try:
            return await self._take(call, door)
        finally:
            self._in_flight -= len(call.body)

    def _find(self, call: _Call) -> _Door:
        name, slash, rest = call.scope["path"].removeprefix(PREFIX).partition("/")
        call.door = door = self._doors.get(name)
        if door is None:
            raise Stop(404, "there is no such webhook")
        if not slash and not door.proof.needs_address:
            return door
        try:
            call.address = door.proof.address([part for part in rest.split("/") if part])
        except UnknownAddress:
            raise Stop(404, "there is no such webhook") from None
        return door

    async def _receive(self, call: _Call, receive: Receive) -> bytes:
        """The whole body, within its limits (rule H3)."""
        limits = self._config.limits
        told = call.header("content-length")
        if told.isdigit() and int(told) > limits.max_body:
            raise Stop(413, f"the body is larger than {int(limits.max_body)} bytes")
        message = await self._next(receive)
        body = message.get("body", b"")
        if message.get("more_body"):
            body = await self._receive_rest(call, receive, body)
        if len(body) > limits.max_body:
            raise Stop(413, f"the body is larger than {int(limits.max_body)} bytes")
        if self._in_flight + len(body) > limits.body_budget:
            raise StoreUnavailable("too many bodies in flight")
        self._in_flight += len(body)
        return bytes(body)

    async def _receive_rest(self, call: _Call, receive: Receive, first: bytes) -> bytes:
        limits, body = self._config.limits, bytearray(first)
        try:
            async with asyncio.timeout(limits.receive_seconds):
                more = True
                while more:
                    message = await self._next(receive)
                    body += message.get("body", b"")
                    more = message.get("more_body", False)
                    call.body = bytes(body[:2048])
                    if len(body) > limits.max_body:
                        raise Stop(413, f"the body is larger than {int(limits.max_body)} bytes")
                    if self._in_flight + len(body) > limits.body_budget:
                        raise StoreUnavailable("too many bodies in flight")
        except TimeoutError:
            raise Stop(408, "the request did not come in whole in time") from None
        return bytes(body)

    async def _next(self, receive: Receive) -> Mapping[str, Any]:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Stop(400, "the caller went away")
        return message

    async def _take(self, call: _Call, door: _Door) -> Response:
        """Authenticates, reads, appends; what the gateway wants to hear."""
        received_at = datetime.now(UTC)
        scope, account = call.scope, door.account
        request = Request(
            method=scope["method"],
            query=scope["query_string"],
            headers=call.headers,
            body=call.body,
            url=self._base + scope["path"],
            received_at=received_at,
        )
        try:
            proof = await self._check(call, door, request)
        except Unauthentic as refusal:
            call.admissible = True
            raise Stop(401, str(refusal)) from None
        if proof.scheme == "none" and account.settings.open:
            self._limit(account)
        reading = with_reference(read(account, request), call.address.reference)
        entry = self._entry(call, door, request, proof, reading)
        try:
            await self._commit.append(entry, account.provider.patience)
        except Refused:
            raise Stop(401, "this nonce was seen before, with other content") from None
        if reading.kind == "handshake" and account.provider.confirm is not None:
            await self._confirm(account, request)
        return account.provider.answer(request, reading, account.settings)

    async def _check(self, call: _Call, door: _Door, request: Request) -> Authentic:
        """How the request proves itself; what that needs to know is fetched first."""
        try:
            return door.proof.check(request, call.address, call.source)
        except NeedsDocument as needed:
            try:
                await self._documents.learn(door.account.provider, needed.url)
            except Unavailable as error:
                log.warning("a signature cannot be checked", why=str(error))
                raise Stop(503, "the signature cannot be checked now", **LATER) from None
        return door.proof.check(request, call.address, call.source)

    async def _confirm(self, account: Account, request: Request) -> None:
        assert account.provider.confirm is not None
        try:
            await account.provider.confirm(request, account.settings, self._http)
        except (NotSent, OSError, ValueError) as error:
            log.warning("a handshake was not confirmed", account=account.name, why=str(error))
            raise Stop(503, "the handshake could not be confirmed now", **LATER) from None

    def _entry(
        self, call: _Call, door: _Door, request: Request, proof: Authentic, reading: Reading
    ) -> Entry:
        assert request.received_at is not None
        received_at = micros(request.received_at)
        redactor = door.redactor
        nonce = None
        if proof.nonce:
            content = blake2b(request.method.encode() + request.query + b"\n" + request.body)
            window = door.account.settings.replay_window
            if window is None:
                window = door.account.provider.replay_behind
            expires_at = received_at + (window + 600) * 1_000_000
            nonce = Nonce(proof.nonce, content.digest()[:16], expires_at)
        return Entry(
            id=self._ids.next(),
            account_id=door.account.id,
            received_at=received_at,
            took_us=int((time.perf_counter() - call.began) * 1e6),
            source=call.source,
            method=request.method,
            path=self._path(call),
            query=redactor.value(request.query),
            headers=redactor.headers(_raw_headers(call.scope)),
            body=redactor.value(request.body),
            auth=proof.scheme,
            reading=reading,
            nonce=nonce,
        )

    def _path(self, call: _Call) -> str:
        """The path as it may be kept: without the secret in it, or a wrong guess at one."""
        path: str = call.scope["path"]
        if call.door is not None and not call.door.account.settings.webhook_secret:
            return clean(path)[:500]
        name, *rest = [part for part in path.removeprefix(PREFIX).split("/") if part] or [""]
        if call.address.secret is not None:
            rest[0] = "{secret:webhook_secret}"
        else:
            rest = ["{wrong}"] * bool(rest)
        return PREFIX + clean("/".join([name, *rest]))[:500]

    def _limit(self, account: Account) -> None:
        """A token bucket for accounts that anybody may call."""
        now = time.monotonic()
        tokens, since = self._tokens.get(account.id, (float(OPEN_PER_SECOND), now))
        tokens = min(OPEN_PER_SECOND, tokens + (now - since) * OPEN_PER_SECOND)
        if tokens < 1:
            raise Stop(429, "too many calls on an open account", **{"retry-after": "1"})
        self._tokens[account.id] = (tokens - 1, now)

    def _note(self, call: _Call, status: int, why: str) -> None:
        scope = call.scope
        redactor = call.door.redactor if call.door else self._redactor
        self._ring.note(
            Refusal(
                account=call.door.account.name if call.door else None,
                source=call.source,
                method=scope["method"][:20],
                path=self._path(call),
                query=redactor.value(scope["query_string"]),
                headers=redactor.headers(_raw_headers(scope)),
                body=redactor.value(call.body),
                status=status,
                why=why,
                admissible=call.admissible,
            )
        )


def read(account: Account, request: Request) -> Reading:
    """The adapter's reading; what it cannot read, and any error of it, is a reading too (A9)."""
    try:
        return account.provider.read(request, account.settings)
    except Unreadable as error:
        return Reading(kind="unreadable", why=short(str(error), 500))
    except Exception as error:
        log.exception("an adapter failed to read a request", account=account.name)
        return Reading(kind="unreadable", why=short(f"{type(error).__name__}: {error}", 500))


def with_reference(reading: Reading, reference: str | None) -> Reading:
    """The reading with the reference that stood in the callback's address (rule D1)."""
    if attempt_of(reference) is None or len(reading.receipts) != 1:
        return reading
    receipt = msgspec.structs.replace(reading.receipts[0], reference=reference)
    return msgspec.structs.replace(reading, receipts=(receipt,))


def _raw_headers(scope: Scope) -> bytes:
    return b"\n".join([name + b": " + value for name, value in scope["headers"]])[:65536]


_OK_START = {
    "type": "http.response.start",
    "status": 200,
    "headers": [(b"content-length", b"0")],
}
_OK_BODY = {"type": "http.response.body", "body": b""}


async def _respond(send: Send, answer: Response, headers: Mapping[str, str]) -> None:
    if answer is OK:
        await send(_OK_START)
        await send(_OK_BODY)
        return
    lines = [(b"content-length", str(len(answer.body)).encode())]
    if answer.body:
        lines.append((b"content-type", answer.content_type.encode()))
    lines += [(name.encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": answer.status, "headers": lines})
    await send({"type": "http.response.body", "body": answer.body})
