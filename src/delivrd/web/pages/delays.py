"""Delivery times: a histogram on a logarithmic scale, and the shares within certain times."""

from collections.abc import Sequence
from math import floor, log2
from typing import Any, NamedTuple

from delivrd.insight.latency import Bar
from delivrd.store.counts import STEPS

MARKS = ((10.0, "10 s"), (60.0, "1 min"), (3600.0, "1 h"))
"""One-time codes become useless within a minute, notices within an hour."""

PER_DOUBLING = 2
FINE = 2.0 ** (1 / STEPS)
"""The width of the bars of the stored counts, as a factor."""


class Bin(NamedTuple):
    """``n`` messages took more than ``over`` and at most ``to`` seconds.

    ``within`` is the share of all messages that took at most ``to``.
    """

    over: float
    to: float
    n: int
    within: float


def bins(histogram: Sequence[Bar]) -> list[Bin]:
    """Two bars for each doubling of the time, without gaps; none without data."""
    counted: dict[int, int] = {}
    for bar in histogram:
        # by the middle of the fine bar: in milliseconds its edges are powers of two as well
        place = floor(PER_DOUBLING * log2(1000 * bar.le / FINE**0.5))
        counted[place] = counted.get(place, 0) + bar.count
    if not counted:
        return []
    total, seen, found = sum(counted.values()), 0, []
    for place in range(min(counted), max(counted) + 1):
        n = counted.get(place, 0)
        seen += n
        over, to = (2 ** (edge / PER_DOUBLING) / 1000 for edge in (place, place + 1))
        found.append(Bin(over, to, n, seen / total))
    return found


def within(histogram: Sequence[Bar], seconds: float) -> float | None:
    """The share that took at most ``seconds``, interpolated within a bar; None without data."""
    total = sum(bar.count for bar in histogram)
    if not total:
        return None
    seen = 0.0
    for bar in histogram:
        part = log2(seconds / (bar.le / FINE)) / log2(FINE)
        seen += bar.count * min(1.0, max(0.0, part))
    return float(seen / total)


def marks(histogram: Sequence[Bar]) -> list[dict[str, Any]]:
    """The share that arrived within each of MARKS."""
    return [
        {"seconds": seconds, "label": label, "share": within(histogram, seconds)}
        for seconds, label in MARKS
    ]
