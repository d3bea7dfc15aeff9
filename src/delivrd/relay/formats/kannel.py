"""As Kannel calls: the endpoint's URL is a ``dlr-url``, in which Kannel's escapes are filled in.

Beside Kannel's own escapes, ``%#delivrd#NAME#`` is a field of the event (``reference``) and
``%#metadata#NAME#`` one of the message's metadata, in the way in which Kannel writes meta-data.
Sources: Kannel's user guide (delivery reports), and callbacks of Kannel 1.4.5.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

import msgspec

from delivrd.core.reasons import Reason
from delivrd.core.smpp_receipt import SmppReceipt, write
from delivrd.core.statement import FAILURES, Status
from delivrd.relay.call import Call, Target
from delivrd.relay.event import Event
from delivrd.relay.formats.base import (
    Option,
    Told,
    Unfit,
    address,
    digits,
    only,
    unsigned,
    word,
)

NAMES = {"kannel": "Kannel: the escapes in the URL are filled in, by GET"}
OPTIONS = {
    "template": Option("The URL with its escapes, where the endpoint's own cannot hold them")
}
BATCHES = False

WORDS = {
    Status.PENDING: "8",
    Status.DELIVERED: "1",
    Status.UNDELIVERED: "2",
    Status.REJECTED: "16",
    Status.EXPIRED: "2",
    Status.UNKNOWN: "2",
}
"""``%d``. What is no more than unknown Kannel calls undelivered, and only ``%A`` says better."""

STATS = {
    Status.DELIVERED: "DELIVRD",
    Status.UNDELIVERED: "UNDELIV",
    Status.EXPIRED: "EXPIRED",
    Status.UNKNOWN: "UNKNOWN",
}
DELETED, TAKEN = "DELETED", "ACK/"

REFUSALS = {
    Reason.SENDER_NOT_ALLOWED: "0x0000000a",
    Reason.UNKNOWN_NUMBER: "0x0000000b",
    Reason.NOT_MOBILE: "0x0000000b",
    Reason.NETWORK_ERROR: "0x00000008",
    Reason.THROTTLED: "0x00000058",
    Reason.CONTENT_INVALID: "0x000000c4",
    Reason.ACCOUNT_PROBLEM: "0x00000101",
}
"""Why a message centre refuses a message, as SMPP numbers it; else the general code."""
NOT_TAKEN = "0x00000045"

NO_VALUE = frozenset("abcCDfkmMnoOrRsSuUvV")
"""Escapes that Kannel knows and an event has nothing for: they are empty."""

_ESCAPE = re.compile(r"%(?:(%)|#([^#]*)#([^#]*)#|([A-Za-z]))")
_ORIGIN = re.compile(r"https?://[^/?#]+", re.IGNORECASE)
_NUMBER = re.compile(r"0x[0-9a-f]{8}")
_WORDLESS = re.compile(r"\S{1,16}")

sign = unsigned


def render(events: Sequence[Event], target: Target) -> Call:
    """The call of the filled-in URL; values are percent-encoded, and the host is never filled in.

    Raises:
        Unfit: the URL has no escape that could say this status.
    """
    told, template = only(events), _template(target)
    named = {found[4] for found in _ESCAPE.finditer(template) if found[4]}
    if not named & {"d", "A"}:
        raise Unfit("the URL says no status: it holds neither %d nor %A")
    if told.status is Status.UNKNOWN and "A" not in named:
        raise Unfit("%d has no word for unknown, and the URL does not hold %A")
    values = _values(told)
    origin, rest = _parted(template)
    filled = _ESCAPE.sub(lambda escape: _filled(escape, values, told.data), rest)
    return Call("GET", address(origin + filled), (), b"")


def _template(target: Target) -> str:
    template = target.options.get("template") or target.url
    if _parted(template)[0].lower() != _parted(target.url)[0].lower():
        raise Unfit("the template's scheme and host are not those of the endpoint's URL")
    return template


def _parted(url: str) -> tuple[str, str]:
    origin = _ORIGIN.match(url)
    if origin is None:
        raise Unfit("the template is no URL")
    return origin[0], url[origin.end() :]


def _values(told: Told) -> Mapping[str, str]:
    return {
        "d": word(WORDS, told),
        "A": _reply(told),
        "F": told.id,
        "I": told.id,
        "p": digits(told.to),
        "P": digits(told.sender),
        "q": told.to,
        "Q": told.sender,
        "t": told.at.strftime("%Y-%m-%d %H:%M:%S"),
        "T": str(int(told.at.timestamp())),
        "i": told.account,
        "B": (told.code or "") if told.status in FAILURES else "",
    }


def _reply(told: Told) -> str:
    """What the message centre would have answered: a receipt's text, or that it took or refused."""
    if told.status is Status.PENDING:
        return TAKEN
    if told.status is Status.REJECTED:
        return f"NACK/{_refusal(told)}/{(told.reason or Reason.OTHER).replace('_', ' ')}"
    deleted = told.status is Status.UNDELIVERED and told.reason is Reason.DELETED
    code = told.code if told.status in FAILURES and told.code else "000"
    return write(
        SmppReceipt(
            id=told.id,
            sub="001",
            dlvrd="001" if told.status is Status.DELIVERED else "000",
            submit_date=(told.sent_at or told.at).strftime("%y%m%d%H%M"),
            done_date=told.at.strftime("%y%m%d%H%M"),
            stat=DELETED if deleted else STATS[told.status],
            err=code if _WORDLESS.fullmatch(code) else "000",
            text="",
        )
    )


def _refusal(told: Told) -> str:
    if told.provider == "kannel" and _NUMBER.fullmatch(told.code or ""):
        return told.code or ""
    return REFUSALS.get(told.reason or Reason.OTHER, NOT_TAKEN)


def _filled(escape: re.Match[str], values: Mapping[str, str], data: Mapping[str, Any]) -> str:
    """What an escape stands for; one that Kannel does not know stays, as a text."""
    percent, group, name, letter = escape.groups()
    if percent:
        return "%"
    if letter:
        unknown = "" if letter in NO_VALUE else f"%{letter}"
        return _quoted(values.get(letter, unknown))
    fields = data.get("metadata") if group == "metadata" else data if group == "delivrd" else None
    value = (fields or {}).get(name)
    return _quoted(value if isinstance(value, str) else "" if value is None else _json(value))


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _quoted(value: str) -> str:
    return quote(value, safe="")
