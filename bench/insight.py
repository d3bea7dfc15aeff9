"""The settled rate against simulated truth: seeded runs of routes whose end is known.

The estimate gets what the store would hold: counts by the minute of the hand-over and by coarse
latency steps, and the day before by quarters of an hour.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from statistics import median
from typing import NamedTuple

from delivrd.core.units import MINUTE, SECOND
from delivrd.insight.cohorts import past_of, silent_of
from delivrd.insight.routes import Past, usual
from delivrd.insight.settled import estimates_of
from delivrd.insight.settling import Settled, settled
from delivrd.store.counts import BUCKET, COARSE, OPEN, step
from delivrd.store.queries.recent import ByMinute, Ended, Waiting

NOON = 1_796_000_000 * SECOND // MINUTE * MINUTE
ACCOUNT, COUNTRY = 1, "EE"
NEVER = 1e12


class Message(NamedTuple):
    """When it was handed over (microseconds), what it ends as, and after how many seconds."""

    at: int
    status: str
    took: float


@dataclass(frozen=True)
class Shape:
    """How messages of a route end: the share delivered, and the medians of both waits."""

    name: str
    delivered: float
    quick: tuple[float, float]
    """Of the delivered: median seconds, and sigma of the logarithm."""
    slow: tuple[float, float]
    """Of the failed."""


LATE_FAILURES = Shape("failures come late", 0.76, (8.0, 0.9), (900.0, 0.8))
LATE_DELIVERIES = Shape("deliveries come late", 0.93, (150.0, 1.0), (3.0, 0.8))
BOTH = Shape("both take minutes", 0.85, (60.0, 1.0), (240.0, 1.0))
FAST = Shape("receipts within seconds", 0.96, (6.0, 0.8), (30.0, 1.0))

DAY_BEFORE = 4000
DRIFT = 0.01
"""Standard deviation of an hour's rate from the day's."""


def message(chance: random.Random, shape: Shape, at: int, share: float | None = None) -> Message:
    good = chance.random() < (shape.delivered if share is None else share)
    median_, sigma = shape.quick if good else shape.slow
    took = median_ * chance.lognormvariate(0, sigma)
    return Message(at, "delivered" if good else "undelivered", took)


def before(chance: random.Random, shape: Shape, now: int, number: int) -> Past:
    """What the store holds of the day before."""
    ended: Counter[tuple[str, int, bool]] = Counter()
    waiting: Counter[int] = Counter()
    for _ in range(number):
        one = message(chance, shape, now - int(chance.uniform(900, 86_400) * SECOND))
        if one.at + one.took * SECOND <= now:
            old = one.at < now - 7200 * SECOND
            ended[one.status, step(int(one.took * SECOND)), old] += 1
        else:
            waiting[one.at // BUCKET] += 1
    counts = (
        [Ended(ACCOUNT, COUNTRY, *key, n) for key, n in ended.items()],
        [Waiting(ACCOUNT, COUNTRY, bucket, n) for bucket, n in waiting.items()],
        now,
    )
    return usual(past_of(*counts), {ACCOUNT: "bench"}, silent_of(*counts))


def estimate_at(past: Past, messages: Iterable[Message], now: int) -> Settled:
    """The estimate for all messages that were handed over by now."""
    counts: Counter[tuple[int, str, int]] = Counter()
    seconds: Counter[int] = Counter()
    for one in messages:
        if one.at <= now:
            over = one.at + one.took * SECOND <= now
            le = step(int(one.took * SECOND)) // COARSE if over else OPEN
            counts[one.at // MINUTE, one.status if over else "pending", le] += 1
            seconds[one.at // MINUTE] += 0 if over else one.at // SECOND % 60
    rows = [
        ByMinute(ACCOUNT, COUNTRY, *key, n, seconds[key[0]] if key[2] == OPEN else 0)
        for key, n in counts.items()
    ]
    ended: Counter[str] = Counter()
    for row in rows:
        if row.le != OPEN:
            ended[row.status] += row.n
    first = min(row.minute for row in rows)
    done = [(ACCOUNT, COUNTRY, status, n) for status, n in ended.items()]
    found = estimates_of(past, done, rows, now, range(first, now // MINUTE + 1))
    return settled(found.values())


def truth(messages: Iterable[Message], now: int) -> float:
    sent = [one for one in messages if one.at <= now]
    return sum(one.status == "delivered" and one.took < NEVER for one in sent) / len(sent)


# --- what is measured ---------------------------------------------------------------------------


class Run(NamedTuple):
    """Shares: what was estimated, the plain rate, the truth; whether the interval holds it."""

    error: float
    plain: float
    held: bool
    width: float


def burst(seed: int, shape: Shape, number: int, after: float, day: int) -> Run:
    """Messages sent within a minute, estimated some seconds after the first."""
    chance = random.Random(f"{seed} {shape.name} {number} {after}")
    start = NOON + int(chance.uniform(0, 60) * SECOND)
    share = min(0.995, shape.delivered + chance.gauss(0, DRIFT))
    sent = [
        message(chance, shape, start + int(chance.uniform(0, min(60, after)) * SECOND), share)
        for _ in range(number)
    ]
    now = start + int(after * SECOND)
    return _run(estimate_at(before(chance, shape, now, day), sent, now), truth(sent, now))


def _run(found: Settled, true: float) -> Run:
    assert found.rate is not None
    assert found.low is not None
    assert found.high is not None
    plain = found.so_far.rate if found.so_far else 0.0
    held = found.low - 1e-9 <= true <= found.high + 1e-9
    return Run(found.rate - true, plain - true, held, found.high - found.low)


BREAKS: dict[str, Callable[[random.Random, Message], Message]] = {
    "all refused": lambda chance, one: one._replace(status="rejected", took=chance.uniform(0.2, 1)),
    "nothing reported": lambda chance, one: one._replace(status="unknown", took=NEVER),
    "all fail late": lambda chance, one: one._replace(
        status="undelivered", took=120 * chance.lognormvariate(0, 0.5)
    ),
}


class Broken(NamedTuple):
    """Minutes until the estimate of the hour is within `NEAR` of the truth for good (0: it never
    leaves it; None: not within half an hour), and its error a minute and five after the break."""

    minutes: int | None
    first: float
    fifth: float


NEAR = 0.015
LOOK = 30


def broken(seed: int, kind: str, a_minute: int) -> Broken:
    """A route that breaks at the 40th minute of an hour."""
    chance = random.Random(f"{seed} {kind} {a_minute}")
    at = NOON + 40 * MINUTE
    past = before(chance, FAST, at, DAY_BEFORE)
    sent = []
    for number in range((40 + LOOK) * a_minute):
        one = message(chance, FAST, NOON + int((number + chance.random()) * MINUTE / a_minute))
        sent.append(one if one.at < at else BREAKS[kind](chance, one))
    errors = []
    for minute in range(1, LOOK + 1):
        now = at + minute * MINUTE
        errors.append((estimate_at(past, sent, now).rate or 0.0) - truth(sent, now))
    off = [minute for minute, error in enumerate(errors, 1) if abs(error) > NEAR]
    return Broken(None if LOOK in off else max(off, default=0), errors[0], errors[4])


# --- the table ----------------------------------------------------------------------------------

SETTLED_COLUMNS = ("", "runs", "error, points", "plain rate, points", "width, points", "held")
BROKEN_COLUMNS = (
    "", "runs", "within 1.5 points after, minutes", "worst", "error after 1 min, points", "5 min",
)  # fmt: skip


def settled_lines(runs: int, say: Callable[[str], None]) -> Iterator[list[str]]:
    for shape in (LATE_FAILURES, LATE_DELIVERIES, BOTH, FAST):
        for number, after in ((2000, 120), (10_000, 120), (2000, 30), (200, 120), (2000, 900)):
            say(f"{shape.name}: {number} messages, {after} s")
            found = [burst(seed, shape, number, after, DAY_BEFORE) for seed in range(runs)]
            yield [
                f"{shape.name}: {number:,} messages, after {after} s",
                str(runs),
                f"{100 * median(abs(one.error) for one in found):.2f}",
                f"{100 * median(abs(one.plain) for one in found):.1f}",
                f"{100 * median(one.width for one in found):.1f}",
                f"{sum(one.held for one in found) / runs:.0%}",
            ]


def broken_lines(runs: int, say: Callable[[str], None]) -> Iterator[list[str]]:
    for kind in BREAKS:
        for a_minute in (20, 100):
            say(f"{kind}, {a_minute} a minute")
            found = [broken(seed, kind, a_minute) for seed in range(runs)]
            after = [NEVER if one.minutes is None else one.minutes for one in found]
            yield [
                f"{kind}, {a_minute} messages a minute",
                str(runs),
                *("never" if n >= NEVER / 2 else f"{n:g}" for n in (median(after), max(after))),
                f"{100 * median(abs(one.first) for one in found):.2f}",
                f"{100 * median(abs(one.fifth) for one in found):.2f}",
            ]


FACTS = (
    f"before each run a day of {DAY_BEFORE:,} messages of the route; a run's own rate differs from "
    f"that day's by {100 * DRIFT:g} point (standard deviation)",
    "error: of the estimate, against what the same messages came to; held: the 95 % interval does",
    f"a broken route: {FAST.name}, after 40 sound minutes; the estimate is that of the whole hour",
)


def tables(
    runs: int, say: Callable[[str], None]
) -> Iterator[tuple[str, tuple[str, ...], list[list[str]]]]:
    """Each table's title, columns and lines."""
    yield "settled rate", SETTLED_COLUMNS, list(settled_lines(runs, say))
    yield "settled rate of a route that breaks", BROKEN_COLUMNS, list(broken_lines(runs, say))
