"""CM.com's messaging gateway, whose only ids are the senders' references.

https://developers.cm.com/messaging/docs/sms (send) and
https://developers.cm.com/messaging/docs/incoming-status-report (receipts by JSON and XML; the
older ones by GET use the names of the vendor's placeholders). The codes of answers are those of
the vendor's SDKs.
"""

import re
from dataclasses import dataclass
from typing import Any
from xml.sax.saxutils import escape, quoteattr
from zoneinfo import ZoneInfo

from delivrd.simulator import accounts
from delivrd.simulator.accounts import plain
from delivrd.simulator.journal import Call, Push, Submission
from delivrd.simulator.segments import count, is_gsm
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
    post_json,
    utc,
)
from delivrd.simulator.words import DELIVERED, EXPIRED, PENDING, REJECTED, UNDELIVERED

NAME = "cm"
ROUTES = ("POST /v1.0/message",)
SHAPES = {"json": 0.5, "list": 0.15, "xml": 0.2, "get": 0.15}
ZONE = ZoneInfo("Europe/Amsterdam")
UNICODE = 8
MAX_REFERENCE = 32

WORDS = {"0": PENDING, "1": REJECTED, "2": DELIVERED, "3": UNDELIVERED, "4": DELIVERED}
CODES = {"8": EXPIRED}
REPORTED_AS = {
    "taken": ("0", ""),
    "delivered": ("2", ""),
    "expired": ("3", "8"),
    "undelivered": ("3", ""),
    "absent": ("3", "24"),
    "rejected": ("1", ""),
    "unknown": ("0", ""),
}

REFUSED = 402
"""The recipient is on a blocking list."""
DEFERRED = {"throttled": (429, "Too many requests"), "outage": (503, "Service unavailable")}


@dataclass(kw_only=True)
class Account(accounts.Account):
    product_token: str | None = None


def account(settings: Any, webhook: str) -> Account:
    return Account(webhook=webhook, product_token=plain(settings.product_token))


def read(call: Inbound, account: Account, complain: Complain) -> list[Send]:
    """The texts to send, one for each number of each message."""
    try:
        messages = call.params().get("messages")
    except ValueError:
        messages = None
    envelope = messages if isinstance(messages, dict) else {}
    _check_token(call, envelope.get("authentication") or {}, account)
    listed = envelope.get("msg")
    if not isinstance(listed, list) or not listed:
        raise _refusal(400, 203, "The MSG array is incorrect")
    return [send for message in listed for send in _sends(message, complain)]


def _check_token(call: Inbound, inside: dict[str, Any], account: Account) -> None:
    by_name = {name.lower(): value for name, value in inside.items()}
    token = call.headers.get("x-cm-producttoken") or by_name.get("producttoken")
    if not token or (account.product_token and token != account.product_token):
        raise _refusal(401, 101, "Authentication failed")


def _sends(message: dict[str, Any], complain: Complain) -> list[Send]:
    text = str((message.get("body") or {}).get("content") or "")
    reference, to = message.get("reference"), message.get("to") or []
    if not text or not to:
        raise _refusal(400, 304 if not text else 302, "A field is invalid")
    _check_form(message, text, complain)
    if len(reference or "") > MAX_REFERENCE:
        raise _refusal(400, 305, "The reference is invalid")
    if not reference:
        complain("cm: without a reference the receipts cannot be matched")
    return [
        Send(
            to=_digits(each.get("number"), complain),
            sender=str(message.get("from") or ""),
            text=text,
            reference=reference,
            validity=_seconds(message.get("validity")),
            id=reference,
        )
        for each in to
    ]


def _check_form(message: dict[str, Any], text: str, complain: Complain) -> None:
    automatic = str(message["body"].get("type", "")).lower() == "auto"
    if not is_gsm(text) and not automatic and message.get("dcs") != UNICODE:
        complain("cm: a text outside GSM 7-bit was sent without type auto or dcs 8")
    if count(text) > message.get("maximumNumberOfMessageParts", 1):
        complain("cm: a text has more parts than maximumNumberOfMessageParts and is cut")


def _digits(number: Any, complain: Complain) -> str:
    if not re.fullmatch(r"(00|\+)[1-9]\d{5,14}", str(number)):
        complain("cm: the recipient should be international, with 00 or a plus")
    return re.sub(r"^00|\D", "", str(number))


def _seconds(validity: str | None) -> float | None:
    """A validity such as ``2h`` or ``30m``, in seconds; combinations are refused."""
    if not validity:
        return None
    found = re.fullmatch(r"(\d+)([hm])", validity)
    if not found:
        raise _refusal(400, 305, "The validity is invalid")
    return float(found[1]) * (3600 if found[2] == "h" else 60)


def _refusal(status: int, code: int, details: str) -> Refusal:
    body = {"details": details, "errorCode": code, "messages": []}
    return Refusal(json_answer(body, status))


def answer(submissions: list[Submission]) -> Answer:
    """An element for each recipient; 400 if one was refused."""
    for submission in submissions:
        if submission.outcome == "later":
            status, words = DEFERRED[submission.why]
            return Answer(status, words.encode(), "text/plain")
    elements = [_element(submission) for submission in submissions]
    failed = any(element["messageErrorCode"] for element in elements)
    details = "Some messages were not sent" if failed else f"Created {len(elements)} message(s)"
    body = {"details": details, "errorCode": 201 if failed else 0, "messages": elements}
    return json_answer(body, 400 if failed else 200)


def _element(submission: Submission) -> dict[str, Any]:
    accepted = submission.outcome == "accepted"
    return {
        "to": f"00{submission.to}",
        "status": "Accepted" if accepted else "Rejected",
        "reference": submission.reference,
        "parts": count(submission.text) if accepted else 0,
        "messageDetails": None if accepted else "The recipient is blacklisted",
        "messageErrorCode": 0 if accepted else REFUSED,
    }


def receipt(push: Push, account: Account, now: float) -> Call:
    """One report in the account's form, in Dutch time; the number has the prefix 00."""
    url, shape = address(push, account), push.submission.shape
    to, reference = f"00{push.submission.to}", push.part.id or ""
    received = utc(now).astimezone(ZONE).strftime("%Y-%m-%dT%H:%M:%S")
    words = "The handset was not reached" if push.code else ""
    if shape == "get":
        return get(url, _placeholders(push, to, reference, received, words))
    if shape == "xml":
        return post(url, "text/xml", _xml(push, to, reference, received, words))
    report = {
        "received": received,
        "to": to,
        "reference": reference,
        "status": {"code": push.word, "errorCode": push.code, "errorDescription": words},
        "operator": push.submission.network,
    }
    return post_json(url, {"messages": {"msg": [report] if shape == "list" else report}})


def _placeholders(push: Push, to: str, reference: str, made: str, words: str) -> dict[str, str]:
    return {
        "GSM": to,
        "REFERENCE": reference,
        "STATUS": push.word,
        "STATUSDESCRIPTION": push.code,
        "STANDARDERRORTEXT": words,
        "CREATED_S": made,
        "OPERATOR": push.submission.network,
    }


def _xml(push: Push, to: str, reference: str, received: str, words: str) -> str:
    return (
        f"<MESSAGES><MSG RECEIVED={quoteattr(received)}><TO>{to}</TO>"
        f"<REFERENCE>{escape(reference)}</REFERENCE><STATUS><CODE>{push.word}</CODE>"
        f"<ERRORCODE>{push.code}</ERRORCODE><ERRORDESCRIPTION>{words}</ERRORDESCRIPTION>"
        f"</STATUS><OPERATOR>{push.submission.network}</OPERATOR></MSG></MESSAGES>"
    )
