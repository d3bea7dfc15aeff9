"""Clickatell's One API, and the receipts of all generations of its APIs.

https://docs.clickatell.com/channels/one-api/ (send, tables of statuses and of errors) and
https://www.clickatell.com/developers/api-documentation/rest-api-status-callback/ (the older
platform, whose codes mean something else). It is not documented which integration pushes which
form, so an account pushes all.
"""

from dataclasses import dataclass
from typing import Any

from delivrd.simulator import accounts
from delivrd.simulator.accounts import plain
from delivrd.simulator.journal import Call, Push, Submission
from delivrd.simulator.wire import (
    Answer,
    Complain,
    Inbound,
    Refusal,
    Send,
    address,
    digits,
    get,
    json_answer,
    post_json,
)
from delivrd.simulator.words import DELIVERED, EXPIRED, PENDING, REJECTED, UNDELIVERED

NAME = "clickatell"
ROUTES = ("POST /v1/message",)
SHAPES = {"one": 0.6, "platform": 0.25, "classic": 0.15}
MAX_MESSAGES = 100

CLASSIC = {
    "001": PENDING,
    "002": PENDING,
    "003": PENDING,
    "004": DELIVERED,
    "005": UNDELIVERED,
    "006": REJECTED,
    "007": UNDELIVERED,
    "008": PENDING,
    "009": UNDELIVERED,
    "010": EXPIRED,
    "011": PENDING,
    "012": REJECTED,
    "014": REJECTED,
}
WORDS = {
    "UNKNOWN": PENDING,
    "QUEUED": PENDING,
    "SCHEDULED": PENDING,
    "SENT_TO_SUPPLIER": PENDING,
    "DEVICE_ACK": DELIVERED,
    "READ": DELIVERED,
    "EXPIRED": EXPIRED,
    "STOPPED_BY_USER": REJECTED,
    "STOPPED_BY_ADMIN": REJECTED,
    "DELIVERY_FAILURE": UNDELIVERED,
    "VOLUME_LIMIT": REJECTED,
    "RECIPIENT_DOES_NOT_EXIST": UNDELIVERED,
    "ROUTING_ERROR": UNDELIVERED,
    **CLASSIC,
    **{code.lstrip("0"): meaning for code, meaning in CLASSIC.items()},
}

REPORTED_AS = {
    "taken": ("SENT_TO_SUPPLIER", "4"),
    "waiting": ("QUEUED", "2"),
    "delivered": ("DEVICE_ACK", "5"),
    "expired": ("EXPIRED", "20"),
    "undelivered": ("DELIVERY_FAILURE", "23"),
    "unknown_number": ("RECIPIENT_DOES_NOT_EXIST", "29"),
    "unroutable": ("ROUTING_ERROR", "100"),
    "rejected": ("STOPPED_BY_ADMIN", "22"),
    "opted_out": ("STOPPED_BY_USER", "21"),
    "spam": ("VOLUME_LIMIT", "26"),
    "unknown": ("UNKNOWN", "1"),
}
CLASSIC_REPORTED_AS = {
    "taken": "003",
    "waiting": "011",
    "delivered": "004",
    "expired": "010",
    "undelivered": "007",
    "unroutable": "009",
    "content": "005",
    "rejected": "006",
    "spam": "014",
    "unknown": "001",
}
REPORTED_AS_BY_SHAPE = {
    "platform": {cause: (code.lstrip("0"), "") for cause, code in CLASSIC_REPORTED_AS.items()},
    "classic": {cause: (code, "") for cause, code in CLASSIC_REPORTED_AS.items()},
}

ERRORS = {
    1: "Invalid or missing Integration API key.",
    18: "Internal error - do not retry.",
    19: "Internal error - please retry.",
    21: "The payload data is malformed.",
    22: "The maximum number of messages for this payload was exceeded.",
    23: "Invalid or missing parameter.",
    25: "Invalid recipient address.",
    26: "The recipient has opted out.",
    43: "Rate limit exceeded.",
}
REFUSED = 26
DEFERRED = {"throttled": (400, 43), "outage": (503, 19)}


@dataclass(kw_only=True)
class Account(accounts.Account):
    api_key: str | None = None


def account(settings: Any, webhook: str) -> Account:
    return Account(webhook=webhook, api_key=plain(settings.api_key))


def new_id(digest: bytes) -> str:
    return digest[:16].hex()


def read(call: Inbound, account: Account, complain: Complain) -> list[Send]:
    """The texts to send, one for each message of the list."""
    key = call.headers.get("authorization")
    if not key or (account.api_key and key != account.api_key):
        raise _refusal(401, 1)
    try:
        messages = call.params().get("messages")
    except ValueError:
        raise _refusal(400, 21) from None
    if not isinstance(messages, list) or not messages:
        raise _refusal(400, 21)
    if len(messages) > MAX_MESSAGES:
        raise _refusal(400, 22)
    return [_send(message, complain) for message in messages]


def _send(message: dict[str, Any], complain: Complain) -> Send:
    if message.get("channel") != "sms" or not message.get("to") or not message.get("content"):
        raise _refusal(400, 23)
    return Send(
        to=digits(message["to"], complain, NAME),
        sender=str(message.get("from") or ""),
        text=str(message["content"]),
        reference=message.get("clientMessageId") or None,
    )


def _refusal(status: int, code: int) -> Refusal:
    return Refusal(json_answer({"messages": [], "error": _error(code)}, status))


def _error(code: int) -> dict[str, Any]:
    return {"code": code, "description": ERRORS[code]}


def answer(submissions: list[Submission]) -> Answer:
    """An element for each message; 207 if one of several was refused, 400 if the only one was."""
    for submission in submissions:
        if submission.outcome == "later":
            return _refusal(*DEFERRED[submission.why]).answer
    elements = [_element(submission) for submission in submissions]
    refused = 207 if len(elements) > 1 else 400
    status = 202 if all(element["accepted"] for element in elements) else refused
    return json_answer({"messages": elements, "error": None}, status)


def _element(submission: Submission) -> dict[str, Any]:
    accepted = submission.outcome == "accepted"
    return {
        "apiMessageId": submission.parts[0].id if accepted else None,
        "accepted": accepted,
        "to": submission.to,
        "error": None if accepted else _error(REFUSED),
    }


def receipt(push: Push, account: Account, now: float) -> Call:
    """One API: JSON in an envelope; platform: flat JSON; classic: a query."""
    submission, url = push.submission, address(push, account)
    reference = submission.reference or ""
    if submission.shape == "classic":
        report = {
            "apiMsgId": push.part.id or "",
            "cliMsgId": reference,
            "to": submission.to,
            "from": submission.sender,
            "timestamp": str(int(now)),
            "charge": "0.8",
            "status": push.word,
        }
        return get(url, report)
    if submission.shape == "platform":
        return post_json(url, _platform(push, reference, now))
    update = {
        "channel": "sms",
        "messageId": push.part.id,
        "clientMessageId": reference,
        "timestamp": int(now * 1000),
        "statusCode": int(push.code),
        "status": push.word,
        "error": None,
    }
    event = {"messageStatusUpdate": [update]}
    return post_json(
        url, {"integrationId": "8a8dc7c8", "integrationName": "simulated", "event": event}
    )


def _platform(push: Push, reference: str, now: float) -> dict[str, Any]:
    return {
        "integrationName": "simulated",
        "messageId": push.part.id,
        "requestId": None,
        "clientMessageId": reference,
        "to": push.submission.to,
        "from": push.submission.sender,
        "statusCode": int(push.word),
        "timestamp": int(now * 1000),
    }
