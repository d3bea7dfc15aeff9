"""Esendex: push notifications, the account event handler, API v2, and the United States.

The four are told by their shape: XML whose root says what happened; a form (or SOAP, its twin)
with a type of event or error; an envelope of messages; a postback around an SMPP receipt. Sources:
developers.esendex.com/APIs/Push-Notifications; esendex.com's AccountEventHandler pages;
esendex.us/docs/sms-api (postbacks of what was sent, received and delivered, and their codes; also,
by its former name, in wiki.cdyne.com); for API v2, those of its module.
"""

import re
from datetime import datetime, tzinfo
from typing import Any, ClassVar
from xml.etree.ElementTree import ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring
from pydantic import Field

from delivrd.core import times
from delivrd.core.reasons import Reason
from delivrd.core.statement import Reading, Receipt, Status
from delivrd.providers import esendex_v2 as v2
from delivrd.providers import fields as f
from delivrd.providers import reading
from delivrd.providers.base import (
    AccountSettings,
    Authentic,
    Code,
    Request,
    Secrets,
    Unauthentic,
    Unreadable,
    Word,
    same,
)

NAME = "esendex"
TITLE = "Esendex"
DOCS = "https://developers.esendex.com/APIs/Push-Notifications"
CHECKED = "2026-11-23"

SECRET_FIELDS = ("password",)
TEXT_FIELDS = ("Body",)
RECEIPT_FIELDS = ("DeliveryReceiptMessage",)

STATUSES = {
    "MessageDelivered": Word(Status.DELIVERED, True),
    "MessageFailed": Word(Status.UNDELIVERED, True),
    "Delivered": Word(Status.DELIVERED, True),
    "Sent": Word(Status.PENDING, False),
    "Failed": Word(Status.UNDELIVERED, True),
    "UnrecognisedRecipient": Word(Status.REJECTED, True, Reason.UNKNOWN_NUMBER),
    "ValidityPeriodExpired": Word(Status.EXPIRED, True, Reason.EXPIRED),
    "MessageError": Word(Status.UNDELIVERED, True),
    "SMSSent": Word(Status.PENDING, False),
    "MMSSent": Word(Status.PENDING, False),
    "DELIVRD": Word(Status.DELIVERED, True),
    "ACCEPTD": Word(Status.PENDING, False),
    "ENROUTE": Word(Status.PENDING, False),
    "BUFFERED": Word(Status.PENDING, False),
    "SCHEDULED": Word(Status.PENDING, False),
    "UNDELIV": Word(Status.UNDELIVERED, True),
    "EXPIRED": Word(Status.EXPIRED, True),
    "DELETED": Word(Status.UNDELIVERED, True, Reason.DELETED),
    "REJECTD": Word(Status.REJECTED, True),
    "UNKNOWN": Word(Status.UNKNOWN, False),
    "DeliveredToDevice": Word(Status.DELIVERED, True),
    "DeliveredToCarrier": Word(Status.PENDING, False),
    "DELIVERED TO CARRIER": Word(Status.PENDING, False),
    "Accepted": Word(Status.PENDING, False),
    "UndelivOrDeleted": Word(Status.UNDELIVERED, True),
    "DELETED/UNDELIV": Word(Status.UNDELIVERED, True),
    "INVALID SERVICE TYPE": Word(Status.REJECTED, True, Reason.NOT_MOBILE),
    "INVALID CRITERIA": Word(Status.REJECTED, True, Reason.CONTENT_INVALID),
    "MESSAGE TOO LONG": Word(Status.REJECTED, True, Reason.CONTENT_INVALID),
    "Rejected": Word(Status.REJECTED, True),
    "SenderExceededCarrierThrottle": Word(Status.REJECTED, True, Reason.THROTTLED),
    "RecipientExceededCarrierThrottle": Word(Status.REJECTED, True, Reason.THROTTLED),
    "SenderAndRecipentExceededCarrierThrottle": Word(Status.REJECTED, True, Reason.THROTTLED),
    "InvalidMessageFormatOrTextMsgContentSizeExceeded": Word(
        Status.REJECTED, True, Reason.CONTENT_INVALID
    ),
    "BadAddress": Word(Status.REJECTED, True, Reason.UNKNOWN_NUMBER),
    "InvalidRouting": Word(Status.REJECTED, True, Reason.SENDER_NOT_ALLOWED),
    "CarrierErrorUnknown": Word(Status.UNDELIVERED, True),
} | v2.STATUSES

R = Status.REJECTED
ERRORS = {
    "000": Code("Delivered"),
    "003": Code("The carrier has it"),
    "004": Code("The carrier accepted it"),
    "005": Code("Off, out of coverage, roaming, or blocked by the carrier", Reason.UNREACHABLE),
    "008": Code("It expired at the carrier", Reason.EXPIRED, Status.EXPIRED),
    "015": Code("Carrier or handset cannot receive such messages", Reason.NOT_MOBILE, R),
    "017": Code("The message's settings are not valid", Reason.CONTENT_INVALID, R),
    "021": Code("The message is too long", Reason.CONTENT_INVALID, R),
    "023": Code("The carrier rejected it", Reason.OTHER, R),
    "024": Code("Off, out of coverage, or roaming", Reason.UNREACHABLE),
    "028": Code("The sender is over the carrier's rate", Reason.THROTTLED, R),
    "029": Code("The recipient is over the carrier's rate", Reason.THROTTLED, R),
    "030": Code("Sender and recipient are over the carrier's rate", Reason.THROTTLED, R),
    "032": Code("The message is malformed or too large", Reason.CONTENT_INVALID, R),
    "090": Code("The recipient's number is not valid", Reason.UNKNOWN_NUMBER, R),
    "091": Code("The carrier has not approved the sender", Reason.SENDER_NOT_ALLOWED, R),
    "999": Code("It failed, and the carrier does not say why", Reason.OTHER),
} | v2.ERRORS
"""Of the United States, where carriers have more, and of API v2. Elsewhere codes are kept as they
come."""

FIELDS = {
    "MessageId": "The id of the message (push and United States).",
    "id": "The id of the message (event handler); in a push that of the notification.",
    "eventType, errorType": "The status word (event handler); in a push it is the root element.",
    "occurredAt": "When it happened, UTC.",
    "detail": "The error in words (event handler).",
    "failurereason": "Of SOAP: `code`, `description`, `permanentfailure`.",
    "username, password, account": "Of the event handler: as set in the account's options.",
    "DeliveryReceiptMessage": "United States: the carrier's receipt (`stat:…`, `done date:…`), or "
    "a word.",
    "Code": "United States: the error code; 000 is success.",
    "ToPhoneNumber": "United States: the recipient's number, without country code.",
    "FromPhoneNumber": "United States: the sender.",
    "ReferenceID": "United States: the reference that was sent along.",
    "SMSSent, MMSSent": "United States: 1 where the message went on to the carriers; "
    "`SentTime` says when (UTC).",
} | v2.FIELDS

SETUP = (
    'Put the account in `delivrd.toml`: `[accounts.esendex]` with `provider = "esendex"` and '
    "`receive_only = true`.",
    "Esendex signs nothing: set a `webhook_secret` of at least 12 random characters. (The classic "
    "event handler sends a password: it can be checked as `handler_password`.)",
    "Start `delivrd serve` where Esendex reaches it.",
    "In the account's settings, set the push notifications for delivered and failed messages to "
    "`https://YOUR-HOST/webhooks/esendex/SECRET`; of API v2, subscribe that address to the same "
    "events (`/v2/webhooks/subscriptions`).",
    "Run `delivrd doctor`, send yourself a text the way you always do, and see its receipts in "
    "`delivrd receipts tail --account esendex`.",
)


class Settings(AccountSettings):
    """An account whose texts go out through Esendex."""

    SIGNED_BY: ClassVar[tuple[str, ...]] = ("handler_password",)

    provider: str = NAME
    handler_password: Secrets = Field(
        default=(),
        description="Password that the account event handler sends (form and SOAP only), one or a "
        "list (rotation).",
    )


def authenticate(request: Request, settings: Settings) -> Authentic | None:
    """The password of the event handler; without ``handler_password`` in the settings, None.

    Raises:
        Unauthentic: there is none, or another.
    """
    if not settings.handler_password:
        return None
    try:
        told = _xml(request.body) or f.of(request)
    except Unreadable as error:
        raise Unauthentic(str(error)) from None
    given = _flat(told).get("password") if isinstance(told, dict) else None
    for position, secret in enumerate(settings.handler_password):
        if isinstance(given, str) and same(
            given.encode(errors="replace"), secret.get_secret_value()
        ):
            return Authentic("password", position)
    raise Unauthentic("the password is missing or wrong")


def read(request: Request, settings: AccountSettings | None = None) -> Reading:
    """The receipt in a request, of any of the platforms.

    Raises:
        Unreadable: there is no message id in it.
    """
    zone = reading.zone(settings)

    def one(told: f.Fields) -> Receipt:
        return _receipt(_flat(told), zone, request.received_at)

    def message(told: f.Fields) -> Receipt:
        return reading.receipt(STATUSES, ERRORS, **v2.told(told, zone, request.received_at))

    told = _xml(request.body)
    if told is None:
        found = f.of(request)
        if isinstance(found, dict) and v2.comes_from(found):
            return reading.read_told(v2.messages(found), message, v2.other)
        return reading.read_told(found, one, _other)
    kind = _other(told)
    return Reading(kind=kind) if kind else Reading(receipts=(one(told),))


_EVENT = "notificationtype"
_PUSHED = {"messagedelivered", "messagefailed"}
_KINDS = {
    "inboundmessage": "inbound",
    "messagereceived": "inbound",
    "subscriptionevent": "other",
    "optout": "other",
}
_EVENTS = {"messageevent", "messageerror", *_PUSHED, *_KINDS}

_MAX_XML = 64 * 1024


def _xml(body: bytes) -> dict[str, Any] | None:
    """The elements of an XML body by their names, wherever they stand; None where it is none."""
    body = body.lstrip(b"\xef\xbb\xbf \t\r\n")
    if not body.startswith(b"<"):
        return None
    if len(body) > _MAX_XML:
        raise Unreadable("the XML is too long to be a notification")
    try:
        elements = list(fromstring(body).iter())
    except (ParseError, DefusedXmlException, ValueError, LookupError) as error:
        raise Unreadable(f"the body is not readable XML: {type(error).__name__}") from None
    names = [str(element.tag).rpartition("}")[2] for element in elements]
    told: dict[str, Any] = {
        name: element.text for name, element in zip(names, elements, strict=True)
    }
    return told | {_EVENT: next((n for n in names if n.lower() in _EVENTS), names[0])}


def _flat(told: f.Fields) -> dict[str, Any]:
    """The fields under lower-case names, also those of the objects inside."""
    flat: dict[str, Any] = {}
    for name, value in told.items():
        if not isinstance(value, dict):
            flat[name.lower()] = value
            continue
        if name.lower() in _EVENTS:
            flat[_EVENT] = name
        flat |= {inner.lower(): held for inner, held in value.items()}
    return flat


def _other(told: f.Fields) -> str | None:
    flat = _flat(told)
    answered = "smsresponse" in flat or "mmsresponse" in flat
    return "inbound" if answered else _KINDS.get((f.text(flat, _EVENT) or "").lower())


def _receipt(told: f.Fields, zone: tzinfo, now: datetime | None) -> Receipt:
    event, carrier = f.text(told, _EVENT, limit=64), _carrier(told) or _sent(told)
    # in a push, "Id" is the notification's own
    ids = ("messageid",) if (event or "").lower() in _PUSHED else ("messageid", "id")
    word = carrier.get("stat") or f.text(told, "eventtype", "errortype", limit=64) or event
    happened = f.text(told, "occurredat") or carrier.get("sent")
    return reading.receipt(
        STATUSES,
        ERRORS if _AMERICAN & told.keys() else {},
        # an error that is in no table is an error still
        pair=reading.word(STATUSES, word) or reading.word(STATUSES, event),
        provider_message_id=f.message_id(told, *ids),
        permanent=f.flag(told, "permanentfailure"),
        provider_status=word,
        error_code=f.text(told, "code", "errortype", limit=64),
        detail=f.text(told, "detail", "description"),
        to=f.number(told, "tophonenumber"),
        sender=f.text(told, "fromphonenumber", limit=64),
        occurred_at=times.parse(happened, zone, now=now)
        or times.parse(carrier.get("done date"), zone, now=now, smpp=True),
        reference=f.text(told, "referenceid"),
    )


_AMERICAN = {"deliveryreceipt", "deliveryreceiptmessage"}
_PAIR = re.compile(
    r"\b(stat|done date) ?: ?(.*?) ?(?=\b(?:id|sub|dlvrd|submit date|done date|stat|err) ?:|$)",
    re.IGNORECASE,
)


def _carrier(told: f.Fields) -> dict[str, str]:
    """What the carrier's receipt says before its text; where it is but a word, that is the status.

    Its ``id`` is the carrier's own.
    """
    said = f.text(told, "deliveryreceiptmessage") or ""
    head = re.split(r"\btext\s*:", said, maxsplit=1, flags=re.IGNORECASE)[0]
    pairs = {name.lower(): value[:64] for name, value in _PAIR.findall(" ".join(head.split()))}
    return pairs or ({"stat": said[:64]} if said else {})


def _sent(told: f.Fields) -> dict[str, str]:
    """The postback about what went on to the carriers, in the words of a carrier's receipt.

    A 0 says that it did not, and what comes of that is not told.
    """
    for name in ("SMSSent", "MMSSent"):
        said = f.text(told, name.lower(), limit=8)
        if said is not None:
            word = name if said == "1" else f"{name}={said}"
            return {"stat": word, "sent": _american(f.text(told, "senttime", limit=64) or "")}
    return {}


def _american(when: str) -> str:
    """A time as ``5/8/2023 2:42:36 AM``, in ISO 8601; what is written otherwise stays."""
    try:
        return datetime.strptime(when, "%m/%d/%Y %I:%M:%S %p").isoformat()
    except ValueError:
        return when
