"""GatewayAPI's legacy HTTP API: the sender gives the id, and a GET returns it with a number.

Source: onlinecity/gatewayapi-docs:docs/legacy.rst. Messages are handed over by the newer APIs.
"""

from typing import Any

from delivrd.core.reasons import Reason
from delivrd.core.statement import Status
from delivrd.providers import fields as f
from delivrd.providers.base import Word

ID = "sessionid"

STATUSES = {
    "1": Word(Status.DELIVERED, True),
    "2": Word(Status.UNDELIVERED, True),  # the recipient could not be charged
    "3": Word(Status.REJECTED, True, Reason.BLOCKED_BY_CARRIER),
    "4": Word(Status.UNDELIVERED, True, Reason.UNKNOWN_NUMBER),
    "5": Word(Status.UNKNOWN, False),  # under way, or an error
    "6": Word(Status.EXPIRED, True),
    "7": Word(Status.UNDELIVERED, True),
    "8": Word(Status.UNDELIVERED, True, Reason.DELETED),
}

FIELDS = {
    "sessionid": "The id that the message was sent with.",
    "statuscode": "The status, a number.",
}


def told(whole: f.Fields) -> dict[str, Any]:
    """What one notification says, by the names of a receipt."""
    return {
        "provider_message_id": f.message_id(whole, ID),
        "provider_status": f.text(whole, "statuscode", limit=64),
    }


def other(whole: f.Fields) -> str | None:
    """An inbound text has an id of the same name, but a sender and no status."""
    return "inbound" if "sender" in whole and "statuscode" not in whole else None
