"""SMSPM's API as the gateway speaks it: a send names the address for its receipts.

https://app.smspm.com/docs (send, and receipts by GET); the vendor's articles show receipts by POST
with other names. All published shapes are pushed, since nobody outside knows which is in use.
"""

import json
from typing import Any
from uuid import UUID

from delivrd.simulator.accounts import SmspmAccount
from delivrd.simulator.dialect import (
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
    utc,
)
from delivrd.simulator.journal import Call, Push, Submission

NAME = "smspm"
PATH = "/"
RETRIES = True
"""The vendor says that slow answers are tried again, not how often; the rest is assumed."""
ID_PER_PART = False
SHAPES = {"post-json": 0.5, "get": 0.35, "event": 0.15}
REFUSAL = "Destination is not allowed"
PARTIAL = ""
MOST_RECIPIENTS = 100


def new_id(digest: bytes) -> str:
    return str(UUID(bytes=digest[:16], version=4))


def read(call: Inbound, account: SmspmAccount, complain: Complain) -> list[Send]:
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
    if len(numbers) > MOST_RECIPIENTS:
        raise _refusal("Too many recipients", 400)
    return [
        Send(
            to=digits(number, complain, NAME),
            sender=str(params["fromNumber"]),
            text=str(params["text"]),
            shape=account.shape,
            reference=params.get("smsId") or None,
            callback=params.get("report") or params.get("callbackUrl") or None,
        )
        for number in numbers
    ]


def _check_credentials(params: dict[str, Any], account: SmspmAccount) -> None:
    if not params.get("hash") or not params.get("token"):
        raise _refusal("Missing hash or token", 401)
    for name, right in (("hash", account.hash), ("token", account.token)):
        if right and params[name] != right:
            raise _refusal("auth_failed", 401)


def _refusal(error: str, status: int) -> Refusal:
    return Refusal(json_answer({"error": error}, status))


def answer(submissions: list[Submission], account: SmspmAccount) -> Answer:
    """An element for each recipient; one that was refused says why inside its element."""
    if any(submission.outcome == "later" for submission in submissions):
        return json_answer({"error": "rate_limit"}, 429)
    return json_answer({"messages": [_element(submission) for submission in submissions]})


def _element(submission: Submission) -> dict[str, str | None]:
    if submission.outcome == "refused":
        return {"toNumber": submission.to, "error": submission.error}
    return {
        "id": submission.parts[0].id,
        "toNumber": submission.to,
        "status": "Added to queue",
    }


def receipt(push: Push, account: SmspmAccount, now: float) -> Call:
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
    return post(url, "application/json", json.dumps(body))
