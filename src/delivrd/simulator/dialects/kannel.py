"""Kannel's smsbox, with an SMS centre behind it that speaks SMPP.

https://www.kannel.org/download/kannel-userguide-snapshot/userguide.html (sendsms, delivery
reports), its source, and callbacks of Kannel 1.4.5. An answer contains no id: a receipt goes to
the ``dlr-url`` of its send, with its escapes filled in.
"""

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote_plus

from delivrd.simulator import accounts
from delivrd.simulator.accounts import plain
from delivrd.simulator.journal import Call, Push, Submission
from delivrd.simulator.segments import is_gsm
from delivrd.simulator.signing import mark
from delivrd.simulator.wire import (
    USER_AGENT,
    Answer,
    Complain,
    Inbound,
    Refusal,
    Send,
    address,
    utc,
    uuid_of,
)
from delivrd.simulator.words import DELIVERED, EXPIRED, PENDING, REJECTED, UNDELIVERED

NAME = "kannel"
ROUTES = ("GET /cgi-bin/sendsms",)
RETURNS_ID = False
MAX_TRIES = 6
"""With ``http-request-retry = 5``; the default is 0, and one failed try then loses a receipt."""

WORDS = {
    "1": DELIVERED,
    "2": UNDELIVERED,
    "4": PENDING,
    "8": PENDING,
    "16": REJECTED,
}
"""Values of ``%d``."""
CODES = {"EXPIRED": EXPIRED, "REJECTD": REJECTED, "UNKNOWN": PENDING}
"""``stat:`` in the SMS centre's receipt refines a 2, Kannel's only value for these outcomes."""
REFUSALS = ("16",)

REPORTED_AS = {
    "taken": ("8", ""),
    "waiting": ("4", "ENROUTE"),
    "delivered": ("1", "DELIVRD"),
    "expired": ("2", "EXPIRED"),
    "undelivered": ("2", "UNDELIV"),
    "unknown_number": ("16", "0x0000000b"),
    "unroutable": ("16", "0x0000000b"),
    "general": ("2", "DELETED"),
    "rejected": ("2", "REJECTD"),
    "header_filter": ("16", "0x0000000a"),
    "unknown": ("2", "UNKNOWN"),
}
"""The codes are the SMS centre's statuses, or its error codes for a refused submit."""

NACKS = {"0x0000000a": "Invalid Source Address", "0x0000000b": "Invalid Destination Address"}
TAKEN = "0: Accepted for delivery"
DEFERRED = "Temporal failure, try again later."
NOT_ROUTABLE = "Not routable. Do not try again."
DENIED = "Number(s) has/have been denied by white- and/or black-lists."

REPORTS = 1 | 2 | 8 | 16
MAX_MASK = 63
ESCAPES = "d=%d&A=%A&F=%F&p=%p&P=%P&T=%T"
"""The query of the ``dlr-url`` at the account's webhook, for sends without one."""
_ESCAPE = re.compile("%(.)")


@dataclass(kw_only=True)
class Account(accounts.Account):
    username: str | None = None
    password: str | None = None


def account(settings: Any, webhook: str) -> Account:
    return Account(webhook=webhook, username=settings.username, password=plain(settings.password))


def new_id(digest: bytes) -> str:
    return str(int.from_bytes(digest[:6]))


def read(call: Inbound, account: Account, complain: Complain) -> list[Send]:
    """The texts to send, one for each number of the list."""
    params: dict[str, str] = call.params()
    _check_credentials(params, account)
    if not params.get("to"):
        raise _refusal("Missing receiver number, rejected")
    numbers = list(dict.fromkeys(params["to"].split()))
    if not all(re.fullmatch(r"[0-9 +-]+", number) for number in numbers):
        raise _refusal(DENIED)
    if not params.get("from"):
        raise _refusal("Sender missing and no global set, rejected")
    _check_text(params, complain)
    callback = _callback(params, complain)
    return [
        Send(
            to="".join(char for char in number if char.isdigit()),
            sender=params["from"],
            text=params.get("text", ""),
            callback=callback,
            validity=_seconds(params.get("validity")),
            extra={"to": number, "service": params["username"]},
        )
        for number in numbers
    ]


def _check_credentials(params: dict[str, str], account: Account) -> None:
    for name, right in (("username", account.username), ("password", account.password)):
        if not params.get(name) or (right and params[name] != right):
            raise _refusal("Authorization failed for sendsms", 403)


def _check_text(params: dict[str, str], complain: Complain) -> None:
    coding = params.get("coding", "0")
    if coding not in ("0", "1", "2"):
        raise _refusal("Coding field misformed, rejected")
    if not params.get("text"):
        complain("kannel: a text is empty")
    if coding != "2" and not is_gsm(params.get("text", "")):
        complain("kannel: a text outside GSM 7-bit was sent without coding=2 and is garbled")
    if coding == "2" and params.get("charset", "").upper() != "UTF-8":
        complain("kannel: with coding=2 a text is read as UTF-16BE unless charset is UTF-8")


def _callback(params: dict[str, str], complain: Complain) -> str | None:
    """Where the receipts go; without a dlr-mask there are none."""
    url, mask = params.get("dlr-url"), _integer(params.get("dlr-mask", "0"))
    if url and not re.match("https?://", url, re.IGNORECASE):
        raise _refusal("DLR-URL field misformed, rejected")
    if mask is None or not -1 <= mask <= MAX_MASK:
        raise _refusal("DLR-Mask field misformed, rejected")
    if mask & REPORTS != REPORTS:
        complain("kannel: not every report was asked for (dlr-mask)")
    return url if mask > 0 else None


def _integer(value: str) -> int | None:
    return int(value) if re.fullmatch(r"-?\d{1,9}", value) else None


def _seconds(validity: str | None) -> float | None:
    """A validity given in minutes, in seconds."""
    if validity is None:
        return None
    minutes = _integer(validity)
    if minutes is None or minutes < 0:
        raise _refusal("Validity field misformed, rejected")
    return minutes * 60.0


def _refusal(words: str, status: int = 400) -> Refusal:
    return Refusal(_answer(words, status))


def _answer(words: str, status: int) -> Answer:
    return Answer(status, words.encode(), "text/html")


def answer(submissions: list[Submission]) -> Answer:
    """One sentence for all recipients: it does not say which of them were refused."""
    if any(submission.outcome == "later" for submission in submissions):
        return _answer(DEFERRED, 503)
    if all(submission.outcome == "refused" for submission in submissions):
        return _answer(NOT_ROUTABLE, 403)
    return _answer(TAKEN, 202)


def receipt(push: Push, account: Account, now: float) -> Call:
    values = _values(push, now)
    url = _ESCAPE.sub(lambda found: values.get(found[1], found[0]), _dlr_url(push, account))
    return Call("GET", url, (("User-Agent", USER_AGENT),), b"")


def _dlr_url(push: Push, account: Account) -> str:
    if push.submission.callback:
        return push.submission.callback
    return f"{address(push, account).replace('%', '%%')}?{ESCAPES}"


def _values(push: Push, now: float) -> dict[str, str]:
    """The value of each escape; unknown escapes are left as they are."""
    submission, reply = push.submission, _reply(push, now)
    to = submission.extra.get("to", submission.to)
    values = {
        "d": push.word,
        "A": reply,
        "a": reply,
        "b": reply,
        "p": to,
        "q": to,
        "P": submission.sender,
        "Q": submission.sender,
        "t": utc(now).strftime("%Y-%m-%d %H:%M:%S"),
        "T": str(int(now)),
        "F": "" if push.word in REFUSALS else push.part.id or "",
        "I": uuid_of(mark(push)),
        "i": "SIM",
        "n": submission.extra.get("service", ""),
        "B": "",
        "o": "",
    }
    return {name: quote_plus(value) for name, value in values.items()} | {"%": "%"}


def _reply(push: Push, now: float) -> str:
    """The SMS centre's reply to the submit, or the text of its receipt."""
    if push.word in REFUSALS:
        return f"NACK/{push.code}/{NACKS[push.code]}"
    if not push.code:
        return "ACK/"
    submission, arrived = push.submission, int(push.meaning is DELIVERED)
    taken, done = (utc(at).strftime("%y%m%d%H%M") for at in (submission.taken_at, now))
    return (
        f"id:{push.part.id} sub:001 dlvrd:{arrived:03} submit date:{taken} done date:{done} "
        f"stat:{push.code} err:000 text:{submission.text[:20]}"
    )


def acknowledged(status: int, body: bytes) -> bool:
    """Kannel accepts only these two codes."""
    return status in (200, 202)
