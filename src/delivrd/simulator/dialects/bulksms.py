"""BulkSMS' JSON API.

https://www.bulksms.com/developer/json/v1/ (send, the resource of a message) and
https://www.bulksms.com/developer/webhooks/ (receipts, whose status has another structure). Both
forms of a message are pushed, since the vendor's pages disagree.
"""

import json
from dataclasses import dataclass
from typing import Any

from delivrd.simulator import accounts
from delivrd.simulator.accounts import plain
from delivrd.simulator.journal import Call, Push, Submission
from delivrd.simulator.segments import count, is_gsm
from delivrd.simulator.signing import mark
from delivrd.simulator.wire import (
    Answer,
    Complain,
    Inbound,
    Refusal,
    Send,
    address,
    post_json,
    utc,
)
from delivrd.simulator.words import DELIVERED, EXPIRED, FAILURES, PENDING, REJECTED, UNDELIVERED

NAME = "bulksms"
ROUTES = ("POST /v1/messages",)
SHAPES = {"webhook": 0.7, "resource": 0.3}
PROBLEM = "application/problem+json"
DEFAULT_MAX_PARTS = 3
MAX_REFERENCE = 20

WORDS = {
    "ACCEPTED": PENDING,
    "SCHEDULED": PENDING,
    "SENT": PENDING,
    "DELIVERED": DELIVERED,
    "FAILED": UNDELIVERED,
    "FAILED.EXPIRED": EXPIRED,
    "FAILED.HANDSET_ERROR": UNDELIVERED,
    "FAILED.BLOCKED": REJECTED,
    "FAILED.NOT_SENT": REJECTED,
    "UNKNOWN": PENDING,
}
"""The ids of statuses, made of type and subtype; the webhook's form has no subtypes."""

REPORTED_AS = {
    "taken": ("SENT", ""),
    "delivered": ("DELIVERED", ""),
    "expired": ("FAILED.EXPIRED", ""),
    "undelivered": ("FAILED.HANDSET_ERROR", ""),
    "unroutable": ("FAILED.NOT_SENT", ""),
    "rejected": ("FAILED.BLOCKED", ""),
    "unknown": ("UNKNOWN", ""),
}
REPORTED_AS_BY_SHAPE = {
    "webhook": dict.fromkeys(("expired", "undelivered", "unroutable", "rejected"), ("FAILED", ""))
}

TITLES = {
    400: ("bad-request", "Bad Request"),
    401: ("authentication-failed", "Authentication Failed"),
    403: ("insufficient-credits", "Insufficient Credits"),
    429: ("too-many-requests", "Too Many Requests"),
    503: ("service-unavailable", "Service Unavailable"),
}
DEFERRED = {"throttled": 429, "outage": 503}


@dataclass(kw_only=True)
class Account(accounts.Account):
    token_id: str | None = None
    token_secret: str | None = None


def account(settings: Any, webhook: str) -> Account:
    return Account(
        webhook=webhook, token_id=settings.token_id, token_secret=plain(settings.token_secret)
    )


def new_id(digest: bytes) -> str:
    return f"1-{int.from_bytes(digest[:8]):020}"


def read(call: Inbound, account: Account, complain: Complain) -> list[Send]:
    """The texts to send: of one message or of a list, each to one number or to several."""
    user, password = call.basic()
    for given, right in ((user, account.token_id), (password, account.token_secret)):
        if not given or (right and given != right):
            raise _refusal(401)
    try:
        body = json.loads(call.body)
    except ValueError:
        raise _refusal(400) from None
    messages = body if isinstance(body, list) else [body]
    return [send for message in messages for send in _sends(message, complain)]


def _sends(message: Any, complain: Complain) -> list[Send]:
    if not isinstance(message, dict) or not message.get("to") or not message.get("body"):
        raise _refusal(400)
    text, reference = str(message["body"]), message.get("userSuppliedId") or None
    if len(reference or "") > MAX_REFERENCE:
        raise _refusal(400)
    if message.get("deliveryReports", "ALL") != "ALL":
        complain("bulksms: not every report was asked for (deliveryReports)")
    if message.get("encoding", "TEXT") == "TEXT" and not is_gsm(text):
        complain("bulksms: a text outside GSM 7-bit was sent as TEXT and is garbled")
    if count(text) > message.get("longMessageMaxParts", DEFAULT_MAX_PARTS):
        complain("bulksms: a text has more parts than longMessageMaxParts and is cut")
    to = message["to"] if isinstance(message["to"], list) else [message["to"]]
    sender = _number(message.get("from") or "")
    return [Send(_number(each).lstrip("+"), sender, text, reference) for each in to]


def _number(value: Any) -> str:
    return str(value.get("address") if isinstance(value, dict) else value)


def _refusal(status: int) -> Refusal:
    name, title = TITLES[status]
    problem = {
        "type": f"https://developer.bulksms.com/json/v1/errors#{name}",
        "title": title,
        "status": status,
        "detail": title,
    }
    return Refusal(Answer(status, json.dumps(problem).encode(), PROBLEM))


def answer(submissions: list[Submission]) -> Answer:
    """A resource for each message; a problem if none was accepted."""
    for submission in submissions:
        if submission.outcome != "accepted":
            return _refusal(DEFERRED.get(submission.why, 403)).answer
    resources = [
        _resource(submission, submission.parts[0].id, "ACCEPTED") for submission in submissions
    ]
    return Answer(201, json.dumps(resources).encode())


def _resource(submission: Submission, id: str | None, word: str) -> dict[str, Any]:
    """A message with plain numbers and a status of type and subtype."""
    kind, _, subtype = word.partition(".")
    return {
        "id": id,
        "type": "SENT",
        "from": submission.sender,
        "to": submission.to,
        "body": submission.text,
        "encoding": "TEXT" if is_gsm(submission.text) else "UNICODE",
        "protocolId": 0,
        "messageClass": 0,
        "numberOfParts": count(submission.text),
        "creditCost": float(count(submission.text)),
        "submission": _submitted(submission),
        "status": {"id": word, "type": kind, "subtype": subtype or None},
        "relatedSentMessageId": None,
        "userSuppliedId": submission.reference,
    }


def _submitted(submission: Submission) -> dict[str, str]:
    return {
        "id": f"2-{int(submission.taken_at * 1000):020}",
        "date": _time(submission.taken_at),
        "interface": "https://api.bulksms.com/v1/messages",
    }


def _time(seconds: float) -> str:
    return utc(seconds).strftime("%Y-%m-%dT%H:%M:%SZ")


def receipt(push: Push, account: Account, now: float) -> Call:
    """A list of one report, with the vendor's headers."""
    headers = {
        "X-BulkSMS-Event": "status-report",
        "X-BulkSMS-Delivery": mark(push).hex(),
        "X-BulkSMS-Delivery-Attempt": "1",
        "X-BulkSMS-Webhook-Id": "1",
    }
    report = _resource(push.submission, push.part.id, push.word)
    if push.submission.shape == "webhook":
        report |= _as_webhook(push, now)
    return post_json(address(push, account), [report], headers)


def _as_webhook(push: Push, now: float) -> dict[str, Any]:
    submission = push.submission
    kind = "INTERNATIONAL" if submission.sender.lstrip("+").isdigit() else "ALPHANUMERIC"
    return {
        "from": {"type": kind, "address": submission.sender},
        "to": {"type": "INTERNATIONAL", "address": f"+{submission.to}"},
        "body": {"value": submission.text, "encoding": {"type": "TEXT"}},
        "protocolId": {"name": "IMPLICIT", "value": 0},
        "messageClass": {"name": "CLASS_2", "value": 2},
        "status": {
            "condition": push.word,
            "date": _time(now),
            "cause": "The network gave up" if push.meaning in FAILURES else "",
            "final": push.meaning.final,
        },
    }
