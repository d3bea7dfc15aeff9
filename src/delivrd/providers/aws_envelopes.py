"""AWS's envelopes: how events come by SNS, EventBridge, SQS, Firehose, Kinesis and CloudWatch Logs.

Firehose may compress a request, and CloudWatch Logs compresses what its subscriptions are sent:
several events in one record. Sources: docs.aws.amazon.com/firehose (HTTP endpoints),
…/AmazonCloudWatch/latest/logs (subscriptions), …/lambda (events of SNS, SQS, Kinesis, logs).
"""

import base64
import zlib
from typing import Any

import msgspec

from delivrd.providers import fields as f
from delivrd.providers.base import Request, Unreadable

MOST = 16 * 1024 * 1024
"""Bytes to which what one request holds may unpack: compressed zeros are a thousand times that."""

_GZIP, _WITH_HEADER = b"\x1f\x8b", 16 + zlib.MAX_WBITS


class TooLarge(Unreadable):
    """What a request holds would unpack to more than :data:`MOST` bytes."""


def unpacked(request: Request) -> Request:
    """The request with its body uncompressed.

    Raises:
        Unreadable: it cannot be, or would be too large.
    """
    if not request.body.startswith(_GZIP):
        return request
    return msgspec.structs.replace(request, body=_inflated(request.body, MOST))


def items(told: f.Fields) -> list[Any] | None:
    """The events, or envelopes of one, in an envelope of several; None if it is none.

    Raises:
        TooLarge: they would be, unpacked.
    """
    records = _records(told)
    if records is None:
        return None
    found: list[Any] = []
    left = MOST
    for record in records:
        events, taken = _opened(record, left)
        found += events
        left -= taken
    return found


def _records(told: f.Fields) -> list[Any] | None:
    """What an envelope of several lists, which may itself be in envelopes."""
    for _ in range(_DEPTH):
        listed = _listed(told)
        if listed is not None:
            return listed
        if "awslogs" in told:
            return [told]
        inner = _inner(told)
        if inner is None:
            break
        told = inner
    return None


def _listed(told: f.Fields) -> list[Any] | None:
    lists = (told.get(name) for name in ("Records", "records", "logEvents"))
    return next((found for found in lists if isinstance(found, list)), None)


def _opened(record: Any, most: int) -> tuple[list[Any], int]:
    """The events in a record (or the record itself), and how many bytes they are unpacked."""
    try:
        text = _text(_data(record), most)
    except TooLarge:
        raise
    except Unreadable:
        return [record], 0
    try:
        held = decoded(text)
    except Unreadable:
        return _lines(text) or [record], len(text)
    listed = _listed(held)
    return [held or record] if listed is None else listed, len(text)


_SHORTEST = 64
"""Bytes of a line with an event, on an average; 16 MiB of shorter ones would be millions."""


def _lines(text: str) -> list[Any]:
    """The events of a log of which Firehose keeps the messages alone, one to a line."""
    if text.count("\n") * _SHORTEST > len(text):
        return []
    lines = [line for line in text.split("\n") if line.strip()]
    several = len(lines) > 1 and all(line.lstrip().startswith("{") for line in lines)
    return [{"message": line} for line in lines] if several else []


def _data(record: Any) -> str:
    if isinstance(record, dict):
        for holder in (record, f.inner(record, "kinesis"), f.inner(record, "awslogs")):
            if isinstance(data := holder.get("data"), str):
                return data
    return ""


_DEPTH = 4
"""EventBridge's event may come by SNS through a function; more is nobody's."""


def event(told: f.Fields) -> f.Fields:
    """The event inside its envelopes; an empty one where an envelope holds but words.

    Raises:
        Unreadable: it cannot be unpacked, or is in too many.
    """
    for _ in range(_DEPTH):
        inner = _inner(told)
        if inner is None:
            return told
        told = inner
    raise Unreadable("it is an envelope in an envelope in an envelope")


def _inner(told: f.Fields) -> f.Fields | None:
    for name in ("Message", "detail", "Sns", "message", "kinesis", "body"):  # SNS signs the first
        held = told.get(name)
        if isinstance(held, dict):
            return held
        if isinstance(held, str):  # some pass it on in base64
            return decoded(held if held.lstrip().startswith("{") else _text(held, MOST))
    held = told.get("data")
    if isinstance(held, dict):
        return held
    return decoded(_text(held, MOST)) if isinstance(held, str) else None


def decoded(text: str) -> f.Fields:
    """The object that a text holds in JSON; an empty one where it holds none.

    Raises:
        Unreadable: it begins as an object, but is none.
    """
    if not text.lstrip().startswith("{"):
        return {}
    told = f.of(Request("POST", body=text.strip().encode(errors="replace")))
    return told if isinstance(told, dict) else {}


def _text(packed: str, most: int) -> str:
    try:
        raw = base64.b64decode(packed, validate=True)
    except ValueError:
        return ""
    return (_inflated(raw, most) if raw.startswith(_GZIP) else raw).decode(errors="replace")


def _inflated(raw: bytes, most: int) -> bytes:
    inflater = zlib.decompressobj(_WITH_HEADER)
    try:
        text = inflater.decompress(raw, max(most, 1))
    except zlib.error as error:
        raise Unreadable(f"it cannot be uncompressed: {error}") from None
    if inflater.unconsumed_tail:
        raise TooLarge(f"it would unpack to more than {MOST} bytes")
    if not inflater.eof:
        raise Unreadable("it cannot be uncompressed: its end is missing")
    return text
