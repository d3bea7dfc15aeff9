"""SMSPM's receipts, by POST JSON. It has no word for ``unknown``, and no reasons.

Source: the vendor's site.
"""

from collections.abc import Mapping, Sequence

import msgspec

from delivrd.core.statement import Status
from delivrd.relay.call import Call, Target
from delivrd.relay.event import Event
from delivrd.relay.formats.base import JSON, Option, address, digits, status_change, unsigned, word

NAMES = {"smspm": "SMSPM, by POST JSON"}
OPTIONS: Mapping[str, Option] = {}
BATCHES = False

WORDS = {
    Status.PENDING: "pending",
    Status.DELIVERED: "delivered",
    Status.UNDELIVERED: "undelivered",
    Status.REJECTED: "rejected",
    Status.EXPIRED: "expired",
}

sign = unsigned


def render(events: Sequence[Event], target: Target) -> Call:
    change = status_change(events)
    fields = {
        "messageId": change.id,
        "status": word(WORDS, change),
        "to": digits(change.to),
        "timestamp": change.at.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    body = msgspec.json.encode(fields)
    return Call("POST", address(target.url), (("content-type", JSON),), body)
