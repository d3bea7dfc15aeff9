"""The meanings of status words, and the causes that gateways report.

Each dialect's own words are in its module. They were written from the vendors' pages, not from the
hub's adapters, so that an error in one is not repeated by the other.
"""

from collections.abc import Mapping
from typing import NamedTuple


class Meaning(NamedTuple):
    """The status that a word gives to a part, and whether it is final."""

    status: str
    final: bool


PENDING = Meaning("pending", False)
"""Also for an ``unknown`` that is not final: it leaves the part pending."""
DELIVERED = Meaning("delivered", True)
UNDELIVERED = Meaning("undelivered", True)
REJECTED = Meaning("rejected", True)
EXPIRED = Meaning("expired", True)
UNKNOWN = Meaning("unknown", True)
"""Final: the gateway does not know the outcome, or knows nothing of the handset."""

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
"""The causes of the traffic model, each with the general cause that a dialect reports instead if it
has no word for it. All but the first two are final: ``taken`` means that the carrier accepted the
message and nothing is known of the handset, ``waiting`` that the phone is off."""
