"""Vonage's SMS API.

https://developer.vonage.com/en/api/sms (send) and
https://developer.vonage.com/en/messaging/sms/guides/delivery-receipts (receipts).
"""

import hmac
import json
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from delivrd.simulator import accounts
from delivrd.simulator.accounts import plain
from delivrd.simulator.dialects.vonage_signing import sign
from delivrd.simulator.journal import Call, Part, Push, Submission
from delivrd.simulator.segments import is_gsm
from delivrd.simulator.signing import mark, signing_secret
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
    post,
    post_json,
    utc,
)
from delivrd.simulator.words import DELIVERED, EXPIRED, PENDING, REJECTED, UNDELIVERED

NAME = "vonage"
ROUTES = ("GET /sms/json", "POST /sms/json")
ID_PER_PART = True
REFUSES_PARTS = True
SHAPES = {"GET": 0.2, "POST": 0.3, "POST-JSON": 0.5}

WORDS = {
    "accepted": PENDING,
    "buffered": PENDING,
    "delivered": DELIVERED,
    "expired": EXPIRED,
    "failed": UNDELIVERED,
    "rejected": REJECTED,
    "unknown": PENDING,
}
CODES = dict.fromkeys(("6", "9", "10", "13", "14", "16", "50", "51", "52", "53", "54"), REJECTED)
"""Codes that turn ``failed`` into a rejection: filters, opt-outs, barred senders and content."""

REPORTED_AS = {
    "taken": ("accepted", "0"),
    "waiting": ("buffered", "0"),
    "delivered": ("delivered", "0"),
    "expired": ("expired", "1"),
    "absent": ("failed", "2"),
    "gone": ("failed", "3"),
    "unknown_number": ("failed", "1"),
    "ported": ("failed", "5"),
    "busy": ("failed", "7"),
    "network": ("failed", "8"),
    "unroutable": ("failed", "11"),
    "no_credit": ("failed", "15"),
    "general": ("failed", "99"),
    "spam": ("rejected", "6"),
    "spam_failed": ("failed", "6"),
    "opted_out": ("rejected", "9"),
    "content": ("rejected", "10"),
    "age": ("failed", "13"),
    "carrier_block": ("failed", "14"),
    "header_filter": ("rejected", "51"),
    "content_filter": ("rejected", "52"),
    "consent_filter": ("rejected", "53"),
    "nobody_knows": ("unknown", "99"),
}

ERRORS = {
    "1": "Throughput Rate Exceeded - please wait [ 1000 ] and retry",
    "2": "Missing {} parameter",
    "3": "Invalid value for {}",
    "4": "Bad Credentials",
    "5": "Internal Error",
    "9": "Quota Exceeded - rejected",
    "14": "Invalid Signature",
    "15": "Illegal Sender Address - rejected",
    "32": "Signature and API secret disallowed",
}
REFUSED, PART_REFUSED = "15", "9"
DEFERRED = {"throttled": "1", "outage": "5"}


@dataclass(kw_only=True)
class Account(accounts.Account):
    """Receipts are signed when there is a ``signature_secret``."""

    shape: str = "POST-JSON"
    api_key: str | None = None
    api_secret: str | None = None
    signature_secret: str | None = None
    signature_method: str = "sha256"

    @property
    def signs(self) -> bool:
        return bool(self.signature_secret)


def account(settings: Any, webhook: str) -> Account:
    return Account(
        webhook=webhook,
        shape="mixed",
        api_key=settings.api_key,
        api_secret=plain(settings.api_secret),
        signature_secret=plain(settings.signature_secret),
        signature_method=settings.signature_method,
    )


def new_id(digest: bytes) -> str:
    return digest[:8].hex().upper()


def read(call: Inbound, account: Account, complain: Complain) -> list[Send]:
    """The text to send, to one number."""
    try:
        params = {name: _text(value) for name, value in call.params().items()}
    except ValueError:
        raise _refusal("3", "body") from None
    _check_credentials(params, account)
    for name in ("from", "to", "text"):
        if not params.get(name):
            raise _refusal("2", name)
    if params.get("type", "text") != "unicode" and not is_gsm(params["text"]):
        complain("vonage: a text outside GSM 7-bit was sent without type=unicode and is garbled")
    return [
        Send(
            to=digits(params["to"], complain, NAME),
            sender=params["from"],
            text=params["text"],
            reference=params.get("client-ref") or None,
            callback=params.get("callback") or None,
            validity=_validity(params.get("ttl")),
        )
    ]


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _validity(ttl: str | None) -> float | None:
    if not ttl:
        return None
    if not ttl.isdigit() or not 20_000 <= int(ttl) <= 604_800_000:
        raise _refusal("3", "ttl")
    return int(ttl) / 1000


def _check_credentials(params: dict[str, str], account: Account) -> None:
    if not params.get("api_key"):
        raise _refusal("2", "api_key")
    if account.api_key and params["api_key"] != account.api_key:
        raise _refusal("4")
    if "sig" in params and "api_secret" in params:
        raise _refusal("32")
    if "sig" in params:
        _check_signature(params, account)
    elif "api_secret" not in params:
        raise _refusal("2", "api_secret")
    elif account.api_secret and params["api_secret"] != account.api_secret:
        raise _refusal("4")


def _check_signature(params: dict[str, str], account: Account) -> None:
    if not account.signature_secret:
        raise _refusal("14")
    right = sign(params, account.signature_secret, account.signature_method)
    if not params.get("timestamp") or not hmac.compare_digest(
        right.lower().encode(), params["sig"].lower().encode()
    ):
        raise _refusal("14")


def _refusal(status: str, name: str = "") -> Refusal:
    return Refusal(_answer([{"status": status, "error-text": ERRORS[status].format(name)}]))


def _answer(messages: list[dict[str, str]]) -> Answer:
    return json_answer({"message-count": str(len(messages)), "messages": messages})


def answer(submissions: list[Submission]) -> Answer:
    """One element for each part, each with its own id and status; 200 in every case."""
    submission = submissions[0]
    if submission.outcome != "accepted":
        return _refusal(DEFERRED.get(submission.why, REFUSED)).answer
    return _answer([_element(submission, part) for part in submission.parts])


def _element(submission: Submission, part: Part) -> dict[str, str]:
    if part.refused:
        return {
            "to": submission.to, "status": PART_REFUSED, "error-text": ERRORS[PART_REFUSED]
        }  # fmt: skip
    element = {
        "to": submission.to,
        "message-id": part.id or "",
        "status": "0",
        "remaining-balance": "16.24389700",
        "message-price": submission.price,
        "network": submission.network,
    }
    if submission.reference:
        element["client-ref"] = submission.reference
    return element


def receipt(push: Push, account: Account, now: float) -> Call:
    """One receipt in the account's method; ``msisdn`` is the recipient, ``to`` the sender."""
    params = _fields(push, account, now)
    if secret := signing_secret(push, account.signature_secret):
        params |= {"timestamp": str(int(now)), "nonce": mark(push).hex()}
        params["sig"] = sign(params, secret, account.signature_method)
    url, shape = address(push, account), push.submission.shape
    if shape == "GET":
        return get(url, params)
    if shape == "POST":
        return post(url, "application/x-www-form-urlencoded; charset=UTF-8", urlencode(params))
    return post_json(url, params)


def _fields(push: Push, account: Account, now: float) -> dict[str, str]:
    submission = push.submission
    carrier_clock = utc(now) + timedelta(hours=submission.hours)
    fields = {
        "msisdn": submission.to,
        "to": submission.sender,
        "network-code": submission.network,
        "messageId": push.part.id or "",
        "price": submission.price,
        "status": push.word,
        "scts": carrier_clock.strftime("%y%m%d%H%M"),
        "err-code": push.code,
        "api-key": account.api_key or "",
        "message-timestamp": utc(now).strftime("%Y-%m-%d %H:%M:%S"),
        "client-ref": submission.reference or "",
    }
    return {name: value for name, value in fields.items() if value}
