"""How finely time is read: the last hour by the minute, then by the quarter, then by the hour."""

MICROS = 1_000_000
"""In a second; times are whole seconds here, and microseconds in the store."""

MINUTE, QUARTER, HOUR, DAY = 60, 900, 3600, 86400
FINE = 6 * HOUR
"""For so long a quarter of an hour has a cell of its own."""

GRID = ((MINUTE, HOUR), (QUARTER, FINE), (HOUR, DAY))
"""The length of a cell, and how far back cells of that length reach."""


def spans(now: int) -> list[tuple[int, int, int]]:
    """Begin, end and length of the cells of each span of time, the oldest first.

    Every moment lies in one span; spans begin where a cell of the next length does.
    """
    ends = [now + MINUTE, *((now - back) // HOUR * HOUR for _, back in GRID)]
    return [(ends[i + 1], ends[i], seconds) for i, (seconds, _) in enumerate(GRID)][::-1]
