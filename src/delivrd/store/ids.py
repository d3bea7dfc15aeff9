"""Ids that grow with time and need no round trip: microseconds followed by the writer's slot."""

import time
from collections.abc import Callable

from delivrd.core.units import MINUTE

EPOCH = 1_577_836_800_000_000  # 2020-01-01 in microseconds; 51 bits last until 2091
SLOT_BITS = 12
SLOTS = 1 << SLOT_BITS

SLACK = MINUTE
"""How much later than its time a row is made, as a rule: by the fold, or by a host whose clock is
ahead."""


def now_micros() -> int:
    """The wall clock, in microseconds since 1970."""
    return time.time_ns() // 1000


class Ids:
    """Makes increasing ids that are unique to a slot.

    ``after`` is the highest id that this slot may have made before, so that no id is repeated even
    if the clock was set back since.
    """

    def __init__(self, slot: int, after: int = 0, clock: Callable[[], int] = now_micros) -> None:
        self.slot = slot
        self._last = after >> SLOT_BITS
        self._clock = clock

    def move(self, slot: int, after: int) -> None:
        """Goes on in another slot: whoever makes ids by this object follows."""
        self.slot, self._last = slot, max(self._last, after >> SLOT_BITS)

    @property
    def until(self) -> int:
        """The time of the last id made, in microseconds since 1970."""
        return self._last + EPOCH

    def next(self, above: int = 0) -> int:
        """The next id, also greater than ``above``, which may come from another slot."""
        now = self._clock() - EPOCH
        self._last = now if now > self._last else self._last + 1
        if above >> SLOT_BITS >= self._last:
            self._last = (above >> SLOT_BITS) + 1
        return self._last << SLOT_BITS | self.slot


def floor(micros: int) -> int:
    """The smallest id of a moment: ids made since then are not smaller."""
    return max(0, micros - EPOCH) << SLOT_BITS


def late(column: str) -> str:
    """The SQL condition on rows made more than `SLACK` after the time in this column: a backlog,
    an admission or a re-reading delayed them. It stands in indexes: a change needs a migration."""
    return f"(id >> {SLOT_BITS}) > {column} - {EPOCH - SLACK}"


def born(row_id: int) -> int:
    """When an id was made, in microseconds since 1970."""
    return (row_id >> SLOT_BITS) + EPOCH
