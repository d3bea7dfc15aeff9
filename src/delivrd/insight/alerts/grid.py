"""Resolution of cells: the last hour by the minute, then by the quarter, then by the hour."""

from delivrd.core.units import DAY_SECONDS, HOUR_SECONDS, MINUTE_SECONDS, QUARTER_SECONDS

FINE = 6 * HOUR_SECONDS
"""Up to this age, in seconds, cells are no longer than a quarter of an hour."""

GRID = ((MINUTE_SECONDS, HOUR_SECONDS), (QUARTER_SECONDS, FINE), (HOUR_SECONDS, DAY_SECONDS))
"""The length of cells and how far back cells of that length reach, in seconds."""


def spans(now: int) -> list[tuple[int, int, int]]:
    """Spans of time as (begin, end, length of their cells), the oldest first.

    They are contiguous, and each begins at a cell boundary of the next.
    """
    ends = [
        now + MINUTE_SECONDS,
        *((now - back) // HOUR_SECONDS * HOUR_SECONDS for _, back in GRID),
    ]
    return [(ends[i + 1], ends[i], seconds) for i, (seconds, _) in enumerate(GRID)][::-1]
