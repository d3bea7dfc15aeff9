"""Ruach's SMS API as the gateway speaks it.

https://docs.ruach.ng/api-reference/send-sms (send) and
https://docs.ruach.ng/api-reference/webhooks/delivery-reports (receipts: GET, never again).
"""

import json
from typing import Any
from uuid import UUID

from delivrd.simulator.accounts import RuachAccount
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
    utc,
)
from delivrd.simulator.journal import Call, Push, Submission
from delivrd.simulator.segments import is_gsm

NAME = "ruach"
PATH = "/api/v2/SendSMS"
RETRIES = False
ID_PER_PART = False
SHAPES = {"GET": 1.0}
REFUSAL = "010"
PARTIAL = ""

ERRORS = {
    "001": "Account details blank",
    "003": "SenderId blank",
    "004": "Message blank",
    "005": "Mobile number blank",
    "007": "Invalid API key or client id",
    "010": "API access not authorised",
}


def new_id(digest: bytes) -> str:
    return str(UUID(bytes=digest[:16], version=4))


def read(call: Inbound, account: RuachAccount, complain: Complain) -> list[Send]:
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
        Send(digits(number, complain, NAME), str(params["SenderId"]), text, "GET")
        for number in str(numbers).split(",")
    ]


def _true(value: Any) -> bool:
    return str(value).lower() in ("true", "1")


def _refusal(code: str) -> Refusal:
    """An error as the vendor's page shows it: a number with leading zeros, which is not JSON."""
    text = f'{{"ErrorCode": {code}, "ErrorDescription": {json.dumps(ERRORS[code])}, "Data": null}}'
    return Refusal(Answer(200, text.encode()))


def answer(submissions: list[Submission], account: RuachAccount) -> Answer:
    if any(submission.outcome == "later" for submission in submissions):
        return json_answer({"ErrorCode": 429, "ErrorDescription": "Too many requests"}, 429)
    taken = [submission for submission in submissions if submission.outcome == "accepted"]
    if not taken:
        return _refusal(submissions[0].error).answer
    return json_answer(
        {
            "ErrorCode": 0,
            "ErrorDescription": "Success",
            "Data": [{"MobileNumber": s.to, "MessageId": s.parts[0].id} for s in taken],
        }
    )


def receipt(push: Push, account: RuachAccount, now: float) -> Call:
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
