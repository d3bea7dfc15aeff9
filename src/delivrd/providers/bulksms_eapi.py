"""BulkSMS's older EAPI: the status reports that it pushes by GET.

One ``batch_id`` stands for all recipients of a batch. Sources: bulksms.com/developer/eapi
(http_push, get_report).
"""

from datetime import datetime, tzinfo

from delivrd.core import times
from delivrd.core.reasons import Reason
from delivrd.core.statement import Receipt, Status
from delivrd.providers import fields as f
from delivrd.providers import reading
from delivrd.providers.base import FAILURES, Word

R, U = Status.REJECTED, Status.UNDELIVERED
STATUSES = {
    "0": Word(Status.PENDING, False),
    "10": Word(Status.PENDING, False),
    "11": Word(Status.DELIVERED, True),
    "12": Word(Status.PENDING, False),
    "22": Word(U, True, Reason.NETWORK_ERROR),
    "23": Word(R, True, Reason.ACCOUNT_PROBLEM),
    "24": Word(R, True, Reason.CONTENT_INVALID),
    "25": Word(R, True, Reason.ACCOUNT_PROBLEM),
    "26": Word(R, True, Reason.NETWORK_ERROR),
    "27": Word(R, True, Reason.ACCOUNT_PROBLEM),
    "28": Word(R, True, Reason.NETWORK_ERROR),
    "29": Word(R, True, Reason.DELETED),
    "30": Word(Status.UNKNOWN, False),
    "31": Word(R, True, Reason.NETWORK_ERROR),
    "32": Word(R, True, Reason.BLOCKED_BY_RECIPIENT),
    "33": Word(R, True, Reason.BLOCKED_BY_CARRIER),
    "40": Word(Status.PENDING, False),
    "50": Word(U, True),
    "51": Word(U, True, Reason.HANDSET_ERROR),
    "52": Word(U, True, Reason.NETWORK_ERROR),
    "53": Word(Status.EXPIRED, True, Reason.EXPIRED),
    "54": Word(U, True, Reason.NETWORK_ERROR),
    "55": Word(R, True, Reason.BLOCKED_BY_CARRIER),
    "56": Word(R, True, Reason.BLOCKED_BY_CARRIER),
    "57": Word(U, True, Reason.HANDSET_ERROR),
    "60": Word(Status.PENDING, False),
    "61": Word(Status.PENDING, False),
    "62": Word(Status.PENDING, False),
    "63": Word(Status.PENDING, False),
    "64": Word(Status.PENDING, False),
    "70": Word(Status.UNKNOWN, False),
}
FIELDS = {
    "batch_id, msisdn": "The batch and the recipient, which tell the message together.",
    "status": "The status as a number.",
    "completed_time": "When it was delivered (yy-MM-dd HH:mm:ss).",
    "source_id": "The reference that was sent along.",
}


def is_report(told: f.Fields) -> bool:
    """Whether this is a push of the EAPI."""
    return "batch_id" in told or "msisdn" in told


def receipt(told: f.Fields, zone: tzinfo, now: datetime | None) -> Receipt:
    """The receipt in a push."""
    made = f.text(told, "completed_time", limit=17)
    said = f.text(told, "status", limit=64)
    word = STATUSES.get(said or "")
    return reading.receipt(
        STATUSES,
        {},
        provider_message_id=f.message_id(told, "batch_id"),
        provider_status=said,
        error_code=said if word and word.status in FAILURES else None,
        to=f.number(told, "msisdn"),
        occurred_at=times.parse(made and f"20{made}", zone, now=now),
        reference=f.text(told, "source_id"),
    )
