"""Infobip's OneAPI (that of the GSMA): its notifications, in the fields of the other reports.

Sources: infobip/oneapi-php, oneapi-python and oneapi-dot-net, and a notification that a public
program received.
"""

from typing import Any

from delivrd.core.reasons import Reason
from delivrd.core.statement import Status
from delivrd.providers import fields as f
from delivrd.providers.base import Word

_UNPROVEN = Word(Status.UNKNOWN, True, Reason.NO_HANDSET_PROOF)

WORDS = {
    "DeliveredToTerminal": Word(Status.DELIVERED, True),
    "DeliveredToNetwork": Word(Status.PENDING, False),
    "MessageWaiting": Word(Status.PENDING, False),
    "DeliveryImpossible": Word(Status.UNDELIVERED, True),
    "DeliveryUncertain": _UNPROVEN,
    "DeliveryNotificationNotSupported": _UNPROVEN,
}
"""The standard's words; it calls MessageWaiting alone temporary."""


def told(fields: f.Fields | list[Any] | None) -> f.Fields | list[Any] | None:
    """One notification's fields by the names of today; any other fields as they are."""
    notification = f.inner(fields, "deliveryInfoNotification") if isinstance(fields, dict) else {}
    if not notification:
        return fields
    info = f.inner(notification, "deliveryInfo")
    return {
        "messageId": info.get("messageId"),
        "to": (f.text(info, "address") or "").removeprefix("tel:"),
        "status": {"name": info.get("deliveryStatus")},
        "price": {"pricePerMessage": info.get("price")},
        "callbackData": notification.get("callbackData"),
    }
