"""Plivo: status callbacks of its message API.

A long text has a callback for each part; all name the id that the send answered as their parent,
and by that they are read, with which part it is: the text has arrived when all have.

Sources: plivo.com/docs/messaging (message object, error codes, signature validation),
…/docs/verify (status callbacks) and …/docs/account (application); plivo-python.
"""

import re
from typing import ClassVar
from urllib.parse import quote

from pydantic import Field

from delivrd.core import times
from delivrd.core.reasons import Reason
from delivrd.core.statement import Reading, Receipt, Status
from delivrd.providers import fields as f
from delivrd.providers import handover, reading
from delivrd.providers import plivo_signature as signature
from delivrd.providers.base import (
    Accepted,
    AccountSettings,
    Answer,
    Authentic,
    Code,
    Http,
    HttpAnswer,
    Outgoing,
    Refused,
    Request,
    Secrets,
    SentPart,
    Sought,
    Unanswered,
    Unsure,
    Word,
)

NAME = "plivo"
TITLE = "Plivo"
DOCS = "https://www.plivo.com/docs/messaging/troubleshooting/error-codes"
CHECKED = "2026-11-26"
API = "https://api.plivo.com"

CALLS_BACK = True
REPLAY_BEHIND = 24 * 3600  # the signature holds no time: this is how long its nonces are kept
MIN_VALIDITY = 5
MAX_VALIDITY = 10_800

STATUSES = {
    "queued": Word(Status.PENDING, False),
    "sent": Word(Status.PENDING, False),
    "delivered": Word(Status.DELIVERED, True),
    "read": Word(Status.DELIVERED, True),
    "undelivered": Word(Status.UNDELIVERED, True),
    "failed": Word(Status.UNDELIVERED, True),
    "rejected": Word(Status.REJECTED, True),
}

R = Status.REJECTED
ERRORS = {
    "000": Code("No error"),
    "10": Code("Invalid message", Reason.CONTENT_INVALID),
    "20": Code("Network error", Reason.NETWORK_ERROR),
    "30": Code("Spam detected by the carrier", Reason.BLOCKED_BY_CARRIER, R),
    "40": Code("Invalid source number", Reason.SENDER_NOT_ALLOWED, R),
    "50": Code("Invalid destination number", Reason.UNKNOWN_NUMBER, R),
    "60": Code("Loop detected", Reason.NETWORK_ERROR),
    "70": Code("Destination permanently unavailable", Reason.UNKNOWN_NUMBER),
    "80": Code("Destination temporarily unavailable", Reason.UNREACHABLE),
    "90": Code("No route available", Reason.NETWORK_ERROR),
    "100": Code("Prohibited by the carrier", Reason.BLOCKED_BY_CARRIER, R),
    "110": Code("Message too long", Reason.CONTENT_INVALID, R),
    "160": Code("Flagged as spam (10DLC)", Reason.BLOCKED_BY_CARRIER, R),
    "200": Code("The recipient opted out (STOP)", Reason.BLOCKED_BY_RECIPIENT, R),
    "201": Code("US toll-free number to a Canadian number", Reason.SENDER_NOT_ALLOWED, R),
    "300": Code("Failed to dispatch", Reason.NETWORK_ERROR),
    "420": Code("Message expired", Reason.EXPIRED, Status.EXPIRED),
    "450": Code("Destination country barred by the account", Reason.ACCOUNT_PROBLEM, R),
    "451": Code("Blocked by the protection against SMS pumping", Reason.BLOCKED_BY_CARRIER, R),
    "900": Code("Insufficient credit", Reason.ACCOUNT_PROBLEM, R),
    "910": Code("Account disabled", Reason.ACCOUNT_PROBLEM, R),
    "950": Code("The account's volume limit is reached", Reason.ACCOUNT_PROBLEM, R),
    "1000": Code("Unknown error", Reason.OTHER),
}

TIMES = {"queued": "QueuedTime", "sent": "SentTime"}
"""Where a status's time stands; of all others, in DeliveryReportTime."""

IDS = ("ParentMessageUUID", "MessageUUID")
ATTEMPT = "AttemptUUID"

FIELDS = {
    "ParentMessageUUID": "The id of the message, as in the answer to the send.",
    "MessageUUID": "The id of this part; taken where there is no parent.",
    "PartInfo": "Which part it is (1 of 2): a long text has arrived when all its parts have.",
    "Status": "The status word.",
    "ErrorCode": "The error code; empty or 000 where there is none.",
    "To": "The recipient's number, without plus.",
    "From": "The sender that was used.",
    "MCC, MNC": "The recipient's network.",
    "TotalAmount": "What it cost, in the account's currency.",
    "QueuedTime, SentTime, DeliveryReportTime": "When it came to this status, UTC.",
    "AttemptUUID, ChannelStatus, ChannelErrorCode, Recipient (Verify)": "Id, status word, error "
    "code and number of a text that Verify sent.",
}

SETUP = (
    "In the Plivo console, copy the auth id and the auth token (callbacks are signed with it).",
    'Put them in `delivrd.toml`: `[accounts.plivo]` with `provider = "plivo"`, `auth_id` and '
    "`auth_token` (or the variable `DELIVRD_ACCOUNTS__PLIVO__AUTH_TOKEN_FILE`).",
    "Set `public_url` to exactly what Plivo reaches this hub by, since the signature covers it: "
    "every message then names its own address for callbacks.",
    "For messages sent elsewhere, let them name `https://YOUR-HOST/webhooks/plivo` as their `url`. "
    "A sender that is a UUID is taken for a Powerpack.",
    "Start `delivrd serve`, run `delivrd doctor`, and send yourself a text: "
    '`delivrd send +… "Hello" --from +… --via plivo --wait 60`.',
)


class Settings(AccountSettings):
    """An account (or a subaccount) of Plivo."""

    NEEDED_TO_SEND: ClassVar[tuple[str, ...]] = ("auth_id", "auth_token")
    SIGNED_BY: ClassVar[tuple[str, ...]] = ("auth_token",)

    provider: str = NAME
    auth_id: str | None = Field(default=None, description="Auth id, MA… or SA….")
    auth_token: Secrets | None = Field(
        default=None,
        description="Auth token, one or a list (rotation); it signs the callbacks too.",
    )


def authenticate(request: Request, settings: Settings) -> Authentic | None:
    """The callback's signature: V3 where there is one, else V2 (which leaves the fields unsigned).

    Without an ``auth_token`` in the settings there is nothing to check: None.

    Raises:
        Unauthentic: no signature, or a wrong one.
    """
    if not settings.auth_token:
        return None
    return signature.check(request, settings.auth_token)


def read(request: Request, settings: AccountSettings | None = None) -> Reading:
    """The receipt in a callback by POST form or GET.

    Raises:
        Unreadable: there is no message id in it.
    """
    zone = reading.zone(settings)

    def one(told: f.Fields) -> Receipt:
        if ATTEMPT in told:
            return _attempt(told)
        status = _status(told)
        time = f.text(told, TIMES.get((status or "").lower(), "DeliveryReportTime"))
        return reading.receipt(
            STATUSES,
            ERRORS,
            provider_message_id=f.message_id(told, *IDS),
            provider_status=status,
            error_code=_known(told, "ErrorCode"),
            to=f.number(told, "To"),
            sender=f.text(told, "From", limit=64),
            network=f.network(told, "MCC", "MNC"),
            price=f.amount(told, "TotalAmount"),
            occurred_at=times.parse(time, zone, now=request.received_at),
            segment=_segment(told),
        )

    return reading.read_each(request, one, _other)


def _attempt(told: f.Fields) -> Receipt:
    """What Verify sent, in one of its attempts."""
    return reading.receipt(
        STATUSES,
        ERRORS,
        provider_message_id=f.message_id(told, ATTEMPT),
        provider_status=f.text(told, "ChannelStatus", limit=64),
        error_code=_known(told, "ChannelErrorCode"),
        to=f.number(told, "Recipient"),
    )


def _status(told: f.Fields) -> str | None:
    return f.text(told, "Status", "status", limit=64)


def _segment(told: f.Fields) -> str | None:
    """Which part of how many, where there are several."""
    found = _PART.fullmatch(f.text(told, "PartInfo", limit=16) or "")
    number, total = (int(found[1]), int(found[2])) if found else (1, 1)
    return f"{number}/{total}" if 1 <= number <= total > 1 else None


_PART = re.compile(r"(\d{1,2})[ +]of[ +](\d{1,2})", re.IGNORECASE)
"""The pluses are the form's, where a program passed its fields on without decoding them."""


def _known(told: f.Fields, name: str) -> str | None:
    """A field's text; Plivo writes None where it has none."""
    found = f.text(told, name, limit=64)
    return None if found in ("None", "null") else found


_OF_A_TEXT = {"Text", "Type", "Media0", "Body", "ContentType"}
_OF_A_CALL = "CallUUID"


def _other(told: f.Fields) -> str | None:
    """An inbound message comes with the same names, but has no status, or that of one.

    Its text is in ``Text``, that of WhatsApp in ``Body``; one of pictures alone has neither. An
    application's calls may come to the same address, and Verify calls, too.
    """
    if _OF_A_CALL in told and told.keys().isdisjoint(IDS):
        return "other"
    if ATTEMPT in told:
        return "other" if (f.text(told, "Channel") or "").lower() == "voice" else None
    status = _status(told)
    inbound = bool(_OF_A_TEXT & told.keys()) if status is None else status.lower() == "received"
    return "inbound" if inbound else None


async def send(message: Outgoing, settings: Settings, http: Http) -> Answer:
    """Hand over by ``POST …/Message/``; one id, whatever the length."""
    sender = "powerpack_uuid" if _POWERPACK.fullmatch(message.sender) else "src"
    content: dict[str, str | int] = {
        sender: message.sender,
        "dst": message.to,
        "text": message.text,
        "type": "sms",
    }
    if message.validity is not None:
        content["message_expiry"] = min(max(message.validity, MIN_VALIDITY), MAX_VALIDITY)
    if message.callback_url:
        content |= {"url": message.callback_url, "method": "POST"}
    url = _url(settings, "Message/")
    answer = await handover.call(http, settings, "POST", url, json=content, auth=_login(settings))
    return _answer(answer) if isinstance(answer, HttpAnswer) else answer


_POWERPACK = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


def _url(settings: Settings, path: str) -> str:
    return handover.address(settings, API, f"/v1/Account/{settings.auth_id or ''}/{path}")


def _login(settings: Settings) -> tuple[str, str]:
    token = settings.auth_token[0].get_secret_value() if settings.auth_token else ""
    return settings.auth_id or "", token


def _answer(answer: HttpAnswer) -> Answer:
    told = handover.fields(answer)
    if answer.status >= 400:
        return handover.refused(answer, detail=f.text(told, "error", limit=300))
    parts = tuple(SentPart(uuid) for uuid in _uuids(told.get("message_uuid")))
    if parts:
        return Accepted(parts)
    if told.get("invalid_number"):
        return Refused(Reason.UNKNOWN_NUMBER, "invalid_number", "the recipient's number is invalid")
    return Unsure("the answer contains no message id")


def _uuids(told: object) -> list[str]:
    listed = told if isinstance(told, list) else [told]
    found = (f.text({"uuid": uuid}, "uuid", limit=f.MAX_ID) for uuid in listed)
    return [uuid for uuid in found if uuid]


async def look_up(sought: Sought, settings: Settings, http: Http) -> Receipt | Unanswered:
    """The message's state by ``GET …/Message/{uuid}/``; it names no time but that of the send."""
    url = _url(settings, f"Message/{quote(sought.provider_message_id, safe='')}/")
    answer = await handover.ask(http, settings, "GET", url, auth=_login(settings))
    if isinstance(answer, Unanswered):
        return answer
    told = handover.fields(answer)
    if answer.status >= 400 or f.text(told, "message_uuid") != sought.provider_message_id:
        return Unanswered(f.text(told, "error", limit=300) or f"HTTP {answer.status}")
    return reading.receipt(
        STATUSES,
        ERRORS,
        provider_message_id=sought.provider_message_id,
        provider_status=f.text(told, "message_state", limit=64),
        error_code=_known(told, "error_code"),
        to=f.number(told, "to_number"),
        sender=f.text(told, "from_number", limit=64),
        price=f.amount(told, "total_amount"),
    )
