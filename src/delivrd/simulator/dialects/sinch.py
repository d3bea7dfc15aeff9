"""Sinch's SMS REST API.

https://developers.sinch.com/docs/sms/api-reference/sms/tag/Batches (send),
https://developers.sinch.com/docs/sms/api-reference/sms/tag/Delivery-reports (receipts, whose form
the batch asks for) and https://developers.sinch.com/docs/sms/api-reference/sms/tag/Webhooks
(signature).
"""

import base64
import hmac
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from delivrd.simulator import accounts
from delivrd.simulator.accounts import plain
from delivrd.simulator.journal import Call, Push, Submission
from delivrd.simulator.segments import count
from delivrd.simulator.signing import mark, signing_secret
from delivrd.simulator.wire import (
    Answer,
    Complain,
    Inbound,
    Refusal,
    Send,
    address,
    json_answer,
    post_json,
    utc,
)
from delivrd.simulator.words import (
    DELIVERED,
    EXPIRED,
    PENDING,
    REJECTED,
    UNDELIVERED,
    UNKNOWN,
)

NAME = "sinch"
ROUTES = ("POST /xms/v1/{plan}/batches",)
SHAPES = {"recipient": 0.8, "batch": 0.2}
REPORTS = {"per_recipient": "recipient", "per_recipient_final": "recipient", "full": "batch"}
MAX_TEXT = 2000

WORDS = {
    "Queued": PENDING,
    "Dispatched": PENDING,
    "Delivered": DELIVERED,
    "Failed": UNDELIVERED,
    "Expired": EXPIRED,
    "Rejected": REJECTED,
    "Aborted": REJECTED,
    "Cancelled": REJECTED,
    "Deleted": UNDELIVERED,
    "Unknown": UNKNOWN,
}
CODES = {"413": REJECTED}

REPORTED_AS = {
    "taken": ("Dispatched", "401"),
    "waiting": ("Queued", "400"),
    "delivered": ("Delivered", "0"),
    "expired": ("Expired", "406"),
    "undelivered": ("Failed", "404"),
    "general": ("Deleted", "404"),
    "rejected": ("Rejected", "413"),
    "spam_failed": ("Failed", "413"),
    "age": ("Aborted", "412"),
    "carrier_block": ("Rejected", "408"),
    "unknown": ("Unknown", "403"),
}

REFUSED = (403, "unknown_campaign", "The campaign ID does not match the specified originator")
DEFERRED = {"throttled": 429, "outage": 503}


@dataclass(kw_only=True)
class Account(accounts.Account):
    """Receipts are signed when there is a ``signature_secret``."""

    service_plan_id: str | None = None
    api_token: str | None = None
    signature_secret: str | None = None

    @property
    def signs(self) -> bool:
        return bool(self.signature_secret)


def account(settings: Any, webhook: str) -> Account:
    return Account(
        webhook=webhook,
        service_plan_id=settings.service_plan_id,
        api_token=plain(settings.api_token),
        signature_secret=plain(settings.signature_secret),
    )


def new_id(digest: bytes) -> str:
    return "01" + base64.b32encode(digest[:15]).decode()


def read(call: Inbound, account: Account, complain: Complain) -> list[Send]:
    """The text to send; only one recipient is accepted, since a batch has one id for all."""
    scheme, _, token = call.headers.get("authorization", "").partition(" ")
    plan, right = account.service_plan_id, account.api_token
    if scheme != "Bearer" or (right and token != right) or (plan and call.match["plan"] != plan):
        raise Refusal(Answer(401, b"", "text/plain"))
    try:
        batch = call.params()
    except ValueError:
        raise _refusal(400, "syntax_invalid_json", "The JSON is invalid") from None
    to, text = batch.get("to"), str(batch.get("body") or "")
    if not isinstance(to, list) or len(to) != 1 or not 1 <= len(text) <= MAX_TEXT:
        raise _refusal(400, "syntax_constraint_violation", "to or body is missing or too long")
    if batch.get("delivery_report") not in REPORTS:
        complain("sinch: no report that has the recipient was requested (delivery_report)")
    return [
        Send(
            to=_digits(to[0]),
            sender=str(batch.get("from") or ""),
            text=text,
            reference=batch.get("client_reference") or None,
            callback=batch.get("callback_url") or None,
            validity=_validity(batch.get("expire_at")),
            shape=REPORTS.get(batch.get("delivery_report", "")),
        )
    ]


def _digits(number: Any) -> str:
    bare = str(number).removeprefix("+")
    if not bare.isdigit():
        raise _refusal(400, "syntax_invalid_parameter_format", "to: an invalid number")
    return bare


def _validity(until: str | None) -> float | None:
    """Seconds until ``expire_at``, which must lie in the future."""
    if not until:
        return None
    try:
        end = datetime.fromisoformat(until)
        left = (end - datetime.now(end.tzinfo)).total_seconds()
    except ValueError:
        left = 0.0
    if left <= 0:
        raise _refusal(400, "syntax_invalid_parameter_format", "expire_at: an invalid time")
    return left


def _refusal(status: int, code: str, text: str) -> Refusal:
    return Refusal(json_answer({"code": code, "text": text}, status))


def answer(submissions: list[Submission]) -> Answer:
    """The batch with its id; of the errors, only 400 and 403 have a body."""
    submission = submissions[0]
    if submission.outcome == "later":
        return Answer(DEFERRED[submission.why], b"", "text/plain")
    if submission.outcome != "accepted":
        return _refusal(*REFUSED).answer
    batch = {
        "id": submission.parts[0].id,
        "to": [submission.to],
        "from": submission.sender,
        "canceled": False,
        "body": submission.text,
        "type": "mt_text",
        "created_at": _time(submission.taken_at),
        "modified_at": _time(submission.taken_at),
        "delivery_report": "per_recipient" if submission.shape == "recipient" else "full",
        "flash_message": False,
    }
    if submission.reference:
        batch["client_reference"] = submission.reference
    return json_answer(batch, 201)


def _time(seconds: float) -> str:
    return utc(seconds).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def receipt(push: Push, account: Account, now: float) -> Call:
    report = _batch(push) if push.submission.shape == "batch" else _recipient(push, now)
    if push.submission.reference:
        report["client_reference"] = push.submission.reference
    call = post_json(address(push, account), report | {"batch_id": push.part.id})
    secret = signing_secret(push, account.signature_secret)
    return _signed(call, secret, mark(push).hex(), str(int(now))) if secret else call


def _batch(push: Push) -> dict[str, Any]:
    status = {
        "code": int(push.code),
        "count": 1,
        "recipients": [push.submission.to],
        "status": push.word,
    }
    return {"type": "delivery_report_sms", "statuses": [status], "total_message_count": 1}


def _recipient(push: Push, now: float) -> dict[str, Any]:
    return {
        "type": "recipient_delivery_report_sms",
        "recipient": push.submission.to,
        "code": int(push.code),
        "status": push.word,
        "at": _time(now),
        "operator_status_at": _time(now),
        "operator": push.submission.network,
        "applied_originator": push.submission.sender,
        "number_of_message_parts": count(push.submission.text),
    }


def _signed(call: Call, key: str, nonce: str, stamp: str) -> Call:
    """Adds the signature of body, nonce and time, joined by dots."""
    text = b".".join((call.body, nonce.encode(), stamp.encode()))
    signature = base64.b64encode(hmac.digest(key.encode(), text, "sha256")).decode()
    name = "x-sinch-webhook-signature"
    added = (
        (name, signature),
        (f"{name}-algorithm", "HmacSHA256"),
        (f"{name}-nonce", nonce),
        (f"{name}-timestamp", stamp),
    )
    return call._replace(headers=(*call.headers, *added))
