"""The last 24 hours of an endpoint as bars: successful calls above the line, failed ones below.

Pure arithmetic; the template draws it. The direction shows success and failure without colour.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from delivrd.web.pages.show import moment, number

WIDTH, GAP = 5.0, 1.0
UP, DOWN = 16.0, 8.0
"""Heights of the tallest bar above and below the line."""

LEAST = 1.5
"""The lowest bar: a single try must be visible even on a busy day."""


class Bar(NamedTuple):
    """``up`` and ``down`` are heights; ``title`` has the numbers."""

    x: float
    up: float
    down: float
    title: str


def bars(hours: Sequence[Mapping[str, Any]]) -> list[Bar]:
    """A bar for each hour, the oldest first, scaled to the busiest."""
    most = max((max(hour["delivered"], hour["failed"]) for hour in hours), default=0)
    return [
        Bar(
            n * (WIDTH + GAP),
            _height(hour["delivered"], most, UP),
            _height(hour["failed"], most, DOWN),
            f"{_clock(hour['at'])}: {hour['delivered']} delivered, {hour['failed']} failed",
        )
        for n, hour in enumerate(hours)
    ]


def _height(count: int, most: int, room: float) -> float:
    return round(max(LEAST, room * count / most), 2) if count else 0.0


def _clock(at: Any) -> str:
    when = moment(at)
    return f"{when:%H:%M} UTC" if when else ""


def summary(day: Mapping[str, Any]) -> str:
    """The bars in one sentence, for screen readers."""
    if not day["delivered"] and not day["failed"]:
        return "No calls in the last 24 hours"
    delivered, failed = number(day["delivered"]), number(day["failed"])
    return f"Last 24 hours: {delivered} delivered, {failed} failed"
