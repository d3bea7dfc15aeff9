"""As Ruach and other brands of its platform call, by GET.

Its codes are the operators' own: the gateway's code goes on as it came. Times are in UTC.
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
    Told,
    digits,
    only,
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
CLOSER = {
    (Status.UNDELIVERED, Reason.DELETED): "DELETED",
    (Status.REJECTED, Reason.BLOCKED_BY_RECIPIENT): "BLACKLIST",
}
"""Words that say the reason too."""
NO_ERROR = "000"

sign = unsigned


def render(events: Sequence[Event], target: Target) -> Call:
    told = only(events)
    fields = {
        "messageId": told.id,
        "mobile": digits(told.to),
        "status": _word(told),
        "errorCode": (told.code or "") if told.status in FAILURES else NO_ERROR,
        "submitDate": _date(told.sent_at),
        "doneDate": _date(told.at),
        "shortMessage": "",
    }
    return Call("GET", with_query(target.url, fields), (), b"")


def _word(told: Told) -> str:
    closer = CLOSER.get((told.status, told.reason)) if told.reason else None
    return closer or word(WORDS, told)


def _date(moment: datetime | None) -> str:
    return moment.strftime("%Y-%m-%d %H:%M:%S") if moment else ""
