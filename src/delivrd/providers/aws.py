"""Amazon Web Services: End User Messaging SMS, SNS's SMS and Pinpoint, told by their shape.

Events come through an SNS topic (signed; see :mod:`delivrd.providers.aws_sns`) or its raw message
delivery, through EventBridge, or as a log's line: an event is read out of any of these envelopes.
Sources: docs.aws.amazon.com/sms-voice (event types and format, EventBridge), …/sns (SMS delivery
logs), …/pinpoint (SMS events).
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any, ClassVar

from pydantic import BeforeValidator, Field

from delivrd.core import times
from delivrd.core.reasons import Reason
from delivrd.core.statement import Reading, Receipt, Status
from delivrd.providers import aws_sns, reading
from delivrd.providers import fields as f
from delivrd.providers.base import (
    FAILURES,
    AccountSettings,
    Authentic,
    Code,
    Http,
    Request,
    Unreadable,
    Word,
)

NAME = "aws"
TITLE = "AWS (End User Messaging SMS, SNS, Pinpoint)"
DOCS = "https://docs.aws.amazon.com/sms-voice/latest/userguide/configuration-sets-event-format.html"
CHECKED = "2026-11-23"

PATIENCE = 12.0  # SNS gives up after 15 seconds
REPLAY_BEHIND = 3600  # SNS tries again for an hour, with the first signature
SECRET_FIELDS = ("UnsubscribeURL",)  # whoever has it can end the subscription

_PENDING, _DELIVERED = Word(Status.PENDING, False), Word(Status.DELIVERED, True)


def _rejected(reason: Reason) -> Word:
    return Word(Status.REJECTED, True, reason)


_EXPIRED = Word(Status.EXPIRED, True, Reason.EXPIRED)
_OPTED_OUT = _rejected(Reason.BLOCKED_BY_RECIPIENT)
_FILTERED = _rejected(Reason.BLOCKED_BY_CARRIER)
_CONTENT = _rejected(Reason.CONTENT_INVALID)
_NOT_OURS = _rejected(Reason.ACCOUNT_PROBLEM)
_NO_NUMBER = _rejected(Reason.UNKNOWN_NUMBER)
_PHONE_AWAY = Word(Status.UNDELIVERED, True, Reason.UNREACHABLE)
_CARRIER_AWAY = Word(Status.UNDELIVERED, True, Reason.NETWORK_ERROR)

STATUSES = {
    "QUEUED": _PENDING,
    "PENDING": _PENDING,
    "SENT": _PENDING,
    "FALLEN_BACK_TO_SMS": _PENDING,
    "DELIVERED": _DELIVERED,
    "READ": _DELIVERED,
    "SUCCESSFUL": _DELIVERED,
    "FAILED": Word(Status.UNDELIVERED, True),
    "UNREACHABLE": _PHONE_AWAY,
    "CARRIER_UNREACHABLE": _CARRIER_AWAY,
    "BLOCKED": _OPTED_OUT,
    "OPTED_OUT": _OPTED_OUT,
    "CARRIER_BLOCKED": _FILTERED,
    "SPAM": _FILTERED,
    "INVALID": _NO_NUMBER,
    "INVALID_MESSAGE": _CONTENT,
    "FILE_INACCESSIBLE": _CONTENT,
    "FILE_TYPE_UNSUPPORTED": _CONTENT,
    "FILE_SIZE_EXCEEDED": _CONTENT,
    "MAX_PRICE_EXCEEDED": _NOT_OURS,
    "PROTECT_BLOCKED": _NOT_OURS,
    "TTL_EXPIRED": _EXPIRED,
    "UNKNOWN": Word(Status.UNKNOWN, True),
    "SUCCESS": _DELIVERED,
    "FAILURE": Word(Status.UNDELIVERED, True),
    "_SMS.SEND": _PENDING,
    "_SMS.BUFFERED": _PENDING,
    "_SMS.SUCCESS": _DELIVERED,
    "_SMS.FAILURE": Word(Status.UNDELIVERED, True),
    "_SMS.OPTOUT": _OPTED_OUT,
}
"""``SUCCESSFUL`` is the carrier's acceptance, and in some countries the vendor's only word for
delivered: it counts as such once the event says that it is final."""

ERRORS: dict[str, Code] = {}
"""There are no codes: the status word says why."""

RESPONSES: Mapping[str, tuple[tuple[str, Word], ...]] = {
    "SUCCESS": (
        ("accepted by phone carrier", _PENDING),
        ("accepted by phone", _DELIVERED),
    ),
    "FAILURE": (
        ("spam", _FILTERED),
        ("phone has blocked", _OPTED_OUT),
        ("opted out", _OPTED_OUT),
        ("block", _FILTERED),
        ("invalid phone number", _NO_NUMBER),
        ("invalid", _CONTENT),
        ("max price", _NOT_OURS),
        ("quota", _NOT_OURS),
        ("carrier is currently unreachable", _CARRIER_AWAY),
        ("unreachable", _PHONE_AWAY),
        ("ttl", _EXPIRED),
        ("expired", _EXPIRED),
    ),
}
"""What SNS's log says in words (providerResponse) beside SUCCESS and FAILURE; the first fits."""

FIELDS = {
    "messageId": "The id of the message, as in the answer to the send (in the log in "
    "`notification`, from Pinpoint `attributes.message_id`). SNS's own `MessageId` is another.",
    "messageStatus": "The status word (from Pinpoint `attributes.record_status`, in the log "
    "`status`).",
    "isFinal": "Whether no better news will come; from Pinpoint `event_type` says so.",
    "messageStatusDescription": "Why, in words (in the log `delivery.providerResponse`).",
    "eventTimestamp": "When it happened, in milliseconds since 1970 (in the log "
    "`notification.timestamp`, UTC: when it was handed in).",
    "destinationPhoneNumber": "The recipient's number; EventBridge may leave it out.",
    "originationPhoneNumber": "The sender.",
    "mcc, mnc": "The recipient's network.",
    "totalMessagePrice": "What it cost in US dollars (in the log `priceInUSD`, from Pinpoint "
    "thousandths of a cent).",
    "Type, Message, TopicArn": "SNS's envelope; the event is a text inside.",
    "detail": "EventBridge's envelope.",
}

SETUP = (
    "In Amazon SNS, make a standard topic; in End User Messaging SMS, make a configuration set "
    "whose event destination is this topic, for all text events, and send with it.",
    'Put the topic in `delivrd.toml`: `[accounts.aws]` with `provider = "aws"`, '
    '`receive_only = true` and `topic_arn = "arn:aws:sns:…"`. Anybody can sign with a topic of '
    "their own; only these count.",
    "Start `delivrd serve` where AWS reaches it, and subscribe "
    "`https://YOUR-HOST/webhooks/aws` to the topic (protocol HTTPS, raw message delivery off): "
    "the hub confirms the subscription by itself.",
    "EventBridge (an API destination) and raw message delivery sign nothing: give them an account "
    "of their own without `topic_arn`, with a `webhook_secret` (or `basic_auth`) of at least 12 "
    'random characters and `ids_with = "aws"`.',
    "Run `delivrd doctor`, send yourself a text the way you always do, and see its receipts in "
    "`delivrd receipts tail --account aws`.",
)


def _listed(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


class Settings(AccountSettings):
    """An account whose texts go out through AWS."""

    SIGNED_BY: ClassVar[tuple[str, ...]] = ("topic_arn",)

    provider: str = NAME
    topic_arn: Annotated[tuple[str, ...], BeforeValidator(_listed)] = Field(
        default=(), description="The SNS topic whose signature counts, one or a list."
    )


def authenticate(request: Request, settings: Settings) -> Authentic | None:
    """SNS's signature for one of the account's topics; without topics in the settings, None.

    Raises:
        NeedsDocument: the certificate has to be fetched first.
        Unauthentic: no signature, a wrong one, one too old, or another's topic.
    """
    if not settings.topic_arn:
        return None
    behind = REPLAY_BEHIND if settings.replay_window is None else settings.replay_window
    return aws_sns.check(request, settings.topic_arn, behind)


learn = aws_sns.learn


async def confirm(request: Request, settings: Settings, http: Http) -> None:
    """Confirms the subscription of one of the account's topics, as an authentic request asks."""
    await aws_sns.confirm(request, settings.topic_arn, http)


def read(request: Request, settings: AccountSettings | None = None) -> Reading:
    """The receipt in a request: an event of any family, in any envelope.

    Raises:
        Unreadable: there is no message id in it.
    """
    zone = times.zone(settings.time_zone if settings else None)

    def one(told: f.Fields) -> Receipt:
        event = _event(told)
        family = next((read for mark, read in _FAMILIES.items() if mark in event), _message)
        found = family(event)
        stamp = times.parse(found.pop("stamp"), zone, now=request.received_at)
        stamp = stamp or times.parse(told.get("time"), zone, now=request.received_at)
        detail, meaning = found.pop("detail"), found["pair"]
        failed = meaning is not None and meaning.status in FAILURES
        currency = "USD" if found["price"] else None
        return reading.receipt(
            STATUSES,
            ERRORS,
            occurred_at=stamp,
            detail=detail if failed else None,
            currency=currency,
            **found,
        )

    return reading.read_each(request, one, _other, _items)


_KINDS = {"SubscriptionConfirmation": "handshake", "UnsubscribeConfirmation": "other"}
_RECEIPTS = ("TEXT_", "MEDIA_", "RCS_", "_SMS.")


def _other(told: f.Fields) -> str | None:
    kind = _KINDS.get(f.text(told, "Type") or "")
    if kind is not None:
        return kind
    event = _event(told)
    if "inboundMessageId" in event:
        return "inbound"
    about = f.text(event, "eventType", "event_type") or "TEXT_"
    nothing = event is not told and not event
    return "other" if nothing or not about.upper().startswith(_RECEIPTS) else None


def _items(told: f.Fields) -> list[Any] | None:
    """What a function between SNS (or a log) and this webhook passes on as it came."""
    found = told.get("Records", told.get("logEvents"))
    return found if isinstance(found, list) else None


_DEPTH = 4
"""EventBridge's event may come by SNS through a function; more is nobody's."""


def _event(told: f.Fields) -> f.Fields:
    """The event inside its envelopes; an empty one where an envelope holds but words."""
    for _ in range(_DEPTH):
        inner = _inner(told)
        if inner is None:
            return told
        told = inner
    raise Unreadable("it is an envelope in an envelope in an envelope")


def _inner(told: f.Fields) -> f.Fields | None:
    for name in ("Message", "detail", "Sns", "message"):  # the one that SNS signs comes first
        held = told.get(name)
        if isinstance(held, dict):
            return held
        if isinstance(held, str):
            return _decoded(held)
    return None


def _decoded(text: str) -> f.Fields:
    if not text.lstrip().startswith("{"):
        return {}
    told = f.of(Request("POST", body=text.strip().encode(errors="replace")))
    return told if isinstance(told, dict) else {}


def _message(event: f.Fields) -> dict[str, Any]:
    """End User Messaging's event."""
    word = f.text(event, "messageStatus", "eventType", limit=64)
    word = word and word.removeprefix("TEXT_")
    return {
        "provider_message_id": f.message_id(event, "messageId"),
        "provider_status": word,
        "pair": _meaning(word, on_its_way=event.get("isFinal") in (False, "false")),
        "detail": f.text(event, "messageStatusDescription"),
        "to": f.number(event, "destinationPhoneNumber"),
        "sender": f.text(event, "originationPhoneNumber", limit=64),
        "network": _network(event),
        "price": f.amount(event, "totalMessagePrice"),
        "stamp": event.get("eventTimestamp"),
    }


def _pinpoint(event: f.Fields) -> dict[str, Any]:
    """Pinpoint's event."""
    about, kind = f.inner(event, "attributes"), f.text(event, "event_type", limit=64)
    word = f.text(about, "record_status", limit=64) or kind
    known = word if reading.word(STATUSES, word) else kind
    price = f.amount(f.inner(event, "metrics"), "price_in_millicents_usd")
    return {
        "provider_message_id": f.message_id(about, "message_id"),
        "provider_status": word,
        "pair": _meaning(known, on_its_way=(kind or "").upper() == "_SMS.BUFFERED"),
        "detail": None,
        "to": f.number(about, "destination_phone_number"),
        "sender": f.text(about, "origination_phone_number", limit=64),
        "network": f.text(about, "mcc_mnc", limit=16),
        "price": price and format((Decimal(price) / 100_000).normalize(), "f"),
        "stamp": event.get("event_timestamp"),
    }


def _log_line(event: f.Fields) -> dict[str, Any]:
    """A line of SNS's own delivery log."""
    about, delivery = f.inner(event, "notification"), f.inner(event, "delivery")
    word, said = f.text(event, "status", limit=64), f.text(delivery, "providerResponse")
    known = RESPONSES.get((word or "").upper(), ())
    pair = next((meaning for text, meaning in known if text in (said or "").lower()), None)
    return {
        "provider_message_id": f.message_id(about, "messageId"),
        "provider_status": word,
        "pair": pair or reading.word(STATUSES, word),
        "detail": said,
        "to": f.number(delivery, "destination"),
        "network": _network(delivery),
        "price": f.amount(delivery, "priceInUSD"),
        "stamp": about.get("timestamp"),
    }


_FAMILIES = {"attributes": _pinpoint, "notification": _log_line}


def _meaning(word: str | None, *, on_its_way: bool) -> Word | None:
    """What a word means; while the message is on its way, neither a failure nor an acceptance."""
    found = reading.word(STATUSES, word)
    if found is None or not on_its_way:
        return found
    if found.status is Status.UNKNOWN:
        return Word(Status.UNKNOWN, False)
    arrived = found.status is Status.DELIVERED and (word or "").upper() != "SUCCESSFUL"
    return found if arrived else _PENDING


def _network(fields: f.Fields) -> str | None:
    mcc, mnc = f.text(fields, "mcc", limit=8), f.text(fields, "mnc", limit=8)
    return mcc + mnc if mcc and mnc and mcc != "0" else None
