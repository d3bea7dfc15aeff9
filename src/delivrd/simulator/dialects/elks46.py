"""46elks' SMS API: forms, with plain text for errors.

https://46elks.com/docs/send-sms and https://46elks.com/docs/sms-delivery-reports (three fields, no
code; 200 to 204 acknowledges a receipt).
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from delivrd.simulator import accounts, segments
from delivrd.simulator.accounts import plain
from delivrd.simulator.journal import Call, Push, Submission
from delivrd.simulator.wire import (
    Answer,
    Complain,
    Inbound,
    Refusal,
    Send,
    address,
    e164,
    json_answer,
    post,
    utc,
)
from delivrd.simulator.words import DELIVERED, PENDING, UNDELIVERED

NAME = "46elks"
ROUTES = ("POST /a1/sms", "POST /a1/SMS")

WORDS = {"sent": PENDING, "delivered": DELIVERED, "failed": UNDELIVERED}
REPORTED_AS = {
    "taken": ("sent", ""),
    "delivered": ("delivered", ""),
    "expired": ("failed", ""),
    "undelivered": ("failed", ""),
    "rejected": ("failed", ""),
    "unknown": ("sent", ""),
}

ERRORS = {
    400: "Missing or invalid parameter: {}",
    401: "API access requires Basic HTTP authentication",
    403: "Not enough credits",
    429: "Too many requests",
}
"""The vendor publishes only the HTTP codes."""


@dataclass(kw_only=True)
class Account(accounts.Account):
    username: str | None = None
    password: str | None = None


def account(settings: Any, webhook: str) -> Account:
    return Account(webhook=webhook, username=settings.username, password=plain(settings.password))


def new_id(digest: bytes) -> str:
    return "s" + digest[:16].hex()


def acknowledged(status: int, body: bytes) -> bool:
    return 200 <= status <= 204


def read(call: Inbound, account: Account, complain: Complain) -> list[Send]:
    """The text to send, to one number."""
    given = call.basic()
    if not all(given) or (account.password and given != (account.username, account.password)):
        raise _refusal(401)
    params = call.form()
    for name in ("from", "to", "message"):
        if not params.get(name):
            raise _refusal(400, name)
    if not params["to"].startswith("+"):
        raise _refusal(400, "to")
    return [
        Send(
            to=e164(params["to"], complain, NAME),
            sender=params["from"],
            text=params["message"],
            callback=params.get("whendelivered") or None,
        )
    ]


def _refusal(status: int, name: str = "") -> Refusal:
    return Refusal(Answer(status, ERRORS[status].format(name).encode(), "text/plain"))


def answer(submissions: list[Submission]) -> Answer:
    """The message's resource; its cost is in ten-thousandths of the account's currency."""
    [submission] = submissions
    if submission.outcome == "later":
        return _refusal(429).answer
    if submission.outcome == "refused":
        return _refusal(403).answer
    parts = segments.count(submission.text)
    return json_answer(
        {
            "id": submission.parts[0].id,
            "status": "created",
            "direction": "outgoing",
            "from": submission.sender,
            "to": f"+{submission.to}",
            "message": submission.text,
            "created": _iso(utc(submission.taken_at)),
            "parts": parts,
            "cost": round(float(submission.price) * 10_000) * parts,
        }
    )


def _iso(time: datetime) -> str:
    """UTC, without an offset."""
    return time.replace(tzinfo=None).isoformat(timespec="microseconds")


def receipt(push: Push, account: Account, now: float) -> Call:
    fields = {"id": push.part.id or "", "status": push.word}
    if push.meaning is DELIVERED:
        fields["delivered"] = _iso(utc(now))
    content_type = "application/x-www-form-urlencoded"
    return post(address(push, account), content_type, urlencode(fields))
