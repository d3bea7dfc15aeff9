"""What is normal on a route, from its counts of the last seven days."""

from collections import Counter
from collections.abc import Iterable, Mapping
from math import inf, sqrt
from typing import NamedTuple

from delivrd.core.units import HOUR_SECONDS
from delivrd.insight.alerts.data import Key, Normal
from delivrd.store.counts import NO_LATENCY, upper

DAYS = 7
LEAN = 2000
"""The least weight, in messages, of the other hours of the week beside the same hours."""

NEAR = 2
"""How many hours on either side count as the same hour of the day."""

EDGE = 2.0
"""Upper bounds are this many standard deviations above the estimate; the true share is above them
one time in forty."""

LEAN_WHOLE = 50
"""The weight, in messages, of the account (and of all routes) in the estimate of a route."""

ENOUGH_FAILURES = 20
"""With fewer failures there is no distribution of the time to a failure."""

SLOW = (20.0, 3600.0)
LATE = (60.0, 86400.0)
"""Limits of `Normal.slow` and `Normal.late`, in seconds."""


class Hour(NamedTuple):
    """Messages sent in an hour, and their outcomes."""

    sent: int = 0
    failed: int = 0
    ended: int = 0
    """Delivered or failed, by a receipt."""


class History(NamedTuple):
    """Seven days of a route: totals by hour (counted from 1970), and ends by latency step."""

    hours: Mapping[int, Hour]
    ended: Mapping[int, int] = {}
    failed: Mapping[int, int] = {}


def totals(hours: Iterable[Hour]) -> Hour:
    found = [0, 0, 0]
    for hour in hours:
        for i, n in enumerate(hour):
            found[i] += n
    return Hour(*found)


class Times(NamedTuple):
    """How fast messages of a route end: see :class:`delivrd.insight.alerts.data.Normal`."""

    slow: float
    late: float
    by_slow: float
    """The share of ends that had happened by ``slow``."""
    by_late: float
    known: tuple[tuple[float, float], ...]


def times(history: History) -> Times:
    """How fast messages end, from the whole history."""
    ended = [(upper(step), k) for step, k in sorted(history.ended.items()) if step != NO_LATENCY]
    slow, late = _within(ended, 0.9, SLOW), _within(ended, 0.99, LATE)
    by = (_by(ended, slow, 0.9), _by(ended, late, 0.99))
    return Times(slow, late, *by, _known(history.failed))


def normal(history: History, now: int, whole: float, took: Times | None = None) -> Normal:
    """What is normal at this time of the day, with the other hours of the week and the failing
    share ``whole`` as priors."""
    today, took = now // HOUR_SECONDS, took or times(history)
    clock = _by_clock(history.hours, today - 24 * DAYS, today - 24)
    if sum(hour.sent for hour in clock) < LEAN_WHOLE:
        clock = _by_clock(history.hours, today - 24 * (DAYS + 1), today - 1)
    week = totals(clock)
    same = totals(clock[(today + hours) % 24] for hours in range(-NEAR, NEAR + 1))
    rest = week.sent - same.sent
    counts = min(1.0, alike(clock) / rest) if rest else 0.0
    n = same.sent + counts * rest
    failed = same.failed + counts * (week.failed - same.failed)
    typical = (failed + LEAN_WHOLE * whole) / (n + LEAN_WHOLE)
    done = (week.ended + LEAN_WHOLE * 0.95) / (week.sent + LEAN_WHOLE)
    return Normal(
        sent=week.sent,
        typical=typical,
        failing=_edge(typical, n),
        slow=took.slow,
        late=took.late,
        open_slow=_edge(1 - done * took.by_slow, week.sent),
        open_late=_edge(1 - done * took.by_late, week.sent),
        known=took.known,
        same_hours=_daily(history.hours, today),
        hours_before=_daily(history.hours, today - 1),
    )


def _daily(hours: Mapping[int, Hour], hour: int) -> tuple[int, ...]:
    """The messages sent in that hour of each of the seven days before it, the latest first."""
    return tuple(hours.get(hour - 24 * day, Hour()).sent for day in range(1, DAYS + 1))


def _by_clock(hours: Mapping[int, Hour], begin: int, end: int) -> list[Hour]:
    """Sums by the hour of the day, of the hours from ``begin`` to before ``end``."""
    found = [[0, 0, 0] for _ in range(24)]
    for at in range(begin, end):
        if at in hours:
            sent, failed, ended = hours[at]
            of = found[at % 24]
            of[0] += sent
            of[1] += failed
            of[2] += ended
    return [Hour(*of) for of in found]


def alike(clock: Iterable[Hour]) -> float:
    """The most messages that other hours of the day may count for in the estimate of one hour.

    It is the variance by chance divided by the excess variance between the hours of the day (after
    R. DerSimonian and N. Laird, "Meta-analysis in clinical trials", Controlled Clinical Trials 7,
    1986). The excess is counted from one standard deviation beyond chance on, and the result is
    infinite where there is none.
    """
    groups = [hour for hour in clock if hour.sent]
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
    """An upper bound of the true share, given this share of ``n`` messages."""
    share = min(1.0, max(0.0, share))
    return min(1.0, share + EDGE * sqrt(max(share * (1 - share), 1e-4) / (n + LEAN_WHOLE)))


def _within(ended: list[tuple[float, int]], share: float, bounds: tuple[float, float]) -> float:
    """The time, in seconds, within which that share of them ended, limited to the bounds."""
    total, seen = sum(n for _, n in ended), 0
    for seconds, n in ended:
        seen += n
        if seen >= total * share:
            return min(bounds[1], max(bounds[0], seconds))
    return bounds[1] if total else min(bounds[1], 10 * bounds[0])


def _by(ended: list[tuple[float, int]], seconds: float, at_least: float) -> float:
    """The share of ends within that time; ``at_least`` without any."""
    total = sum(n for _, n in ended)
    return sum(n for s, n in ended if s <= seconds) / total if total else at_least


def _known(failed: Mapping[int, int]) -> tuple[tuple[float, float], ...]:
    """The cumulative distribution of the time to a failure, in latency steps."""
    known = Counter({step: n for step, n in failed.items() if step != NO_LATENCY})
    total, seen, found = sum(known.values()), 0, []
    if total < ENOUGH_FAILURES:
        return ()
    for step in sorted(known):
        seen += known[step]
        found.append((upper(step), seen / total))
    return tuple(found)


def normals(
    histories: Mapping[Key, History], now: int, took: Mapping[Key, Times] | None = None
) -> dict[Key, Normal]:
    """What is normal on each route, with its account as prior, and all routes as the account's.

    ``took`` holds `times` of the histories, where already computed.
    """
    end = now // HOUR_SECONDS
    sums = {
        key: totals(_by_clock(of.hours, end - 24 * (DAYS + 1), end))
        for key, of in histories.items()
    }
    whole = totals(sums.values())
    share = (whole.failed + 2.5) / (whole.sent + LEAN_WHOLE)
    of_account: dict[str, list[Hour]] = {}
    for key, one in sums.items():
        of_account.setdefault(key[0], []).append(one)
    leans = {}
    for account, some in of_account.items():
        sent, failed, _ = totals(some)
        leans[account] = (failed + LEAN_WHOLE * share) / (sent + LEAN_WHOLE)
    took = took or {}
    return {
        key: normal(history, now, leans[key[0]], took.get(key))
        for key, history in histories.items()
    }
