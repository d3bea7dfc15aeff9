"""The types of every provider's module, and the defaults for what a module leaves out.

A provider is a module with tables and a few functions; :class:`Provider` reads the module and fills
in what most providers share. No provider does I/O of its own: ``send`` and ``look_up`` are given a
client.
"""

import hmac
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, ClassVar, NamedTuple, Protocol, Self

import msgspec
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    model_validator,
)
from pydantic_core import InitErrorDetails

from delivrd.core.reasons import Reason
from delivrd.core.statement import FAILURES as FAILURES
from delivrd.core.statement import Reading, Status


class Request(msgspec.Struct, frozen=True, dict=True):
    """One HTTP call as it came. ``query`` and ``body`` are raw bytes; header names are in any case.

    ``url`` is the address that the provider called, without the query; signatures that cover the
    address are checked against it. ``received_at`` is the clock that replay windows go by.
    """

    method: str
    query: bytes = b""
    headers: Sequence[tuple[str, str]] = ()
    body: bytes = b""
    url: str = ""
    received_at: datetime | None = None

    def header(self, name: str) -> str:
        """The first header of that name (lower case), or the empty string."""
        for key, value in self.headers:
            if key.lower() == name:
                return value
        return ""


class Response(NamedTuple):
    """The answer to a webhook call, as the provider expects it."""

    status: int = 200
    body: bytes = b""
    content_type: str = "text/plain; charset=utf-8"


OK = Response()
"""The answer that most providers expect."""


class Unauthentic(Exception):
    """The request does not come from the provider, or does not prove it; str() says why."""


class Unreadable(Exception):
    """Nothing in the request could be read; str() says why."""


class NeedsDocument(Exception):
    """Authenticating the request needs a document that has not been fetched yet.

    The webhook's server fetches ``url`` (which the dialect has checked), passes the document to the
    dialect's ``learn(url, document)`` and authenticates again.
    """

    def __init__(self, url: str) -> None:
        super().__init__(f"the document at {url} is needed")
        self.url = url


class Authentic(NamedTuple):
    """How a request proved its origin.

    ``scheme`` is a short name ("sha256", "path-secret", "basic", …; "none" if the settings require
    no proof); ``secret`` is the number of the secret that was used, from 0. A ``nonce`` must not
    come again with other content.
    """

    scheme: str
    secret: int = 0
    nonce: str | None = None


class Word(NamedTuple):
    """The meaning of a provider's status word; ``reason`` if the word itself says why."""

    status: Status
    final: bool
    reason: Reason | None = None


class Code(NamedTuple):
    """The meaning of a provider's error code; ``status``, if given, refines a failure."""

    words: str
    reason: Reason | None = None
    status: Status | None = None
    permanent: bool | None = None


def refine(word: Word, code: Code | None) -> tuple[Word, Reason | None, bool | None]:
    """A failure's word, reason and permanence, refined by its code (rule C3).

    A code never turns pending or delivered into a failure, nor a failure into delivered. A refusal
    without a reason is permanent: the same text would be refused again. The code of what is still
    pending keeps its reason, for the failure that may follow without a code.
    """
    if word.status not in FAILURES:
        early = code if word.status is Status.PENDING else None
        reason = word.reason or (early and early.reason)
        permanent = None if reason is None else reason.permanent
        if early is not None and early.permanent is not None:
            permanent = early.permanent
        return word, reason, permanent
    status = (code and code.status) or word.status
    reason = (code and code.reason) or word.reason
    if reason in (None, Reason.OTHER):
        reason = Reason.EXPIRED if status is Status.EXPIRED else Reason.OTHER
    permanent = reason.refused_again if status is Status.REJECTED else reason.permanent
    if code is not None and code.permanent is not None:
        permanent = code.permanent
    return Word(status, word.final, reason), reason, permanent


def _listed(value: Any) -> Any:
    """One secret, or a list of them, as a list."""
    return (value,) if isinstance(value, str | SecretStr) else value


Secrets = Annotated[tuple[SecretStr, ...], BeforeValidator(_listed)]
"""One secret, or several during a rotation."""


class AccountSettings(BaseModel):
    """The settings that every account has, whatever its provider.

    A provider's own settings are a subclass. ``NEEDED_TO_SEND`` names those that sending requires;
    only a ``receive_only`` account may leave them out. ``SIGNED_BY`` names the settings with which
    the gateway's own signature is checked.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    NEEDED_TO_SEND: ClassVar[tuple[str, ...]] = ()
    SIGNED_BY: ClassVar[tuple[str, ...]] = ("signature_secret",)

    provider: str = Field(description="The gateway's dialect; `delivrd providers list` names them.")
    webhook_secret: Secrets = Field(
        default=(), description="Last part of the webhook's address, one or a list (rotation)."
    )
    basic_auth: SecretStr | None = Field(
        default=None, description='"user:password" that the gateway must send.'
    )
    allow_from: tuple[str, ...] = Field(
        default=(), description="Networks (CIDR) that the gateway calls from."
    )
    open: bool = Field(default=False, description="Accept receipts without authentication.")
    receive_only: bool = Field(
        default=False, description="Another program sends; receipts create their message."
    )
    simulated: bool = Field(
        default=False, description="A simulator, at `base_url`; its messages are marked so."
    )
    base_url: str | None = Field(
        default=None, description="URL of the gateway's API, if not the usual one."
    )
    id_format: str | None = Field(
        default=None, description="How message ids are compared: hex, decimal, lower, strip-zeros."
    )
    id_reuse_after: int | None = Field(
        default=None,
        ge=0,
        le=36_500 * 86_400,
        description="If the gateway reuses message ids: seconds after a final status from which an "
        "id means a new message; default 7 days.",
    )
    ids_with: str | None = Field(
        default=None,
        description="Another account with the same login, so that they share message ids.",
    )
    replay_window: int | None = Field(
        default=None,
        ge=1,
        le=36_500 * 86_400,
        description="How many seconds late a signed receipt may come.",
    )
    time_zone: str | None = Field(
        default=None, description="Time zone (IANA name) of the gateway's times that state none."
    )

    @model_validator(mode="after")
    def _can_send(self) -> Self:
        missing = [name for name in self.NEEDED_TO_SEND if getattr(self, name) is None]
        if missing and not self.receive_only:
            raise ValidationError.from_exception_data(
                type(self).__name__,
                [InitErrorDetails(type="missing", loc=(name,), input=None) for name in missing],
            )
        return self


class Outgoing(NamedTuple):
    """A text to hand over. ``to`` is E.164 with plus; ``validity`` is in seconds."""

    reference: str
    to: str
    sender: str
    text: str
    unicode: bool
    segments: int
    validity: int | None
    callback_url: str | None


class SentPart(NamedTuple):
    """One element of a provider's answer: its id, or why it was refused."""

    provider_message_id: str | None
    status: Status = Status.PENDING
    reason: Reason | None = None
    error_code: str | None = None
    detail: str | None = None
    price: str | None = None
    currency: str | None = None
    network: str | None = None


class Accepted(NamedTuple):
    """The provider took the message, at least in part.

    Without ids there are no parts: receipts are then matched by the reference that was sent along.
    """

    parts: tuple[SentPart, ...]


class Refused(NamedTuple):
    """The provider refused the message; sending it again would not help."""

    reason: Reason
    error_code: str | None = None
    detail: str | None = None


class Later(NamedTuple):
    """Surely not accepted: try again, ``after`` that many seconds if the provider says so."""

    after: float | None = None
    detail: str | None = None


class Unsure(NamedTuple):
    """Perhaps accepted, perhaps not: never send it again blindly."""

    detail: str


Answer = Accepted | Refused | Later | Unsure


class Sought(NamedTuple):
    """A part to look up, as its receipt never came. ``to`` is E.164 with plus."""

    provider_message_id: str
    to: str
    reference: str


class Unanswered(NamedTuple):
    """A look-up without a result; ``after`` is how many seconds the provider wants us to wait."""

    detail: str
    after: float | None = None


class HttpAnswer(NamedTuple):
    status: int
    headers: Mapping[str, str]
    body: bytes


class NotSent(Exception):
    """No byte of the request reached the other side: connection refused, DNS, TLS."""


class Http(Protocol):
    """The HTTP client that is passed to `send`.

    Raises :class:`NotSent` if surely no byte was sent; after any other failure (a time-out, a
    broken connection), which raises ``OSError``, the request may have arrived.
    """

    async def request(
        self,
        method: str,
        url: str,
        *,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        form: Mapping[str, str] | None = None,
        json: Any = None,
        auth: tuple[str, str] | None = None,
    ) -> HttpAnswer: ...


class Provider:
    """A provider's module with the defaults filled in."""

    def __init__(self, module: Any) -> None:
        self.module = module
        self.name: str = module.NAME
        self.title: str = getattr(module, "TITLE", module.NAME)
        self.docs: str = module.DOCS
        self.checked: str = getattr(module, "CHECKED", "")
        """The day (ISO 8601) on which the tables were last compared with the vendor's pages."""
        self.Settings: type[AccountSettings] = getattr(module, "Settings", AccountSettings)
        self.statuses: Mapping[str, Word] = module.STATUSES
        self.errors: Mapping[str, Code] = getattr(module, "ERRORS", {})
        """Codes in receipts."""
        self.meaning_of_code: Callable[[str, str | None], Code | None] | None
        self.meaning_of_code = getattr(module, "meaning_of_code", None)
        """What the code in a receipt with that reason means, if not written as in the table."""
        self.send_errors: Mapping[str, Code] = getattr(module, "SEND_ERRORS", {})
        """Codes in the answers to a send."""
        self.fields: Mapping[str, str] = getattr(module, "FIELDS", {})
        """The fields of a receipt, and their meanings."""
        self.set_up: Sequence[str] = getattr(module, "SETUP", ())
        """The set-up, step by step (Markdown)."""
        self.read: Callable[[Request, AccountSettings | None], Reading] = module.read
        self.send: Callable[..., Any] | None = getattr(module, "send", None)
        self.look_up: Callable[..., Any] | None = getattr(module, "look_up", None)
        self.capture: Callable[[Mapping[str, Any]], Request | None] | None
        self.capture = getattr(module, "capture", None)
        """Converts a captured line that did not come by HTTP to a request."""
        self.also_shown: Callable[[Request], Mapping[str, Any]] | None
        self.also_shown = getattr(module, "also_shown", None)
        """What `delivrd parse` shows of a request besides its receipts."""
        self.patience: float = getattr(module, "PATIENCE", 10.0)
        """Seconds that this provider is known to wait for our answer."""
        self.replay_behind: int = getattr(module, "REPLAY_BEHIND", 300)
        """How many seconds late a signed request may come."""
        self.learn: Callable[[str, bytes], None] | None = getattr(module, "learn", None)
        self.confirm: Callable[..., Any] | None = getattr(module, "confirm", None)
        """What a handshake needs besides the answer: ``await confirm(request, settings, http)``."""
        self.own_authenticate: Callable[..., Authentic | None] | None
        self.own_authenticate = getattr(module, "authenticate", None)
        self.own_answer: Callable[[Request, Reading], Response] | None
        self.own_answer = getattr(module, "answer", None)
        self.answer_by: Callable[[Request, Reading, AccountSettings], Response] | None
        self.answer_by = getattr(module, "answer_by", None)
        """The answer, if it depends on the account's settings."""
        self.own_id_key: Callable[..., str] | None = getattr(module, "id_key", None)
        self.id_per_segment: bool = getattr(module, "ID_PER_SEGMENT", False)
        self.number_in_key: bool = getattr(module, "NUMBER_IN_KEY", False)
        self.reuses_ids: bool = getattr(module, "REUSES_IDS", False)
        """Whether the gateway reuses ids for other messages."""
        self.calls_back: bool = getattr(module, "CALLS_BACK", False)
        """Whether a send can give the URL for its receipts."""
        self.default_validity: int = getattr(module, "DEFAULT_VALIDITY", 72 * 3600)
        """Seconds after which the provider gives up if we state no validity."""
        self.secret_fields: tuple[str, ...] = getattr(module, "SECRET_FIELDS", ())
        """Fields of a request that hold a secret, which is replaced before storing."""
        self.text_fields: tuple[str, ...] = getattr(module, "TEXT_FIELDS", ())
        """Fields of a request that repeat the message's text, which is cut before storing."""
        self.receipt_fields: tuple[str, ...] = getattr(module, "RECEIPT_FIELDS", ())
        """Fields that hold the text of an SMPP receipt, which may end in that of the message."""

    @property
    def signs(self) -> bool:
        """Whether the provider signs its receipts with a scheme of its own."""
        return self.own_authenticate is not None

    def authenticate(self, request: Request, settings: AccountSettings) -> Authentic | None:
        """Authenticates the request by the provider's own scheme; None if there is none.

        Raises:
            Unauthentic: the proof is missing or wrong.
        """
        if self.own_authenticate is None:
            return None
        return self.own_authenticate(request, settings)

    def answer(
        self, request: Request, reading: Reading, settings: AccountSettings | None = None
    ) -> Response:
        if self.answer_by is not None and settings is not None:
            return self.answer_by(request, reading, settings)
        return OK if self.own_answer is None else self.own_answer(request, reading)

    def id_key(self, receipt_id: str, settings: AccountSettings) -> str:
        """The form of an id in which it is compared within this account (rule D3)."""
        if self.own_id_key is not None:
            return self.own_id_key(receipt_id, settings)
        return comparable(receipt_id, settings.id_format) if settings.id_format else receipt_id


def comparable(receipt_id: str, id_format: str | None) -> str:
    """An id, normalised as the account's ``id_format`` says."""
    match id_format:
        case "lower":
            return receipt_id.lower()
        case "strip-zeros":
            return receipt_id.lstrip("0") or "0"
        case "hex":
            return _number(receipt_id, 16)
        case "decimal":
            return _number(receipt_id, 10)
        case _:
            return receipt_id


def _number(receipt_id: str, base: int) -> str:
    if not (receipt_id.isascii() and receipt_id.isalnum()):
        return receipt_id  # Python would read "1_0" and " 10" as numbers
    try:
        return str(int(receipt_id, base))
    except ValueError:
        return receipt_id


def same(given: str | bytes, secret: str | bytes) -> bool:
    """Whether two strings are equal, in constant time; an empty secret equals nothing."""
    given = given.encode() if isinstance(given, str) else given
    secret = secret.encode() if isinstance(secret, str) else secret
    return bool(secret) and hmac.compare_digest(given, secret)
