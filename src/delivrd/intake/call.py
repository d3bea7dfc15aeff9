"""One webhook call while it is processed, and how it may end early."""

import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from delivrd.core.statement import Reading
from delivrd.core.text import clean
from delivrd.intake.head import Head, Heads
from delivrd.intake.proof import Address, Proof
from delivrd.intake.redact import Redactor
from delivrd.providers.base import Authentic, Request, Response, Unauthentic
from delivrd.store.accounts import Account
from delivrd.store.append import Entry

Scope = Mapping[str, Any]
Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Send = Callable[[Mapping[str, Any]], Awaitable[None]]

PREFIX = "/webhooks/"
MAX_PATH = 500


class Stop(Exception):
    """Ends the call with this answer; ``why`` goes to the ring of refused calls."""

    def __init__(self, status: int, why: str, **headers: str) -> None:
        super().__init__(why)
        self.status, self.why, self.headers = status, why, headers


class Route:
    """What is prepared once for the calls to one account, or for those to unknown accounts."""

    def __init__(self, account: Account | None, proof: Proof | None, redactor: Redactor) -> None:
        self.account, self.proof, self.redactor = account, proof, redactor
        self.heads = Heads(redactor)
        self.has_secret = account is None or bool(account.settings.webhook_secret)
        self.plain = account is not None and not (
            account.settings.open or account.provider.confirm is not None
        )
        """Whether calls need no more than authentication and the store: no rate limit, and no
        confirmation of handshakes."""


class Call:
    """The state of one call; the steps of its processing fill in the attributes."""

    __slots__ = (
        "account",
        "address",
        "admissible",
        "answer",
        "began",
        "body",
        "entry",
        "head",
        "kept",
        "method",
        "path",
        "proof",
        "proven",
        "query",
        "reading",
        "request",
        "route",
        "source",
    )  # fmt: skip

    account: Account
    proof: Proof
    request: Request
    kept: Request
    """The request as it is stored: without secrets, its texts cut."""
    proven: Authentic
    reading: Reading
    entry: Entry
    answer: Response

    def __init__(
        self, route: Route, method: str, path: str, query: bytes, head: Head, source: str
    ) -> None:
        self.began = time.perf_counter()
        self.route, self.head, self.source = route, head, source
        self.method, self.path, self.query = method, path, query
        self.address = Address()
        self.body = b""
        self.admissible = False

    @property
    def segments(self) -> str | None:
        """The path after the account's name; None if it ends there, without a slash."""
        _, slash, rest = self.path.removeprefix(PREFIX).partition("/")
        return rest if slash else None

    def refused(self, why: Unauthentic) -> Stop:
        """The end of a call that is not authentic; it may be admitted later (rule B2)."""
        self.admissible = True
        return Stop(401, str(why), **self.proof.challenge)

    @property
    def kept_path(self) -> str:
        """The path as it may be stored: without the secret in it, right or wrong."""
        if not self.route.has_secret:
            further = self.path.count("/") > PREFIX.count("/")
            path = self.route.redactor.text(self.path) if further else self.path
            return clean(path)[:MAX_PATH]
        name, *rest = [part for part in self.path.removeprefix(PREFIX).split("/") if part] or [""]
        if self.address.secret is not None:
            rest[0] = "{secret:webhook_secret}"
        else:
            rest = ["{wrong}"] * bool(rest)
        path = PREFIX + "/".join([name, *rest])
        if self.route.account is None or rest[1:]:
            path = self.route.redactor.text(path)
        return clean(path)[:MAX_PATH]
