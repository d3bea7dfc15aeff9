"""Bandwidth's Messaging API v2.

https://dev.bandwidth.com/docs/messaging/createMessage (send),
https://dev.bandwidth.com/docs/messaging/webhooks (status callbacks, in arrays) and
https://dev.bandwidth.com/docs/messaging/errors (codes).
"""

import base64
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

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

NAME = "bandwidth"
ROUTES = ("POST /api/v2/users/{account}/messages",)

WORDS = {
    "message-sent": PENDING,
    "message-delivered": DELIVERED,
    "message-failed": UNDELIVERED,
}

REPORTED_AS = {
    "taken": ("message-sent", ""),
    "delivered": ("message-delivered", ""),
    "expired": ("message-failed", "4360"),
    "undelivered": ("message-failed", "9999"),
    "absent": ("message-failed", "4702"),
    "gone": ("message-failed", "4721"),
    "unknown_number": ("message-failed", "4720"),
    "network": ("message-failed", "5650"),
    "unroutable": ("message-failed", "4730"),
    "rejected": ("message-failed", "4750"),
    "spam": ("message-failed", "4770"),
    "spam_failed": ("message-failed", "4470"),
    "opted_out": ("message-failed", "4775"),
    "carrier_block": ("message-failed", "4772"),
    "header_filter": ("message-failed", "4740"),
    "consent_filter": ("message-failed", "4773"),
    "unknown": ("message-failed", "9902"),
}

FAILURES = {
    "4360": ("message expiration date passed", EXPIRED),
    "4470": ("spam detected", REJECTED),
    "4702": ("subscriber unavailable", UNDELIVERED),
    "4720": ("invalid destination address", REJECTED),
    "4721": ("destination deactivated", UNDELIVERED),
    "4730": ("no route to destination carrier", UNDELIVERED),
    "4740": ("invalid source address", REJECTED),
    "4750": ("rejected by carrier", REJECTED),
    "4770": ("rejected as spam by carrier", REJECTED),
    "4772": ("number blocked by carrier", REJECTED),
    "4773": ("campaign not active", REJECTED),
    "4775": ("destination opted out", REJECTED),
    "5650": ("carrier failure", UNDELIVERED),
    "9902": ("delivery receipt expired", UNKNOWN),
    "9999": ("unknown carrier error", UNDELIVERED),
}
"""The descriptions are not the vendor's, which documents only the numbers as stable."""
CODES = {code: meaning for code, (_, meaning) in FAILURES.items()}

ERRORS = {
    400: ("request-validation", "Your request could not be accepted."),
    401: ("unauthorized", "Authentication Failed"),
    403: ("forbidden", "Access Denied"),
    429: ("max-message-queue-size-exceeded", "The SMS queue for your account is full."),
}


@dataclass(kw_only=True)
class Account(accounts.Account):
    """Callbacks are sent with ``callback_login`` ("user:password") if it is set."""

    account_id: str | None = None
    application_id: str | None = None
    username: str | None = None
    password: str | None = None
    callback_login: str | None = None


def account(settings: Any, webhook: str) -> Account:
    return Account(
        webhook=webhook,
        account_id=settings.account_id,
        application_id=settings.application_id,
        username=settings.username,
        password=plain(settings.password),
        callback_login=plain(settings.basic_auth),
    )


def new_id(digest: bytes) -> str:
    return f"{int.from_bytes(digest[:5]):013d}{digest[5:13].hex()}"


def read(call: Inbound, account: Account, complain: Complain) -> list[Send]:
    """The text to send, to one number; several numbers would make it a group MMS."""
    given = call.basic()
    if not all(given) or (account.password and given != (account.username, account.password)):
        raise _refusal(401)
    if account.account_id and call.match["account"] != account.account_id:
        raise _refusal(403)
    try:
        params = call.params()
    except ValueError:
        raise _refusal(400) from None
    to = params.get("to")
    numbers = to if isinstance(to, list) else [to]
    texts = [params.get(name) for name in ("applicationId", "from", "text")]
    if not all(texts) or len(numbers) != 1 or not str(numbers[0]).startswith("+"):
        raise _refusal(400)
    if account.application_id and params["applicationId"] != account.application_id:
        raise _refusal(403)
    return [
        Send(
            to=e164(numbers[0], complain, NAME),
            sender=str(params["from"]),
            text=str(params["text"]),
            reference=params.get("tag") or None,
            validity=_validity(params.get("expiration")),
            extra={"application": str(params["applicationId"])},
        )
    ]


def _validity(expiration: str | None) -> float | None:
    """Seconds until the given time, which must have a time zone and lie in the future."""
    if expiration is None:
        return None
    try:
        left = (datetime.fromisoformat(expiration) - datetime.now(UTC)).total_seconds()
    except (TypeError, ValueError):
        raise _refusal(400) from None
    if left <= 0:
        raise _refusal(400)
    return left


def _refusal(status: int) -> Refusal:
    kind, description = ERRORS[status]
    return Refusal(json_answer({"type": kind, "description": description}, status))


def answer(submissions: list[Submission]) -> Answer:
    [submission] = submissions
    if submission.outcome == "later":
        return _refusal(429).answer
    if submission.outcome == "refused":
        return _refusal(400).answer
    return json_answer(_message(submission, submission.parts[0].id, submission.taken_at), 202)


def _message(submission: Submission, message_id: str | None, now: float) -> dict[str, Any]:
    message = {
        "id": message_id,
        "owner": submission.sender,
        "applicationId": submission.extra.get("application", ""),
        "time": _iso(now),
        "segmentCount": segments.count(submission.text),
        "direction": "out",
        "to": [f"+{submission.to}"],
        "from": submission.sender,
        "text": submission.text,
        "channel": "SMS",
    }
    return message | ({"tag": submission.reference} if submission.reference else {})


def _iso(now: float) -> str:
    return utc(now).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def receipt(push: Push, account: Account, now: float) -> Call:
    """An array with one callback, whose message has an empty text."""
    message = _message(push.submission, push.part.id, push.submission.taken_at) | {"text": ""}
    report: dict[str, Any] = {
        "time": _iso(now),
        "eventTime": _iso(now),
        "type": push.word,
        "to": f"+{push.submission.to}",
        "description": "Message delivered to carrier." if push.meaning is DELIVERED else "ok",
        "message": message,
    }
    if push.code:
        report |= {"description": FAILURES[push.code][0], "errorCode": int(push.code)}
    headers = {}
    if account.callback_login:
        login = base64.b64encode(account.callback_login.encode()).decode()
        headers["Authorization"] = f"Basic {login}"
    return post_json(address(push, account), [report], headers)
