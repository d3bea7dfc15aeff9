"""GatewayAPI's messaging API, which is to replace its REST API: one message, one id, events.

Sources: gatewayapi.com/docs/message (overview, webhooks) and the API's description in OpenAPI.
"""

import hmac
from typing import Any

from delivrd.providers import fields as f
from delivrd.providers import handover
from delivrd.providers.base import (
    AccountSettings,
    Authentic,
    Http,
    HttpAnswer,
    Later,
    Outgoing,
    Refused,
    Request,
    Secrets,
    Unauthentic,
    Unsure,
    same,
)

API = "https://messaging.gatewayapi.com"
EVENT = "event"
SIGNATURE = "signature"
MAX_EXPIRATION = 432_000

FIELDS = {
    "event_type": "message.status.sms or message.status.rcs; others are no receipts.",
    "event.msg_id": "The id of the message.",
    "event.recipient": "The recipient's number.",
    "event.reference": "The reference that was sent along.",
    "event.status": "The status word.",
    "event.status_at": "When it happened (ISO 8601).",
    "event.error": "What went wrong: hex_code and details.",
}


def told(whole: f.Fields) -> dict[str, Any]:
    """What one event says, by the names of a receipt."""
    event = f.inner(whole, EVENT)
    error = f.inner(event, "error")
    return {
        "provider_message_id": f.message_id(event, "msg_id"),
        "provider_status": f.text(event, "status", limit=64),
        "error_code": f.text(error, "hex_code", limit=64),
        "detail": f.text(error, "details"),
        "to": f.number(event, "recipient"),
        "occurred_at": f.text(event, "status_at"),
        "reference": f.text(event, "reference"),
    }


def other(whole: f.Fields) -> str | None:
    """The kind of an event that is no receipt."""
    kind = f.text(whole, "event_type", limit=64) or "message.status"
    if kind.startswith("user-message."):
        return "inbound"
    return None if kind.startswith("message.status") else "other"


def authenticate(request: Request, secrets: Secrets) -> Authentic:
    """The HMAC of the body, in ``Signature: v1=…``.

    Raises:
        Unauthentic: it does not match.
    """
    if request.method != "POST":  # the body is signed; a query could say something else
        raise Unauthentic("signed events come by POST")
    given = request.header(SIGNATURE).removeprefix("v1=").lower()
    for position, secret in enumerate(secrets):
        key = secret.get_secret_value().encode()
        if key and same(given, hmac.digest(key, request.body, "sha256").hex()):
            return Authentic("hmac", position)
    raise Unauthentic("the signature does not match")


async def hand_over(
    message: Outgoing, settings: AccountSettings, token: str, http: Http
) -> HttpAnswer | Refused | Later | Unsure:
    """``POST /mobile/single``; events go to the account's webhook, whatever the message says."""
    content: dict[str, Any] = {
        "sender": message.sender.removeprefix("+"),
        "recipient": int(message.to.removeprefix("+")),
        "message": message.text,
        "reference": message.reference,
    }
    if message.validity is not None:
        content["expiration"] = f"PT{min(message.validity, MAX_EXPIRATION)}S"
    headers = {"authorization": f"Token {token}"}
    url = handover.address(settings, API, "/mobile/single")
    return await handover.call(http, settings, "POST", url, headers=headers, json=content)


def complaint(answer: f.Fields) -> str | None:
    """What the messaging API finds wrong with a request, in its own words."""
    listed = answer.get("detail")
    found = listed[0] if isinstance(listed, list) and listed else {"msg": listed}
    return f.text(found, "msg", limit=300) if isinstance(found, dict) else None
