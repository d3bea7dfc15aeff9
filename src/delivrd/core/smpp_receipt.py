"""Reads and writes the text of SMPP delivery receipts: SMPP v3.4 appendix B, and real variants.

The specification only describes what is "typically" used, and message centres differ: fields in any
order, missing, empty or doubled, keys in any case, garbage before them, a text that looks like more
fields. The reader extracts what it can and never raises.
"""

import re
from datetime import UTC, datetime, tzinfo
from itertools import zip_longest

import msgspec

from delivrd.core import times


class SmppReceipt(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The fields as written; None if a field is missing or holds a placeholder."""

    id: str | None = None
    sub: str | None = None
    dlvrd: str | None = None
    submit_date: str | None = None
    done_date: str | None = None
    stat: str | None = None
    err: str | None = None
    text: str | None = None
    """Also what follows the last field, if no field is named text."""


_LABELS = {
    "id": "id",
    "sub": "sub",
    "dlvrd": "dlvrd",
    "submit_date": "submit date",
    "done_date": "done date",
    "stat": "stat",
    "err": "err",
    "text": "text",
}
_KEY = re.compile(
    r"(?<![A-Za-z0-9_])(?:(?P<submit_date>submit[\s_]*date)|(?P<done_date>done[\s_]*date)"
    r"|(?P<id>id)|(?P<sub>sub)|(?P<dlvrd>dlvrd)|(?P<stat>stat)|(?P<err>err)|(?P<text>text))\s*:",
    re.IGNORECASE,
)
_DASHED = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d")
_VALUE = re.compile(rf"\s*({_DASHED.pattern}|\S*)\s*(.*)", re.DOTALL)
_PLACEHOLDERS = frozenset({"", "...", "null", "none", "nd"})  # ND: Jasmin, as an SMPP server
_BLANKS = " \t\r\n"

INTERMEDIATE = 0x20
_KIND = 0x3C
_RECEIPTS = frozenset({0x04, 0x08, 0x10, INTERMEDIATE})
"""The centre's receipt, delivery and manual acknowledgements, intermediate notification."""

MESSAGE_STATES = {
    0: "SCHEDULED",
    1: "ENROUTE",
    2: "DELIVRD",
    3: "EXPIRED",
    4: "DELETED",
    5: "UNDELIV",
    6: "ACCEPTD",
    7: "UNKNOWN",
    8: "REJECTD",
    9: "SKIPPED",
}
"""The values of message_state (tag 0x0427), with the equivalent word of a receipt's text."""
_WORDS = frozenset(MESSAGE_STATES.values())
_WORDS_ONLY = re.compile(r"[A-Za-z][A-Za-z ]*")


def parse(text: str) -> SmppReceipt:
    """The fields of a receipt's text; all None if it is not a receipt.

    The first of repeated fields counts. Nothing after ``text:`` is a field, except a first
    ``stat:`` that follows at once: some message centre writes an empty text before it. Another
    writes the status without its key, after the ``done date:`` (kneodev/ksmppd#108). In India, one
    writes dates with a blank in them, and one a colon and its own words after the status (both in
    the samples of ``com.winnovature.unitia.util.misc.DnBean``).
    """
    text = text.replace("\0", "")
    keys = list(_KEY.finditer(text))
    found: dict[str, str | None] = {}
    bare = ""
    for key, after in zip_longest(keys, keys[1:]):
        name = key.lastgroup or ""
        if name == "text":
            if _is_early(key, after, found):
                found["text"] = ""
                continue
            found["text"] = text[key.end() :].strip(_BLANKS)
            break
        value, rest = _VALUE.findall(text[key.end() : after.start() if after else None])[0]
        if found.get(name) is None:
            found[name] = _value(_status(value, rest if after else "") if name == "stat" else value)
        if after is None and rest:
            found["text"] = rest.strip(_BLANKS)
        elif rest and name == "done_date":
            bare = rest.strip(_BLANKS)
    if "stat" not in found and bare.upper() in _WORDS:
        found["stat"] = bare
    return SmppReceipt(**found)


def _is_early(
    key: re.Match[str], after: re.Match[str] | None, found: dict[str, str | None]
) -> bool:
    """Whether the text is empty and followed by the status."""
    if after is None or after.lastgroup != "stat" or "stat" in found:
        return False
    return key.string[key.end() : after.start()].isspace()


def _status(value: str, rest: str) -> str:
    """Without a colon and what follows; with the words up to the next key, where there are any:
    "DELIVERED TO CARRIER" is not "DELIVERED"."""
    plain, colon, _ = value.partition(":")
    return plain if colon or not _WORDS_ONLY.fullmatch(rest) else f"{value} {rest.rstrip()}"


def _value(written: str) -> str | None:
    value = written.rstrip(",;")
    return None if value.lower() in _PLACEHOLDERS else value


def write(receipt: SmppReceipt) -> str:
    """The text of a receipt, without the fields that are None."""
    said = ((label, getattr(receipt, name)) for name, label in _LABELS.items())
    return " ".join(f"{label}:{value}" for label, value in said if value is not None)


def decode(raw: bytes) -> str:
    """Decodes a receipt's short message without its data coding, which is often wrong.

    Its errors are replaced.
    """
    return raw.decode(encoding(raw), "replace")


def encoding(raw: bytes) -> str:
    """The encoding of a receipt's short message.

    A receipt's keys are ASCII, so in UCS-2 every other byte of them is zero.
    """
    high, low = raw[::2].count(0), raw[1::2].count(0)
    if 4 * max(high, low) > len(raw):
        return "utf-16-be" if high > low else "utf-16-le"
    try:
        raw.decode()
    except UnicodeDecodeError:
        return "latin-1"
    return "utf-8"


def unwrapped(written: object) -> bytes | None:
    """Bytes as JSON may hold them: in hexadecimal digits, as numbers, or as one character each.

    The numbers may stand in an object, as Node.js writes a buffer. None if it holds no bytes.
    """
    if isinstance(written, dict):
        written = written.get("data")
    try:
        if isinstance(written, list):
            return bytes(int(number) for number in written)
        if not isinstance(written, str):
            return None
        raw = written.encode("latin-1") if re.search(r"[\0-\x1f]", written) else None
        return raw or bytes.fromhex(re.sub(r"^0x", "", written))
    except (ValueError, TypeError):
        return None


def date(value: str | None, zone: tzinfo = UTC, *, now: datetime | None = None) -> datetime | None:
    """The time in a ``submit date`` or ``done date``, else None.

    It is of 10, 12, 14 or 16 characters, or has dashes, a blank and colons in it.
    """
    if value is None:
        return None
    plain = len(value) in (10, 12, 14, 16) and value[:-1].isdigit()
    if not plain and not _DASHED.fullmatch(value):
        return None
    return times.parse(value, zone, now=now, smpp=True)


def is_receipt(esm_class: int) -> bool:
    """Whether esm_class marks the PDU as a receipt of any kind."""
    return esm_class & _KIND in _RECEIPTS


def is_intermediate(esm_class: int) -> bool:
    """Whether the receipt is an intermediate notification, which is never final."""
    return esm_class & _KIND == INTERMEDIATE


def network_error(raw: bytes) -> str | None:
    """The code in network_error_code (tag 0x0423): the two bytes after the network type."""
    return str(int.from_bytes(raw[1:3], "big")) if len(raw) == 3 else None
