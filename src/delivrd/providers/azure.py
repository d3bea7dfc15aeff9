"""Azure Communication Services: delivery reports by Event Grid, in either of its schemas.

Event Grid's own schema is an array of events, CloudEvents' is one object or an array. Sources:
learn.microsoft.com/azure/event-grid (Communication Services' telephony and SMS events, endpoint
validation) and …/communication-services (SMS error codes).
"""

import json
import re

import msgspec

from delivrd.core import times
from delivrd.core.reasons import Reason
from delivrd.core.statement import Reading, Receipt, Status
from delivrd.providers import fields as f
from delivrd.providers import reading
from delivrd.providers.base import (
    OK,
    AccountSettings,
    Code,
    Request,
    Response,
    Word,
)

NAME = "azure"
TITLE = "Azure Communication Services"
DOCS = (
    "https://learn.microsoft.com/en-us/azure/event-grid/communication-services-telephony-sms-events"
)
CHECKED = "2026-11-27"

PATIENCE = 25.0  # Event Grid gives up after 30 seconds

STATUSES = {
    "Delivered": Word(Status.DELIVERED, True),
    "Success": Word(Status.DELIVERED, True),  # in the first version of the vendor's example
    "Failed": Word(Status.UNDELIVERED, True),
}

R, U = Status.REJECTED, Status.UNDELIVERED
ERRORS = {
    "2000": Code("Delivered"),
    "4000": Code("Fraud detection", Reason.BLOCKED_BY_CARRIER, R),
    "4001": Code("The sender's number is malformed", Reason.SENDER_NOT_ALLOWED, R),
    "4002": Code("The recipient's number is malformed", Reason.UNKNOWN_NUMBER, R),
    "4003": Code("The destination is not supported", Reason.OTHER, R),
    "4004": Code("The recipient's number does not exist", Reason.UNKNOWN_NUMBER, U),
    "4005": Code("Blocked by the recipient's carrier", Reason.BLOCKED_BY_CARRIER, R),
    "4006": Code("The recipient cannot be reached", Reason.UNREACHABLE, U),
    "4007": Code("The recipient opted out", Reason.BLOCKED_BY_RECIPIENT, R),
    "4008": Code("Too many messages for the profile", Reason.THROTTLED, R),
    "4009": Code("Refused by Microsoft's entitlement system", Reason.ACCOUNT_PROBLEM, R),
    "4010": Code("The toll-free number is not verified", Reason.SENDER_NOT_ALLOWED, R),
    "5000": Code("Failed; Microsoft's support knows more", Reason.OTHER),
    "5001": Code("A system was not available for a while", Reason.NETWORK_ERROR, U),
    "5002": Code("Timed out: no word from the carrier", Reason.EXPIRED, Status.EXPIRED),
    "9999": Code("Failed for an unknown reason", Reason.OTHER),
}

DETAILS = (
    ("opted out", "4007"),
    ("opt out", "4007"),
    ("opt-out", "4007"),
    ("fraud", "4000"),
    ("toll-free", "4010"),
    ("entitlement", "4009"),
    ("maximum number of messages", "4008"),
    ("spam", "4005"),
    ("blocked", "4005"),
    ("does not exist", "4004"),
    ("doesn't exist", "4004"),
    ("invalid source", "4001"),
    ("invalid destination", "4002"),
    ("unsupported destination", "4003"),
    ("not reachable", "4006"),
    ("isn't reachable", "4006"),
    ("temporary unavailability", "5001"),
    ("timeout", "5002"),
)
"""The code that the words of a failure stand for where they come without one; the first counts."""

FIELDS = {
    "messageId": "The id of the message, as in the answer to the send.",
    "to": "The recipient's number.",
    "from": "The sender.",
    "deliveryStatus": "The status word.",
    "deliveryStatusDetails": "Why, in words and with a code of four digits.",
    "receivedTimestamp": "When the report came in; taken as the time of the event.",
    "deliveryAttempts": "Each with a `timestamp`; the last is the time where there is no other.",
    "tag": "The tag of the message, taken as the reference; any of these names may begin with a "
    "capital.",
}

SETUP = (
    "Send with delivery reports switched on (`enableDeliveryReport`): without it there are none.",
    'Put the account in `delivrd.toml`: `[accounts.azure]` with `provider = "azure"` and '
    "`receive_only = true`.",
    "Event Grid signs nothing: set a `webhook_secret` of at least 12 random characters, and start "
    "`delivrd serve` where Azure reaches it.",
    "In the Communication Services resource, under Events, add a subscription of type webhook for "
    "`SMS Delivery Report Received`, to `https://YOUR-HOST/webhooks/azure/SECRET` (either schema): "
    "the hub answers the validation by itself.",
    "Run `delivrd doctor`, send yourself a text the way you always do, and see its receipts in "
    "`delivrd receipts tail --account azure`.",
)

_REPORT = "microsoft.communication.smsdeliveryreportreceived"
_KINDS = {
    _REPORT: None,
    "": None,
    "microsoft.communication.smsreceived": "inbound",
    "microsoft.eventgrid.subscriptionvalidationevent": "handshake",
}


def read(request: Request, settings: AccountSettings | None = None) -> Reading:
    """The receipts in a request: of an array those that are delivery reports, or of one event.

    Raises:
        Unreadable: there is one event, and no message id in it.
    """
    zone = reading.zone(settings)

    def one(event: f.Fields) -> Receipt:
        data = _camel(f.inner(event, "data") or event)
        word, said = f.text(data, "deliveryStatus", limit=64), f.text(data, "deliveryStatusDetails")
        code = _CODE.search(said or "")
        happened = f.text(data, "receivedTimestamp") or _last_attempt(data)
        found = reading.receipt(
            STATUSES,
            ERRORS,
            provider_message_id=f.message_id(data, "messageId"),
            provider_status=word,
            error_code=code[1] if code else _code_of(word, said),
            detail=said if word and word.lower() == "failed" else None,
            to=f.number(data, "to"),
            sender=f.text(data, "from", limit=64),
            occurred_at=times.parse(
                happened or f.text(event, "eventTime", "time"), zone, now=request.received_at
            ),
            reference=f.text(data, "tag"),
        )
        return found if code else msgspec.structs.replace(found, error_code=None)

    return reading.read_each(request, one, _kind)


_CODE = re.compile(r"(?:^|code\W{0,3})(\d{4})(?!\d)", re.ASCII | re.IGNORECASE)


def _code_of(word: str | None, said: str | None) -> str | None:
    if word is None or word.lower() != "failed":
        return None
    return next((code for text, code in DETAILS if text in (said or "").lower()), None)


def _last_attempt(data: f.Fields) -> str | None:
    tries = data.get("deliveryAttempts")
    last = tries[-1] if isinstance(tries, list) and tries else None
    return f.text(_camel(last), "timestamp") if isinstance(last, dict) else None


def _camel(data: f.Fields) -> f.Fields:
    """Names with a small first letter; the first version documented them all with a capital."""
    return {name[:1].lower() + name[1:]: value for name, value in data.items()}


def _kind(event: f.Fields) -> str | None:
    """What an event is where it is no report: ``inbound``, ``handshake`` or ``other``.

    Where a function passes on the data alone, and in CloudEvents' binary mode, its fields tell.
    """
    if "message" in event and "deliveryStatus" not in event:
        return "inbound"
    return _KINDS.get((f.text(event, "eventType", "type") or "").lower(), "other")


def answer(request: Request, reading: Reading) -> Response:
    """The code of a subscription's validation, else nothing."""
    if reading.kind != "handshake":
        return OK
    told = f.of(request)
    event = told[0] if isinstance(told, list) else told
    code = f.text(f.inner(event or {}, "data"), "validationCode")
    body = json.dumps({"validationResponse": code}).encode()
    return Response(200, body, "application/json")
