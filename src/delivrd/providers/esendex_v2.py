"""Esendex's API v2 (api.esendex.co.uk/v2), which the brands of its group share: webhooks in JSON.

One call tells of messages of one request. A text from a handset comes in the same form, with the
status ``Received``. Source: developer.spryng.nl (webhooks, messages), the same API under another
brand of the group; axilium/spryng-v2-api keeps those pages.
"""

from datetime import datetime, tzinfo
from typing import Any

from delivrd.core import times
from delivrd.core.reasons import Reason
from delivrd.core.statement import Status
from delivrd.providers import fields as f
from delivrd.providers.base import Code, Word

STATUSES = {"In Progress": Word(Status.PENDING, False)}
"""Beside those that the other platforms have too: Sent, Delivered, Failed."""

R = Status.REJECTED
ERRORS = {
    "DestinationNotAllowed": Code("The destination is not allowed", Reason.ACCOUNT_PROBLEM, R),
    "LandlineNotAllowed": Code("The number is a landline", Reason.NOT_MOBILE, R),
    "MessagePartCountExceeded": Code("It has too many parts", Reason.CONTENT_INVALID, R),
    "MsisdnInvalid": Code("The recipient's number is not valid", Reason.UNKNOWN_NUMBER, R),
    "NetworkFailed": Code("It failed in the network", Reason.NETWORK_ERROR),
    "OptedOut": Code("The recipient has opted out", Reason.BLOCKED_BY_RECIPIENT, R),
    "OutsideBusinessHours": Code("Outside of business hours", Reason.OTHER, R, False),
    "PartiallyDelivered": Code("Only some of its parts arrived", Reason.OTHER),
    "senderIdInvalid": Code("The sender is not valid", Reason.SENDER_NOT_ALLOWED, R),
    "SendingLimitExceeded": Code("A limit of sending is reached", Reason.ACCOUNT_PROBLEM, R),
    "WithinQuietHours": Code("Within quiet hours", Reason.OTHER, R, False),
}
_NO_ERROR = "delivered"

FIELDS = {
    "Messages (API v2)": "The messages of a webhook, with the fields below.",
    "MessageId (API v2)": "The id of the message.",
    "Status, Reason (API v2)": "The status word; why it failed.",
    "Msisdn, Originator (API v2)": "The recipient's number and the sender.",
    "OccurredAtTime (API v2)": "When it happened (ISO 8601).",
    "Body (API v2)": "The text; cut before the request is kept.",
}


def _lower(told: f.Fields) -> dict[str, Any]:
    return {name.lower(): value for name, value in told.items()}


def comes_from(told: f.Fields) -> bool:
    """Whether these are the fields of one of its webhooks."""
    return {"accountreference", "channel"} <= _lower(told).keys()


def messages(whole: f.Fields) -> f.Fields | list[Any]:
    """The messages of a webhook; one alone by itself, and who opted out as it came."""
    listed = _lower(whole).get("messages")
    if not isinstance(listed, list):
        return whole
    lone = f.objects(listed)
    return lone[0] if len(lone) == len(listed) == 1 else listed


def other(told: f.Fields) -> str | None:
    """The kind of what is no receipt: a text from a handset, and who opted out."""
    flat = _lower(told)
    if (f.text(flat, "status") or "").lower() == "received":
        return "inbound"
    return "other" if "address" in flat and "messageid" not in flat else None


def told(message: f.Fields, zone: tzinfo, now: datetime | None) -> dict[str, Any]:
    """What is told of one message, by the names of a receipt."""
    flat = _lower(message)
    why = f.text(flat, "reason", limit=64)
    return {
        "provider_message_id": f.message_id(flat, "messageid"),
        "provider_status": f.text(flat, "status", limit=64),
        "error_code": None if why is None or why.lower() == _NO_ERROR else why,
        "to": f.number(flat, "msisdn"),
        "sender": f.text(flat, "originator", limit=64),
        "occurred_at": times.parse(f.text(flat, "occurredattime"), zone, now=now),
    }
