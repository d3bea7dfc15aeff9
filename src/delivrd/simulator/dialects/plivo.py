"""Plivo's Message API.

https://www.plivo.com/docs/messaging/api/messages (send, callbacks, codes) and
https://www.plivo.com/docs/messaging/concepts/signature-validation (signature V3).
"""

import base64
import hmac
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from delivrd.simulator import accounts
from delivrd.simulator.accounts import plain
from delivrd.simulator.journal import Call, Push, Submission
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
    post,
    utc,
    uuid_of,
)
from delivrd.simulator.words import DELIVERED, EXPIRED, PENDING, REJECTED, UNDELIVERED

NAME = "plivo"
ROUTES = ("POST /v1/Account/{account}/Message/",)
SHAPES = {"POST": 0.8, "GET": 0.2}
ID_PER_PART = True
FIRST_ID_ONLY = True

WORDS = {
    "queued": PENDING,
    "sent": PENDING,
    "delivered": DELIVERED,
    "undelivered": UNDELIVERED,
    "failed": UNDELIVERED,
    "rejected": REJECTED,
}
CODES = dict.fromkeys(("30", "40", "50", "100", "200", "450", "900"), REJECTED) | {"420": EXPIRED}

REPORTED_AS = {
    "taken": ("sent", ""),
    "waiting": ("queued", ""),
    "delivered": ("delivered", "000"),
    "expired": ("failed", "420"),
    "undelivered": ("undelivered", "1000"),
    "absent": ("undelivered", "80"),
    "gone": ("undelivered", "70"),
    "unknown_number": ("undelivered", "50"),
    "network": ("undelivered", "20"),
    "unroutable": ("failed", "90"),
    "no_credit": ("failed", "900"),
    "rejected": ("undelivered", "100"),
    "spam": ("undelivered", "30"),
    "opted_out": ("failed", "200"),
    "carrier_block": ("rejected", "100"),
    "header_filter": ("undelivered", "40"),
    "consent_filter": ("failed", "450"),
    "unknown": ("sent", ""),
}

MAX_RECIPIENTS = 1000
EXPIRY = range(5, 14_401)


@dataclass(kw_only=True)
class Account(accounts.Account):
    """Callbacks are signed when there is an ``auth_token``."""

    auth_id: str | None = None
    auth_token: str | None = None

    @property
    def signs(self) -> bool:
        return bool(self.auth_token)


def account(settings: Any, webhook: str) -> Account:
    return Account(webhook=webhook, auth_id=settings.auth_id, auth_token=plain(settings.auth_token))


def read(call: Inbound, account: Account, complain: Complain) -> list[Send]:
    """The texts to send, one for each number of the list."""
    _check_credentials(call, account)
    try:
        params = call.params()
    except ValueError:
        raise _refusal(400, "Invalid data format") from None
    sender = params.get("src") or params.get("powerpack_uuid")
    if not sender:
        raise _refusal(400, "either of src or powerpack_uuid is required")
    for name in ("dst", "text"):
        if not params.get(name):
            raise _refusal(400, f"{name} is a required parameter")
    numbers = str(params["dst"]).split("<")
    if len(numbers) > MAX_RECIPIENTS:
        raise _refusal(400, "too many destination numbers")
    expiry = params.get("message_expiry", EXPIRY[-1])
    if expiry not in EXPIRY:
        raise _refusal(400, "message_expiry is invalid")
    return [
        Send(
            to=_digits(number),
            sender=str(sender),
            text=str(params["text"]),
            callback=params.get("url") or None,
            validity=expiry,
            shape=_method(params) if params.get("url") else None,
        )
        for number in numbers
    ]


def _digits(number: str) -> str:
    """The digits of a number, with or without a plus."""
    digits = number.strip().removeprefix("+")
    if not digits.isdigit():
        raise _refusal(400, "dst is invalid")
    return digits


def _method(params: dict[str, Any]) -> str:
    method = str(params.get("method", "POST")).upper()
    if method not in SHAPES:
        raise _refusal(400, "method is invalid")
    return method


def _check_credentials(call: Inbound, account: Account) -> None:
    given = call.basic()
    known = (account.auth_id, account.auth_token)
    if not all(given) or (account.auth_token and given != known):
        raise _refusal(401, "authentication_failed")
    if account.auth_id and call.match["account"] != account.auth_id:
        raise _refusal(404, "not found")


def _refusal(status: int, error: str) -> Refusal:
    return Refusal(json_answer({"api_id": uuid_of(error.encode() * 16), "error": error}, status))


def answer(submissions: list[Submission]) -> Answer:
    """One id for each recipient, however long the text; refused ones are listed separately."""
    if any(submission.outcome == "later" for submission in submissions):
        return _refusal(429, "rate_limit_exceeded").answer
    taken = [submission.parts[0].id for submission in submissions if submission.parts]
    wrong = [submission.to for submission in submissions if submission.outcome == "refused"]
    if not taken:
        return _refusal(400, "destination country is not enabled").answer
    body = {
        "message": "message(s) queued",
        "message_uuid": taken,
        "api_id": uuid_of((taken[0] or "").encode()),
    }
    return json_answer(body | ({"invalid_number": wrong} if wrong else {}), 202)


def receipt(push: Push, account: Account, now: float) -> Call:
    """The callback of one part; each also has the first part's id."""
    url, fields = address(push, account), _fields(push, now)
    shape, headers = push.submission.shape, {}
    if secret := signing_secret(push, account.auth_token):
        nonce = str(int.from_bytes(mark(push)))[:20].zfill(20)
        headers = {
            "X-Plivo-Signature-V3": sign(shape, url, fields, nonce, secret),
            "X-Plivo-Signature-V3-Nonce": nonce,
        }
    if shape == "GET":
        return get(url, fields, headers)
    return post(url, "application/x-www-form-urlencoded", urlencode(fields), headers)


def _fields(push: Push, now: float) -> dict[str, str]:
    submission, parts = push.submission, push.submission.parts or [push.part]
    number = next(n for n, part in enumerate(parts, 1) if part is push.part)
    time = utc(now).isoformat(" ", "seconds")
    fields = {
        "From": submission.sender,
        "To": submission.to,
        "Type": "sms",
        "Status": push.word,
        "MessageUUID": push.part.id or "",
        "ParentMessageUUID": parts[0].id or "",
        "PartInfo": f"{number} of {len(parts)}",
        "Units": "1",
        "TotalRate": submission.price,
        "TotalAmount": submission.price,
        "MCC": submission.network[:3],
        "MNC": submission.network[3:],
        "ErrorCode": push.code,
        "MessageTime": utc(submission.taken_at).isoformat(" ", "seconds"),
        "SentTime": time if push.word != "queued" else "None",
        "DeliveryReportTime": time if push.meaning is not PENDING else "None",
    }
    return {name: value for name, value in fields.items() if value}


def sign(method: str, url: str, fields: dict[str, str], nonce: str, secret: str) -> str:
    """Signature V3 of the URL, the sorted fields of its query and of the form, and the nonce."""
    parts = urlsplit(url)
    query = parse_qsl(parts.query, keep_blank_values=True)
    if method == "GET":
        query += fields.items()
    asked = "&".join(f"{name}={value}" for name, value in sorted(query))
    text = f"{parts.scheme}://{parts.netloc}{parts.path}"
    if method == "POST" or asked:
        text += f"?{asked}"
    if method == "POST":
        text += ("." if asked else "") + "".join(name + fields[name] for name in sorted(fields))
    digest = hmac.digest(secret.encode(), f"{text}.{nonce}".encode(), "sha256")
    return base64.b64encode(digest).decode()
