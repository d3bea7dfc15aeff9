"""The receipts of Ruach and other brands of its platform, by GET.

Its codes are the operators' own, so the gateway's code is passed on unchanged. Times are in UTC.
Source: docs.ruach.ng/api-reference (webhooks).
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from delivrd.core.reasons import Reason
from delivrd.core.statement import FAILURES, Status
from delivrd.relay.call import Call, Target
from delivrd.relay.event import Event
from delivrd.relay.formats.base import (
    Option,
    StatusChange,
    digits,
    status_change,
    unsigned,
    with_query,
    word,
)

NAMES = {"ruach": "Ruach, by GET"}
OPTIONS: Mapping[str, Option] = {}
BATCHES = False

WORDS = {
    Status.PENDING: "ACCEPTD",
    Status.DELIVERED: "DELIVRD",
    Status.UNDELIVERED: "UNDELIV",
    Status.REJECTED: "REJECTD",
    Status.EXPIRED: "EXPIRED",
    Status.UNKNOWN: "UNKNOWN",
}
WORDS_BY_REASON = {
    (Status.UNDELIVERED, Reason.DELETED): "DELETED",
    (Status.REJECTED, Reason.BLOCKED_BY_RECIPIENT): "BLACKLIST",
}
"""More exact words for a status with this reason."""
NO_ERROR = "000"

sign = unsigned


def render(events: Sequence[Event], target: Target) -> Call:
    change = status_change(events)
    fields = {
        "messageId": change.id,
        "mobile": digits(change.to),
        "status": _word(change),
        "errorCode": (change.code or "") if change.status in FAILURES else NO_ERROR,
        "submitDate": _date(change.sent_at),
        "doneDate": _date(change.at),
        "shortMessage": "",
    }
    return Call("GET", with_query(target.url, fields), (), b"")


def _word(change: StatusChange) -> str:
    exact = WORDS_BY_REASON.get((change.status, change.reason)) if change.reason else None
    return exact or word(WORDS, change)


def _date(moment: datetime | None) -> str:
    return moment.strftime("%Y-%m-%d %H:%M:%S") if moment else ""
