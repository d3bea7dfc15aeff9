"""What is usual on a route, from its counts of the last seven days."""

from collections import Counter
from collections.abc import Iterable, Mapping
from math import inf, sqrt
from typing import NamedTuple

from delivrd.insight.alerts.data import Key, Normal
from delivrd.store.counts import UNTOLD, upper

HOUR, DAY = 3600, 86400
DAYS = 7
LEAN = 2000
"""The rest of the week counts for so many messages at least beside the same hours of its days."""

NEAR = 2
"""Hours on either side that count as the same hour."""

EDGE = 2.0
"""The upper edge of what the days prove, in standard deviations: one time in forty it is more."""

LEAN_WHOLE = 50
"""And the week of a route against all routes together."""

ENOUGH_FAILURES = 20
"""With fewer failures nobody can say how fast they come."""

SLOW = (20.0, 3600.0)
LATE = (60.0, 86400.0)
"""Bounds of what counts as slow and as late, in seconds."""


class Hour(NamedTuple):
    """What was sent in an hour, and what became of it."""

    sent: int = 0
    failed: int = 0
    ended: int = 0
    """Delivered or failed, by a receipt."""


class History(NamedTuple):
    """Seven days of a route: hours counted from 1970, and latency steps of what ended."""

    hours: Mapping[int, Hour]
    ended: Mapping[int, int] = {}
    failed: Mapping[int, int] = {}


def totals(hours: Iterable[Hour]) -> Hour:
    found = [0, 0, 0]
    for hour in hours:
        for i, n in enumerate(hour):
            found[i] += n
    return Hour(*found)


def overall(histories: Iterable[History]) -> float:
    """The share of all messages that fails; what a route without history leans on."""
    whole = totals(hour for history in histories for hour in history.hours.values())
    return (whole.failed + 2.5) / (whole.sent + 50)


def normal(history: History, now: int, whole: float) -> Normal:
    """What is usual at this time of the day, leaning on the week, and on ``whole`` behind it."""
    today = now // HOUR
    before = {h: n for h, n in history.hours.items() if today - 24 * DAYS <= h < today - 24}
    if totals(before.values()).sent < LEAN_WHOLE:
        before = {h: n for h, n in history.hours.items() if h < today - 1}
    week = totals(before.values())
    same = totals(n for h, n in before.items() if (h - today + NEAR) % 24 <= 2 * NEAR)
    rest = week.sent - same.sent
    counts = min(1.0, alike(before) / rest) if rest else 0.0
    n = same.sent + counts * rest
    failed = same.failed + counts * (week.failed - same.failed)
    typical = (failed + LEAN_WHOLE * whole) / (n + LEAN_WHOLE)
    ended = [(upper(step), k) for step, k in sorted(history.ended.items()) if step != UNTOLD]
    slow, late = _within(ended, 0.9, SLOW), _within(ended, 0.99, LATE)
    done = (week.ended + LEAN_WHOLE * 0.95) / (week.sent + LEAN_WHOLE)
    return Normal(
        sent=week.sent,
        typical=typical,
        failing=_edge(typical, n),
        slow=slow,
        late=late,
        open_slow=_edge(1 - done * _by(ended, slow, 0.9), week.sent),
        open_late=_edge(1 - done * _by(ended, late, 0.99), week.sent),
        known=_known(history.failed),
        same_hours=tuple(history.hours.get(today - 24 * d, Hour()).sent for d in range(1, 8)),
    )


def alike(hours: Mapping[int, Hour]) -> float:
    """So many messages of other times of the day tell as much of one as all of them could.

    That is the variance of chance over the variance between the hours of the day beyond it (after
    R. DerSimonian and N. Laird, "Meta-analysis in clinical trials", 1986); infinite where they
    differ by no more than chance, give or take a standard deviation.
    """
    by_clock: dict[int, list[Hour]] = {}
    for hour, counts in hours.items():
        by_clock.setdefault(hour % 24, []).append(counts)
    groups = [group for group in map(totals, by_clock.values()) if group.sent]
    sent, failed, _ = totals(groups)
    free, share = len(groups) - 1, failed / sent if sent else 0.0
    if free < 1 or not 0 < share < 1:
        return inf
    spread = sum((g.failed - g.sent * share) ** 2 / g.sent for g in groups) / (share * (1 - share))
    beyond = spread - free - sqrt(2 * free)
    if beyond <= 0:
        return inf
    return max(LEAN, (sent - sum(g.sent**2 for g in groups) / sent) / beyond)


def _edge(share: float, n: float) -> float:
    """The most that the share may be, by as many messages."""
    share = min(1.0, max(0.0, share))
    return min(1.0, share + EDGE * sqrt(max(share * (1 - share), 1e-4) / (n + LEAN_WHOLE)))


def _within(ended: list[tuple[float, int]], share: float, bounds: tuple[float, float]) -> float:
    """The time within which that share of them ended."""
    total, seen = sum(n for _, n in ended), 0
    for seconds, n in ended:
        seen += n
        if seen >= total * share:
            return min(bounds[1], max(bounds[0], seconds))
    return bounds[1] if total else min(bounds[1], 10 * bounds[0])


def _by(ended: list[tuple[float, int]], seconds: float, at_least: float) -> float:
    """The share of what ended that had ended by then."""
    total = sum(n for _, n in ended)
    return sum(n for s, n in ended if s <= seconds) / total if total else at_least


def _known(failed: Mapping[int, int]) -> tuple[tuple[float, float], ...]:
    """Steps of time to a failure, and the share known by then."""
    known = Counter({step: n for step, n in failed.items() if step != UNTOLD})
    total, seen, found = sum(known.values()), 0, []
    if total < ENOUGH_FAILURES:
        return ()
    for step in sorted(known):
        seen += known[step]
        found.append((upper(step), seen / total))
    return tuple(found)


def normals(histories: Mapping[Key, History], now: int) -> dict[Key, Normal]:
    """What is usual on each route; a route leans on its account, and that on everything."""
    whole = overall(histories.values())
    of_account: dict[str, list[Hour]] = {}
    for key, history in histories.items():
        of_account.setdefault(key[0], []).append(totals(history.hours.values()))
    leans = {}
    for account, hours in of_account.items():
        sent, failed, _ = totals(hours)
        leans[account] = (failed + LEAN_WHOLE * whole) / (sent + LEAN_WHOLE)
    return {key: normal(history, now, leans[key[0]]) for key, history in histories.items()}
