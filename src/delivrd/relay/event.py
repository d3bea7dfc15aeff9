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
