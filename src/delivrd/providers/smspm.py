"""SMSPM: sends with an address for the receipts of each message.

The vendor's public descriptions disagree (the API documentation v2.0, two articles, a tutorial);
all shapes are read, by the names of their fields. Sources: app.smspm.com/docs; the vendor's site
(alesav/smspm-frontend: blog posts on delivery reports, PHP and Python, and ``sms-gateway-api``, by
which a send's answer says what went wrong in its ``status``); public clients' tests.
"""

from typing import ClassVar

from pydantic import Field, SecretStr

from delivrd.core import times
from delivrd.core.reasons import Reason
from delivrd.core.statement import Reading, Receipt, Status
from delivrd.providers import fields as f
from delivrd.providers import handover, reading
from delivrd.providers.base import (
    Accepted,
    AccountSettings,
    Answer,
    Code,
    Http,
    HttpAnswer,
    Later,
    Outgoing,
    Refused,
    Request,
    Response,
    SentPart,
    Unsure,
    Word,
)

NAME = "smspm"
TITLE = "SMSPM"
DOCS = "https://app.smspm.com/docs"
CHECKED = "2026-11-27"
API = "https://api.smspm.com"

CALLS_BACK = True

STATUSES = {
    "queued": Word(Status.PENDING, False),
    "submitted": Word(Status.PENDING, False),
    "sent": Word(Status.PENDING, False),
    "pending": Word(Status.PENDING, False),
    "delivered": Word(Status.DELIVERED, True),
    "undelivered": Word(Status.UNDELIVERED, True),
    "failed": Word(Status.UNDELIVERED, True),
    "rejected": Word(Status.REJECTED, True),
    "expired": Word(Status.EXPIRED, True),
}

ERRORS = {
    "invalid_phone": Code("The number is not valid", Reason.UNKNOWN_NUMBER, Status.REJECTED),
    "low_balance": Code("Not enough credit", Reason.ACCOUNT_PROBLEM, Status.REJECTED),
    "destination_blocked": Code(
        "The destination is blocked", Reason.BLOCKED_BY_CARRIER, Status.REJECTED
    ),
    "invalid_sender": Code("The sender is not allowed", Reason.SENDER_NOT_ALLOWED, Status.REJECTED),
    "invalid_params": Code(
        "A parameter is missing or wrong", Reason.CONTENT_INVALID, Status.REJECTED
    ),
    "auth_failed": Code("Wrong credentials", Reason.ACCOUNT_PROBLEM, Status.REJECTED),
    "rate_limit": Code("Too many requests", Reason.THROTTLED, Status.REJECTED),
    "server_error": Code("The gateway failed", Reason.NETWORK_ERROR),
}

IN_WORDS = {
    "invalid phone": "invalid_phone",
    "unauthorized": "auth_failed",
    " is required": "invalid_params",
}
"""What the gateway says in words in the answer to a send: "Invalid phone number: 123"."""
FAILED = {"error", "failed"}
"""Statuses of a send's answer that say no more: its message does."""

SENT_IDS = ("id", "messageId")
IDS = ("messageId", "id", "message_id", "smsId")
TIMES = ("timestamp", "deliveredAt")

FIELDS = {
    "messageId, id, message_id": "The id of the message, as in the answer to the send.",
    "smsId": "Your own id; taken where there is no other.",
    "status": "The status word.",
    "event": 'In one shape "sms." and a status word; taken where there is no status.',
    "error, errorCode": "The error code, where there is one.",
    "to, toNumber": "The recipient's number; one shape leaves it out.",
    "timestamp, deliveredAt": "When it happened (ISO 8601, UTC); one shape has none.",
}

SETUP = (
    "In the SMSPM dashboard, copy the hash and the token of your API access.",
    'Put them in `delivrd.toml`: `[accounts.smspm]` with `provider = "smspm"`, `hash` and '
    "`token` (or the variables `DELIVRD_ACCOUNTS__SMSPM__HASH_FILE` and `…__TOKEN_FILE`).",
    "SMSPM signs nothing: set a `webhook_secret` of at least 12 random characters.",
    "Set `public_url` to where this hub is reached: every message then names its own address for "
    "receipts. For messages sent elsewhere, set the dashboard's webhook to "
    "`https://YOUR-HOST/webhooks/smspm/SECRET`.",
    "Start `delivrd serve`, run `delivrd doctor`, and send yourself a text: "
    '`delivrd send +… "Hello" --from … --via smspm --wait 60`.',
)


class Settings(AccountSettings):
    """An account of SMSPM."""

    NEEDED_TO_SEND: ClassVar[tuple[str, ...]] = ("hash", "token")

    provider: str = NAME
    hash: SecretStr | None = Field(default=None, description="The API access's hash.")
    token: SecretStr | None = Field(default=None, description="The API access's token.")


def read(request: Request, settings: AccountSettings | None = None) -> Reading:
    """The receipt in a request by GET or POST, in any of the published shapes.

    Raises:
        Unreadable: there is no message id in it.
    """
    zone = reading.zone(settings)

    def one(told: f.Fields) -> Receipt:
        return reading.receipt(
            STATUSES,
            ERRORS,
            provider_message_id=f.message_id(told, *IDS),
            provider_status=f.text(told, "status", limit=64) or _event(told),
            error_code=f.text(told, "error", "errorCode", limit=64),
            to=f.number(told, "toNumber", "to"),
            occurred_at=times.parse(f.text(told, *TIMES), zone, now=request.received_at),
            reference=f.text(told, "smsId"),
        )

    return reading.read_each(request, one)


def _event(told: f.Fields) -> str | None:
    event = f.text(told, "event", limit=64)
    return event and event.lower().removeprefix("sms.")


def answer(request: Request, reading: Reading) -> Response:
    """The word that the vendor's example answers."""
    return Response(200, b"OK")


async def send(message: Outgoing, settings: Settings, http: Http) -> Answer:
    """Hand over by POST JSON; the receipts' address (``report``) carries the reference.

    ``smsId`` is left out: receipts would then bear it instead of the id that the answer names.
    """
    content = {
        "hash": handover.plain(settings.hash),
        "token": handover.plain(settings.token),
        "toNumber": message.to.removeprefix("+"),
        "fromNumber": message.sender.removeprefix("+"),
        "text": message.text,
    }
    if message.callback_url:
        content["report"] = message.callback_url
    url = handover.address(settings, API, "/")
    answer = await handover.call(http, settings, "POST", url, json=content)
    return _answer(answer) if isinstance(answer, HttpAnswer) else answer


def _answer(answer: HttpAnswer) -> Answer:
    told = handover.fields(answer)
    elements = f.objects(told.get("messages")) or [told]
    parts = tuple(_part(element) for element in elements)
    if any(part.provider_message_id for part in parts):
        return Accepted(parts)
    failed = next((part for part in parts if part.status is Status.REJECTED), None)
    if answer.status >= 400 and (failed is None or failed.error_code is None):
        return handover.refused(answer, detail=failed.detail if failed else None)
    if failed is None:
        return Unsure("the answer contains neither an id nor an error")
    if failed.error_code == "rate_limit":
        return Later(detail=failed.detail)
    if failed.error_code == "server_error":
        return Unsure(failed.detail or "the gateway failed")
    return Refused(failed.reason or Reason.OTHER, failed.error_code, failed.detail)


def _part(element: f.Fields) -> SentPart:
    said = _error(element)
    if said is None:
        return SentPart(
            f.text(element, *SENT_IDS, limit=f.MAX_ID),
            price=f.amount(element, "cost"),
            currency=f.text(element, "currency", limit=8),
        )
    code = _code(said.lower())
    meaning = ERRORS[code] if code else Code(said, Reason.OTHER)
    words = meaning.words if said.lower() == code else said
    detail = f.text(element, "message", limit=300) or words
    return SentPart(None, Status.REJECTED, meaning.reason, code, detail)


def _error(element: f.Fields) -> str | None:
    """What an element, or the whole answer, says went wrong: as an error, or as its status."""
    said = f.text(element, "error", "errorCode", limit=300)
    status = f.text(element, "status", limit=300) or ""
    if said or status.lower() in ERRORS:
        return said or status
    if status.lower() in FAILED and f.text(element, *SENT_IDS) is None:
        return f.text(element, "message", limit=300) or status
    return None


def _code(said: str) -> str | None:
    if said in ERRORS:
        return said
    return next((code for words, code in IN_WORDS.items() if words in said), None)
