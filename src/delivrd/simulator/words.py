"""What words can claim of a part, and the causes that the gateways have to put into words.

Each dialect's own words stand in its module. They were written from the vendors' pages, not from
the hub's adapters, so that an error in one is not repeated by the other.
"""

from collections.abc import Mapping
from typing import NamedTuple


class Meaning(NamedTuple):
    """What a word claims of a part, and whether the gateway will say no more."""

    status: str
    final: bool


PENDING = Meaning("pending", False)
"""Also of an ``unknown`` that may still be followed by an end: it leaves the part pending."""
DELIVERED = Meaning("delivered", True)
UNDELIVERED = Meaning("undelivered", True)
REJECTED = Meaning("rejected", True)
EXPIRED = Meaning("expired", True)
UNKNOWN = Meaning("unknown", True)
"""The gateway will say no more and does not know, or knows of no handset."""

FAILURES = frozenset({UNDELIVERED, REJECTED, EXPIRED})

CAUSES: Mapping[str, str] = {
    "taken": "taken",
    "waiting": "taken",
    "delivered": "delivered",
    "expired": "expired",
    "absent": "undelivered",
    "gone": "undelivered",
    "unknown_number": "undelivered",
    "ported": "undelivered",
    "busy": "undelivered",
    "network": "undelivered",
    "unroutable": "undelivered",
    "no_credit": "undelivered",
    "general": "undelivered",
    "spam": "rejected",
    "spam_failed": "rejected",
    "opted_out": "rejected",
    "content": "rejected",
    "age": "rejected",
    "carrier_block": "rejected",
    "header_filter": "rejected",
    "content_filter": "rejected",
    "consent_filter": "rejected",
    "nobody_knows": "unknown",
}
"""What the traffic model has to tell, and the general cause that stands for it in a dialect
without a word of its own. All but the first two are ends: ``taken`` is told when the carrier took
the message and nothing is known of the handset, ``waiting`` while the phone is off."""
