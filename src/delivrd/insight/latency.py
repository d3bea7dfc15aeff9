"""How long messages take: percentiles and a histogram from logarithmic steps (rule F3)."""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import accumulate, compress
from typing import NamedTuple

import msgspec

from delivrd.store.counts import NO_LATENCY, STEPS, upper
from delivrd.store.histograms import Digits

PERCENTILES = (50, 90, 95, 99)

STATED_ERROR = round(2 ** (1 / (2 * STEPS)) - 1, 4)
"""The largest relative error of a percentile, which is given as the middle of its step."""


class Bar(msgspec.Struct, frozen=True, gc=False):
    """``count`` messages took at most ``le`` seconds, and longer than those of the bar before."""

    le: float
    count: int


class Latency(NamedTuple):
    """Of ``total`` messages the latency is known, of ``unknown`` not; times are in seconds."""

    total: int
    unknown: int
    percentiles: dict[int, float | None]
    histogram: list[Bar] | None


def latency(digits: Digits, *, barred: bool = True) -> Latency:
    """Percentiles, and with ``barred`` the histogram, of numbers by latency step.

    Without any number each percentile is None.
    """
    first, numbers, unknown = digits.first, digits.numbers, 0
    if first == NO_LATENCY and numbers:
        (unknown, *numbers), first = numbers, first + 1
    seen = list(accumulate(numbers))
    return Latency(
        seen[-1] if seen else 0,
        unknown,
        {share: percentile(first, seen, share) for share in PERCENTILES},
        list(_bars(first, numbers)) if barred else None,
    )


def _bars(first: int, numbers: Sequence[int]) -> Iterator[Bar]:
    bounds = map(bound, compress(range(first, first + len(numbers)), numbers))
    return map(Bar, bounds, filter(None, numbers))


def percentile(first: int, seen: Sequence[int], share: int) -> float | None:
    """The ``share``-th percentile in seconds, as the middle of its step.

    ``seen`` holds cumulative numbers by step, beginning with the step ``first``.
    """
    if not seen or not seen[-1]:
        return None
    return middle(first + bisect_left(seen, -(-seen[-1] * share // 100)))


@cache
def bound(step: int) -> float:
    """The upper end of a step in seconds, rounded for display."""
    return rounded(upper(step))


@cache
def rounded(seconds: float) -> float:
    """Rounded to a tenth of a millisecond. Cached: there are only as many values as steps."""
    return round(seconds, 4)


@cache
def middle(step: int) -> float:
    """The geometric middle of a step, in seconds. The first step also holds everything below it."""
    return float((upper(step) * upper(step - 1)) ** 0.5)
