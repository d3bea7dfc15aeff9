"""SMSPM's API, where a send contains the URL for its receipts.

https://app.smspm.com/docs (send, and receipts by GET); the vendor's articles show receipts by POST
with other names. All published shapes are pushed, since it is not documented which is in use.
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
    utc,
)
from delivrd.simulator.words import DELIVERED, EXPIRED, PENDING, REJECTED, UNDELIVERED

NAME = "smspm"
ROUTES = ("GET /", "POST /")
RETRIES = True
"""Documented for slow answers only, without a number; the rest is assumed."""
SHAPES = {"post-json": 0.5, "get": 0.35, "event": 0.15}
MAX_RECIPIENTS = 100

WORDS = {
    "queued": PENDING,
    "submitted": PENDING,
    "sent": PENDING,
    "pending": PENDING,
    "delivered": DELIVERED,
    "failed": UNDELIVERED,
    "undelivered": UNDELIVERED,
    "rejected": REJECTED,
    "expired": EXPIRED,
}

REPORTED_AS = {
    "taken": ("pending", ""),
    "delivered": ("delivered", ""),
    "expired": ("expired", ""),
    "undelivered": ("undelivered", ""),
    "rejected": ("rejected", ""),
    "unknown": ("pending", ""),
}
REPORTED_AS_BY_SHAPE = {
    "get": {
        "taken": ("submitted", ""),
        "waiting": ("sent", ""),
        "expired": ("failed", ""),
        "undelivered": ("failed", ""),
        "rejected": ("failed", ""),
        "unknown": ("sent", ""),
    },
    "event": {"taken": ("sent", "")},
}


@dataclass(kw_only=True)
class Account(accounts.Account):
    hash: str | None = None
    token: str | None = None


def account(settings: Any, webhook: str) -> Account:
    return Account(webhook=webhook, hash=plain(settings.hash), token=plain(settings.token))


def read(call: Inbound, account: Account, complain: Complain) -> list[Send]:
    """The texts to send, one for each number."""
    try:
        params = call.params()
    except ValueError:
        raise _refusal("Invalid JSON", 400) from None
    _check_credentials(params, account)
    for name in ("toNumber", "fromNumber", "text"):
        if not params.get(name):
            raise _refusal(f"Missing {name}", 400)
    numbers = params["toNumber"]
    numbers = numbers if isinstance(numbers, list) else [numbers]
    if len(numbers) > MAX_RECIPIENTS:
        raise _refusal("Too many recipients", 400)
    return [
        Send(
            to=digits(number, complain, NAME),
            sender=str(params["fromNumber"]),
            text=str(params["text"]),
            reference=params.get("smsId") or None,
            callback=params.get("report") or params.get("callbackUrl") or None,
        )
        for number in numbers
    ]


def _check_credentials(params: dict[str, Any], account: Account) -> None:
    if not params.get("hash") or not params.get("token"):
        raise _refusal("Missing hash or token", 401)
    for name, right in (("hash", account.hash), ("token", account.token)):
        if right and params[name] != right:
            raise _refusal("auth_failed", 401)


def _refusal(error: str, status: int) -> Refusal:
    return Refusal(json_answer({"error": error}, status))


def answer(submissions: list[Submission]) -> Answer:
    """An element for each recipient; that of a refused one has the error."""
    if any(submission.outcome == "later" for submission in submissions):
        return json_answer({"error": "rate_limit"}, 429)
    return json_answer({"messages": [_element(submission) for submission in submissions]})


def _element(submission: Submission) -> dict[str, str | None]:
    if submission.outcome == "refused":
        return {"toNumber": submission.to, "error": "Destination is not allowed"}
    return {
        "id": submission.parts[0].id,
        "toNumber": submission.to,
        "status": "Added to queue",
    }


def receipt(push: Push, account: Account, now: float) -> Call:
    url, message_id = address(push, account), push.part.id or ""
    to, time = push.submission.to, utc(now).strftime("%Y-%m-%dT%H:%M:%SZ")
    body: dict[str, str]
    match push.submission.shape:
        case "get":
            return get(url, {"id": message_id, "status": push.word, "toNumber": to})
        case "event":
            body = {
                "event": f"sms.{push.word}", "id": message_id, "to": f"+{to}", "status": push.word
            }  # fmt: skip
            if push.word == "delivered":
                body["deliveredAt"] = time
        case _:
            body = {
                "messageId": message_id, "status": push.word, "to": f"+{to}", "timestamp": time
            }  # fmt: skip
    return post_json(url, body)
