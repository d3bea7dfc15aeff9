"""How finely time is read: the last hour by the minute, then by the quarter, then by the hour."""

from delivrd.core.units import DAY_SECONDS, HOUR_SECONDS, MINUTE_SECONDS, QUARTER_SECONDS

FINE = 6 * HOUR_SECONDS
"""For so long a quarter of an hour has a cell of its own."""

GRID = ((MINUTE_SECONDS, HOUR_SECONDS), (QUARTER_SECONDS, FINE), (HOUR_SECONDS, DAY_SECONDS))
"""The length of a cell, and how far back cells of that length reach."""


def spans(now: int) -> list[tuple[int, int, int]]:
    """Begin, end and length of the cells of each span of time, the oldest first.

    Every moment lies in one span; spans begin where a cell of the next length does.
    """
    ends = [
        now + MINUTE_SECONDS,
        *((now - back) // HOUR_SECONDS * HOUR_SECONDS for _, back in GRID),
    ]
    return [(ends[i + 1], ends[i], seconds) for i, (seconds, _) in enumerate(GRID)][::-1]
