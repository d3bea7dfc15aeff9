"""Vonage's SMS API: its delivery receipts, and what the Reports API says of its messages.

Sources: developer.vonage.com/messaging/sms (delivery receipts, error codes); developer.vonage.com
/en/api/reports; Nexmo/api-specification ``definitions/sms.yml`` and ``reports.yml``; what the codes
mean: api.support.vonage.com, article 204014733.
"""

from datetime import datetime, tzinfo

from delivrd.core import times
from delivrd.core.reasons import Reason
from delivrd.core.statement import Receipt, Status
from delivrd.providers import fields as f
from delivrd.providers import reading
from delivrd.providers.base import Code, Word

STATUSES = {
    "accepted": Word(Status.PENDING, False),
    "buffered": Word(Status.PENDING, False),
    "delivered": Word(Status.DELIVERED, True),
    "expired": Word(Status.EXPIRED, True),
    "failed": Word(Status.UNDELIVERED, True),
    "rejected": Word(Status.REJECTED, True),
    "unknown": Word(Status.UNKNOWN, False),
    "deleted": Word(Status.UNDELIVERED, True, Reason.DELETED),  # in the Reports API alone
}

R = Status.REJECTED
ERRORS = {
    "0": Code("Delivered"),
    "1": Code("Unknown", Reason.OTHER),
    "2": Code("Absent subscriber, temporary", Reason.UNREACHABLE),
    "3": Code("Absent subscriber, permanent", Reason.UNKNOWN_NUMBER),
    "4": Code("Call barred by user", Reason.BLOCKED_BY_RECIPIENT),
    "5": Code("Portability error", Reason.PORTED),
    "6": Code("Anti-spam rejection", Reason.BLOCKED_BY_CARRIER, R),
    "7": Code("Handset busy", Reason.HANDSET_ERROR),
    "8": Code("Network error", Reason.NETWORK_ERROR),
    "9": Code("Illegal number, or the recipient opted out", Reason.BLOCKED_BY_RECIPIENT, R),
    "10": Code("Illegal message", Reason.CONTENT_INVALID, R),
    "11": Code("Unroutable", Reason.NETWORK_ERROR),
    "12": Code("Destination unreachable: no route to the number", Reason.NETWORK_ERROR),
    "13": Code("Subscriber age restriction", Reason.BLOCKED_BY_CARRIER, R),
    "14": Code("Number blocked by carrier", Reason.BLOCKED_BY_CARRIER, R),
    "15": Code("Prepaid phone with insufficient funds", Reason.OTHER),
    "16": Code("Gateway quota exceeded", Reason.ACCOUNT_PROBLEM, R),
    "50": Code("Entity filter (India DLT)", Reason.SENDER_NOT_ALLOWED, R),
    "51": Code("Header filter (India DLT)", Reason.SENDER_NOT_ALLOWED, R),
    "52": Code("Content filter (India DLT)", Reason.BLOCKED_BY_CARRIER, R),
    "53": Code("Consent filter (India DLT)", Reason.BLOCKED_BY_RECIPIENT, R),
    "54": Code("Regulation error (India DLT)", Reason.SENDER_NOT_ALLOWED, R),
    "99": Code("General error", Reason.OTHER),
}

FIELDS = {
    "messageId": "The id of this part, as in the answer to the send.",
    "msisdn": "The recipient's number, without plus.",
    "to": "The sender that you used, a number or a name. (Named the other way round!)",
    "status": "The status word.",
    "err-code": "The error code; 0 is delivered.",
    "network-code": "MCC and MNC of the recipient's network.",
    "price": "What this part cost, in the account's currency.",
    "message-timestamp": "When Vonage pushed this receipt, UTC; taken as the time of the event.",
    "scts": "The carrier's time, in the carrier's zone; not used.",
    "client-ref": "The reference that was sent along.",
    "timestamp, nonce, sig": "Only when receipts are signed.",
}


def receipt(told: f.Fields, zone: tzinfo, now: datetime | None) -> Receipt:
    """The receipt of one part of a message."""
    return reading.receipt(
        STATUSES,
        ERRORS,
        provider_message_id=f.message_id(told, "messageId"),
        provider_status=f.text(told, "status", limit=64),
        error_code=f.text(told, "err-code", limit=64),
        to=f.number(told, "msisdn"),
        sender=f.text(told, "to", limit=64),
        network=f.text(told, "network-code", limit=32),
        price=f.amount(told, "price"),
        occurred_at=times.parse(told.get("message-timestamp"), zone, now=now),
        reference=f.text(told, "client-ref"),
    )


def reported(record: f.Fields, message_id: str) -> Receipt:
    """What a record of the Reports API says of that part."""
    return reading.receipt(
        STATUSES,
        ERRORS,
        provider_message_id=message_id,
        provider_status=f.text(record, "status", limit=64),
        error_code=f.text(record, "error_code", limit=64),
        to=f.number(record, "to"),
        sender=f.text(record, "from", limit=64),
        network=f.text(record, "network", limit=32),
        price=f.amount(record, "total_price"),
        currency=f.text(record, "currency", limit=8),
        occurred_at=times.parse(record.get("date_finalized")),
        reference=f.text(record, "client_ref"),
    )


def is_inbound(told: f.Fields) -> bool:
    """Whether this is a text from a handset: it has a text or a type, and no status."""
    return "status" not in told and "msisdn" in told and ("text" in told or "type" in told)
