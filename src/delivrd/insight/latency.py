"""How long messages take: percentiles and a histogram from logarithmic steps (rule F3)."""

from collections.abc import Mapping
from functools import cache
from typing import NamedTuple

from delivrd.store.counts import STEPS, UNTOLD, upper

PERCENTILES = (50, 90, 95, 99)

STATED_ERROR = round(2 ** (1 / (2 * STEPS)) - 1, 4)
"""A percentile is off by this share at most: it is told as the middle of a step."""


class Bar(NamedTuple):
    """``number`` took at most ``le`` seconds, and longer than the bar before."""

    le: float
    number: int


class Latency(NamedTuple):
    """``total`` with a known time, and ``untold`` without one; times are in seconds."""

    total: int
    untold: int
    percentiles: dict[int, float | None]
    histogram: list[Bar]


def latency(steps: Mapping[int, int]) -> Latency:
    """What the numbers by step add up to; without any, each percentile is None."""
    known = sorted((step, n) for step, n in steps.items() if step != UNTOLD and n)
    total = sum(n for _, n in known)
    return Latency(
        total,
        steps.get(UNTOLD, 0),
        {share: percentile(known, total, share) for share in PERCENTILES},
        [Bar(bound(step), n) for step, n in known],
    )


def percentile(known: list[tuple[int, int]], total: int, share: int) -> float | None:
    """The time within which ``share`` % of them ended, to the middle of its step."""
    rank = -(-total * share // 100)
    seen = 0
    for step, n in known:
        seen += n
        if seen >= rank:
            return middle(step)
    return None


@cache
def bound(step: int) -> float:
    """The upper end of a step in seconds, as it is shown: to a tenth of a millisecond."""
    return round(upper(step), 4)


def middle(step: int) -> float:
    """The geometric middle of a step, in seconds; the first also holds all that took less."""
    return float((upper(step) * upper(step - 1)) ** 0.5)
