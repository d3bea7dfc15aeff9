"""Counts over time without gaps: a silent hour shows as one."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from delivrd.core.statement import moment
from delivrd.store.queries.views import at
from delivrd.web.pages.ranges import HOUR, Range

STEPS: dict[str, tuple[timedelta, Callable[[datetime], str]]] = {
    "hour": (timedelta(hours=1), datetime.isoformat),
    "day": (timedelta(days=1), lambda when: when.date().isoformat()),
}
MOST_BARS = 1000
HOURLY = 48
"""Hours up to which there is a bar for each; beyond, for each day."""


def step_of(span: Range, now: int) -> str:
    """The width of a bar: ``hour`` or ``day``."""
    length = span.length(now)
    return "hour" if length is not None and length <= HOURLY * HOUR + HOUR else "day"


def gapless(
    items: Sequence[dict[str, Any]], step: str, span: Range, now: int
) -> list[dict[str, Any]]:
    """The items under their ``value``, each with where it begins and ends (ISO 8601), with empty
    ones between them."""
    known = {item[step]: item for item in items}
    begin = at(span.since)
    if begin is None:
        if not items:
            return []
        begin = datetime.fromisoformat(items[0][step]).replace(tzinfo=UTC)
    width, form = STEPS[step]
    begin = _floored(begin, step)
    end = moment(now if span.until is None else min(now, span.until))
    found: list[dict[str, Any]] = []
    while begin < end and len(found) < MOST_BARS:
        value, after = form(begin), begin + width
        item = known.get(value, {"total": 0, "counts": {}, "delivery_rate": None, "failed": 0})
        found.append({**item, "value": value, "since": _iso(begin), "until": _iso(after)})
        begin = after
    return found


def _floored(when: datetime, step: str) -> datetime:
    when = when.replace(minute=0, second=0, microsecond=0)
    return when if step == "hour" else when.replace(hour=0)


def _iso(when: datetime) -> str:
    return when.strftime("%Y-%m-%dT%H:%M:%SZ")
