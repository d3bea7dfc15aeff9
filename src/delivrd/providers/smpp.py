"""SMPP: the receipts that a message centre sends over a bind, as ``deliver_sm`` or ``data_sm``.

A request of this dialect is one PDU in JSON: ``short_message`` (or ``short_message_hex``),
``tlvs`` by name or tag, ``esm_class``, ``source_addr`` and ``destination_addr``. Its optional
parameters beat its text. Sources: SMPP v3.4 (5.2.28, 5.3.2, appendix B) and v5.0, the tests of the
public SMPP libraries.
"""

import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pydantic import Field

from delivrd.core import smpp_receipt
from delivrd.core.smpp_receipt import SmppReceipt
from delivrd.core.statement import Reading, Receipt, says_something
from delivrd.core.text import clean
from delivrd.providers import fields as f
from delivrd.providers import reading
from delivrd.providers.base import AccountSettings, Request, Unreadable, Word
from delivrd.providers.smpp_words import ON_ITS_WAY, STATES
from delivrd.providers.smpp_words import STATUSES as STATUSES

NAME = "smpp"
TITLE = "SMPP"
DOCS = "https://smpp.org/SMPP_v3_4_Issue1_2.pdf"
CHECKED = "2026-11-27"

REUSES_IDS = True

TAGS = {
    "receipted_message_id": ("receipted_message_id", "0x001e", "0x1e", "30"),
    "message_state": ("message_state", "0x0427", "0x427", "1063"),
    "network_error_code": ("network_error_code", "0x0423", "0x423", "1059"),
    "message_payload": ("message_payload", "0x0424", "0x424", "1060"),
}
_CALLED = {written: name for name, all_ways in TAGS.items() for written in all_ways}

RECEIPT_FIELDS = ("short_message", "short_message_hex", *TAGS["message_payload"], "message")
"""The last is inside the first, as node-smpp shows a text."""

FIELDS = {
    "short_message, short_message_hex": "The receipt's text, or its bytes in hexadecimal digits.",
    "tlvs.message_payload": "The same, where short_message is empty.",
    "tlvs.receipted_message_id, id:": "The message's id, as in the answer to submit_sm.",
    "tlvs.message_state, stat:": "The status, as a number or as a word.",
    "err:, tlvs.network_error_code": "The error code, the text's where it tells one; each centre "
    "has a table of its own.",
    "done date:": "When it reached this status (10, 12, 14 or 16 characters).",
    "submit date:, sub:, dlvrd:": "Kept with the request; too often wrong to be used.",
    "source_addr": "The recipient's number.",
    "esm_class": "The kind of receipt; 0x20 is an intermediate one, which is never final.",
}

SETUP = (
    "Ask the message centre's operator for system id, password, address and port, and whether "
    "the ids in receipts are in the same form (hex, decimal) as those in the answers to submits.",
    'Put the account in `delivrd.toml`: `[accounts.smpp]` with `provider = "smpp"` and '
    "`receive_only = true`; `id_format` where the two forms differ, `time_zone` where the "
    "centre's dates are not in UTC.",
    "Let the program that holds the bind post each receipt, one PDU in JSON, and set a "
    "`webhook_secret` of at least 12 random characters.",
    "It posts to `https://YOUR-HOST/webhooks/smpp/SECRET`, and answers the message centre "
    "with `deliver_sm_resp` after a 200.",
    "Start `delivrd serve`, run `delivrd doctor`, send yourself a text through your own program, "
    "and see its receipt come: `delivrd receipts tail --account smpp`.",
)


class Settings(AccountSettings):
    """An account at a message centre."""

    provider: str = NAME
    marked_only: bool = Field(
        default=False,
        description="Only PDUs that esm_class marks as receipts are read as receipts.",
    )


def read(request: Request, settings: AccountSettings | None = None) -> Reading:
    """The receipt in one PDU; a text from a handset is "inbound".

    A receipt without an id is read without one, so that the fault is visible.

    Raises:
        Unreadable: it is not a PDU, or its id is not valid.
    """
    zone = reading.zone(settings)
    marked_only = isinstance(settings, Settings) and settings.marked_only

    def one(told: f.Fields) -> Receipt:
        text, tlvs = _text(told), _tlvs(told)
        state = f.text(tlvs, "message_state", limit=64)
        stat = clean(text.stat or "")[:64] or None
        meaning, word, contradicted = _meaning(state, stat)
        if meaning and meaning.final and smpp_receipt.is_intermediate(_esm_class(told) or 0):
            meaning = ON_ITS_WAY
        return reading.receipt(
            STATUSES,
            {},
            pair=meaning,
            provider_message_id=_id(tlvs, text),
            provider_status=word,
            error_code=_error(tlvs, text),
            detail=f"stat:{contradicted}" if contradicted else None,
            to=f.number(told, "source_addr"),
            sender=f.text(told, "destination_addr", "dest_addr"),
            occurred_at=smpp_receipt.date(text.done_date, zone, now=request.received_at),
        )

    return reading.read_each(request, one, lambda told: _kind(told, marked_only))


def _meaning(state: str | None, stat: str | None) -> tuple[Word | None, str | None, str | None]:
    """What counts, its raw word, and the text's word where message_state contradicts it."""
    by_state, by_text = reading.word(STATES, _number(state)), reading.word(STATUSES, stat)
    if by_state is None:
        return by_text, stat or state, None
    if by_text is not None and by_text.status is by_state.status:
        return by_text, stat, None
    return by_state, state, stat


def _number(state: str | None) -> str | None:
    """A state without the zeros and the 0x of one byte in hex."""
    byte = re.fullmatch(r"0x0?(\d)|0(\d)", state or "")
    return byte[1] or byte[2] if byte else state


def _kind(told: f.Fields, marked_only: bool) -> str | None:
    """None for a receipt; some centres leave esm_class at 0, but send what only receipts have."""
    esm_class = _esm_class(told)
    if esm_class is None or smpp_receipt.is_receipt(esm_class):
        return None
    text, tlvs = _text(told), _tlvs(told)
    speaks = (text.id and text.stat) or "receipted_message_id" in tlvs or "message_state" in tlvs
    return None if speaks and not marked_only else "inbound"


def _esm_class(told: f.Fields) -> int | None:
    try:
        return int(f.text(told, "esm_class", limit=10) or "", 0)
    except ValueError:
        return None


def _text(told: f.Fields) -> SmppReceipt:
    """The fields of the text, wherever it stands.

    Raises:
        Unreadable: the PDU has none.
    """
    if not {"short_message", "short_message_hex", "tlvs"} & told.keys():
        raise Unreadable("there is no short_message, short_message_hex or tlvs")
    message, payload = _inner(told.get("short_message")), _inner(_tlvs(told).get("message_payload"))
    coded = message if isinstance(message, dict | list) else told.get("short_message_hex")
    for text in (message, _of_hex(coded), _of_hex(payload), payload):
        if isinstance(text, str) and text:
            return smpp_receipt.parse(text)
    return SmppReceipt()


def _inner(text: object) -> object:
    """A text as node-smpp shows it: inside an object, which may hold a header beside it."""
    return text.get("message", text) if isinstance(text, dict) else text


def _of_hex(digits: object) -> str:
    return smpp_receipt.decode(smpp_receipt.unwrapped(digits) or b"")


def _tlvs(told: f.Fields) -> dict[str, Any]:
    """The optional parameters: in an object, or beside the other fields, as node-smpp has them."""
    named = {name: told.get(name) for name in TAGS}
    for tag, value in f.inner(told, "tlvs").items():
        named[_CALLED.get(tag.lower(), tag)] = value
    return {name: value for name, value in named.items() if value not in (None, "")}


def _id(tlvs: f.Fields, text: SmppReceipt) -> str | None:
    named = {"id": f.text(tlvs, "receipted_message_id", limit=f.MAX_ID + 1) or text.id}
    return f.message_id(named, "id") if named["id"] else None


def _error(tlvs: f.Fields, text: SmppReceipt) -> str | None:
    """The text's code or, where it tells none, the network's."""
    written = clean(text.err or "")[:64] or None
    return written if says_something(written) else _network_error(tlvs) or written


def _network_error(tlvs: f.Fields) -> str | None:
    """The code: of the three bytes, or as a library has split them."""
    value = tlvs.get("network_error_code")
    raw = smpp_receipt.unwrapped(value)
    code = smpp_receipt.network_error(raw) if raw else None
    if code is None:
        split = value if isinstance(value, dict) else {"code": value}
        code = f.text(split, "code", "error_code", limit=64)
    return None if code == "0" else code


def capture(line: Mapping[str, Any]) -> Request | None:
    """A captured PDU (a line of ``delivrd parse``) as a request; None for one that came by HTTP."""
    if not {"short_message", "short_message_hex", "tlvs"} & line.keys():
        return None
    return Request("POST", headers=_JSON, body=json.dumps(line).encode())


_JSON = (("content-type", "application/json"),)


def also_shown(request: Request) -> dict[str, str | None]:
    """What ``delivrd parse`` shows beside the receipt: the text's other fields."""
    told = f.of(request)
    text = _text(told) if isinstance(told, dict) else SmppReceipt()
    return {
        "submitted_at": _iso(smpp_receipt.date(text.submit_date)),
        "sub": text.sub,
        "dlvrd": text.dlvrd,
        "text": text.text,
    }


def _iso(moment: datetime | None) -> str | None:
    if moment is None:
        return None
    precision = "milliseconds" if moment.microsecond else "seconds"
    return moment.isoformat(timespec=precision).replace("+00:00", "Z")
