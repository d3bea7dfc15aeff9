"""The spans of time that a page can be narrowed to, as its address says them."""

from typing import NamedTuple

from delivrd.store.ids import now_micros

HOUR = 3600 * 1_000_000

RANGES = (
    ("1h", "Last hour", 1),
    ("24h", "Last 24 hours", 24),
    ("7d", "Last 7 days", 7 * 24),
    ("30d", "Last 30 days", 30 * 24),
)


class Range(NamedTuple):
    """``since`` is microseconds since 1970, None for all time; ``hours`` its length."""

    value: str
    label: str
    hours: int | None
    since: int | None


def range_of(value: str | None) -> Range:
    """The span of that name; all time for one that nobody knows."""
    for name, label, hours in RANGES:
        if name == value:
            return Range(name, label, hours, now_micros() - hours * HOUR)
    return Range("", "All time", None, None)


CHOICES = (("", "All time"), *((name, label) for name, label, _ in RANGES))
