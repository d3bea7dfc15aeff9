"""The resolution of time: minutes in the last hour, then quarters of an hour, then hours."""

from delivrd.core.units import DAY_SECONDS, HOUR_SECONDS, MINUTE_SECONDS, QUARTER_SECONDS

FINE = 6 * HOUR_SECONDS
"""How long a quarter of an hour has its own cell, in seconds."""

GRID = ((MINUTE_SECONDS, HOUR_SECONDS), (QUARTER_SECONDS, FINE), (HOUR_SECONDS, DAY_SECONDS))
"""The length of cells, and how far back cells of that length reach, in seconds."""


def spans(now: int) -> list[tuple[int, int, int]]:
    """Begin, end and cell length of each span of time, the oldest first.

    Every moment lies in one span; a span begins where a cell of the next length does.
    """
    ends = [
        now + MINUTE_SECONDS,
        *((now - back) // HOUR_SECONDS * HOUR_SECONDS for _, back in GRID),
    ]
    return [(ends[i + 1], ends[i], seconds) for i, (seconds, _) in enumerate(GRID)][::-1]
