"""MessageBird's SMS API.

https://developers.messagebird.com/api/sms-messaging/ (send, and status reports by GET) and
https://developers.messagebird.com/docs/verify-http-requests (signature: a JSON web token
that is valid for a minute).
"""

import base64
import hashlib
import hmac
import json
from dataclasses import dataclass
from typing import Any

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
    utc,
)
from delivrd.simulator.words import DELIVERED, EXPIRED, PENDING, REJECTED, UNDELIVERED

NAME = "messagebird"
REBUILDS_RETRIES = True  # a token is valid for a minute only
ROUTES = ("POST /messages",)
SHAPES = {"escaped": 0.7, "bare-plus": 0.3}
"""The plus of a time's offset is escaped, or bare and thus decoded as a space."""
TOKEN_SECONDS = 60

WORDS = {
    "scheduled": PENDING,
    "sent": PENDING,
    "buffered": PENDING,
    "delivered": DELIVERED,
    "expired": EXPIRED,
    "delivery_failed": UNDELIVERED,
}
CODES = {"103": REJECTED}

REPORTED_AS = {
    "taken": ("sent", ""),
    "waiting": ("buffered", ""),
    "delivered": ("delivered", ""),
    "expired": ("expired", ""),
    "absent": ("delivery_failed", "27"),
    "gone": ("delivery_failed", "5"),
    "unknown_number": ("delivery_failed", "1"),
    "busy": ("delivery_failed", "31"),
    "network": ("delivery_failed", "34"),
    "undelivered": ("delivery_failed", "32"),
    "rejected": ("delivery_failed", "103"),
    "unknown": ("sent", ""),
}
REASONS = {
    "": "pending DLR",
    "1": "unknown subscriber",
    "5": "unknown subscriber",
    "27": "unavailable subscriber",
    "31": "unavailable subscriber",
    "34": "received network error",
    "32": "generic delivery failure",
    "103": "opted out",
}

KEY = (401, 2, "Request not allowed (incorrect access_key)", "access_key")
NOBODY = (422, 9, "no (correct) recipients found", "recipients")
ORIGINATOR = (422, 10, "originator is invalid", "originator")
TEXT = (422, 9, "body is required", "body")
JSON = (422, 21, "JSON is not a valid format", None)
DEFERRED = {"throttled": (429, "Too Many Requests"), "outage": (503, "Service Unavailable")}
"""Their real bodies are not published."""


@dataclass(kw_only=True)
class Account(accounts.Account):
    """Receipts are signed when there is a signing key."""

    access_key: str | None = None
    signature_secret: str | None = None

    @property
    def signs(self) -> bool:
        return bool(self.signature_secret)


def account(settings: Any, webhook: str) -> Account:
    return Account(
        webhook=webhook,
        access_key=plain(settings.access_key),
        signature_secret=plain(settings.signature_secret),
    )


def new_id(digest: bytes) -> str:
    return digest[:16].hex()


def read(call: Inbound, account: Account, complain: Complain) -> list[Send]:
    """The text to send; only one recipient is accepted, since all would share one id."""
    scheme, _, key = call.headers.get("authorization", "").partition(" ")
    if scheme != "AccessKey" or not key or (account.access_key and key != account.access_key):
        raise _refusal(*KEY)
    try:
        params = call.params()
    except ValueError:
        raise _refusal(*JSON) from None
    recipients = params.get("recipients")
    numbers = recipients if isinstance(recipients, list) else str(recipients or "").split(",")
    if len(numbers) != 1 or not str(numbers[0]).removeprefix("+").isdigit():
        raise _refusal(*NOBODY)
    for name, error in (("originator", ORIGINATOR), ("body", TEXT)):
        if not params.get(name):
            raise _refusal(*error)
    _check_form(params, complain)
    return [
        Send(
            to=str(numbers[0]).removeprefix("+"),
            sender=str(params["originator"]),
            text=str(params["body"]),
            reference=params.get("reference") or None,
            callback=params.get("reportUrl") or None,
            validity=float(params["validity"]) if params.get("validity") else None,
        )
    ]


def _check_form(params: dict[str, Any], complain: Complain) -> None:
    if not params.get("reference"):
        complain("messagebird: a message without a reference gets no reports")
    if params.get("datacoding", "plain") == "plain" and not is_gsm(str(params["body"])):
        complain("messagebird: a text outside GSM 7-bit was sent as plain and is garbled")


def _refusal(status: int, code: int, words: str, parameter: str | None) -> Refusal:
    error = {"code": code, "description": words, "parameter": parameter}
    return Refusal(json_answer({"errors": [error]}, status))


def answer(submissions: list[Submission]) -> Answer:
    """The message with its id and its recipient; errors if it was not accepted."""
    submission = submissions[0]
    if submission.outcome == "later":
        status, words = DEFERRED[submission.why]
        return Answer(status, words.encode(), "text/plain")
    if submission.outcome != "accepted":
        return _refusal(*NOBODY).answer
    item = {
        "recipient": int(submission.to),
        "status": "sent",
        "statusDatetime": _time(submission.taken_at),
        "messagePartCount": count(submission.text),
    }
    message = {
        "id": submission.parts[0].id,
        "href": f"https://rest.messagebird.com/messages/{submission.parts[0].id}",
        "direction": "mt",
        "type": "sms",
        "originator": submission.sender,
        "body": submission.text,
        "reference": submission.reference,
        "validity": None,
        "gateway": 10,
        "typeDetails": {},
        "datacoding": "plain" if is_gsm(submission.text) else "unicode",
        "mclass": 1,
        "scheduledDatetime": None,
        "createdDatetime": _time(submission.taken_at),
        "recipients": {"totalCount": 1, "totalSentCount": 1, "items": [item]},
    }
    return json_answer(message, 201)


def _time(seconds: float) -> str:
    return utc(seconds).isoformat(timespec="seconds")


def receipt(push: Push, account: Account, now: float) -> Call:
    """A status report by GET, signed if there is a key."""
    submission = push.submission
    fields = {
        "id": push.part.id or "",
        "reference": submission.reference or "",
        "recipient": submission.to,
        "status": push.word,
        "statusDatetime": _time(now),
        "statusReason": "successfully delivered" if push.word == "delivered" else _reason(push),
        "statusErrorCode": push.code,
        "mccmnc": submission.network,
        "ported": "0",
        "messageLength": str(len(submission.text)),
        "messagePartCount": str(count(submission.text)),
        "datacoding": "plain" if is_gsm(submission.text) else "unicode",
        "price[amount]": submission.price,
        "price[currency]": "EUR",
    }
    call = get(address(push, account), {name: value for name, value in fields.items() if value})
    if submission.shape == "bare-plus":
        call = call._replace(url=call.url.replace("%2B", "+"))
    secret = signing_secret(push, account.signature_secret)
    return _signed(call, secret, mark(push).hex(), int(now)) if secret else call


def _reason(push: Push) -> str:
    return "expired" if push.meaning == EXPIRED else REASONS[push.code]


def _signed(call: Call, key: str, nonce: str, now: int) -> Call:
    """Adds a token over the whole URL, and over the body if there is one."""
    claims = {
        "iss": "MessageBird",
        "nbf": now,
        "exp": now + TOKEN_SECONDS,
        "jti": nonce,
        "url_hash": hashlib.sha256(call.url.encode()).hexdigest(),
    }
    if call.body:
        claims["payload_hash"] = hashlib.sha256(call.body).hexdigest()
    header = {"alg": "HS256", "typ": "JWT"}
    text = b".".join(_coded(json.dumps(part).encode()) for part in (header, claims))
    token = text + b"." + _coded(hmac.digest(key.encode(), text, "sha256"))
    return call._replace(headers=(*call.headers, ("MessageBird-Signature-JWT", token.decode())))


def _coded(part: bytes) -> bytes:
    return base64.urlsafe_b64encode(part).rstrip(b"=")
