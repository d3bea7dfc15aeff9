"""Bandwidth International A2P: an API of its own, whose reports are single objects without a time.

One id covers all segments of a text, and each has reports of its own. Source:
dev.bandwidth.com/docs/messaging/international.
"""

from typing import Any

from delivrd.core.statement import Status
from delivrd.providers import code_tables
from delivrd.providers import fields as f
from delivrd.providers.base import Word

STATUSES = {
    "DELIVERED": Word(Status.DELIVERED, True),
    "UNDELIVERED": Word(Status.UNDELIVERED, True),
    "REJECTED": Word(Status.REJECTED, True),
    "BUFFERED": Word(Status.PENDING, False),
    "SENT_TO_SMSC": Word(Status.PENDING, False),
}

ERRORS = code_tables.load("bandwidth_international_codes")


def is_one(told: f.Fields) -> bool:
    """Whether this is such a report."""
    return "msgId" in told and "event" in told


def told(report: f.Fields) -> dict[str, Any]:
    """What a report says, by the names of a receipt."""
    code = f.text(report, "errorCode", limit=64)
    return {
        "provider_message_id": f.message_id(report, "msgId"),
        "provider_status": f.text(report, "event", limit=64),
        "error_code": None if code == "0" else code,
        "detail": f.text(report, "errorMessage"),
        "segment": _segment(report),
    }


def _segment(report: f.Fields) -> str | None:
    """The segment of a longer text; the vendor counts from 0 in words, and from 1 in examples."""
    number, of = f.text(report, "partNum", limit=3) or "", f.text(report, "numParts", limit=3) or ""
    long = number.isdecimal() and of.isdecimal() and of.isascii() and int(of) > 1
    return f"{number}/{of}" if long else None
