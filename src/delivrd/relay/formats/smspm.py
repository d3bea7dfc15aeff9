"""As SMSPM calls, by POST JSON. It has no word for what nobody knows, and says no reasons.

Source: the vendor's site.
"""

from collections.abc import Mapping, Sequence

import msgspec

from delivrd.core.statement import Status
from delivrd.relay.call import Call, Target
from delivrd.relay.event import Event
from delivrd.relay.formats.base import JSON, Option, address, digits, only, unsigned, word

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
    told = only(events)
    fields = {
        "messageId": told.id,
        "status": word(WORDS, told),
        "to": digits(told.to),
        "timestamp": told.at.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    body = msgspec.json.encode(fields)
    return Call("POST", address(target.url), (("content-type", JSON),), body)
