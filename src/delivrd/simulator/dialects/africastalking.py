"""Africa's Talking's SMS API.

https://developers.africastalking.com/docs/sms/sending/bulk (send) and
https://developers.africastalking.com/docs/sms/notifications (receipts).
"""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from delivrd.simulator import accounts
from delivrd.simulator.accounts import plain
from delivrd.simulator.journal import Call, Push, Submission
from delivrd.simulator.wire import (
    Answer,
    Complain,
    Inbound,
    Refusal,
    Send,
    address,
    json_answer,
    post,
)
from delivrd.simulator.words import (
    DELIVERED,
    EXPIRED,
    FAILURES,
    PENDING,
    REJECTED,
    UNDELIVERED,
)

NAME = "africastalking"
ROUTES = ("POST /version1/messaging",)

WORDS = {
    "Sent": PENDING,
    "Submitted": PENDING,
    "Buffered": PENDING,
    "Success": DELIVERED,
    "Rejected": REJECTED,
    "Failed": UNDELIVERED,
    "AbsentSubscriber": UNDELIVERED,
    "Expired": EXPIRED,
}
CODES = dict.fromkeys(
    (
        "InsufficientCredit",
        "InvalidLinkId",
        "UserInBlackList",
        "UserNotSubscribedToProduct",
        "DoNotDisturbRejection",
    ),
    REJECTED,
)

REPORTED_AS = {
    "taken": ("Sent", ""),
    "waiting": ("Buffered", ""),
    "delivered": ("Success", ""),
    "expired": ("Expired", ""),
    "absent": ("AbsentSubscriber", ""),
    "gone": ("Failed", "UserIsInactive"),
    "unknown_number": ("Failed", "UserDoesNotExist"),
    "ported": ("Failed", "NotNetworkSubcriber"),
    "no_credit": ("Rejected", "InsufficientCredit"),
    "undelivered": ("Failed", "DeliveryFailure"),
    "spam_failed": ("Failed", "UserInBlackList"),
    "opted_out": ("Rejected", "UserInBlackList"),
    "consent_filter": ("Failed", "DoNotDisturbRejection"),
    "rejected": ("Rejected", "UserNotSubscribedToProduct"),
    "unknown": ("Submitted", ""),
}

SENT, REFUSED = (101, "Success"), (406, "UserInBlackList")
DEFERRED = {"throttled": 429, "outage": 503}
"""The vendor's pages do not say how it defers texts; these are HTTP's own codes for it."""


@dataclass(kw_only=True)
class Account(accounts.Account):
    username: str | None = None
    api_key: str | None = None


def account(settings: Any, webhook: str) -> Account:
    return Account(webhook=webhook, username=settings.username, api_key=plain(settings.api_key))


def new_id(digest: bytes) -> str:
    return f"ATXid_{digest[:16].hex()}"


def read(call: Inbound, account: Account, complain: Complain) -> list[Send]:
    """The texts to send, one for each number of the list."""
    params = call.params() if "json" not in call.content_type else {}
    key = call.headers.get("apikey")
    if not key or (account.api_key and key != account.api_key):
        raise _refusal("The supplied authentication is invalid", 401)
    if account.username and params.get("username") != account.username:
        raise _refusal("The supplied authentication is invalid", 401)
    for name in ("username", "to", "message"):
        if not params.get(name):
            raise _refusal(f"Request is missing required form field '{name}'", 400)
    if "json" not in call.headers.get("accept", ""):
        complain("africastalking: the answer is XML unless Accept asks for application/json")
    if params.get("bulkSMSMode", "1") != "1":
        complain("africastalking: the sender should pay (bulkSMSMode=1)")
    numbers = params["to"].split(",")
    if not all(number.startswith("+") for number in numbers):
        complain("africastalking: the recipient should start with a plus")
    return [Send(n.lstrip("+"), params.get("from", ""), params["message"]) for n in numbers]


def _refusal(text: str, status: int) -> Refusal:
    return Refusal(Answer(status, text.encode(), "text/plain"))


def answer(submissions: list[Submission]) -> Answer:
    """An element for each recipient, with its own code; 201 unless the texts are deferred."""
    for submission in submissions:
        if submission.outcome == "later":
            return _refusal("Please try again later", DEFERRED[submission.why]).answer
    taken = sum(submission.outcome == "accepted" for submission in submissions)
    message = f"Sent to {taken}/{len(submissions)} Total Cost: KES {taken * 0.8:.4f}"
    elements = [_element(submission) for submission in submissions]
    return json_answer({"SMSMessageData": {"Message": message, "Recipients": elements}}, 201)


def _element(submission: Submission) -> dict[str, Any]:
    accepted = submission.outcome == "accepted"
    code, word = SENT if accepted else REFUSED
    return {
        "statusCode": code,
        "number": f"+{submission.to}",
        "status": word,
        "cost": "KES 0.8000" if accepted else "0",
        "messageId": submission.parts[0].id if accepted else "None",
    }


def receipt(push: Push, account: Account, now: float) -> Call:
    """A form without a time. Only a failure has a reason."""
    fields = {
        "id": push.part.id or "",
        "status": push.word,
        "phoneNumber": f"+{push.submission.to}",
        "networkCode": push.submission.network,
        "retryCount": "0",
    }
    if push.meaning in FAILURES and push.code:
        fields["failureReason"] = push.code
    return post(address(push, account), "application/x-www-form-urlencoded", urlencode(fields))
