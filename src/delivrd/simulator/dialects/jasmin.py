"""Jasmin's HTTP API and its RESTful API, with an SMS centre behind them.

https://docs.jasminsms.com/en/latest/apis/http/index.html (send, receipts),
https://docs.jasminsms.com/en/latest/apis/rest/index.html, its source, and callbacks of Jasmin
0.11.1. Jasmin requests only the receipt of a long text's last part, so the text has one id.
"""

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

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
    get,
    json_answer,
    post,
    utc,
)
from delivrd.simulator.words import DELIVERED, EXPIRED, PENDING, REJECTED, UNDELIVERED

NAME = "jasmin"
ROUTES = ("GET /send", "POST /send", "POST /{secure}/send")
SHAPES = {"POST": 0.7, "GET": 0.3}
"""By ``dlr-method``."""
MAX_TRIES = 4
"""Jasmin's default: three retries."""

WORDS = {
    "ESME_ROK": PENDING,
    "ESME_RINVSRCADR": REJECTED,
    "ESME_RINVDSTADR": REJECTED,
    "DELIVRD": DELIVERED,
    "EXPIRED": EXPIRED,
    "UNDELIV": UNDELIVERED,
    "DELETED": UNDELIVERED,
    "REJECTD": REJECTED,
    "UNKNOWN": PENDING,
}
"""Level 1: the SMS centre's answer to the submit. Level 2: the statuses of its receipts."""
REFUSALS = ("ESME_RINVSRCADR", "ESME_RINVDSTADR")

REPORTED_AS = {
    "taken": ("ESME_ROK", ""),
    "delivered": ("DELIVRD", "000"),
    "expired": ("EXPIRED", "000"),
    "undelivered": ("UNDELIV", "000"),
    "unknown_number": ("ESME_RINVDSTADR", ""),
    "unroutable": ("ESME_RINVDSTADR", ""),
    "general": ("DELETED", "000"),
    "rejected": ("REJECTD", "000"),
    "header_filter": ("ESME_RINVSRCADR", ""),
    "unknown": ("UNKNOWN", "000"),
}

FORM = "application/x-www-form-urlencoded"
MANDATORY = ("to", "username", "password")
PATTERNS = {
    "to": r"\+?\d+",
    "username": ".{1,16}",
    "password": ".{1,16}",
    "coding": r"\d|10|13|14",
    "priority": "[0-3]",
    "validity-period": r"\d+",
    "dlr": "yes|no",
    "dlr-url": "https?://.*",
    "dlr-level": "[1-3]",
    "dlr-method": "(?i:get|post)",
    "tags": "[-a-zA-Z0-9,]*",
}
FREE_FORM = ("from", "content", "hex-content", "sdt", "custom_tlvs")


@dataclass(kw_only=True)
class Account(accounts.Account):
    username: str | None = None
    password: str | None = None


def account(settings: Any, webhook: str) -> Account:
    return Account(webhook=webhook, username=settings.username, password=plain(settings.password))


def read(call: Inbound, account: Account, complain: Complain) -> list[Send]:
    """The text to send, to one number."""
    rest = bool(call.match)
    try:
        return [_send(_params(call, rest), account, complain, rest)]
    except ValueError as error:
        raise Refusal(_error(str(error), 400, rest=rest)) from None


def _params(call: Inbound, rest: bool) -> dict[str, str]:
    """The parameters; the RESTful API passes JSON on, with the user of its basic authentication.

    Raises:
        ValueError: the body does not match its content type.
    """
    params = {name: str(value) for name, value in call.params().items()}
    if not rest:
        return params
    username, password = call.basic()
    if not username:
        raise Refusal(json_answer({"title": "Authentication required"}, 401))
    named = {name.replace("_", "-"): value for name, value in params.items()}
    return named | {"username": username, "password": password}


def _send(params: dict[str, str], account: Account, complain: Complain, rest: bool) -> Send:
    _check(params)
    for name, right in (("username", account.username), ("password", account.password)):
        if right and params[name] != right:
            words = f"Authentication failure for username:{params['username']}"
            raise Refusal(_error(words, 403, rest=rest))
    minutes = params.get("validity-period")
    return Send(
        to=params["to"].lstrip("+"),
        sender=params.get("from", ""),
        text=_text(params, complain),
        callback=_callback(params, complain),
        validity=int(minutes) * 60.0 if minutes else None,
        shape=params.get("dlr-method", "POST").upper(),
        extra={"rest": "yes"} if rest else {},
    )


def _check(params: dict[str, str]) -> None:
    """
    Raises:
        ValueError: an argument is missing, invalid or unknown.
    """
    for name in params:
        if name not in PATTERNS and name not in FREE_FORM:
            raise ValueError(f"Argument [{name}] is unknown.")
    for name in MANDATORY:
        if name not in params:
            raise ValueError(f"Mandatory argument [{name}] is not found.")
    for name, pattern in PATTERNS.items():
        if name in params and not re.fullmatch(pattern, params[name]):
            raise ValueError(f"Argument [{name}] has an invalid value: [{params[name]}].")
    if "content" not in params and "hex-content" not in params:
        raise ValueError("content or hex-content not present.")
    if "content" in params and "hex-content" in params:
        raise ValueError("content and hex-content cannot be used both in same request.")


def _text(params: dict[str, str], complain: Complain) -> str:
    """The text, from ``hex-content`` in its coding or from ``content``."""
    coding, text = params.get("coding", "0"), params.get("content", "")
    if "hex-content" in params:
        octets = bytes.fromhex(params["hex-content"])
        return octets.decode("utf-16-be" if coding == "8" else "latin-1")
    if coding == "8":
        complain("jasmin: a text with coding 8 was sent in content and not as hex-content")
    elif not is_gsm(text):
        complain("jasmin: a text outside GSM 7-bit was sent without coding 8 and is garbled")
    return text


def _callback(params: dict[str, str], complain: Complain) -> str | None:
    """Where the receipts go; ``dlr-url`` and ``dlr-level`` request them just as ``dlr`` does."""
    asked = params.get("dlr") == "yes" or "dlr-url" in params or "dlr-level" in params
    if not asked or params.get("dlr-level", "1") != "3":
        complain("jasmin: not every report was asked for (dlr, dlr-level)")
    return params.get("dlr-url") if asked else None


def _error(words: str, status: int, *, rest: bool) -> Answer:
    return _answer(f'Error "{words}"', status, rest=rest)


def _answer(words: str, status: int, *, rest: bool) -> Answer:
    if rest:
        return json_answer({"data" if status == 200 else "message": words}, status)
    return Answer(status, words.encode(), "text/plain")


def answer(submissions: list[Submission]) -> Answer:
    [submission] = submissions
    rest = "rest" in submission.extra
    if submission.outcome == "later":
        return _error("User throughput exceeded", 403, rest=rest)
    if submission.outcome == "refused":
        return _error("No route found", 412, rest=rest)
    return _answer(f'Success "{submission.parts[0].id}"', 200, rest=rest)


def receipt(push: Push, account: Account, now: float) -> Call:
    url, headers = address(push, account), {"Accept": "text/plain"}
    fields = {"id": push.part.id or "", "level": "1", "message_status": push.word}
    if push.word.startswith("ESME_"):
        fields["connector"] = "SIM"
    else:
        fields |= _level_2(push, now)
    if push.submission.shape == "GET":
        return get(url, fields, {"Content-Type": FORM, **headers})
    return post(url, FORM, urlencode(fields), headers)


def _level_2(push: Push, now: float) -> dict[str, str]:
    """The fields of the SMS centre's receipt; ``connector`` then holds its id too."""
    submission, smsc_id = push.submission, str(UUID(push.part.id).time_low)
    return {
        "level": "2",
        "connector": smsc_id,
        "id_smsc": smsc_id,
        "sub": "001",
        "dlvrd": "001" if push.meaning is DELIVERED else "000",
        "subdate": utc(submission.taken_at).strftime("%y%m%d%H%M"),
        "donedate": utc(now).strftime("%y%m%d%H%M"),
        "err": push.code,
        "text": submission.text[:20],
    }


def acknowledged(status: int, body: bytes) -> bool:
    """Jasmin retries unless the answer is ``ACK/Jasmin``."""
    return status == 200 and body.strip() == b"ACK/Jasmin"
