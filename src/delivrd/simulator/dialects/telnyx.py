"""Telnyx's Messaging API v2.

https://developers.telnyx.com/docs/messaging/messages/send-message (send),
https://developers.telnyx.com/docs/messaging/messages/receiving-webhooks (events, their signature)
and https://developers.telnyx.com/docs/messaging/messages/error-codes.
"""

import base64
import hashlib
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from delivrd.simulator import accounts, segments
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
    e164,
    json_answer,
    post_json,
    utc,
    uuid_of,
)
from delivrd.simulator.words import (
    DELIVERED,
    EXPIRED,
    PENDING,
    REJECTED,
    UNDELIVERED,
    UNKNOWN,
)

NAME = "telnyx"
ROUTES = ("POST /v2/messages",)
MAX_TRIES = 3
REBUILDS_RETRIES = True

WORDS = {
    "sent": PENDING,
    "delivered": DELIVERED,
    "sending_failed": UNDELIVERED,
    "delivery_failed": UNDELIVERED,
    "delivery_unconfirmed": UNKNOWN,
}

REPORTED_AS = {
    "taken": ("sent", ""),
    "delivered": ("delivered", ""),
    "expired": ("delivery_failed", "40005"),
    "undelivered": ("delivery_failed", "40008"),
    "unknown_number": ("delivery_failed", "40012"),
    "network": ("delivery_failed", "40006"),
    "unroutable": ("sending_failed", "40001"),
    "rejected": ("delivery_failed", "40004"),
    "spam": ("delivery_failed", "40002"),
    "spam_failed": ("sending_failed", "40003"),
    "opted_out": ("sending_failed", "40300"),
    "content": ("delivery_failed", "40009"),
    "header_filter": ("delivery_failed", "40013"),
    "content_filter": ("sending_failed", "40015"),
    "unknown": ("delivery_unconfirmed", ""),
}

ERRORS = {
    "10004": (422, "Missing required parameter"),
    "10009": (401, "Authentication failed"),
    "10011": (429, "Too many requests"),
    "10015": (400, "Bad Request"),
    "10016": (422, "Phone number must be in +E.164 format"),
    "40300": (400, "Blocked due to STOP message"),
    "40305": (422, "Invalid 'from' address"),
}
FAILURES = {
    "40001": ("Not routable", UNDELIVERED),
    "40002": ("Blocked as spam - temporary", REJECTED),
    "40003": ("Blocked as spam - permanent", REJECTED),
    "40004": ("Rejected by destination", REJECTED),
    "40005": ("Message expired during transmission", EXPIRED),
    "40006": ("Recipient server unavailable", UNDELIVERED),
    "40008": ("Undeliverable", UNDELIVERED),
    "40009": ("Invalid message body", REJECTED),
    "40012": ("Invalid destination number", REJECTED),
    "40013": ("Invalid source number", REJECTED),
    "40015": ("Blocked as spam - internal", REJECTED),
    "40300": ("Blocked due to STOP message", REJECTED),
}
CODES = {code: meaning for code, (_, meaning) in FAILURES.items()}

SIGNER = "the key of a simulated Telnyx"
PUBLIC_KEY = "s8cU7lHtudpGANShB44BGTF8lXyvjYE7hbwdsa+OkTk="
"""The public key of ``SIGNER``; a hub's account must have it as ``public_key``."""


@dataclass(kw_only=True)
class Account(accounts.Account):
    """Events are signed when there is a ``signer``, the seed of a private key (see ``SIGNER``)."""

    api_key: str | None = None
    signer: str | None = None

    @property
    def signs(self) -> bool:
        return bool(self.signer)


def account(settings: Any, webhook: str) -> Account:
    return Account(
        webhook=webhook,
        api_key=plain(settings.api_key),
        signer=SIGNER if settings.public_key else None,
    )


def read(call: Inbound, account: Account, complain: Complain) -> list[Send]:
    """The text to send, to one number; an array would make it a group MMS."""
    scheme, _, key = call.headers.get("authorization", "").partition(" ")
    if scheme != "Bearer" or not key or (account.api_key and key != account.api_key):
        raise _refusal("10009", "Could not find any usable credentials in the request.")
    try:
        params = call.params()
    except ValueError:
        raise _refusal("10015", "The request failed because it was not well-formed.") from None
    profile = params.get("messaging_profile_id")
    for name, there in (
        ("to", params.get("to")), ("from", params.get("from") or profile),
        ("text", params.get("text")),
    ):  # fmt: skip
        if not isinstance(there, str) or not there:
            raise _refusal("10004", f"The '{name}' parameter is required.")
    if not params["to"].startswith("+"):
        raise _refusal("10016", "The 'to' parameter must be in +E.164 format.")
    sender = str(params.get("from") or profile)
    if not profile and not sender.removeprefix("+").isdigit():
        raise _refusal("40305", "An alphanumeric sender needs a messaging_profile_id.")
    return [
        Send(
            to=e164(params["to"], complain, NAME),
            sender=sender,
            text=params["text"],
            callback=params.get("webhook_url") or None,
            extra={"profile": profile or ""},
        )
    ]


def _refusal(code: str, detail: str) -> Refusal:
    status, title = ERRORS[code]
    return Refusal(
        json_answer({"errors": [{"code": code, "title": title, "detail": detail}]}, status)
    )


def answer(submissions: list[Submission]) -> Answer:
    [submission] = submissions
    if submission.outcome == "later":
        return _refusal("10011", "You have exceeded the maximum number of requests.").answer
    if submission.outcome == "refused":
        return _refusal("40300", "Messages cannot be sent due to an existing block rule.").answer
    return json_answer({"data": _message(submission, submission.parts[0].id, "queued")})


def _message(submission: Submission, message_id: str | None, status: str) -> dict[str, Any]:
    sender = {"phone_number": submission.sender, "carrier": "Telnyx", "line_type": "VoIP"}
    to = {"phone_number": f"+{submission.to}", "status": status, "carrier": "", "line_type": ""}
    return {
        "record_type": "message",
        "direction": "outbound",
        "id": message_id,
        "type": "SMS",
        "messaging_profile_id": submission.extra.get("profile") or None,
        "from": sender,
        "to": [to],
        "text": submission.text,
        "encoding": "GSM-7" if segments.is_gsm(submission.text) else "UCS-2",
        "parts": segments.count(submission.text),
        "tags": [],
        "media": [],
        "cost": {"amount": submission.price, "currency": "USD"},
        "errors": [],
        "webhook_url": submission.callback or "",
        "received_at": _iso(utc(submission.taken_at)),
        "sent_at": None,
        "completed_at": None,
    }


def _iso(time: datetime) -> str:
    return time.isoformat(timespec="milliseconds")


def receipt(push: Push, account: Account, now: float) -> Call:
    """An event with its own id, which is the same in all tries."""
    url, time, end = address(push, account), _iso(utc(now)), push.meaning is not PENDING
    message = _message(push.submission, push.part.id, push.word)
    message["completed_at" if end else "sent_at"] = time
    if push.code:
        title, _ = FAILURES[push.code]
        message["errors"] = [{"code": push.code, "title": title, "detail": f"{title}."}]
    event = {
        "event_type": "message.finalized" if end else "message.sent",
        "id": uuid_of(mark(push)),
        "occurred_at": time,
        "payload": message,
        "record_type": "event",
    }
    meta = {"attempt": len(push.tries) + 1, "delivered_to": url}
    call = post_json(url, {"data": event, "meta": meta})
    signer = signing_secret(push, account.signer)
    return call._replace(headers=call.headers + _signed(call.body, signer, now)) if signer else call


def _signed(body: bytes, signer: str, now: float) -> tuple[tuple[str, str], ...]:
    stamp = str(int(now))
    signature = _key(signer).sign(f"{stamp}|".encode() + body)
    return (
        ("telnyx-signature-ed25519", base64.b64encode(signature).decode()),
        ("telnyx-timestamp", stamp),
    )


@lru_cache(maxsize=8)
def _key(signer: str) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(hashlib.sha256(signer.encode()).digest())
