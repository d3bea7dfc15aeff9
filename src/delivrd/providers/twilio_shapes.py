"""Twilio's shapes of one statement: a status callback, an event of a stream, a REST resource.

They tell the same under other names; what Conversations sent is told by its webhook alone, what
Verify and the Communications API sent by a stream alone. Sources: twilio.com/docs (status
callbacks, event types of outbound messages, message resource, link shortening, Conversations'
webhooks and delivery receipts, Verify's message status stream, comms/events).
"""

import re
from collections.abc import Mapping
from datetime import datetime, tzinfo
from typing import Any, NamedTuple

from delivrd.core import phone, times
from delivrd.core.statement import Receipt
from delivrd.providers import fields as f
from delivrd.providers import reading
from delivrd.providers.base import Code, Word


class Names(NamedTuple):
    """How one of the shapes names what they all tell."""

    message_id: tuple[str, ...]
    status: tuple[str, ...]
    code: str
    detail: tuple[str, ...]
    to: str
    sender: str


CALLBACK = Names(
    ("MessageSid", "SmsSid"),
    ("MessageStatus", "SmsStatus"),
    "ErrorCode",
    ("ErrorMessage", "ChannelStatusMessage"),
    "To",
    "From",
)
EVENT = Names(("messageSid",), ("messageStatus",), "errorCode", (), "to", "from")
RECEIPT = Names(("ChannelMessageSid",), ("Status",), "ErrorCode", (), "To", "From")
"""Of Conversations, whose own ``MessageSid`` (IM…) is no id of a text."""
BULK = Names(("message_id",), ("status",), "error_code", (), "to", "from")
"""Of the Communications API; its ``downstream_id`` is that of one attempt, by one channel."""
VERIFY = Names(("attempt_sid",), ("message_status", "dlr_status"), "error_code", (), "to", "from")
RESOURCE = Names(("sid",), ("status",), "error_code", ("error_message",), "to", "from")

INBOUND = ("received", "receiving")
NO_MESSAGE = ("CallSid", "PayloadType")
"""What the callback of a call, and that of the debugger, hold."""
EVENTS = {
    "com.twilio.messaging.message.": EVENT,
    "com.twilio.comms-api.message.": BULK,
    "com.twilio.accountsecurity.verify.message.": VERIFY,
    "com.twilio.accountsecurity.verify.attempt-dlr.": VERIFY,
}
"""What the types of events about outbound messages begin with; what follows is a status."""
RECEIPTS = ("onDeliveryUpdated", "com.twilio.conversations.delivery.updated")
"""The types of Conversations' receipts: of its webhook, and of a stream."""

_CHANNEL = re.compile(r"^[a-z]+:")


def other(told: f.Fields) -> str | None:
    """Inbound texts, clicks, calls and alerts come to the same address; a stream holds anything."""
    event = f.text(told, "type", "EventType", limit=100) or ""
    if event in RECEIPTS:
        return None
    if event.startswith(("com.twilio.", "on")):
        if "inbound" in event or event == "onMessageAdded":
            return "inbound"
        return None if event.startswith(tuple(EVENTS)) else "other"
    if "event_type" in told:  # a link shortening domain's callback: a click, or a preview
        return "other"
    if not told.keys().isdisjoint(NO_MESSAGE) and told.keys().isdisjoint(CALLBACK.message_id):
        return "other"
    status = f.text(told, "MessageStatus", "SmsStatus", limit=64)
    inbound = "Body" in told if status is None else status.lower() in INBOUND
    return "inbound" if inbound else None


def pushed(
    told: f.Fields,
    statuses: Mapping[str, Word],
    errors: Mapping[str, Code],
    zone: tzinfo,
    now: datetime | None,
) -> Receipt:
    """The receipt in a callback or an event."""
    event = f.inner(told, "data")
    if "ChannelMessageSid" in (event or told):
        time = times.parse(f.text(event or told, "DateUpdated"), zone, now=now)
        return _receipt(event or told, RECEIPT, statuses, errors, occurred_at=time)
    if not event:
        time = times.parse(f.text(told, "RawDlrDoneDate"), zone, now=now, smpp=True)
        return _receipt(told, CALLBACK, statuses, errors, occurred_at=time)
    kind = f.text(told, "type", limit=100) or ""
    start, names = next(((s, n) for s, n in EVENTS.items() if kind.startswith(s)), ("", EVENT))
    if event.keys().isdisjoint(names.status):
        event = {**event, names.status[0]: kind.removeprefix(start)}
    time = times.parse(event.get("timestamp") or told.get("time"), zone, now=now)
    return _receipt(event, names, statuses, errors, occurred_at=time)


def looked_up(told: f.Fields, statuses: Mapping[str, Word], errors: Mapping[str, Code]) -> Receipt:
    """What a message's REST resource says; there, what Twilio charges is negative."""
    price = f.amount(told, "price")
    return _receipt(
        told,
        RESOURCE,
        statuses,
        errors,
        price=price and price.removeprefix("-"),
        currency=f.text(told, "price_unit", limit=8) if price else None,
        occurred_at=times.parse(f.text(told, "date_updated")),
    )


def _receipt(
    told: f.Fields,
    names: Names,
    statuses: Mapping[str, Word],
    errors: Mapping[str, Code],
    **more: Any,
) -> Receipt:
    to, sender = _address(told, names.to), _address(told, names.sender)
    return reading.receipt(
        statuses,
        errors,
        provider_message_id=f.message_id(told, *names.message_id),
        provider_status=f.text(told, *names.status, limit=64),
        error_code=f.text(told, names.code, limit=64),
        detail=f.text(told, *names.detail),
        to=to and phone.digits(_CHANNEL.sub("", to)),
        sender=sender and sender[:64],
        **more,
    )


def _address(told: f.Fields, name: str) -> str | None:
    return f.text(f.inner(told, name), "address", limit=80) or f.text(told, name, limit=80)
