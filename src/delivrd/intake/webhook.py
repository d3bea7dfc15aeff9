"""The webhook: a plain ASGI app that receives, authenticates, reads, appends and answers."""

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import blake2b

import structlog

from delivrd.config import Config
from delivrd.core.statement import Reading, micros
from delivrd.intake.bodies import Bodies
from delivrd.intake.call import PREFIX, Call, Door, Receive, Scope, Send, Stop
from delivrd.intake.commit import GroupCommit, Refused
from delivrd.intake.documents import Documents, Unavailable
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
        name, slash, rest = scope["path"].removeprefix(PREFIX).partition("/")
        call = Call(scope, self._doors.get(name, self._wall))
        if self._proxies and (forwarded := call.head.get("x-forwarded-for")):
            call.source = source_of(call.source, forwarded, self._proxies)
        headers: Mapping[str, str] = {}
        try:
            account, proof = _enter(call, rest if slash else None)
            call.body = await self.bodies.receive(call, receive)
            try:
                answer = await self._take(call, account, proof)
            finally:
                self.bodies.release(call.body)
        except Stop as stop:
            self._note(call, stop.status, stop.why)
            said = b"" if stop.status == 200 else (stop.why + "\n").encode()
            answer, headers = Response(stop.status, said), stop.headers
        except StoreUnavailable:
            answer = Response(503, b"the store is not available; please try again\n")
            headers = LATER
        await _respond(send, answer, headers)

    async def _take(self, call: Call, account: Account, proof: Proof) -> Response:
        """Authenticates, reads, appends; what the gateway wants to hear."""
        request = Request(
            method=call.method,
            query=call.query,
            headers=call.head.headers,
            body=call.body,
            url=self._base + call.path,
            received_at=datetime.now(UTC),
        )
        try:
            proven = proof.check(request, call.address, call.source)
        except NeedsDocument as needed:
            proven = await self._check_with(needed.url, call, proof, request)
        except Unauthentic as refusal:
            raise call.refused(refusal) from None
        if proven.scheme == "none" and account.settings.open:
            self._limit(account)
        reading = with_reference(read(account, request), call.address.reference)
        entry = self._entry(call, account, request, proven, reading)
        try:
            await self._commit.append(entry, account.provider.patience)
        except Refused:
            raise Stop(401, "this nonce was seen before, with other content") from None
        if reading.kind == "handshake" and account.provider.confirm is not None:
            await self._confirm(account, request)
        return account.provider.answer(request, reading, account.settings)

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

    def _entry(
        self, call: Call, account: Account, request: Request, proven: Authentic, reading: Reading
    ) -> Entry:
        assert request.received_at is not None
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


def _enter(call: Call, address: str | None) -> tuple[Account, Proof]:
    """Whose webhook is called; ``address`` is what follows the account's name in the path.

    Raises:
        Stop: nobody's, or it is no call that could hold a receipt.
    """
    account, proof = call.door.account, call.door.proof
    if account is None or proof is None:
        raise Stop(404, "there is no such webhook")
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
    lines = [(b"content-length", str(len(answer.body)).encode())]
    if answer.body:
        lines.append((b"content-type", answer.content_type.encode()))
    lines += [(name.encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": answer.status, "headers": lines})
    await send({"type": "http.response.body", "body": answer.body})
