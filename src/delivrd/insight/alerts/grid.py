"""How finely time is read: the last hour by the minute, then by the quarter, then by the hour."""

MINUTE, QUARTER, HOUR = 60, 900, 3600
GRID = ((MINUTE, HOUR), (QUARTER, 6 * HOUR), (HOUR, 24 * HOUR))
"""The length of a cell, and how far back cells of that length reach."""


def spans(now: int) -> list[tuple[int, int, int]]:
    """Begin, end and length of the cells of each span of time, the oldest first.

    Every moment lies in one span; spans begin where a cell of the next length does.
    """
    ends = [now + MINUTE, *((now - back) // HOUR * HOUR for _, back in GRID)]
    return [(ends[i + 1], ends[i], seconds) for i, (seconds, _) in enumerate(GRID)][::-1]
