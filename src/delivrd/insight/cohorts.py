"""Turns stored counts into groups of messages of one age, and into life tables."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping

from delivrd.core.statement import FAILURES
from delivrd.core.units import DAY, MINUTE, QUARTER_SECONDS, SECOND
from delivrd.insight.lifetimes import (
    DELIVERED,
    FAILED,
    UNKNOWN,
    Group,
    Lifetimes,
    observe,
    step_of,
)
from delivrd.insight.routes import REPORTS_AFTER, WINDOW, Key, reports_nothing
from delivrd.store.counts import BUCKET, COARSE, NO_LATENCY, OPEN
from delivrd.store.queries.recent import REPORTED, ByMinute, Ended, Waiting

PARTS = 4
"""How many sample ages represent the open messages of one minute."""

ASKED_AFTER = 3600.0
"""The assumed age, in seconds, at an end whose time is unknown because a look-up found it."""

_KIND: dict[str, int] = {
    "delivered": DELIVERED, "unknown": UNKNOWN, **{str(status): FAILED for status in FAILURES},
}  # fmt: skip


def silent_of(ended: Iterable[Ended], waiting: Iterable[Waiting], now: int) -> set[Key]:
    """The routes that report nothing: the network reported no end of their older messages."""
    old: Counter[Key] = Counter()
    reported: Counter[Key] = Counter()
    for account_id, country, status, _, is_old, n in ended:
        if is_old and status in _KIND and status != "rejected":  # no network had anything to report
            old[account_id, country] += n
            reported[account_id, country] += n if status in REPORTED else 0
    for account_id, country, bucket, n in waiting:
        old[account_id, country] += n if _age(bucket, now) > REPORTS_AFTER else 0
    return {key for key, n in old.items() if reports_nothing(reported[key], n)}


def _age(bucket: int, now: int) -> float:
    """The mean age, in seconds, of messages handed over in that quarter of an hour."""
    return (now - bucket * BUCKET) / SECOND - QUARTER_SECONDS / 2


def past_of(
    ended: Iterable[Ended], waiting: Iterable[Waiting], now: int
) -> Mapping[Key, Lifetimes]:
    """The life table of each route."""
    groups: defaultdict[Key, list[Group]] = defaultdict(list)
    unknown: defaultdict[Key, list[Group]] = defaultdict(list)
    for (key, kind, le), n in _ends(ended).items():
        step = step_of(ASKED_AFTER) if le == NO_LATENCY else le
        (unknown if le == NO_LATENCY else groups)[key].append(Group(DAY / SECOND, n, kind, step))
    for key, some in unknown.items():
        # where most ends have no time, sends were not registered: they tell nothing of durations
        if sum(group.n for group in some) < sum(group.n for group in groups.get(key, ())):
            groups[key] += some
    for account_id, country, bucket, n in waiting:
        if n > 0:
            groups[account_id, country].append(Group(_age(bucket, now), n))
    return {key: observe(some) for key, some in groups.items()}


def _ends(ended: Iterable[Ended]) -> Counter[tuple[Key, int, int]]:
    """Numbers of ends by route, kind of end and step of the life tables."""
    found: Counter[tuple[Key, int, int]] = Counter()
    for account_id, country, status, le, _, n in ended:
        kind = _KIND.get(status)
        if kind is not None and n > 0:
            step = NO_LATENCY if le == NO_LATENCY else le // COARSE
            found[(account_id, country), kind, step] += n
    return found


def groups_of(rows: Iterable[ByMinute], now: int) -> list[Group]:
    """Counts by the minute as groups observed during the last `WINDOW` seconds.

    Within its minute the time of a hand-over is unknown. So a group is observed from an age that
    all its messages reached within the window to one that all of them have reached by now.
    """
    found = []
    for row in rows:
        oldest = (now - row.minute * MINUTE) / SECOND
        entry, age = max(0.0, oldest - WINDOW), oldest - 60
        if age > entry:
            kind = None if row.le == OPEN else _KIND[row.status]
            step = step_of(ASKED_AFTER) if row.le == NO_LATENCY else row.le
            found.append(Group(age, row.n, kind, step, entry))
    return found


def has_old(ended: Iterable[Ended], waiting: Iterable[Waiting], now: int) -> bool:
    """Whether any message is old enough to show how messages end."""
    before = now // BUCKET - int(REPORTS_AFTER) * SECOND // BUCKET
    return any(one.old for one in ended) or any(one.bucket < before for one in waiting)


def first_hour(rows: Iterable[ByMinute], now: int) -> tuple[Mapping[Key, Lifetimes], float]:
    """The life table of each route from the counts by the minute, and the greatest age observed.

    The messages of a minute are observed up to the age that all of them have reached.
    """
    groups: dict[Key, list[Group]] = {}
    seen = 0.0
    for row in rows:
        age = (now - row.minute * MINUTE) / SECOND - 60
        seen = max(seen, age)
        if age > 0:
            kind = None if row.le == OPEN else _KIND[row.status]
            step = step_of(age) if row.le == NO_LATENCY else row.le
            groups.setdefault((row.account_id, row.country), []).append(
                Group(age, row.n, kind, step)
            )
    return {key: observe(some) for key, some in groups.items()}, seen


def ages(row: ByMinute, now: int) -> list[tuple[float, float]]:
    """The open messages of a minute as (age in seconds, number), spread evenly about their mean.

    Only the sum of their seconds into the minute is stored. The spread is as wide as the minute
    allows around that mean: wide for steady traffic, narrow for a burst near either end.
    """
    begun = (now - row.minute * MINUTE) / SECOND
    length = min(60.0, max(begun, 0.0))
    middle = min(length, row.seconds / row.n + 0.5)
    half = min(middle, length - middle)
    return [
        (max(0.001, begun - middle - half + (number + 0.5) * half * 2 / PARTS), row.n / PARTS)
        for number in range(PARTS)
    ]
