"""Telnyx's API v2: its events hold a message, with a status for each recipient.

Sources: developers.telnyx.com/docs/messaging (receiving webhooks, message detail records, error
codes, WhatsApp) and …/docs/identity/verify (receiving webhooks); the vendor's SDK; public handlers
for errors of a recipient.
"""

from collections.abc import Mapping
from datetime import datetime, tzinfo
from typing import Any

from delivrd.core import times
from delivrd.core.reasons import Reason
from delivrd.core.statement import Receipt, Status
from delivrd.providers import fields as f
from delivrd.providers import reading
from delivrd.providers.base import Code, Unreadable, Word

STATUSES = {
    "scheduled": Word(Status.PENDING, False),
    "queued": Word(Status.PENDING, False),
    "sending": Word(Status.PENDING, False),
    "sent": Word(Status.PENDING, False),
    "delivered": Word(Status.DELIVERED, True),
    "read": Word(Status.DELIVERED, True),
    "sending_failed": Word(Status.UNDELIVERED, True),
    "delivery_failed": Word(Status.UNDELIVERED, True),
    "delivery_unconfirmed": Word(Status.UNKNOWN, True, Reason.NO_HANDSET_PROOF),
    "expired": Word(Status.EXPIRED, True),
    "cancelled": Word(Status.UNDELIVERED, True, Reason.DELETED),
    # The words of the detail records, which are said of a recipient too:
    "failed": Word(Status.UNDELIVERED, True),
    "gw_timeout": Word(Status.UNDELIVERED, True, Reason.NETWORK_ERROR),
    "gw_reject": Word(Status.REJECTED, True),
    "dlr_timeout": Word(Status.UNKNOWN, True, Reason.NO_HANDSET_PROOF),
    "dlr_unconfirmed": Word(Status.UNKNOWN, True, Reason.NO_HANDSET_PROOF),
    "undeliverable": Word(Status.UNDELIVERED, True),  # by WhatsApp
    # What the event alone tells, where its recipient has no status (by WhatsApp none has):
    "message.sent": Word(Status.PENDING, False),
    "message.delivered": Word(Status.DELIVERED, True),
    "message.read": Word(Status.DELIVERED, True),
    "message.failed": Word(Status.UNDELIVERED, True),
    "message.finalized": Word(Status.UNKNOWN, True),
}
FAILED = Word(Status.UNDELIVERED, True)
"""A finalized message without a status, but with errors."""
VERIFY = "verify."
"""What the types of Verify's events begin with."""
CALLS = {"call", "flashcall"}
"""The types of verifications that are no messages."""

FIELDS = {
    "data.event_type": "message.sent or message.finalized; by RCS and WhatsApp also "
    "message.delivered, message.read and message.failed.",
    "data.occurred_at": "When it happened (ISO 8601).",
    "data.payload.id": "The id of the message. (`data.id` is that of the event.)",
    "data.payload.to": "The recipients; of a group several, each read as one receipt.",
    "data.payload.to[].phone_number": "The recipient's number.",
    "data.payload.to[].status": "The status word of this recipient.",
    "data.payload.from.phone_number": "The sender; of RCS `agent_id`.",
    "data.payload.errors": "What went wrong: code, title and detail; the first is taken. The "
    "recipient's own `errors` or `error_code` go before.",
    "data.payload.cost": "Amount and currency.",
    "data.payload.text": "The text; cut before the request is kept.",
    "data.payload.id, phone_number, delivery_status, mccmnc (Verify)": "Id of the verification, "
    "number, status word and network, in `verify.sent`, `verify.delivered` and `verify.failed`.",
    "data.payload.custom_code (Verify)": "The code; replaced before the request is kept.",
}


def _event(told: f.Fields) -> tuple[f.Fields, f.Fields]:
    """The event and the message in it; the answer to a look-up is a message without an event."""
    event = f.inner(told, "data") or told
    message = f.inner(event, "payload") or event
    kind = f.text(event, "event_type", limit=64) or ""
    return event, _verification(message, kind) if kind.startswith(VERIFY) else message


def _verification(told: f.Fields, kind: str) -> f.Fields:
    """What Verify sent, as a message to one recipient."""
    word = told.get("delivery_status") or kind.removeprefix(VERIFY)
    recipient = {"phone_number": told.get("phone_number"), "status": word}
    return {name: told[name] for name in ("id", "type", "mccmnc") if name in told} | {
        "to": [recipient]
    }


def other(told: f.Fields) -> str | None:
    """The kind of an event that is no receipt."""
    event, message = _event(told)
    kind = f.text(event, "event_type", "record_type", limit=64) or "message"
    if kind == "message.received" or message.get("direction") == "inbound":
        return "inbound"
    if kind.startswith(VERIFY):
        return "other" if message.get("type") in CALLS else None
    return None if kind.startswith("message") or kind == "event" else "other"


def for_each(told: f.Fields) -> list[Any] | None:
    """A group's event as one event for each recipient; None where there is one recipient."""
    event, message = _event(told)
    lists = [listed for name in ("to", "cc") if isinstance(listed := message.get(name), list)]
    recipients = [recipient for listed in lists for recipient in listed]
    if len(recipients) < 2:
        return None
    f.message_id(message, "id")
    return [{**event, "payload": _alone(message, each)} for each in recipients]


def _alone(message: f.Fields, recipient: Any) -> f.Fields:
    """A group's message to one of its recipients; its errors are of those it did not reach."""
    alone = {**message, "to": [recipient], "cc": []}
    said = f.text(recipient, "status", limit=64) if isinstance(recipient, dict) else None
    word = reading.word(STATUSES, said)
    if word is not None and word.status in (Status.PENDING, Status.DELIVERED):
        alone["errors"] = []
    return alone


def receipt(
    told: f.Fields, errors: Mapping[str, Code], zone: tzinfo, now: datetime | None
) -> Receipt:
    """What an event says of its (only, or first) recipient."""
    event, message = _event(told)
    event_type = f.text(event, "event_type", limit=64)
    happened = f.text(event, "occurred_at") or f.text(message, "completed_at", "sent_at")
    recipient = _recipient(message)
    error = _own_error(recipient) or first_error(message)
    word, pair = f.text(recipient, "status", limit=64), None
    if recipient.get("status") is None:
        word = event_type
        pair = FAILED if error and event_type == "message.finalized" else None
    cost = f.inner(message, "cost")
    sender = f.inner(message, "from") or {"from": message.get("from")}
    return reading.receipt(
        STATUSES,
        errors,
        pair=pair,
        provider_message_id=f.message_id(message, "id"),
        provider_status=word,
        error_code=f.text(error, "code", limit=64),
        detail=f.text(error, "detail", "title"),
        to=f.number(recipient, "phone_number"),
        sender=f.text(sender, "phone_number", "agent_id", "from"),
        network=f.text(message, "mccmnc", limit=8),
        price=f.amount(cost, "amount", "cost"),
        currency=f.text(cost, "currency", limit=8),
        occurred_at=times.parse(happened, zone, now=now),
    )


def _recipient(message: f.Fields) -> f.Fields:
    """The first recipient; some pass it on alone, with the status beside it."""
    listed = message.get("to")
    first: Any = next(iter(listed), {}) if isinstance(listed, list) else listed
    if isinstance(listed, list) and not isinstance(first, dict):
        raise Unreadable("the recipient is not an object")
    recipient = first if isinstance(first, dict) else {"phone_number": first}
    return {"status": message.get("status")} | recipient


def _own_error(recipient: f.Fields) -> f.Fields:
    """The error at the recipient itself, where public handlers have met it."""
    code = f.text(recipient, "error_code")
    alone = {"code": code, "detail": recipient.get("error_message")} if code else {}
    return first_error(recipient) or alone


def first_error(message: f.Fields) -> f.Fields:
    """The first of a message's (or an answer's) errors; an empty one where there is none."""
    listed = message.get("errors")
    found = listed if isinstance(listed, list) else []
    return next((error for error in found if isinstance(error, dict)), {})
