"""The webhook: a plain ASGI app that receives, authenticates, reads, appends and answers."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Protocol

import structlog

from delivrd.config import Config
from delivrd.core.bucket import Bucket
from delivrd.core.statement import micros
from delivrd.intake.answers import respond
from delivrd.intake.bodies import Bodies
from delivrd.intake.call import PREFIX, Call, Receive, Route, Scope, Send, Stop
from delivrd.intake.commit import GroupCommit, Refused, Written
from delivrd.intake.documents import Documents, Unavailable
from delivrd.intake.head import Head
from delivrd.intake.proof import Proof
from delivrd.intake.redact import Redactor
from delivrd.intake.ring import Refusal, Ring
from delivrd.intake.source import source_of
from delivrd.intake.steps import answer_call, enter, nonce_of, read_call
from delivrd.providers.base import (
    Http,
    NeedsDocument,
    NotSent,
    Request,
    Response,
    Unauthentic,
)
from delivrd.store.accounts import Account, Accounts
from delivrd.store.append import Entry
from delivrd.store.base import StoreUnavailable
from delivrd.store.ids import Ids

log = structlog.get_logger(__name__)

LATER = {"retry-after": "5"}
OPEN_PER_SECOND = 100
"""Calls a second accepted on an account without any proof of origin (rule H2)."""


class Turn(Written, Protocol):
    """A call that may be processed together with others."""

    call: Call
    taken: bool


class Webhook:
    """The ASGI app for ``/webhooks/{account}…``; its lane calls ``process_together`` instead."""

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
        self._buckets: dict[int, Bucket] = {}
        self._base = config.url
        text = config.privacy.text
        self._routes = {
            name: Route(account, Proof(account, local=config.local), Redactor([account], text))
            for name, account in accounts.by_name.items()
        }
        self._unknown = Route(None, None, Redactor(accounts.by_name.values(), text))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        route = self.route(scope["path"])
        source = scope["client"][0] if scope.get("client") else "127.0.0.1"
        call = self.call(
            route,
            scope["method"],
            scope["path"],
            scope["query_string"],
            route.heads.of(scope["headers"]),
            source,
        )
        headers: Mapping[str, str] = {}
        try:
            enter(call)
            call.body = await self.bodies.receive(call, receive)
            try:
                answer = await self._take(call)
            finally:
                self.bodies.release(call.body)
        except (Stop, StoreUnavailable, Refused) as error:
            answer, headers = self.ending(call, error)
        await respond(send, answer, headers)

    def route(self, path: str) -> Route:
        """The route of this webhook path; for an unknown account one that refuses every call."""
        return self._routes.get(path.removeprefix(PREFIX).partition("/")[0], self._unknown)

    def call(
        self, route: Route, method: str, path: str, query: bytes, head: Head, source: str
    ) -> Call:
        """A new call; behind trusted proxies, its source is the address that they forwarded."""
        if self._proxies and (forwarded := head.joined("x-forwarded-for")):
            source = source_of(source, forwarded, self._proxies)
        return Call(route, method, path, query, head, source)

    def process_together(self, turns: Sequence[Turn]) -> None:
        """Processes calls that arrived complete, on routes that are ``plain``.

        Each turn is resolved once its call is on disk, or with the error; until then its body
        counts as in flight. A call that would be refused is left unchanged, with ``taken`` False.
        Each step runs for all calls before the next one: repeating the same code keeps the
        processor's caches warm, and takes two thirds of the time.
        """
        going: Sequence[Turn] = turns
        for step in (
            enter,
            self._authenticate,
            read_call,
            self._make_entry,
            answer_call,
            self._acquire,
        ):
            going = [turn for turn in going if _succeeds(step, turn.call)]
        for turn in going:
            turn.taken = True
            self._commit.append(turn.call.entry, turn.call.account.provider.patience, turn)

    async def _take(self, call: Call) -> Response:
        """Authenticates, reads and appends a call; returns the answer that its gateway expects."""
        try:
            self._authenticate(call)
        except NeedsDocument as needed:
            await self._fetch_document(call, needed.url)
            self._authenticate(call)
        if call.proven.scheme == "none" and call.account.settings.open:
            self._limit(call.account)
        read_call(call)
        self._make_entry(call)
        answer_call(call)
        written = asyncio.get_running_loop().create_future()
        self._commit.append(call.entry, call.account.provider.patience, written)
        await written
        if call.reading.kind == "handshake" and call.account.provider.confirm is not None:
            await self._confirm(call)
        return call.answer

    def _acquire(self, call: Call) -> None:
        self.bodies.acquire(call.body, len(call.body))

    def _authenticate(self, call: Call) -> None:
        """Authenticates the call.

        Raises:
            Stop: it is not authentic.
            NeedsDocument: a document must be fetched first.
        """
        call.request = request = Request(
            method=call.method,
            query=call.query,
            headers=call.head.headers,
            body=call.body,
            url=self._base + call.path,
            received_at=datetime.now(UTC),
        )
        try:
            call.proven = call.proof.check(request, call.address, call.source)
        except Unauthentic as refusal:
            raise call.refused(refusal) from None

    def ending(self, call: Call, error: Exception) -> tuple[Response, Mapping[str, str]]:
        """The answer to a call that ended early, and its headers.

        It does not say why a call is not authentic, which helps to forge one; the list of calls
        does.

        Raises:
            Exception: the error itself, if it is unexpected.
        """
        if isinstance(error, StoreUnavailable):
            return Response(503, b"the store is not available; please try again\n"), LATER
        if isinstance(error, Refused):
            error = Stop(401, "this nonce was seen before, with other content")
        if not isinstance(error, Stop):
            raise error
        self._note(call, error.status, error.why)
        why = "unauthorized" if error.status in (401, 403) else error.why
        body = b"" if error.status == 200 else f"{why}\n".encode()
        return Response(error.status, body), error.headers

    async def _fetch_document(self, call: Call, url: str) -> None:
        """Fetches the document that is needed to authenticate the call."""
        try:
            await self._documents.learn(call.account.provider, url)
        except Unavailable as error:
            log.warning("a signature cannot be checked", why=str(error))
            raise Stop(503, "the signature cannot be checked now", **LATER) from None

    async def _confirm(self, call: Call) -> None:
        account = call.account
        assert account.provider.confirm is not None
        try:
            await account.provider.confirm(call.request, account.settings, self._http)
        except (NotSent, OSError, ValueError) as error:
            log.warning("a handshake was not confirmed", account=account.name, why=str(error))
            raise Stop(503, "the handshake could not be confirmed now", **LATER) from None

    def _make_entry(self, call: Call) -> None:
        """Makes the entry to be stored: the authentic call as it is kept, and its reading."""
        assert call.request.received_at is not None
        received_at = micros(call.request.received_at)
        nonce = call.proven.nonce
        call.entry = Entry(
            id=self._ids.next(),
            account_id=call.account.id,
            received_at=received_at,
            took_us=int((time.perf_counter() - call.began) * 1e6),
            source=call.source,
            method=call.method,
            path=call.kept_path,
            query=call.kept.query,
            headers=call.head.kept,
            body=call.kept.body,
            auth=call.proven.scheme,
            reading=call.reading,
            nonce=nonce_of(call, received_at, nonce) if nonce else None,
        )

    def _limit(self, account: Account) -> None:
        """Refuses a call on an open account over its rate limit."""
        bucket = self._buckets.setdefault(account.id, Bucket(OPEN_PER_SECOND))
        if not bucket.tokens():
            raise Stop(429, "too many calls on an open account", **{"retry-after": "1"})
        bucket.take(1)

    def _note(self, call: Call, status: int, why: str) -> None:
        account, redactor = call.route.account, call.route.redactor
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


def _succeeds(step: Callable[[Call], None], call: Call) -> bool:
    try:
        step(call)
    except Exception:  # the ASGI app processes this call again and reports the error
        return False
    return True
