"""Telnyx's API v1: its webhooks are the message's detail record, which API v2 replaced.

Sources: developers.telnyx.com/docs/v1/messaging (receiving webhooks, message detail records).
"""

import base64
import hmac
from collections.abc import Mapping
from datetime import datetime, tzinfo

from delivrd.core import times
from delivrd.core.reasons import Reason
from delivrd.core.statement import Receipt, Status
from delivrd.providers import fields as f
from delivrd.providers import reading, signing
from delivrd.providers.base import Authentic, Code, Request, Secrets, Unauthentic, Word, same

ID = "sms_id"
SIGNATURE = "x-telnyx-signature"

STATUSES = {
    "queued": Word(Status.PENDING, False),
    "sending": Word(Status.PENDING, False),
    "sent": Word(Status.PENDING, False),
    "delivering": Word(Status.PENDING, False),
    "delivered": Word(Status.DELIVERED, True),
    "undelivered": Word(Status.UNDELIVERED, True),
    "failed": Word(Status.UNDELIVERED, True),
    "gw_timeout": Word(Status.UNDELIVERED, True, Reason.NETWORK_ERROR),
    "gw_reject": Word(Status.REJECTED, True),
    "dlr_timeout": Word(Status.UNKNOWN, True, Reason.NO_HANDSET_PROOF),
    "dlr_unconfirmed": Word(Status.UNKNOWN, True, Reason.NO_HANDSET_PROOF),
    "expired": Word(Status.EXPIRED, True),
    "canceled": Word(Status.UNDELIVERED, True, Reason.DELETED),
}

FIELDS = {
    "sms_id": "The id of the message.",
    "status": "The status word.",
    "to, msg.dst": "The recipient's number.",
    "from, msg.src": "The sender.",
    "errors": "What went wrong: code and title; the first is taken.",
    "cost, currency": "What the message cost.",
    "date_updated": "When it reached this status (ISO 8601, UTC).",
}


def receipt(
    told: f.Fields, errors: Mapping[str, Code], zone: tzinfo, now: datetime | None
) -> Receipt:
    """What one detail record says."""
    message, listed = f.inner(told, "msg"), told.get("errors")
    found = listed[0] if isinstance(listed, list) and listed else None
    error = found if isinstance(found, dict) else {"code": found}
    return reading.receipt(
        STATUSES,
        errors,
        provider_message_id=f.message_id(told, ID),
        provider_status=f.text(told, "status", limit=64),
        error_code=f.text(error, "code", limit=64),
        detail=f.text(error, "detail", "title"),
        to=f.number(told, "to") or f.number(message, "dst"),
        sender=f.text(told, "from", limit=64) or f.text(message, "src", limit=64),
        price=f.amount(told, "cost"),
        currency=f.text(told, "currency", limit=8),
        occurred_at=times.parse(f.text(told, "date_updated"), zone, now=now),
    )


def other(told: f.Fields) -> str | None:
    """A text from a handset has an id of the same name, but no status."""
    inbound = told.get("direction") == "inbound" or ("status" not in told and "body" in told)
    return "inbound" if inbound else None


def authenticate(request: Request, secrets: Secrets, behind: int) -> Authentic:
    """The HMAC of time and body, in ``X-Telnyx-Signature: t=…,h=…``.

    Raises:
        Unauthentic: it does not match, or is too old or from the future.
    """
    pairs = (part.partition("=") for part in request.header(SIGNATURE).split(","))
    given = {name.strip(): value for name, _, value in pairs}
    stamp, signature = given.get("t", ""), given.get("h", "")
    signed = stamp.encode(errors="replace") + b"." + request.body
    for position, secret in enumerate(secrets):
        key = secret.get_secret_value().encode()
        expected = base64.b64encode(hmac.digest(key, signed, "sha256"))
        if key and same(signature, expected):
            signing.check_age(stamp, request, behind)
            return Authentic("hmac", position)
    raise Unauthentic("the signature does not match")
