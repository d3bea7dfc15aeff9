"""Numbers as one line of text."""

from bisect import bisect_right
from collections.abc import Sequence
from datetime import datetime

BARS = "▁▂▃▄▅▆▇█"
NOTHING, MARK = "·", "▲"


def sparkline(values: Sequence[float | None]) -> str:
    """A bar for each value, up to the greatest; a dot where there is none."""
    top = max((value for value in values if value is not None), default=0.0)

    def bar(value: float | None) -> str:
        if value is None:
            return NOTHING
        return BARS[round(value / top * (len(BARS) - 1))] if top else BARS[0]

    return "".join(map(bar, values))


def marks(begins: Sequence[datetime | None], at: Sequence[datetime | None]) -> str:
    """A mark under each point of a line within which a moment lies."""
    known = [begin for begin in begins if begin is not None]
    found = {max(0, bisect_right(known, moment) - 1) for moment in at if moment is not None}
    return "".join(MARK if i in found else " " for i in range(len(begins))).rstrip()
