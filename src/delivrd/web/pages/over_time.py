"""Counts over time for the chart, with empty steps filled in and partial steps marked."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from delivrd.core.statement import moment
from delivrd.core.units import HOUR, MINUTE
from delivrd.insight.rates import delivery
from delivrd.store.counts import BUCKET
from delivrd.store.queries.views import at
from delivrd.web.pages.ranges import Range
from delivrd.web.pages.show import iso

STEPS: dict[str, tuple[timedelta, Callable[[datetime], str]]] = {
    "minute": (timedelta(minutes=1), datetime.isoformat),
    "quarter": (timedelta(minutes=15), datetime.isoformat),
    "hour": (timedelta(hours=1), datetime.isoformat),
    "day": (timedelta(days=1), lambda when: when.date().isoformat()),
}
MAX_BARS = 1000
QUARTERLY, HOURLY = 6, 48
"""Hours up to which there is a bar for each quarter, and for each hour; beyond, for each day."""

MINUTELY = 5 * HOUR // 4
"""Microseconds up to which there is a bar for each minute: an hour, in whole quarters of one."""

LEAST = HOUR // 4
"""The shortest time that is drawn, also for a hub that started a minute ago."""

WORDS = {"quarter": "quarter of an hour"}
CUT = {"begin": "partly before the range", "end": "partly after the range", "now": "so far"}
"""The words for a bar that covers only a part of its step."""


def step_of(span: Range, now: int) -> str:
    """The width of a bar: ``quarter``, ``hour`` or ``day``."""
    length = span.length(now)
    if length is None or length > HOURLY * HOUR + HOUR:
        return "day"
    return "hour" if length > QUARTERLY * HOUR + HOUR // 2 else "quarter"


def minutes_from(span: Range, first: int | None, now: int) -> int | None:
    """Where bars of minutes begin, in microseconds since 1970; None if there would be too many.

    ``first`` is when the first message of all was counted; there is nothing to show before it.
    """
    begin = max(span.since or 0, first or 0)
    over = span.until is not None and span.until <= begin
    if first is None or over or now - begin > MINUTELY:
        return None
    return max(span.since or 0, min(begin, (now - LEAST) // MINUTE * MINUTE))


def gapless(
    items: Sequence[dict[str, Any]], step: str, span: Range, now: int
) -> list[dict[str, Any]]:
    """The items in order of time, each with its ``value``, and with empty ones in the gaps.

    ``since`` and ``until`` are its edges within the span (ISO 8601). ``cut`` is ``begin`` or
    ``end`` if the span does not contain all of it, ``now`` if it has not ended.
    """
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
    while begin < end and len(found) < MAX_BARS:
        value, after = form(begin), begin + width
        item = known.get(value, {"total": 0, "counts": {}, "delivery_rate": None, "failed": 0})
        found.append({**item, "value": value, **_edges(begin, after, span, now)})
        begin = after
    return found


Steps = Mapping[tuple[int, str | None], Counter[str]]
"""Counts by status, by step of time since 1970 and reason."""

WIDTHS = {"minute": MINUTE, "quarter": BUCKET}
"""The lengths of these steps in microseconds."""


def of_steps(found: Steps, step: str) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Counts by step, and failures by reason and step, in the form of `delivery_stats`."""
    steps: dict[str, Counter[str]] = {}
    reasons = []
    for (number, reason), counted in sorted(found.items(), key=lambda one: one[0][0]):
        value = moment(number * WIDTHS[step]).isoformat()
        steps.setdefault(value, Counter()).update(counted)
        reasons.append({step: value, "reason": reason, "failed": delivery(counted).failed})
    return [{step: value, **_item(counts)} for value, counts in steps.items()], reasons


def _item(counts: Mapping[str, int]) -> dict[str, Any]:
    found = delivery(counts)
    rate = found.rate and found.rate.rate
    named = {"counts": found.counts, "delivery_rate": rate, "failed": found.failed}
    return {"total": found.total, **named}


def _edges(begin: datetime, after: datetime, span: Range, now: int) -> dict[str, str]:
    first, last = at(span.since) or begin, at(span.until) or after
    cut = "begin" if begin < first else "now" if after > moment(now) else ""
    cut = cut or ("end" if last < after else "")
    return {"since": iso(max(begin, first)), "until": iso(min(after, last)), "cut": cut}


def _floored(when: datetime, step: str) -> datetime:
    minute = {"minute": when.minute, "quarter": when.minute // 15 * 15}.get(step, 0)
    when = when.replace(minute=minute, second=0, microsecond=0)
    return when.replace(hour=0) if step == "day" else when
