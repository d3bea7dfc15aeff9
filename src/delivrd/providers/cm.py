"""CM.com (CM Telecom): the Business Messaging API and its status reports.

CM gives no id of its own: the reference that was sent along is the only key, so every message gets
one. Reports come by POST in JSON or XML, in older set-ups by GET with names that the customer
chose around the placeholders. Sources: developers.cm.com/messaging/docs (incoming status report,
responses and errors) and docs.cm.nl/http_SR.pdf (standard errors).
"""

from typing import Any, ClassVar

from pydantic import Field, SecretStr

from delivrd.core import times
from delivrd.core.reasons import Reason
from delivrd.core.statement import Reading, Receipt, Status
from delivrd.providers import code_tables, handover, reading, xml_fields
from delivrd.providers import fields as f
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

NAME = "cm"
TITLE = "CM.com"
DOCS = "https://developers.cm.com/messaging/docs/incoming-status-report"
CHECKED = "2026-11-26"
API = "https://gw.messaging.cm.com"

NUMBER_IN_KEY = True  # one reference may stand for all recipients of a message
MAX_VALIDITY = 48 * 3600
DEFAULT_VALIDITY = 48 * 3600
ZONE = "Europe/Amsterdam"
"""Of the times in reports, which name none; the account's ``time_zone`` takes its place."""

STATUSES = {
    "0": Word(Status.PENDING, False),
    "1": Word(Status.REJECTED, True),
    "2": Word(Status.DELIVERED, True),
    "3": Word(Status.UNDELIVERED, True),
    "4": Word(Status.DELIVERED, True),
}
"""Accepted by the operator, rejected, delivered, failed, read."""

TEXTS = ("errordescription", "standarderrortext")

ERRORS = code_tables.load("cm_codes")

SEND_ERRORS = {
    "101": Code("No account for this authentication", Reason.ACCOUNT_PROBLEM),
    "102": Code("Insufficient balance", Reason.ACCOUNT_PROBLEM),
    "103": Code("Wrong product token", Reason.ACCOUNT_PROBLEM),
    "201": Code("One or more messages were refused", Reason.OTHER),
    "202": Code("Malformed request", Reason.CONTENT_INVALID),
    "203": Code("Wrong list of messages", Reason.CONTENT_INVALID),
    "301": Code("Invalid sender", Reason.SENDER_NOT_ALLOWED),
    "302": Code("Invalid list of recipients", Reason.CONTENT_INVALID),
    "303": Code("Invalid recipient's number", Reason.UNKNOWN_NUMBER),
    "304": Code("Invalid or empty body", Reason.CONTENT_INVALID),
    "305": Code("Invalid field", Reason.CONTENT_INVALID),
    "401": Code("Stopped by the spam filter", Reason.BLOCKED_BY_CARRIER),
    "402": Code("Blacklisted", Reason.BLOCKED_BY_RECIPIENT),
    "403": Code("Rejected", Reason.OTHER),
    "500": Code("Internal error", Reason.NETWORK_ERROR),
    "999": Code("Unknown error", Reason.OTHER),
}
NOT_SURE = {"500", "999"}

FIELDS = {
    "reference": "The reference that was sent along: the only id there is.",
    "to": "The recipient's number, with 00 or plus.",
    "status.code": "The status.",
    "status.errorCode": "CM's standard error; blank where there is none.",
    "status.errorDescription": "Its words.",
    "received, timestamp": (
        "When the report was made; Dutch time unless the account's `time_zone` differs."
    ),
    "operator": "MCC and MNC of the recipient's network.",
    "REFERENCE, GSM, STATUS, STATUSDESCRIPTION, STANDARDERRORTEXT, CREATED_S, OPERATOR": (
        "The same by GET, when parameters are named like their placeholders (in any case)."
    ),
}

SETUP = (
    "In CM.com's Channels app, open the SMS gateway and copy the product token.",
    'Put it in `delivrd.toml`: `[accounts.cm]` with `provider = "cm"` and `product_token` '
    "(or the variable `DELIVRD_ACCOUNTS__CM__PRODUCT_TOKEN_FILE`).",
    "CM.com signs nothing: set a `webhook_secret` of at least 12 random characters.",
    "In the gateway's settings, set the URL for status reports to "
    "`https://YOUR-HOST/webhooks/cm/SECRET`, in JSON or XML.",
    "Start `delivrd serve`, run `delivrd doctor`, and send yourself a text: "
    '`delivrd send +… "Hello" --from … --via cm --wait 60`.',
)


class Settings(AccountSettings):
    """An account of CM.com."""

    NEEDED_TO_SEND: ClassVar[tuple[str, ...]] = ("product_token",)

    provider: str = NAME
    product_token: SecretStr | None = Field(default=None, description="The gateway's token.")


def read(request: Request, settings: AccountSettings | None = None) -> Reading:
    """The receipts in a request by POST (JSON or XML) or GET.

    Raises:
        Unreadable: there is no reference in it.
    """
    zone = reading.zone(settings, ZONE)

    def one(told: f.Fields) -> Receipt:
        told = _flat(told)
        reference = f.message_id(told, "reference")
        said = f.text(told, "statusdescription")
        digits = said is not None and said.isdigit()
        made = f.text(told, "received", "created_s", "datetime_s", "timestamp", "datetime")
        return reading.receipt(
            STATUSES,
            ERRORS,
            provider_message_id=reference,
            provider_status=f.text(told, "code", "status", "statuscode", limit=64),
            error_code=f.text(told, "errorcode", limit=64) or (said if digits else None),
            detail=f.text(told, *TEXTS) or (None if digits else said),
            to=f.number(told, "to", "gsm"),
            network=f.text(told, "operator", limit=16),
            occurred_at=times.parse(made, zone, now=request.received_at),
            reference=reference,
        )

    return reading.read_each(xml_fields.as_json(request), one, _other, _items)


def _lower(told: f.Fields) -> dict[str, Any]:
    return {name.lower(): value for name, value in told.items()}


def _message(told: f.Fields) -> Any:
    """What stands in the envelope, which GET and the items of a list do not have."""
    return _lower(f.inner(_lower(told), "messages")).get("msg")


def _flat(told: f.Fields) -> f.Fields:
    message = _message(told)
    told = _lower(message if isinstance(message, dict) else told)
    return told | _lower(f.inner(told, "status"))


def _items(told: f.Fields) -> list[Any] | None:
    listed = _message(told)
    return listed if isinstance(listed, list) else None


def _other(told: f.Fields) -> str | None:
    """An inbound text has a message (in XML a body) where a report has its status, RCS an event."""
    message = _message(told)
    first = message[0] if isinstance(message, list) and message else message
    fields = _lower(first if isinstance(first, dict) else told)
    if "status" in fields:
        return None
    if isinstance(fields.get("event"), dict):  # a tap on a suggestion, or the handset's typing
        return "other"
    return "inbound" if "body" in fields or "message" in fields else None


async def send(message: Outgoing, settings: Settings, http: Http) -> Answer:
    """Hand over by ``POST /v1.0/message``; one reference, whatever the length."""
    content: dict[str, Any] = {
        "from": message.sender,
        "to": [{"number": "00" + message.to.removeprefix("+")}],
        "body": {"type": "auto", "content": message.text},
        "reference": message.reference,
        "minimumNumberOfMessageParts": 1,
        "maximumNumberOfMessageParts": max(message.segments, 1),
    }
    if message.validity is not None:
        minutes = min(max(message.validity, 60), MAX_VALIDITY) // 60
        content["validity"] = f"{minutes}m"  # hours or minutes, never both
    token = handover.plain(settings.product_token)
    answer = await handover.call(
        http,
        settings,
        "POST",
        handover.address(settings, API, "/v1.0/message"),
        headers={"X-CM-PRODUCTTOKEN": token},
        json={"messages": {"msg": [content]}},
    )
    return _answer(answer, message) if isinstance(answer, HttpAnswer) else answer


def _answer(answer: HttpAnswer, message: Outgoing) -> Answer:
    told = handover.fields(answer)
    elements = f.objects(told.get("messages"))
    for element in elements:
        if (f.text(element, "status", limit=64) or "").lower() == "accepted":
            return Accepted((SentPart(f.text(element, "reference") or message.reference),))
    for element in elements:
        if (code := f.text(element, "messageErrorCode", limit=64)) not in (None, "0"):
            return _refused(code, f.text(element, "messageDetails", limit=300))
    code, detail = f.text(told, "errorCode", limit=64), f.text(told, "details", limit=300)
    if code not in (None, "0"):
        return _refused(code, detail)
    if answer.status >= 400:
        return handover.refused(answer, detail=detail)
    return Unsure("the answer neither accepts nor refuses")


def _refused(code: str | None, detail: str | None) -> Answer:
    meaning = SEND_ERRORS.get(code or "", Code("Refused", Reason.OTHER))
    if code in NOT_SURE:
        return Unsure(detail or meaning.words)
    return Refused(meaning.reason or Reason.OTHER, code, detail or meaning.words)
