"""seven's SMS API.

https://docs.seven.io/en/rest-api/endpoints/sms (send),
https://docs.seven.io/en/rest-api/webhooks (receipts) and
https://docs.seven.io/en/rest-api/signing (signature). A call with a wrong key is
answered by a bare code.
"""

import hashlib
import hmac
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from delivrd.simulator import accounts
from delivrd.simulator.accounts import plain
from delivrd.simulator.journal import Call, Push, Submission
from delivrd.simulator.segments import count, is_gsm
from delivrd.simulator.signing import mark, signing_secret
from delivrd.simulator.wire import (
    Answer,
    Complain,
    Inbound,
    Refusal,
    Send,
    address,
    get,
    json_answer,
    post_json,
    utc,
)
from delivrd.simulator.words import DELIVERED, EXPIRED, PENDING, REJECTED, UNDELIVERED

NAME = "seven"
ROUTES = ("POST /api/sms",)
SHAPES = {"json": 0.7, "get": 0.3}
ZONE = ZoneInfo("Europe/Berlin")
MAX_TEXT = 1520

WORDS = {
    "ACCEPTED": PENDING,
    "TRANSMITTED": PENDING,
    "BUFFERED": PENDING,
    "DELIVERED": DELIVERED,
    "NOTDELIVERED": UNDELIVERED,
    "FAILED": UNDELIVERED,
    "EXPIRED": EXPIRED,
    "REJECTED": REJECTED,
    "UNKNOWN": PENDING,
}
REPORTED_AS = {
    "taken": ("TRANSMITTED", ""),
    "waiting": ("BUFFERED", ""),
    "delivered": ("DELIVERED", ""),
    "expired": ("EXPIRED", ""),
    "undelivered": ("NOTDELIVERED", ""),
    "network": ("FAILED", ""),
    "rejected": ("REJECTED", ""),
    "unknown": ("UNKNOWN", ""),
}

REFUSED = ("202", "The recipient number is invalid.")
DEFERRED = {"throttled": (429, "Too Many Requests"), "outage": (503, "Service Unavailable")}


@dataclass(kw_only=True)
class Account(accounts.Account):
    """Receipts are signed when there is a ``signing_key``."""

    api_key: str | None = None
    signing_key: str | None = None

    @property
    def signs(self) -> bool:
        return bool(self.signing_key)


def account(settings: Any, webhook: str) -> Account:
    return Account(
        webhook=webhook, api_key=plain(settings.api_key), signing_key=plain(settings.signing_key)
    )


def new_id(digest: bytes) -> str:
    return str(77_000_000_000 + int.from_bytes(digest[:7]))


def acknowledged(status: int, body: bytes) -> bool:
    return 200 <= status < 400


def read(call: Inbound, account: Account, complain: Complain) -> list[Send]:
    """The texts to send, one for each number of the list."""
    key = call.headers.get("x-api-key")
    if not key or (account.api_key and key != account.api_key):
        raise _refusal("900")
    try:
        params = call.params()
    except ValueError:
        raise _refusal("301") from None
    text = str(params.get("text") or "")
    if not params.get("to") or not text:
        raise _refusal("301" if text else "305")
    if len(text) > MAX_TEXT:
        raise _refusal("401")
    if "json" not in call.headers.get("accept", "") and str(params.get("json")) != "1":
        complain("seven: the answer is a bare code unless JSON is asked for")
    return [
        Send(
            to="".join(char for char in number if char.isdigit()),
            sender=str(params.get("from") or ""),
            text=text,
            reference=params.get("foreign_id") or None,
            validity=float(params["ttl"]) * 60 if params.get("ttl") else None,
        )
        for number in str(params["to"]).split(",")
    ]


def _refusal(code: str) -> Refusal:
    """The bare code, with HTTP 200."""
    return Refusal(Answer(200, code.encode(), "text/plain"))


def answer(submissions: list[Submission]) -> Answer:
    """An element for each recipient; ``success`` is 101 if one failed."""
    for submission in submissions:
        if submission.outcome == "later":
            status, words = DEFERRED[submission.why]
            return Answer(status, words.encode(), "text/plain")
    elements = [_element(submission) for submission in submissions]
    body = {
        "success": "100" if all(element["success"] for element in elements) else "101",
        "total_price": sum(element["price"] for element in elements),
        "balance": 593.994,
        "debug": "false",
        "sms_type": "direct",
        "messages": elements,
    }
    return json_answer(body)


def _element(submission: Submission) -> dict[str, Any]:
    accepted = submission.outcome == "accepted"
    error, words = (None, None) if accepted else REFUSED
    return {
        "id": submission.parts[0].id if accepted else None,
        "sender": submission.sender,
        "recipient": submission.to,
        "text": submission.text,
        "encoding": "gsm" if is_gsm(submission.text) else "ucs2",
        "label": None,
        "parts": count(submission.text),
        "udh": None,
        "is_binary": False,
        "price": 0.075 if accepted else 0.0,
        "success": accepted,
        "error": error,
        "error_text": words,
    }


def receipt(push: Push, account: Account, now: float) -> Call:
    """JSON in an envelope, or a GET; in German time, signed if there is a key."""
    url, here = address(push, account), utc(now).astimezone(ZONE)
    report = {
        "msg_id": push.part.id or "",
        "status": push.word,
        "timestamp": here.strftime("%Y-%m-%d %H:%M:%S.%f"),
    }
    if push.submission.reference:
        report["foreign_id"] = push.submission.reference
    if push.submission.shape == "get":
        call = get(url, report)
    else:
        stamp = here.isoformat(timespec="seconds")
        call = post_json(url, {"data": report, "webhook_event": "dlr", "webhook_timestamp": stamp})
    secret = signing_secret(push, account.signing_key)
    return _signed(call, secret, mark(push).hex(), str(int(now))) if secret else call


def _signed(call: Call, key: str, nonce: str, stamp: str) -> Call:
    """Adds the signature of time, nonce, method, the whole URL and the MD5 of the body."""
    body = hashlib.md5(call.body, usedforsecurity=False).hexdigest()
    text = "\n".join((stamp, nonce, call.method, call.url, body))
    signature = hmac.new(key.encode(), text.encode(), "sha256").hexdigest()
    added = (("X-Signature", signature), ("X-Timestamp", stamp), ("X-Nonce", nonce))
    return call._replace(headers=(*call.headers, *added))
