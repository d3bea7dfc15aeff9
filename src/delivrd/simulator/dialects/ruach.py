"""Ruach's SMS API.

https://docs.ruach.ng/api-reference/send-sms (send) and
https://docs.ruach.ng/api-reference/webhooks/delivery-reports (receipts: GET, never retried).
"""

import json
from dataclasses import dataclass
from typing import Any

from delivrd.simulator import accounts
from delivrd.simulator.accounts import plain
from delivrd.simulator.journal import Call, Push, Submission
from delivrd.simulator.segments import is_gsm
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
    utc,
)
from delivrd.simulator.words import DELIVERED, EXPIRED, PENDING, REJECTED, UNDELIVERED

NAME = "ruach"
ROUTES = ("GET /api/v2/SendSMS", "POST /api/v2/SendSMS")
RETRIES = False

WORDS = {
    "ACCEPTD": PENDING,
    "DELIVRD": DELIVERED,
    "UNDELIV": UNDELIVERED,
    "EXPIRED": EXPIRED,
    "DELETED": UNDELIVERED,
    "REJECTD": REJECTED,
    "BLACKLIST": REJECTED,
    "UNKNOWN": PENDING,
}

REPORTED_AS = {
    "taken": ("ACCEPTD", "000"),
    "delivered": ("DELIVRD", "000"),
    "expired": ("EXPIRED", "003"),
    "absent": ("UNDELIV", "027"),
    "gone": ("UNDELIV", "027"),
    "unknown_number": ("UNDELIV", "001"),
    "ported": ("UNDELIV", "005"),
    "busy": ("UNDELIV", "031"),
    "network": ("UNDELIV", "036"),
    "unroutable": ("UNDELIV", "011"),
    "no_credit": ("UNDELIV", ""),
    "general": ("DELETED", "099"),
    "spam": ("REJECTD", "255"),
    "spam_failed": ("REJECTD", "255"),
    "opted_out": ("BLACKLIST", ""),
    "content": ("REJECTD", "010"),
    "age": ("REJECTD", "013"),
    "carrier_block": ("REJECTD", "014"),
    "header_filter": ("REJECTD", "051"),
    "content_filter": ("REJECTD", "052"),
    "consent_filter": ("REJECTD", "053"),
    "nobody_knows": ("UNKNOWN", ""),
}
"""The vendor publishes no error codes; these are made up in the platform's style."""

ERRORS = {
    "001": "Account details blank",
    "003": "SenderId blank",
    "004": "Message blank",
    "005": "Mobile number blank",
    "007": "Invalid API key or client id",
    "010": "API access not authorised",
}


@dataclass(kw_only=True)
class Account(accounts.Account):
    api_key: str | None = None
    client_id: str | None = None


def account(settings: Any, webhook: str) -> Account:
    return Account(webhook=webhook, api_key=plain(settings.api_key), client_id=settings.client_id)


def read(call: Inbound, account: Account, complain: Complain) -> list[Send]:
    """The texts to send, one for each number of the list."""
    try:
        params = call.params()
    except ValueError:
        raise _refusal("001") from None
    if not params.get("ApiKey") or not params.get("ClientId"):
        raise _refusal("001")
    if account.api_key and params["ApiKey"] != account.api_key:
        raise _refusal("007")
    if account.client_id and params["ClientId"] != account.client_id:
        raise _refusal("007")
    numbers = params.get("MobileNumber" if call.method == "GET" else "MobileNumbers")
    for code, value in (("003", params.get("SenderId")), ("004", params.get("Message"))):
        if not value:
            raise _refusal(code)
    if not numbers:
        raise _refusal("005")
    text = str(params["Message"])
    if not _true(params.get("Is_Unicode")) and not is_gsm(text):
        complain("ruach: a text outside GSM 7-bit was sent without Is_Unicode and is garbled")
    return [
        Send(digits(number, complain, NAME), str(params["SenderId"]), text)
        for number in str(numbers).split(",")
    ]


def _true(value: Any) -> bool:
    return str(value).lower() in ("true", "1")


def _refusal(code: str) -> Refusal:
    """An error as the vendor's page shows it: a number with leading zeros, which is not JSON."""
    text = f'{{"ErrorCode": {code}, "ErrorDescription": {json.dumps(ERRORS[code])}, "Data": null}}'
    return Refusal(Answer(200, text.encode()))


def answer(submissions: list[Submission]) -> Answer:
    if any(submission.outcome == "later" for submission in submissions):
        return json_answer({"ErrorCode": 429, "ErrorDescription": "Too many requests"}, 429)
    taken = [submission for submission in submissions if submission.outcome == "accepted"]
    if not taken:
        return _refusal("010").answer
    return json_answer(
        {
            "ErrorCode": 0,
            "ErrorDescription": "Success",
            "Data": [{"MobileNumber": s.to, "MessageId": s.parts[0].id} for s in taken],
        }
    )


def receipt(push: Push, account: Account, now: float) -> Call:
    submission = push.submission
    return get(
        address(push, account),
        {
            "messageId": push.part.id or "",
            "mobile": submission.to,
            "submitDate": utc(submission.taken_at).strftime("%Y-%m-%d %H:%M:%S"),
            "doneDate": utc(now).strftime("%Y-%m-%d %H:%M:%S"),
            "status": push.word,
            "errorCode": push.code,
            "shortMessage": submission.text,
        },
    )
