"""What the three gateways say, and what it means: the simulator's own tables.

They were written from the vendors' pages, not from the hub's adapters, so that an error in one is
not repeated by the other.

* Vonage: https://developer.vonage.com/en/messaging/sms/guides/delivery-receipts
* Ruach: https://docs.ruach.ng/api-reference/webhooks/delivery-reports (its error codes are not
  published; those here only look like the platform's)
* SMSPM: https://app.smspm.com/docs (``get``) and the vendor's articles (``post-json``, ``event``)
"""

from collections.abc import Mapping
from typing import NamedTuple


class Meaning(NamedTuple):
    """What a word claims of a part, and whether the gateway will say no more."""

    status: str
    final: bool


PENDING = Meaning("pending", False)
_DELIVERED = Meaning("delivered", True)
_UNDELIVERED = Meaning("undelivered", True)
_REJECTED = Meaning("rejected", True)
_EXPIRED = Meaning("expired", True)

VONAGE: Mapping[str, Meaning] = {
    "accepted": PENDING,
    "buffered": PENDING,
    "delivered": _DELIVERED,
    "expired": _EXPIRED,
    "failed": _UNDELIVERED,
    "rejected": _REJECTED,
    "unknown": PENDING,
}
"""An ``unknown`` that may still be followed by an end leaves the part pending."""

VONAGE_REFUSALS = frozenset({"6", "9", "10", "13", "14", "16", "50", "51", "52", "53", "54"})
"""Codes that make a ``failed`` a refusal: filters, opt-outs, barred senders and content."""

RUACH: Mapping[str, Meaning] = {
    "ACCEPTD": PENDING,
    "DELIVRD": _DELIVERED,
    "UNDELIV": _UNDELIVERED,
    "EXPIRED": _EXPIRED,
    "DELETED": _UNDELIVERED,
    "REJECTD": _REJECTED,
    "BLACKLIST": _REJECTED,
    "UNKNOWN": PENDING,
}

SMSPM: Mapping[str, Meaning] = {
    "queued": PENDING,
    "submitted": PENDING,
    "sent": PENDING,
    "pending": PENDING,
    "delivered": _DELIVERED,
    "failed": _UNDELIVERED,
    "undelivered": _UNDELIVERED,
    "rejected": _REJECTED,
    "expired": _EXPIRED,
}


def meaning(dialect: str, word: str, code: str) -> Meaning:
    """What a gateway claims by a word and a code. KeyError for a word that it never uses."""
    if dialect == "vonage":
        if word == "failed" and code in VONAGE_REFUSALS:
            return _REJECTED
        return VONAGE[word]
    return (RUACH if dialect == "ruach" else SMSPM)[word]


class Said(NamedTuple):
    """How the same end is told in each dialect: (word, code), or the word alone."""

    vonage: tuple[str, str]
    ruach: tuple[str, str]
    smspm_post: str
    smspm_get: str


CAUSES: Mapping[str, Said] = {
    "delivered": Said(("delivered", "0"), ("DELIVRD", "000"), "delivered", "delivered"),
    "expired": Said(("expired", "1"), ("EXPIRED", "003"), "expired", "failed"),
    "absent": Said(("failed", "2"), ("UNDELIV", "027"), "undelivered", "failed"),
    "gone": Said(("failed", "3"), ("UNDELIV", "027"), "undelivered", "failed"),
    "unknown_number": Said(("failed", "1"), ("UNDELIV", "001"), "undelivered", "failed"),
    "ported": Said(("failed", "5"), ("UNDELIV", "005"), "undelivered", "failed"),
    "busy": Said(("failed", "7"), ("UNDELIV", "031"), "undelivered", "failed"),
    "network": Said(("failed", "8"), ("UNDELIV", "036"), "undelivered", "failed"),
    "unroutable": Said(("failed", "11"), ("UNDELIV", "011"), "undelivered", "failed"),
    "no_credit": Said(("failed", "15"), ("UNDELIV", ""), "undelivered", "failed"),
    "general": Said(("failed", "99"), ("DELETED", "099"), "undelivered", "failed"),
    "spam": Said(("rejected", "6"), ("REJECTD", "255"), "rejected", "failed"),
    "spam_failed": Said(("failed", "6"), ("REJECTD", "255"), "rejected", "failed"),
    "opted_out": Said(("rejected", "9"), ("BLACKLIST", ""), "rejected", "failed"),
    "content": Said(("rejected", "10"), ("REJECTD", "010"), "rejected", "failed"),
    "age": Said(("failed", "13"), ("REJECTD", "013"), "rejected", "failed"),
    "carrier_block": Said(("failed", "14"), ("REJECTD", "014"), "rejected", "failed"),
    "header_filter": Said(("rejected", "51"), ("REJECTD", "051"), "rejected", "failed"),
    "content_filter": Said(("rejected", "52"), ("REJECTD", "052"), "rejected", "failed"),
    "consent_filter": Said(("rejected", "53"), ("REJECTD", "053"), "rejected", "failed"),
    "nobody_knows": Said(("unknown", "99"), ("UNKNOWN", ""), "pending", "sent"),
}
"""Every end that the traffic model knows."""

TAKEN: Mapping[str, tuple[str, str]] = {
    "vonage": ("accepted", "0"),
    "ruach": ("ACCEPTD", "000"),
    "smspm:get": ("submitted", ""),
    "smspm:post-json": ("pending", ""),
    "smspm:event": ("sent", ""),
}
"""What is said when the carrier took the message and nothing is known of the handset."""

WAITING: Mapping[str, tuple[str, str]] = {
    **TAKEN,
    "vonage": ("buffered", "0"),
    "smspm:get": ("sent", ""),
}
"""What is said while the phone is off."""


def said(dialect: str, shape: str, cause: str) -> tuple[str, str]:
    """The word and the code by which a gateway tells an end."""
    row = CAUSES[cause]
    if dialect == "vonage":
        return row.vonage
    if dialect == "ruach":
        return row.ruach
    return (row.smspm_get if shape == "get" else row.smspm_post), ""


def on_the_way(dialect: str, shape: str, *, off: bool) -> tuple[str, str]:
    """The word and the code of a receipt that is no end yet."""
    key = f"smspm:{shape}" if dialect == "smspm" else dialect
    return (WAITING if off else TAKEN)[key]
