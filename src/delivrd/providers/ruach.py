"""Ruach SMS API, and other brands of the same platform (set ``base_url`` to theirs).

It calls once, by GET, and never again: what is not answered with 200 within ten seconds is lost.
The format and zone of its times are not documented; they are read leniently, as UTC unless the
account's ``time_zone`` says otherwise. Sources: docs.ruach.ng/api-reference (webhooks, send-sms).
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
    Outgoing,
    Refused,
    Request,
    SentPart,
    Unsure,
    Word,
)

NAME = "ruach"
TITLE = "Ruach"
DOCS = "https://docs.ruach.ng/api-reference/webhooks/delivery-reports"
CHECKED = "2026-11-27"
API = "https://accounts.netvox.ng"

PATIENCE = 8.0
TEXT_FIELDS = ("shortMessage", "ShortMessage", "shortmessage")

STATUSES = {
    "DELIVRD": Word(Status.DELIVERED, True),
    "UNDELIV": Word(Status.UNDELIVERED, True),
    "EXPIRED": Word(Status.EXPIRED, True),
    "DELETED": Word(Status.UNDELIVERED, True, Reason.DELETED),
    "UNKNOWN": Word(Status.UNKNOWN, False),
    "ACCEPTD": Word(Status.PENDING, False),
    "REJECTD": Word(Status.REJECTED, True),
    "BLACKLIST": Word(Status.REJECTED, True, Reason.BLOCKED_BY_RECIPIENT),
}

ERRORS: dict[str, Code] = {}
"""The vendor publishes no table of the codes in receipts; they are kept as they come."""

SEND_ERRORS = {
    "1": Code("Account details are blank", Reason.ACCOUNT_PROBLEM),
    "3": Code("Sender id is blank", Reason.SENDER_NOT_ALLOWED),
    "7": Code("Invalid user or password", Reason.ACCOUNT_PROBLEM),
    "8": Code("Account is not active", Reason.ACCOUNT_PROBLEM),
    "10": Code("API access is not authorised", Reason.ACCOUNT_PROBLEM),
}
"""Codes of a send's answer, without leading zeros."""

FIELDS = {
    "messageId": "The id of the message, as in the answer to the send.",
    "mobile": "The recipient's number.",
    "status": "The status word.",
    "errorCode": "The operator's or the platform's code; there is no public table.",
    "submitDate": "When the message was handed in; not used.",
    "doneDate": "When it reached this status; taken as the time of the event.",
    "shortMessage": "The text; cut before the request is kept.",
}

SETUP = (
    "In the Ruach portal, under API, copy the API key and the client id.",
    'Put them in `delivrd.toml`: `[accounts.ruach]` with `provider = "ruach"`, `client_id` and '
    "`api_key` (or the variable `DELIVRD_ACCOUNTS__RUACH__API_KEY_FILE`).",
    "Ruach signs nothing: set a `webhook_secret` of at least 12 random characters.",
    "Ask Ruach's support to switch delivery reports on for "
    "`https://YOUR-HOST/webhooks/ruach/SECRET`, with the parameters below. They are sent once "
    "only: keep the hub running.",
    "Start `delivrd serve`, run `delivrd doctor`, and send yourself a text: "
    '`delivrd send +… "Hello" --from … --via ruach --wait 60`.',
)


class Settings(AccountSettings):
    """An account of Ruach."""

    NEEDED_TO_SEND: ClassVar[tuple[str, ...]] = ("api_key", "client_id")

    provider: str = NAME
    api_key: SecretStr | None = Field(default=None, description="API key, from the portal.")
    client_id: str | None = Field(default=None, description="Client id, from the portal.")


def read(request: Request, settings: AccountSettings | None = None) -> Reading:
    """The receipt in a request by GET (POST is read too).

    Raises:
        Unreadable: there is no message id in it.
    """
    zone = times.zone(settings.time_zone if settings else None)

    def one(told: f.Fields) -> Receipt:
        if "messageId" not in told:
            told = _as_named(told)
        done = f.text(told, "doneDate")
        return reading.receipt(
            STATUSES,
            ERRORS,
            provider_message_id=f.message_id(told, "messageId"),
            provider_status=f.text(told, "status", limit=64),
            error_code=f.text(told, "errorCode", limit=64),
            to=f.number(told, "mobile"),
            occurred_at=times.parse(done, zone, now=request.received_at, smpp=True),
        )

    return reading.read_each(request, one)


_NAMES = {name.lower(): name for name in FIELDS}


def _as_named(told: f.Fields) -> f.Fields:
    """The fields by the vendor's own names: a hand wrote them into each account's address."""
    return {_NAMES.get(name.lower(), name): value for name, value in told.items()}


async def send(message: Outgoing, settings: Settings, http: Http) -> Answer:
    """Hand over by ``POST /api/v2/SendSMS``; one id for each recipient, whatever the length.

    Nothing of ours travels with the message: a receipt is known by the id in the answer alone.
    """
    content = {
        "SenderId": message.sender.removeprefix("+"),
        "Message": message.text,
        "MobileNumbers": message.to.removeprefix("+"),
        "ApiKey": handover.plain(settings.api_key),
        "ClientId": settings.client_id or "",
        "Is_Unicode": message.unicode,
        "Is_Flash": False,
    }
    url = handover.address(settings, API, "/api/v2/SendSMS")
    answer = await handover.call(http, settings, "POST", url, json=content)
    return _answer(answer) if isinstance(answer, HttpAnswer) else answer


def _answer(answer: HttpAnswer) -> Answer:
    told = handover.fields(answer)
    code = _code(told, "ErrorCode")
    if code is None:
        if answer.status >= 400:
            return handover.refused(answer)
        return Unsure("the answer contains no ErrorCode")
    if code != "0":
        return _refused(told, code)
    elements = f.objects(told.get("Data"))
    parts = tuple(_part(element) for element in elements)
    if any(part.provider_message_id for part in parts):
        return Accepted(parts)
    failed = next((part for part in parts if part.error_code), None)
    if failed is None:
        return Unsure("the answer says success, but contains no message id")
    return Refused(failed.reason or Reason.OTHER, failed.error_code, failed.detail)


def _refused(told: f.Fields, code: str) -> Refused:
    meaning = SEND_ERRORS.get(code, Code("Refused", Reason.OTHER))
    detail = f.text(told, "ErrorDescription", limit=300) or meaning.words
    return Refused(meaning.reason or Reason.OTHER, f.text(told, "ErrorCode", limit=64), detail)


def _part(element: f.Fields) -> SentPart:
    code = _code(element, "MessageErrorCode")
    if code not in (None, "0"):
        meaning = SEND_ERRORS.get(code, Code("Refused", Reason.OTHER))
        detail = f.text(element, "MessageErrorDescription", limit=300) or meaning.words
        return SentPart(None, Status.REJECTED, meaning.reason, code, detail)
    return SentPart(f.text(element, "MessageId", limit=f.MAX_ID))


def _code(told: f.Fields, name: str) -> str | None:
    """An answer's code without the leading zeros that the platform writes now and then."""
    code = f.text(told, name, limit=64)
    return None if code is None else code.lstrip("0") or "0"
