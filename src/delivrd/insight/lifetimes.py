"""How long messages stay open, and how they end: life tables with competing risks.

A message ends in one of several ways, or is still open when we look: it is right-censored. Rates of
ended messages alone would be biased, so hazards are estimated instead: of the messages open at an
age, the share that ends before the next, by kind of end. The cumulative incidence of each kind
follows from the hazards by the Aalen-Johansen estimator (Aalen and Johansen, Scandinavian Journal
of Statistics 5, 1978, 141-150; with delayed entry as in Andersen, Borgan, Gill and Keiding,
Statistical Models Based on Counting Processes, 1993, section IV.4).

Ages are in the steps of the counts by the minute, four per doubling. In the steps where its
observation begins and ends, a group is at risk for the part that is observed.
"""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import accumulate
from math import log2
from operator import add, mul, truediv
from typing import NamedTuple

from delivrd.store.counts import COARSE, STEPS

KINDS = ("delivered", "failed", "unknown")
"""The competing kinds of end."""

DELIVERED, FAILED, UNKNOWN = range(3)

PER_DOUBLING = STEPS // COARSE
SIZE = 30 * PER_DOUBLING
"""Steps of a table: up to 2^30 milliseconds, twelve days."""


@lru_cache(1024)  # all routes have messages of the same minutes
def step_of(seconds: float) -> int:
    """The step that contains an age."""
    return min(SIZE - 1, int(PER_DOUBLING * log2(max(1.0, seconds * 1000))))


def lower(step: int) -> float:
    """The age at which a step begins, in seconds; the first step begins at 0."""
    return float(2 ** (step / PER_DOUBLING) / 1000) if step > 0 else 0.0


_LOWER = [lower(step) for step in range(SIZE + 1)]

MIDDLES = [(lower(step) + lower(step + 1)) / 2 for step in range(SIZE)]
"""The age in the middle of each step, in seconds."""


def passed(seconds: float, step: int) -> float:
    """The share of a step that has passed at an age, between 0 and 1."""
    begin, end = _LOWER[step], _LOWER[step + 1]
    return min(1.0, max(0.0, (seconds - begin) / (end - begin)))


class Group(NamedTuple):
    """``n`` messages observed from the age ``entry`` to the age ``age``, in seconds.

    They ended as ``kind`` (an index of `KINDS`) at an age in ``step``, or are open (None). Ends
    outside the observed ages do not count.
    """

    age: float
    n: float
    kind: int | None = None
    step: int = 0
    entry: float = 0.0


class Lifetimes(NamedTuple):
    """By step, the number of messages at risk; by kind and step, the number of ends."""

    at_risk: Sequence[float]
    ends: Sequence[Sequence[float]]


NONE = Lifetimes([0.0] * SIZE, [[0.0] * SIZE for _ in KINDS])


def observe(groups: Iterable[Group]) -> Lifetimes:
    """The life table of groups, over the ages at which each was observed."""
    change, part = [0.0] * (SIZE + 1), [0.0] * SIZE
    ends = [[0.0] * SIZE for _ in KINDS]
    for age, n, kind, step, entry in groups:
        first, last, over = step_of(entry), step_of(age), True
        if kind is not None and (step < last or MIDDLES[step] < age):
            if step < first or MIDDLES[step] < entry:
                continue
            ends[kind][step] += n
            over, last = step == last, step
        if entry:
            part[first] -= n * passed(entry, first)
        if over:
            part[last] -= n * (1 - passed(age, last))
        change[first] += n
        change[last + 1] -= n
    at_risk = [whole if whole > 0 else 0.0 for whole in map(add, accumulate(change), part)]
    return Lifetimes(at_risk, ends)


def together(tables: Iterable[Lifetimes]) -> Lifetimes:
    """The sum of life tables."""
    at_risk, ends = [0.0] * SIZE, [[0.0] * SIZE for _ in KINDS]
    for table in tables:
        for step, n in enumerate(table.at_risk):
            if n:
                at_risk[step] += n
                for kind in range(len(KINDS)):
                    ends[kind][step] += table.ends[kind][step]
    return Lifetimes(at_risk, ends)


Hazards = Sequence[Sequence[float]]
"""By kind and step: the share of messages at risk that ends in this kind."""

NO_HAZARDS: Hazards = [[0.0] * SIZE for _ in KINDS]


NO_WEIGHT: Sequence[float] = [0.0] * SIZE


def hazards(
    table: Lifetimes, prior: Hazards = NO_HAZARDS, weight: Sequence[float] = NO_WEIGHT
) -> Hazards:
    """Posterior mean hazards of a table, given prior hazards.

    In each step the kinds of end and staying open have a Dirichlet prior whose mean is the prior's
    shares and whose weight is that many messages at risk.
    """
    posterior = [
        list(map(add, ends, map(mul, weight, shares)))
        for ends, shares in zip(table.ends, prior, strict=True)
    ]
    at_risk, ended = map(add, table.at_risk, weight), map(sum, zip(*posterior, strict=True))
    whole = [n or 1.0 for n in map(max, at_risk, ended)]
    return [list(map(truediv, ends, whole)) for ends in posterior]


def mean(some: Sequence[Hazards]) -> Hazards:
    """The arithmetic mean of several hazards."""
    return [
        [sum(values) / len(some) for values in zip(*(one[kind] for one in some), strict=True)]
        for kind in range(len(KINDS))
    ]


def incidence(of: Hazards) -> list[list[float]]:
    """By kind and step: the cumulative incidence at the end of the step."""
    found: list[list[float]] = [[] for _ in KINDS]
    still_open, so_far = 1.0, [0.0] * len(KINDS)
    for step in range(SIZE):
        for kind in range(len(KINDS)):
            so_far[kind] += still_open * of[kind][step]
            found[kind].append(so_far[kind])
        still_open *= max(0.0, 1 - sum(one[step] for one in of))
    return found


def time_of(share: float, of: Hazards) -> float | None:
    """The age, in seconds, by which this share of all ends has happened; None without any."""
    ended = [sum(values) for values in zip(*incidence(of), strict=True)]
    if ended[-1] <= 0:
        return None
    step = next(step for step, value in enumerate(ended) if value >= share * ended[-1])
    return lower(step + 1)


def at_most(limit: float, numbers: Iterable[float]) -> list[float]:
    """The numbers, each capped at the limit."""
    return [n if n < limit else limit for n in numbers]


def chances(of: Hazards, until: int = SIZE, then: float = 0.0) -> list[float]:
    """By step: the probability that a message open at the step's beginning ends delivered.

    It is ``then`` from the step ``until`` on, about which nothing is known.
    """
    found = [then if step >= until else 0.0 for step in range(SIZE + 1)]
    any_end, ends, later = at_most(1.0, map(sum, zip(*of, strict=True))), of[DELIVERED], then
    for step in range(until - 1, -1, -1):
        found[step] = later = ends[step] + (1 - any_end[step]) * later
    return found


def staying(of: Hazards, until: int) -> list[float]:
    """By step: the probability that a message open at its beginning is still open at ``until``."""
    found = [1.0] * (SIZE + 1)
    for step in reversed(range(until)):
        found[step] = found[step + 1] * max(0.0, 1 - sum(one[step] for one in of))
    return found


def chance(of: Hazards, ahead: Sequence[float], age: float, until: int = SIZE) -> float:
    """The probability that a message open at ``age`` (in seconds) ends delivered.

    ``ahead`` is the result of `chances` for the same hazards.
    """
    step = step_of(age)
    if step >= until:
        return ahead[step]
    left = 1 - passed(age, step)
    any_end = min(1.0, left * sum(one[step] for one in of))
    return left * of[DELIVERED][step] + (1 - any_end) * ahead[step + 1]
