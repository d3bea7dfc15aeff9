"""What AWS's events say of a message: of End User Messaging, Pinpoint and SNS's own log.

Sources: docs.aws.amazon.com/sms-voice (event types and format, RCS events), …/sns (SMS
delivery logs), …/pinpoint (SMS events).
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from delivrd.core.reasons import Reason
from delivrd.core.statement import Status
from delivrd.providers import fields as f
from delivrd.providers import reading
from delivrd.providers.base import Word

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
    "TTL_EXPIRATION_REVOKE_FAILED": _PENDING,  # too late, but it may arrive yet
    "DELIVERED": _DELIVERED,
    "READ": _DELIVERED,
    "SUCCESSFUL": _DELIVERED,
    "FAILED": Word(Status.UNDELIVERED, True),
    "UNDELIVERABLE": Word(Status.UNDELIVERED, True),
    "UNREACHABLE": _PHONE_AWAY,
    "CARRIER_UNREACHABLE": _CARRIER_AWAY,
    "BLOCKED": _OPTED_OUT,
    "OPTED_OUT": _OPTED_OUT,
    "CARRIER_BLOCKED": _FILTERED,
    "SPAM": _FILTERED,
    "INVALID": _NO_NUMBER,
    "INVALID_MESSAGE": _CONTENT,
    "REJECTED": _CONTENT,
    "FILE_INACCESSIBLE": _CONTENT,
    "FILE_TYPE_UNSUPPORTED": _CONTENT,
    "FILE_SIZE_EXCEEDED": _CONTENT,
    "MAX_PRICE_EXCEEDED": _NOT_OURS,
    "PROTECT_BLOCKED": _NOT_OURS,
    "TTL_EXPIRED": _EXPIRED,
    "TTL_EXPIRATION_REVOKED": _EXPIRED,
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


def told(event: f.Fields) -> dict[str, Any]:
    """What an event says, by the names of a receipt; ``stamp`` is its time, unread."""
    family = next((read for mark, read in _FAMILIES.items() if mark in event), _message)
    return family(event)


def _message(event: f.Fields) -> dict[str, Any]:
    """End User Messaging's event."""
    word = f.text(event, "messageStatus", "eventType", limit=64)
    word = word and word.removeprefix("TEXT_")
    price = None if word == "READ" else f.amount(event, "totalMessagePrice")
    return {
        "provider_message_id": f.message_id(event, "messageId"),
        "provider_status": word,
        "pair": _meaning(word, on_its_way=str(event.get("isFinal")).lower() == "false"),
        "detail": f.text(event, "messageStatusDescription"),
        "to": f.number(event, "destinationPhoneNumber"),
        "sender": f.text(event, "originationPhoneNumber", limit=64),
        "network": _network(event),
        "price": price,  # the news that it was read costs nothing: its 0 is not the message's
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
    """The network; SNS's log writes numbers, and zeros where it knows none."""
    return None if f.text(fields, "mcc") == "0" else f.network(fields, "mcc", "mnc")
