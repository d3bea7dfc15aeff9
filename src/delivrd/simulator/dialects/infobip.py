"""Infobip's SMS API (v3).

https://www.infobip.com/docs/api/channels/sms/outbound-sms/send-sms-messages (send),
https://www.infobip.com/docs/api/channels/sms/logs-and-status-reports (receipts, whose older form
has a few other names) and
https://www.infobip.com/docs/essentials/response-status-and-error-codes (statuses and errors).
"""

from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from delivrd.simulator import accounts
from delivrd.simulator.accounts import plain
from delivrd.simulator.journal import Call, Push, Submission
from delivrd.simulator.segments import count
from delivrd.simulator.wire import (
    Answer,
    Complain,
    Inbound,
    Refusal,
    Send,
    address,
    digits,
    json_answer,
    post_json,
    utc,
    uuid_of,
)
from delivrd.simulator.words import DELIVERED, EXPIRED, PENDING, REJECTED, UNDELIVERED, Meaning

NAME = "infobip"
ROUTES = ("POST /sms/3/messages",)
SHAPES = {"v3": 0.7, "v2": 0.3}
UNITS = {"SECONDS": 1, "MINUTES": 60, "HOURS": 3600, "DAYS": 86400}

GROUPS: dict[str, tuple[int, Meaning]] = {
    "PENDING": (1, PENDING),
    "UNDELIVERABLE": (2, UNDELIVERED),
    "DELIVERED": (3, DELIVERED),
    "EXPIRED": (4, EXPIRED),
    "REJECTED": (5, REJECTED),
}
STATUSES = {
    "PENDING_WAITING_DELIVERY": (3, "PENDING"),
    "PENDING_ENROUTE": (7, "PENDING"),
    "PENDING_ACCEPTED": (26, "PENDING"),
    "UNDELIVERABLE_REJECTED_OPERATOR": (4, "UNDELIVERABLE"),
    "UNDELIVERABLE_NOT_DELIVERED": (9, "UNDELIVERABLE"),
    "DELIVERED_TO_OPERATOR": (2, "DELIVERED"),
    "DELIVERED_TO_HANDSET": (5, "DELIVERED"),
    "EXPIRED_EXPIRED": (15, "EXPIRED"),
    "REJECTED_NETWORK": (6, "REJECTED"),
    "REJECTED_DND": (10, "REJECTED"),
    "REJECTED_NOT_ENOUGH_CREDITS": (12, "REJECTED"),
    "REJECTED_DESTINATION_BLOCKLISTED": (14, "REJECTED"),
    "REJECTED_FLOODING_FILTER": (20, "REJECTED"),
}
"""Name -> (id, group)."""
WORDS = {name: GROUPS[group][1] for name, (_, group) in STATUSES.items()} | {
    "DELIVERED_TO_OPERATOR": PENDING,
    "UNDELIVERABLE_REJECTED_OPERATOR": REJECTED,
}

ERRORS = {
    "0": (0, "OK", "NO_ERROR", False),
    "1": (1, "HANDSET_ERRORS", "EC_UNKNOWN_SUBSCRIBER", True),
    "5": (1, "HANDSET_ERRORS", "EC_UNIDENTIFIED_SUBSCRIBER", False),
    "27": (1, "HANDSET_ERRORS", "EC_ABSENT_SUBSCRIBER", False),
    "31": (1, "HANDSET_ERRORS", "EC_SUBSCRIBER_BUSY_FOR_MT_SMS", False),
    "32": (1, "HANDSET_ERRORS", "EC_SM_DELIVERY_FAILURE", False),
    "34": (1, "HANDSET_ERRORS", "EC_SYSTEM_FAILURE", False),
    "573": (1, "HANDSET_ERRORS", "EC_SC_BLOCKED_BY_END_USER", True),
    "603": (2, "USER_ERRORS", "EC_CONTENT_BLOCKED", True),
    "607": (2, "USER_ERRORS", "EC_REJECTED_SPAM_BY_OPERATOR", True),
    "4098": (3, "OPERATOR_ERRORS", "EC_VP_EXPIRED", False),
    "4140": (2, "USER_ERRORS", "EC_CONSENT_FAILED", True),
}
"""Id -> (id of the group, group, name, whether it is permanent)."""
CODES = {**dict.fromkeys(("603", "607", "4140"), REJECTED), "4098": EXPIRED}

REPORTED_AS = {
    "taken": ("PENDING_ENROUTE", "0"),
    "waiting": ("PENDING_WAITING_DELIVERY", "27"),
    "delivered": ("DELIVERED_TO_HANDSET", "0"),
    "expired": ("EXPIRED_EXPIRED", "4098"),
    "absent": ("UNDELIVERABLE_NOT_DELIVERED", "27"),
    "gone": ("UNDELIVERABLE_NOT_DELIVERED", "5"),
    "unknown_number": ("UNDELIVERABLE_NOT_DELIVERED", "1"),
    "busy": ("UNDELIVERABLE_NOT_DELIVERED", "31"),
    "network": ("UNDELIVERABLE_NOT_DELIVERED", "34"),
    "undelivered": ("UNDELIVERABLE_NOT_DELIVERED", "32"),
    "spam": ("REJECTED_FLOODING_FILTER", "0"),
    "spam_failed": ("UNDELIVERABLE_NOT_DELIVERED", "607"),
    "opted_out": ("REJECTED_DESTINATION_BLOCKLISTED", "573"),
    "content": ("UNDELIVERABLE_REJECTED_OPERATOR", "603"),
    "content_filter": ("UNDELIVERABLE_NOT_DELIVERED", "603"),
    "consent_filter": ("REJECTED_DND", "4140"),
    "rejected": ("REJECTED_NETWORK", "0"),
    "unknown": ("DELIVERED_TO_OPERATOR", "0"),
}

TAKEN, REFUSED = "PENDING_ACCEPTED", "REJECTED_NOT_ENOUGH_CREDITS"
DESCRIPTIONS = {
    400: "The request contains invalid data.",
    401: "The request lacks valid authentication credentials.",
    429: "Too many requests.",
    503: "The service is unavailable.",
}
DEFERRED = {"throttled": 429, "outage": 503}


@dataclass(kw_only=True)
class Account(accounts.Account):
    api_key: str | None = None


def account(settings: Any, webhook: str) -> Account:
    return Account(webhook=webhook, api_key=plain(settings.api_key))


def read(call: Inbound, account: Account, complain: Complain) -> list[Send]:
    """The texts to send, one for each destination of each message."""
    scheme, _, key = call.headers.get("authorization", "").partition(" ")
    if scheme != "App" or not key or (account.api_key and key != account.api_key):
        raise _refusal(401)
    try:
        messages = call.params().get("messages")
    except ValueError:
        raise _refusal(400) from None
    if not isinstance(messages, list) or not messages:
        raise _refusal(400)
    return [send for message in messages for send in _sends(message, complain)]


def _sends(message: dict[str, Any], complain: Complain) -> list[Send]:
    """One text for each destination, with the sender's own id and ``callbackData`` if given."""
    text, to = (message.get("content") or {}).get("text"), message.get("destinations")
    if not text or not to:
        raise _refusal(400)
    hooks = message.get("webhooks") or {}
    return [
        Send(
            to=digits(each["to"], complain, NAME),
            sender=str(message.get("sender") or ""),
            text=str(text),
            reference=hooks.get("callbackData") or None,
            callback=(hooks.get("delivery") or {}).get("url") or None,
            validity=_seconds((message.get("options") or {}).get("validityPeriod")),
            id=each.get("messageId") or None,
        )
        for each in to
    ]


def _seconds(period: dict[str, Any] | None) -> float | None:
    if not period:
        return None
    unit = UNITS.get(str(period.get("timeUnit", "MINUTES")))
    if unit is None or not isinstance(period.get("amount"), int):
        raise _refusal(400)
    return float(period["amount"] * unit)


def _refusal(status: int) -> Refusal:
    body = {
        "errorCode": f"E{status}",
        "description": DESCRIPTIONS[status],
        "action": "Check the request and try again.",
        "violations": [],
        "resources": [],
    }
    return Refusal(json_answer(body, status))


def answer(submissions: list[Submission]) -> Answer:
    """An element for each destination; 200 even if some are rejected."""
    for submission in submissions:
        if submission.outcome == "later":
            return _refusal(DEFERRED[submission.why]).answer
    elements = [_element(submission) for submission in submissions]
    return json_answer({"bulkId": "simulated-bulk", "messages": elements})


def _element(submission: Submission) -> dict[str, Any]:
    accepted = submission.outcome == "accepted"
    return {
        "messageId": submission.parts[0].id if accepted else _refused_id(submission),
        "status": _status(TAKEN if accepted else REFUSED),
        "destination": submission.to,
        "details": {"messageCount": count(submission.text)},
    }


def _refused_id(submission: Submission) -> str:
    """An id for a refused text; no receipt ever names it."""
    return uuid_of(blake2b(f"{submission.to}/{submission.taken_at}".encode()).digest())


def _status(name: str) -> dict[str, Any]:
    status_id, group = STATUSES[name]
    return {
        "groupId": GROUPS[group][0],
        "groupName": group,
        "id": status_id,
        "name": name,
        "description": name.replace("_", " ").capitalize(),
    }


def _error(code: str) -> dict[str, Any]:
    group_id, group, name, permanent = ERRORS[code]
    return {
        "groupId": group_id,
        "groupName": group,
        "id": int(code),
        "name": name,
        "description": name.removeprefix("EC_").replace("_", " ").capitalize(),
        "permanent": permanent,
    }


def receipt(push: Push, account: Account, now: float) -> Call:
    """A list of one report, with the field names of either version."""
    submission = push.submission
    older = submission.shape == "v2"
    report = {
        "bulkId": "simulated-bulk",
        "messageId": push.part.id,
        "to": submission.to,
        "from" if older else "sender": submission.sender,
        "sentAt": _time(submission.taken_at),
        "doneAt": _time(now),
        "smsCount" if older else "messageCount": count(submission.text),
        "mccMnc": submission.network,
        "price": {"pricePerMessage": float(submission.price), "currency": "EUR"},
        "status": _status(push.word),
        "error": _error(push.code),
    }
    if submission.reference:
        report["callbackData"] = submission.reference
    return post_json(address(push, account), {"results": [report]})


def _time(seconds: float) -> str:
    """ISO 8601 with milliseconds and an offset without a colon."""
    stamp = utc(seconds)
    return f"{stamp:%Y-%m-%dT%H:%M:%S}.{stamp.microsecond // 1000:03}+0000"
