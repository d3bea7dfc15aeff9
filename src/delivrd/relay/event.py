"""What subscribers are told."""

from collections.abc import Mapping
from typing import Any

import msgspec


class Event(msgspec.Struct, frozen=True):
    """Something happened to a message, or to the hub.

    ``id`` is the same over all tries, endpoints and replays; ``created_at`` is in microseconds
    since 1970. ``text`` is the data as JSON where it is at hand: it need not be written again.
    """

    id: str
    type: str
    created_at: int
    data: Mapping[str, Any]
    text: str | None = None


def event_id(row_id: int) -> str:
    """What an event's row is called outside."""
    return f"evt_{row_id:016x}"


def endpoint_id(row_id: int) -> str:
    return f"ep_{row_id:016x}"


def delivery_id(row_id: int) -> str:
    return f"dlv_{row_id:016x}"


def row_of(name: str, kind: str) -> int | None:
    """The row that such a name stands for; None where it is none of that kind."""
    prefix, _, digits = name.partition("_")
    if prefix != kind or len(digits) != 16:
        return None
    try:
        value = int(digits, 16)
    except ValueError:
        return None
    return value if value < 1 << 63 else None
