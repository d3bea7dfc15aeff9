"""Kannel's delivery reports: the endpoint's URL is a ``dlr-url``, whose escapes are filled in.

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
    StatusChange,
    Unfit,
    address,
    digits,
    status_change,
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
"""``%d``. Kannel has no value for unknown: it reports 2 (failure), and ``%A`` has the detail."""

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
"""SMPP error codes with which a message centre refuses; ``NOT_TAKEN`` for other reasons."""
NOT_TAKEN = "0x00000045"

NO_VALUE = frozenset("abcCDfkmMnoOrRsSuUvV")
"""Kannel's escapes for which an event has no value: they are replaced by nothing."""

_ESCAPE = re.compile(r"%(?:(%)|#([^#]*)#([^#]*)#|([A-Za-z]))")
_ORIGIN = re.compile(r"https?://[^/?#]+", re.IGNORECASE)
_NUMBER = re.compile(r"0x[0-9a-f]{8}")
_NO_SPACES = re.compile(r"\S{1,16}")

sign = unsigned


def render(events: Sequence[Event], target: Target) -> Call:
    """The call of the filled-in URL; values are percent-encoded, and the host is never filled in.

    Raises:
        Unfit: the URL has no escape that can express this status.
    """
    change, template = status_change(events), _template(target)
    named = {found[4] for found in _ESCAPE.finditer(template) if found[4]}
    if not named & {"d", "A"}:
        raise Unfit("the URL says no status: it holds neither %d nor %A")
    if change.status is Status.UNKNOWN and "A" not in named:
        raise Unfit("%d has no word for unknown, and the URL does not hold %A")
    values = _values(change)
    origin, rest = _split_origin(template)
    filled = _ESCAPE.sub(lambda escape: _filled(escape, values, change.data), rest)
    return Call("GET", address(origin + filled), (), b"")


def _template(target: Target) -> str:
    template = target.options.get("template") or target.url
    if _split_origin(template)[0].lower() != _split_origin(target.url)[0].lower():
        raise Unfit("the template's scheme and host are not those of the endpoint's URL")
    return template


def _split_origin(url: str) -> tuple[str, str]:
    origin = _ORIGIN.match(url)
    if origin is None:
        raise Unfit("the template is no URL")
    return origin[0], url[origin.end() :]


def _values(change: StatusChange) -> Mapping[str, str]:
    return {
        "d": word(WORDS, change),
        "A": _reply(change),
        "F": change.id,
        "I": change.id,
        "p": digits(change.to),
        "P": digits(change.sender),
        "q": change.to,
        "Q": change.sender,
        "t": change.at.strftime("%Y-%m-%d %H:%M:%S"),
        "T": str(int(change.at.timestamp())),
        "i": change.account,
        "B": (change.code or "") if change.status in FAILURES else "",
    }


def _reply(change: StatusChange) -> str:
    """What the message centre would have answered: its receipt, or that it accepted or refused."""
    if change.status is Status.PENDING:
        return TAKEN
    if change.status is Status.REJECTED:
        return f"NACK/{_refusal(change)}/{(change.reason or Reason.OTHER).replace('_', ' ')}"
    deleted = change.status is Status.UNDELIVERED and change.reason is Reason.DELETED
    code = change.code if change.status in FAILURES and change.code else "000"
    return write(
        SmppReceipt(
            id=change.id,
            sub="001",
            dlvrd="001" if change.status is Status.DELIVERED else "000",
            submit_date=(change.sent_at or change.at).strftime("%y%m%d%H%M"),
            done_date=change.at.strftime("%y%m%d%H%M"),
            stat=DELETED if deleted else STATS[change.status],
            err=code if _NO_SPACES.fullmatch(code) else "000",
            text="",
        )
    )


def _refusal(change: StatusChange) -> str:
    if change.provider == "kannel" and _NUMBER.fullmatch(change.code or ""):
        return change.code or ""
    return REFUSALS.get(change.reason or Reason.OTHER, NOT_TAKEN)


def _filled(escape: re.Match[str], values: Mapping[str, str], data: Mapping[str, Any]) -> str:
    """The value of an escape; escapes that Kannel does not have are kept as text."""
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
