"""Bird's newer webhooks in the words of MessageBird's SMS API.

Three more APIs of the vendor push to the same address: Conversations (``message``), Channels
(``payload``; newer conversations too, with their ``lastMessage``) and the Bird API (``data``).
Sources: developers.messagebird.com/api/conversations, docs.bird.com/api (channels, conversations,
notifications), bird.com/docs (webhooks, sms events) and its SDK.
"""

import re
from typing import Any

from delivrd.providers import fields as f

_WHY = re.compile(r"\breason: *(\w+)")
"""Channels fold the reason's word into a sentence: ``details: …; reason: opted_out; code: 103``."""

_PHONE = "phonenumber"


def plain(told: f.Fields) -> f.Fields:
    """The receipt's fields by the names of the SMS API, whichever API it comes from."""
    for name, view in (("message", _conversation), ("payload", _channel), ("data", _event)):
        if inner := f.inner(told, name):
            return view(told, inner)
    return told


def other(told: f.Fields) -> str | None:
    """The kind of what is no receipt: texts from handsets, and events of other things."""
    message, payload, data = (f.inner(told, name) for name in ("message", "payload", "data"))
    event = str(told.get("type") if data else told.get("event"))
    if event == "sms.received" or event.endswith(".inbound"):
        return "inbound"
    if payload.get("direction") == "incoming" or message.get("direction") == "received":
        return "inbound"
    if data:
        return None if "sms_id" in data else "other"
    if event.startswith("conversation."):
        return _other_talk(payload)
    if payload:
        return None if "status" in payload or event.endswith(".outbound") else "other"
    return "other" if str(told.get("type")).startswith("conversation.") else None


def _other_talk(payload: f.Fields) -> str | None:
    last = f.inner(payload, "lastMessage")
    if f.inner(last, "sender").get("type") == "contact":
        return "inbound"
    by_phone = all(one.get("identifierKey") in (None, _PHONE) for one in _reached(payload)[:1])
    return None if by_phone and "id" in last and "status" in last else "other"


def _conversation(told: f.Fields, message: f.Fields) -> dict[str, Any]:
    error = f.inner(message, "error")
    return {
        "id": message.get("id"),
        "status": message.get("status"),
        "recipient": message.get("to") or f.inner(told, "contact").get("msisdn"),
        "originator": message.get("from"),
        "statusDatetime": message.get("updatedDatetime") or message.get("createdDatetime"),
        "statusErrorCode": error.get("code"),
        "detail": error.get("description"),
    }


def _channel(told: f.Fields, payload: f.Fields) -> dict[str, Any]:
    if str(told.get("event")).startswith("conversation."):
        return _talk(payload)
    failure = f.inner(payload, "failure")
    source = f.inner(failure, "source")
    reason = f.text(payload, "reason")
    why = _WHY.search(reason or "")
    by_sms = str(source.get("name")).startswith("sms") and source.get("code")
    return {
        "id": payload.get("id"),
        "status": payload.get("status"),
        "recipient": _receiver(payload),
        "originator": f.inner(f.inner(payload, "sender"), "connector").get("identifierValue"),
        "statusDatetime": payload.get("lastStatusAt") or payload.get("updatedAt"),
        "statusErrorCode": by_sms or failure.get("code"),
        "statusReason": why[1].replace("_", " ") if why else None,
        "detail": reason or failure.get("description"),
        "reference": payload.get("reference"),
    }


def _talk(payload: f.Fields) -> dict[str, Any]:
    """The last message of a conversation; the status beside it is the conversation's own."""
    last, reached = f.inner(payload, "lastMessage"), _reached(payload)
    return {
        "id": last.get("id"),
        "status": last.get("status"),
        "recipient": reached[0].get("identifierValue") if reached else None,
        "statusDatetime": last.get("updatedAt") or payload.get("updatedAt"),
        "detail": last.get("reason") or f.inner(last, "failure").get("description"),
    }


def _reached(payload: f.Fields) -> list[f.Fields]:
    """To whom the last message went: its recipients, else the contacts in the conversation."""
    people = f.objects(payload.get("featuredParticipants"))
    contacts = [f.inner(person, "contact") for person in people if person.get("type") == "contact"]
    return f.objects(f.inner(payload, "lastMessage").get("recipients")) or contacts


def _receiver(payload: f.Fields) -> Any:
    contacts = f.inner(payload, "receiver").get("contacts")
    first = contacts[0] if isinstance(contacts, list) and contacts else None
    return first.get("identifierValue") if isinstance(first, dict) else None


def _event(told: f.Fields, data: f.Fields) -> dict[str, Any]:
    error, cost = f.inner(data, "error") or f.inner(data, "last_error"), f.inner(data, "cost")
    return {
        "id": data.get("sms_id"),
        "status": told.get("type"),
        "recipient": data.get("to"),
        "originator": data.get("from"),
        "statusDatetime": told.get("timestamp"),
        "statusErrorCode": error.get("code"),
        "detail": error.get("description"),
        "mccmnc": data.get("mcc_mnc"),
        "price": {"amount": cost.get("amount"), "currency": cost.get("currency_code")},
    }
