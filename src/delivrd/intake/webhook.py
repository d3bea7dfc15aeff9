"""The webhook: a plain ASGI app that receives, authenticates, reads, appends and answers."""

import asyncio
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import blake2b

import structlog

from delivrd.config import Config
from delivrd.core.statement import micros
from delivrd.intake.bodies import Bodies
from delivrd.intake.call import PREFIX, Call, Door, Receive, Scope, Send, Stop
from delivrd.intake.commit import GroupCommit, Refused, Written
from delivrd.intake.documents import Documents, Unavailable
from delivrd.intake.head import Head
from delivrd.intake.proof import Proof, UnknownAddress
from delivrd.intake.reading import read, with_reference
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
)
from delivrd.store.accounts import Account, Accounts
from delivrd.store.append import Entry, Nonce
from delivrd.store.base import StoreUnavailable
from delivrd.store.ids import Ids

log = structlog.get_logger(__name__)

LATER = {"retry-after": "5"}
OPEN_PER_SECOND = 100
"""Calls a second that an account without any proof takes (rule H2)."""


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
        self._ids, self._commit, self._ring = ids, commit, ring
        self._http, self._documents = http, Documents(http)
        self.bodies = Bodies(config.limits)
        self._proxies = config.trusted_proxies
        self._tokens: dict[int, tuple[float, float]] = {}
        self._base = (config.public_url or f"http://{config.host}:{config.port}").rstrip("/")
        text = config.privacy.text
        self._doors = {
            name: Door(account, Proof(account, local=config.local), Redactor([account], text))
            for name, account in accounts.by_name.items()
        }
        self._wall = Door(None, None, Redactor(accounts.by_name.values(), text))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        door = self.door(scope["path"])
        source = scope["client"][0] if scope.get("client") else "127.0.0.1"
        call = self.call(
            door,
            scope["method"],
            scope["path"],
            scope["query_string"],
            door.heads.of(scope["headers"]),
            source,
        )
        headers: Mapping[str, str] = {}
        try:
            account, proof = _enter(call)
            call.body = await self.bodies.receive(call, receive)
            try:
                answer = await self._take(call, account, proof)
            finally:
                self.bodies.release(call.body)
        except (Stop, StoreUnavailable, Refused) as error:
            answer, headers = self.ending(call, error)
        await _respond(send, answer, headers)

    def door(self, path: str) -> Door:
        """The door of the account whose webhook this is; of nobody's, the wall."""
        return self._doors.get(path.removeprefix(PREFIX).partition("/")[0], self._wall)

    def call(
        self, door: Door, method: str, path: str, query: bytes, head: Head, source: str
    ) -> Call:
        """A call, and where it really came from."""
        if self._proxies and (forwarded := head.get("x-forwarded-for")):
            source = source_of(source, forwarded, self._proxies)
        return Call(door, method, path, query, head, source)

    def take_plainly(self, call: Call, written: Written) -> Response | None:
        """Takes a call that came whole and needs nothing but the store; what it wants to hear.

        ``written`` is told when it is on disk, or why not; until then its body is in flight. A call
        that is refused, or out of the ordinary, is left as it came: None.
        """
        try:
            account, proof = _enter(call)
            if account.settings.open or account.provider.confirm is not None:
                return None
            request = self._request(call)
            proven = proof.check(request, call.address, call.source)
            entry = self._entry(call, account, request, proven)
            answer = account.provider.answer(request, entry.reading, account.settings)
            self.bodies.take_in(call.body, len(call.body))
        except Exception:  # the long way meets it again, and tells of it
            return None
        self._commit.append(entry, account.provider.patience, written)
        return answer

    async def _take(self, call: Call, account: Account, proof: Proof) -> Response:
        """Authenticates, reads, appends; what the gateway wants to hear."""
        request = self._request(call)
        try:
            proven = proof.check(request, call.address, call.source)
        except NeedsDocument as needed:
            proven = await self._check_with(needed.url, call, proof, request)
        except Unauthentic as refusal:
            raise call.refused(refusal) from None
        if proven.scheme == "none" and account.settings.open:
            self._limit(account)
        entry = self._entry(call, account, request, proven)
        written = asyncio.get_running_loop().create_future()
        self._commit.append(entry, account.provider.patience, written)
        await written
        if entry.reading.kind == "handshake" and account.provider.confirm is not None:
            await self._confirm(account, request)
        return account.provider.answer(request, entry.reading, account.settings)

    def _request(self, call: Call) -> Request:
        return Request(
            method=call.method,
            query=call.query,
            headers=call.head.headers,
            body=call.body,
            url=self._base + call.path,
            received_at=datetime.now(UTC),
        )

    def ending(self, call: Call, error: Exception) -> tuple[Response, Mapping[str, str]]:
        """The answer to a call that ended early, and its headers.

        Raises:
            Exception: the error itself, where it is no such end.
        """
        if isinstance(error, StoreUnavailable):
            return Response(503, b"the store is not available; please try again\n"), LATER
        if isinstance(error, Refused):
            error = Stop(401, "this nonce was seen before, with other content")
        if not isinstance(error, Stop):
            raise error
        self._note(call, error.status, error.why)
        said = b"" if error.status == 200 else (error.why + "\n").encode()
        return Response(error.status, said), error.headers

    async def _check_with(self, url: str, call: Call, proof: Proof, request: Request) -> Authentic:
        """How the request proves itself, once the document that tells is fetched."""
        try:
            await self._documents.learn(proof.account.provider, url)
        except Unavailable as error:
            log.warning("a signature cannot be checked", why=str(error))
            raise Stop(503, "the signature cannot be checked now", **LATER) from None
        try:
            return proof.check(request, call.address, call.source)
        except Unauthentic as refusal:
            raise call.refused(refusal) from None

    async def _confirm(self, account: Account, request: Request) -> None:
        assert account.provider.confirm is not None
        try:
            await account.provider.confirm(request, account.settings, self._http)
        except (NotSent, OSError, ValueError) as error:
            log.warning("a handshake was not confirmed", account=account.name, why=str(error))
            raise Stop(503, "the handshake could not be confirmed now", **LATER) from None

    def _entry(self, call: Call, account: Account, request: Request, proven: Authentic) -> Entry:
        """What is kept of an authentic call: the call without its secrets, and its reading."""
        assert request.received_at is not None
        reading = with_reference(read(account, request), call.address.reference)
        received_at, redactor = micros(request.received_at), call.door.redactor
        return Entry(
            id=self._ids.next(),
            account_id=account.id,
            received_at=received_at,
            took_us=int((time.perf_counter() - call.began) * 1e6),
            source=call.source,
            method=call.method,
            path=call.kept_path,
            query=redactor.value(call.query),
            headers=call.head.kept,
            body=redactor.value(call.body),
            auth=proven.scheme,
            reading=reading,
            nonce=_nonce(account, request, received_at, proven.nonce) if proven.nonce else None,
        )

    def _limit(self, account: Account) -> None:
        """A token bucket for accounts that anybody may call."""
        now = time.monotonic()
        tokens, since = self._tokens.get(account.id, (float(OPEN_PER_SECOND), now))
        tokens = min(OPEN_PER_SECOND, tokens + (now - since) * OPEN_PER_SECOND)
        if tokens < 1:
            raise Stop(429, "too many calls on an open account", **{"retry-after": "1"})
        self._tokens[account.id] = (tokens - 1, now)

    def _note(self, call: Call, status: int, why: str) -> None:
        account, redactor = call.door.account, call.door.redactor
        self._ring.note(
            Refusal(
                account=account.name if account else None,
                source=call.source,
                method=call.method[:20],
                path=call.kept_path,
                query=redactor.value(call.query),
                headers=call.head.kept,
                body=redactor.value(call.body),
                status=status,
                why=why,
                admissible=call.admissible,
            )
        )


def _enter(call: Call) -> tuple[Account, Proof]:
    """Whose webhook is called.

    Raises:
        Stop: nobody's, or it is no call that could hold a receipt.
    """
    account, proof = call.door.account, call.door.proof
    if account is None or proof is None:
        raise Stop(404, "there is no such webhook")
    address = call.segments
    if address is not None or proof.needs_address:
        try:
            call.address = proof.address([part for part in (address or "").split("/") if part])
        except UnknownAddress:
            raise Stop(404, "there is no such webhook") from None
    if call.method == "POST" or (call.method == "GET" and call.query):
        return account, proof
    if call.method in ("GET", "HEAD"):
        raise Stop(200, "probe")
    if call.method == "OPTIONS" and (origin := call.head.get("webhook-request-origin")):
        # CloudEvents' HTTP webhooks ask whether they may come (its section 4.1)
        allowed = {"webhook-allowed-origin": origin, "webhook-allowed-rate": "*"}
        raise Stop(200, "handshake", **allowed)
    raise Stop(405, "use GET or POST", allow="GET, POST, HEAD")


def _nonce(account: Account, request: Request, received_at: int, value: str) -> Nonce:
    content = blake2b(request.method.encode() + request.query + b"\n" + request.body)
    window = account.settings.replay_window
    if window is None:
        window = account.provider.replay_behind
    return Nonce(value, content.digest()[:16], received_at + (window + 600) * 1_000_000)


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
    lines = head_of(answer, headers)
    await send({"type": "http.response.start", "status": answer.status, "headers": lines})
    await send({"type": "http.response.body", "body": answer.body})


def head_of(answer: Response, headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    """The headers of an answer."""
    lines = [(b"content-length", str(len(answer.body)).encode())]
    if answer.body:
        lines.append((b"content-type", answer.content_type.encode()))
    return lines + [(name.encode(), value.encode()) for name, value in headers.items()]
