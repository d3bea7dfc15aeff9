"""A dialect in the words of ``delivrd.toml``: tables of an account of the provider ``generic``."""

import re
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Annotated, Any, ClassVar, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    field_validator,
    model_validator,
)

from delivrd.core import signing_key
from delivrd.core.reasons import Reason
from delivrd.core.statement import Status
from delivrd.providers.base import FAILURES, AccountSettings, Code, Secrets, Word

PLACEHOLDER = re.compile(r"\{(\w+)\}")
PLACEHOLDERS = (
    "to",
    "to_digits",
    "from",
    "text",
    "reference",
    "callback_url",
    "validity",
    "segments",
    "unicode",
    "username",
    "password",
    "token",
)
"""The placeholders of a template."""


def _listed(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


def _under(name: str) -> BeforeValidator:
    """Lets a text replace a table: it becomes the value of that entry."""
    return BeforeValidator(lambda value: {name: value} if isinstance(value, str) else value)


Names = Annotated[tuple[str, ...], BeforeValidator(_listed)]
"""One name or several; a path into nested fields with dots between: ``results.0.status``."""


class Table(BaseModel):
    model_config = ConfigDict(
        extra="forbid", frozen=True, hide_input_in_errors=True, validate_default=True
    )


class FieldNames(Table):
    """The names of a receipt's fields; of several names, the first that is present counts.

    The id of an envelope is the event's; the message's is in its ``data`` (as of LOX24, whose
    documentation shows both).
    """

    id: Names = ("message_id", "messageId", "message-id", "messageid", "msg_id", "msgId", "msgid",
                 "MessageId", "messageID", "sms_id", "smsId", "smsid", "MessageSid",
                 "data.message_id", "data.messageId", "data.id", "uuid", "sid", "id")  # fmt: skip
    status: Names = ("status", "message_status", "messageStatus", "MessageStatus", "dlr_status",
                     "dlrStatus", "delivery_status", "deliveryStatus", "Status", "stat", "state",
                     "data.status", "data.state", "event")  # fmt: skip
    code: Names = ("error_code", "errorCode", "error-code", "err_code", "err-code", "ErrorCode",
                   "err", "errcode", "reason_code", "code", "data.error_code")  # fmt: skip
    detail: Names = ("error_message", "errorMessage", "error_text", "reason", "description",
                     "error", "data.error")  # fmt: skip
    to: Names = ("to", "recipient", "msisdn", "destination", "phone", "phone_number",
                 "phoneNumber", "mobile", "number", "receiver", "To", "data.to")  # fmt: skip
    sender: Names = ("from", "sender", "sender_id", "senderId", "source", "originator", "From")
    time: Names = ("done_date", "doneDate", "donedate", "delivered_at", "deliveredAt", "timestamp",
                   "status_time", "dlr_date", "time", "date", "updated_at",
                   "data.timestamp")  # fmt: skip
    reference: Names = ("reference", "client_reference", "clientReference", "client_ref",
                        "external_id", "externalId", "custom_id")  # fmt: skip
    price: Names = ("price", "cost")
    currency: Names = ("currency",)
    network: Names = ("mccmnc", "network_code", "network-code")


class StatusWord(Table):
    """The meaning of one of the gateway's status words."""

    status: Status
    final: bool | None = None
    reason: Reason | None = None

    @model_validator(mode="after")
    def _ends(self) -> Self:
        if self.status is Status.PENDING and self.final:
            raise ValueError("pending is never final: a final word must have another status")
        if self.status not in (Status.PENDING, Status.UNKNOWN) and self.final is False:
            raise ValueError(
                f"{self.status.value} is always final: leave out final, or use pending"
            )
        return self

    @property
    def word(self) -> Word:
        ends = self.status not in (Status.PENDING, Status.UNKNOWN)
        return Word(self.status, ends if self.final is None else self.final, self.reason)


class ErrorCode(Table):
    """The meaning of one of the gateway's error codes; ``status`` refines a failure."""

    reason: Reason | None = None
    status: Status | None = None
    permanent: bool | None = None
    words: str = ""

    @field_validator("status")
    @classmethod
    def _fails(cls, value: Status | None) -> Status | None:
        if value is not None and value not in FAILURES:
            raise ValueError("a code refines a failure: undelivered, rejected or expired")
        return value


class ReceiptAnswer(Table):
    """The answer to a receipt, as the gateway expects it."""

    status: int = Field(default=200, ge=200, le=299)
    body: str = ""
    content_type: str = "text/plain; charset=utf-8"


class Signature(Table):
    """How the gateway signs its calls: an HMAC in a header, keyed by ``signature_secret``.

    Standard Webhooks describe all of it themselves.
    """

    scheme: Literal["hmac", "standard-webhooks"] = "hmac"
    header: str = ""
    algorithm: Literal["md5", "sha1", "sha256", "sha384", "sha512"] = "sha256"
    encoding: Literal["hex", "base64"] = "hex"
    prefix: str = ""
    signed: Names = ("body",)
    joined_by: str = ""
    timestamp_header: str = ""

    @model_validator(mode="after")
    def _told(self) -> Self:
        if self.scheme == "standard-webhooks":
            if self.model_fields_set != {"scheme"}:
                raise ValueError('the scheme "standard-webhooks" takes no other settings')
            return self
        if not self.header:
            raise ValueError('header is missing: the one that holds the signature ("X-Signature")')
        known = ("body", "query", "url", "method", "timestamp")
        for part in self.signed:
            if part not in known and not part.startswith("header:"):
                raise ValueError(f"signed: {part!r} is none of {', '.join(known)}, header:NAME")
        if ("timestamp" in self.signed) is not bool(self.timestamp_header):
            raise ValueError("timestamp_header is needed where timestamp is signed, and only there")
        return self


class Sending(Table):
    """How a message is handed over, and how the answer is read."""

    url: str = ""
    method: Literal["GET", "POST", "PUT"] = "POST"
    format: Literal["json", "form", "query"] = "json"
    content: dict[str, Any] = Field(default_factory=dict)
    headers: dict[str, str] = Field(default_factory=dict)
    basic: bool = False
    id: str = ""
    id_pattern: str = ""
    accepted: str = ""
    accepted_values: Names = ()
    code: str = ""
    detail: str = ""

    @field_validator("url")
    @classmethod
    def _address(cls, value: str) -> str:
        url = urlsplit(value)
        if url.scheme not in ("http", "https") or not url.hostname:
            raise ValueError("must be an address like https://gateway.example/send")
        if PLACEHOLDER.search(url.netloc):
            raise ValueError("its host must not contain a placeholder")
        return value

    @field_validator("id_pattern")
    @classmethod
    def _pattern(cls, value: str) -> str:
        try:
            groups = re.compile(value).groups
        except re.error as error:
            raise ValueError(f"is not a regular expression: {error}") from None
        if value and groups != 1:
            raise ValueError("must have one group in parentheses: the id")
        return value

    @model_validator(mode="after")
    def _whole(self) -> Self:
        for name in _placeholders([self.url, self.content, self.headers]):
            if name not in PLACEHOLDERS:
                known = ", ".join(PLACEHOLDERS)
                raise ValueError(f"there is no placeholder {{{name}}}; there are: {known}")
        if self.format != "json" and any(isinstance(v, dict | list) for v in self.content.values()):
            raise ValueError('content holds a table or a list, which only format = "json" can send')
        if bool(self.accepted) is not bool(self.accepted_values):
            raise ValueError("accepted and accepted_values go together: a field, and what it says")
        if not (self.id or self.id_pattern or self.accepted):
            raise ValueError("say where the answer has the id (id, id_pattern) or accepted")
        return self


def _placeholders(template: Any) -> Iterator[str]:
    if isinstance(template, str):
        yield from PLACEHOLDER.findall(template)
    elif isinstance(template, dict | list):
        for inner in template.values() if isinstance(template, dict) else template:
            yield from _placeholders(inner)


def at(told: Any, path: str) -> Any:
    """The value under a name, or at the end of a path with dots."""
    if isinstance(told, dict) and path in told:
        return told[path]
    for key in path.split("."):
        if isinstance(told, list) and key.isascii() and key.isdigit() and len(key) < 6:
            told = dict(enumerate(told)).get(int(key))
        else:
            told = told.get(key) if isinstance(told, dict) else None
    return told


class Settings(AccountSettings):
    """An account of a gateway that has no adapter of its own."""

    NEEDED_TO_SEND: ClassVar[tuple[str, ...]] = ("send",)

    provider: str = "generic"
    username: str | None = Field(default=None, description="For the placeholder {username}.")
    password: SecretStr | None = Field(default=None, description="For the placeholder {password}.")
    token: SecretStr | None = Field(default=None, description="For the placeholder {token}.")
    fields: FieldNames = Field(
        default=FieldNames(),
        description="Names of a receipt's fields: id, status, code, detail, to, sender, "
        "time, reference, price, currency, network. One name or several, nested ones with dots.",
        examples=['{ id = "message_id", status = "state", to = "msisdn" }'],
    )
    items: str = Field(
        default="", description="The field that holds an array of receipts, if there is one."
    )
    statuses: dict[str, Annotated[StatusWord, _under("status")]] = Field(
        default_factory=dict,
        description='Its status words: "sent" = "pending", or { status, final, reason }.',
        examples=['{ sent = "pending", done = "delivered" }'],
    )
    codes: dict[str, Annotated[ErrorCode, _under("reason")]] = Field(
        default_factory=dict,
        description='Its codes: "27" = "unreachable", or { reason, status, permanent, words }.',
        examples=['{ 27 = "unreachable" }'],
    )
    time_format: str = Field(
        default="", description='Such as "%d.%m.%Y %H:%M", or "smpp"; common formats need none.'
    )
    answer: ReceiptAnswer = Field(
        default=ReceiptAnswer(),
        description="The answer that it expects: status, body, content_type.",
        examples=['{ body = "OK" }'],
    )
    signature_secret: Secrets = Field(
        default=(), description="The key of its signatures, one or a list (rotation)."
    )
    signature: Annotated[Signature | None, _under("scheme")] = Field(
        default=None,
        description="Its signature: header, algorithm, encoding (hex, base64), prefix, signed "
        "(body, query, url, method, timestamp, header:NAME), joined_by, timestamp_header; or "
        '"standard-webhooks".',
        examples=['{ header = "X-Signature" }'],
    )
    send: Sending | None = Field(
        default=None,
        description="How to send: url, method, format (json, form, query), content, headers, "
        "basic; of the answer: id or id_pattern, accepted, accepted_values, code, detail.",
        examples=[
            '{ url = "https://gateway.example/send", id = "id", '
            'content = { to = "{to}", text = "{text}" } }'
        ],
    )

    @field_validator("time_format")
    @classmethod
    def _time_format(cls, value: str) -> str:
        if value not in ("", "smpp") and "%" not in value:
            raise ValueError('must be like "%d.%m.%Y %H:%M", or "smpp"')
        return value

    @model_validator(mode="after")
    def _signed(self) -> Self:
        if bool(self.signature_secret) is not bool(self.signature):
            raise ValueError("signature_secret and the table signature go together")
        if self.signature and self.signature.scheme == "standard-webhooks":
            _ = self.webhook_keys  # a secret that is none is refused here
        return self

    @property
    def webhook_keys(self) -> list[bytes]:
        """The keys of Standard Webhooks."""
        return [signing_key.key(secret.get_secret_value()) for secret in self.signature_secret]

    @cached_property
    def words(self) -> Mapping[str, Word]:
        """The status words in lower case."""
        return {word.strip().lower(): told.word for word, told in self.statuses.items()}

    @cached_property
    def code_table(self) -> Mapping[str, Code]:
        return {
            code: Code(told.words, told.reason, told.status, told.permanent)
            for code, told in self.codes.items()
        }
