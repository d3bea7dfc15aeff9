"""GatewayAPI's REST API: one id for all recipients of a send, and its notifications.

Sources: gatewayapi.com/docs/apis/rest; onlinecity/gatewayapi-docs.
"""

from typing import Any

from delivrd.providers import fields as f
from delivrd.providers import handover
from delivrd.providers.base import (
    AccountSettings,
    Http,
    HttpAnswer,
    Later,
    Outgoing,
    Refused,
    Request,
    Unreadable,
    Unsure,
)

API = "https://gatewayapi.com"

FIELDS = {
    "id": "The id of the send; all its recipients share it.",
    "msisdn": "The recipient's number.",
    "status": "The status word.",
    "time": "When it happened (seconds since 1970).",
    "error": "What went wrong, in the vendor's words.",
    "code": "The error code, in hex.",
    "userref": "The reference that was sent along.",
    "charge_status, country_code, country_prefix": "Not used.",
}


def told(whole: f.Fields) -> dict[str, Any]:
    """What one notification says, by the names of a receipt."""
    return {
        "provider_message_id": f.message_id(whole, "id"),
        "provider_status": f.text(whole, "status", limit=64),
        "error_code": f.text(whole, "code", limit=64),
        "detail": f.text(whole, "error"),
        "to": f.number(whole, "msisdn"),
        "occurred_at": f.text(whole, "time"),
        "reference": f.text(whole, "userref"),
    }


def other(whole: f.Fields) -> str | None:
    """An inbound text comes with id and msisdn too, but with a text and no status."""
    inbound = "status" not in whole and ("receiver" in whole or "message" in whole)
    return "inbound" if inbound else None


async def hand_over(
    message: Outgoing, settings: AccountSettings, token: str, http: Http
) -> HttpAnswer | Refused | Later | Unsure:
    """``POST /rest/mtsms``; the receipts' address may be named."""
    content: dict[str, Any] = {
        "sender": message.sender.removeprefix("+"),
        "message": message.text,
        "recipients": [{"msisdn": int(message.to.removeprefix("+"))}],
        "userref": message.reference,
        "encoding": "UCS2" if message.unicode else "UTF8",
    }
    if message.validity is not None:
        content["validity_period"] = message.validity
    if message.callback_url:
        content["callback_url"] = message.callback_url
    url = handover.address(settings, API, "/rest/mtsms")
    return await handover.call(http, settings, "POST", url, auth=(token, ""), json=content)


def recipients(answer: HttpAnswer, message_id: str) -> list[f.Fields]:
    """The recipients of this message; the answer is an array of messages, or one."""
    try:
        told = f.of(Request("POST", body=answer.body))
    except Unreadable:
        return []
    found: list[f.Fields] = []
    for message in told if isinstance(told, list) else [told]:
        if isinstance(message, dict) and f.text(message, "id") == message_id:
            found += f.objects(message.get("recipients"))
    return found


def looked_up(recipient: f.Fields, message_id: str) -> dict[str, Any]:
    """What the answer to a look-up says of one recipient, by the names of a receipt."""
    return {
        "provider_message_id": message_id,
        "provider_status": f.text(recipient, "dsnstatus", limit=64),
        "error_code": f.text(recipient, "dsnerrorcode", limit=64),
        "detail": f.text(recipient, "dsnerror"),
        "to": f.number(recipient, "msisdn"),
        "occurred_at": f.text(recipient, "dsntime"),
    }
