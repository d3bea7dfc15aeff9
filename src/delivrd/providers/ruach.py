"""Ruach SMS API, and other brands of the same platform (set ``base_url`` to theirs).

It calls once, by GET, and never again: what is not answered with 200 within ten seconds is lost.
The format and zone of its times are not documented; they are read leniently, as UTC unless the
account's ``time_zone`` says otherwise. Sources: docs.ruach.ng/api-reference (webhooks, sms,
error-codes).
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
"""What the operators' codes in receipts mean is not published; they are kept as they come."""

SEND_ERRORS = {
    "001": Code("Account details cannot be blank", Reason.ACCOUNT_PROBLEM),
    "002": Code("Username or password cannot be blank", Reason.ACCOUNT_PROBLEM),
    "003": Code("SenderId cannot be blank", Reason.SENDER_NOT_ALLOWED),
    "004": Code("Message cannot be blank", Reason.CONTENT_INVALID),
    "005": Code("Message properties cannot be blank", Reason.CONTENT_INVALID),
    "006": Code("Server error", Reason.NETWORK_ERROR),
    "007": Code("Invalid API credentials (ApiKey or ClientId)", Reason.ACCOUNT_PROBLEM),
    "008": Code("Account inactive", Reason.ACCOUNT_PROBLEM),
    "009": Code("Account locked", Reason.ACCOUNT_PROBLEM),
    "010": Code("Unauthorized API access", Reason.ACCOUNT_PROBLEM),
    "011": Code("Unauthorized IP address", Reason.ACCOUNT_PROBLEM),
    "012": Code("Message length violation", Reason.CONTENT_INVALID),
    "013": Code("Invalid mobile numbers", Reason.UNKNOWN_NUMBER),
    "014": Code("Account locked due to spam", Reason.ACCOUNT_PROBLEM),
    "015": Code("Invalid SenderId", Reason.SENDER_NOT_ALLOWED),
    "016": Code("Transactional account not active", Reason.ACCOUNT_PROBLEM),
    "020": Code("Message or mobile number cannot be blank", Reason.CONTENT_INVALID),
    "021": Code("Insufficient credits", Reason.ACCOUNT_PROBLEM),
    "023": Code("Parameter missing", Reason.CONTENT_INVALID),
    "024": Code("Invalid template or template mismatch", Reason.CONTENT_INVALID),
    "025": Code("Cannot be blank or empty", Reason.CONTENT_INVALID),
    "030": Code("Account expired", Reason.ACCOUNT_PROBLEM),
    "031": Code("No gateway is assigned", Reason.ACCOUNT_PROBLEM),
    "033": Code("Queue connection closed", Reason.NETWORK_ERROR),
    "034": Code("Unable to create campaign, try again later", Reason.NETWORK_ERROR),
    "038": Code("Spam message", Reason.BLOCKED_BY_CARRIER),
    "101": Code("Message failed due to loss protection", Reason.ACCOUNT_PROBLEM),
    "801": Code("Country undefined", Reason.UNKNOWN_NUMBER),
    "802": Code("Invalid country", Reason.UNKNOWN_NUMBER),
    "803": Code("Undefined price for gateway or user", Reason.ACCOUNT_PROBLEM),
    "804": Code("Message failed due to loss protection", Reason.ACCOUNT_PROBLEM),
    "805": Code("Undefined route", Reason.NETWORK_ERROR),
}
"""Codes in the answer to a send, or in one of its elements; those of other calls are left out."""

SUCCESS = "000"

TRY_AGAIN = {"034"}
"""Of these the vendor says to try again later: the message was not taken."""
NOT_SURE = {"006", "033"}
"""The platform failed; how far the message came is not said."""

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
    zone = reading.zone(settings)

    def one(told: f.Fields) -> Receipt:
        if not told.keys() >= _NAMED:
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


_NAMED = FIELDS.keys() - {"shortMessage"}
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
    if code != SUCCESS:
        return _not_taken(_failed(told, "ErrorCode", "ErrorDescription"))
    parts = tuple(map(_part, f.objects(told.get("Data"))))
    if any(part.provider_message_id for part in parts):
        return Accepted(parts)
    failed = next((part for part in parts if part.error_code), None)
    if failed is None:
        return Unsure("the answer says success, but contains no message id")
    return _not_taken(failed)


def _not_taken(failed: SentPart) -> Answer:
    code = (failed.error_code or "").zfill(3)
    if code in TRY_AGAIN:
        return Later(detail=failed.detail)
    if code in NOT_SURE:
        return Unsure(failed.detail or "the gateway failed")
    return Refused(failed.reason or Reason.OTHER, failed.error_code, failed.detail)


def _part(element: f.Fields) -> SentPart:
    if _code(element, "MessageErrorCode") in (None, SUCCESS):
        return SentPart(f.text(element, "MessageId", limit=f.MAX_ID))
    return _failed(element, "MessageErrorCode", "MessageErrorDescription")


def _failed(told: f.Fields, code: str, description: str) -> SentPart:
    meaning = SEND_ERRORS.get(_code(told, code) or "", Code("Refused", Reason.OTHER))
    detail = f.text(told, description, limit=300) or meaning.words
    said = f.text(told, code, limit=64)
    return SentPart(None, Status.REJECTED, meaning.reason, said, detail)


def _code(told: f.Fields, name: str) -> str | None:
    """An answer's code with its leading zeros, which the platform leaves out now and then."""
    code = f.text(told, name, limit=64)
    return None if code is None else code.zfill(3)
