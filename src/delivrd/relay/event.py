"""Events, as subscribers get them."""

from collections.abc import Mapping
from typing import Any

import msgspec


class Event(msgspec.Struct, frozen=True):
    """A change of a message, or of the hub.

    ``id`` is the same in all tries, endpoints and replays; ``created_at`` is in microseconds since
    1970. ``text`` is the data as JSON if it has been written already.
    """

    id: str
    type: str
    created_at: int
    data: Mapping[str, Any]
    text: str | None = None
