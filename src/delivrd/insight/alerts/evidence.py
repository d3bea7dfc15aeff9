"""Sequential likelihood ratios: since when, if at all, there is more of something than usual.

This is Page's CUSUM for Poisson counts (E. S. Page, "Continuous inspection schemes", Biometrika 41,
1954; J. M. Lucas, "Counted data CUSUM's", Technometrics 27, 1985). A step brings ``k`` events where
``mean`` are usual; that there are ``r`` times as many instead is ``k ln r - (r - 1) mean`` more
likely, in nats. The score is the greatest sum of such terms over all beginnings that end now. It
passes ``h`` by chance about once in ``e^h`` expected events (2.7 times as rarely for r = 2.5, half
again as often for r = 8), however often one looks.
"""

from collections.abc import Mapping, Sequence
from itertools import accumulate
from math import log
from typing import NamedTuple

MIN_SCORE = 7.0
MAX_SCORE = 16.0
"""The least and the greatest score asked for: a thousand to one, and nine million to one."""


Step = tuple[int, int, int, float]
"""A span of time: when it began, the number of messages, of events, and of events expected."""


class Found(NamedTuple):
    """The best starting point: its score in nats, its time, and the totals since."""

    score: float = 0.0
    since: int = 0
    n: int = 0
    k: int = 0
    mean: float = 0.0

    @property
    def share(self) -> float:
        return self.k / self.n if self.n else 0.0


def more_than_usual(steps: Sequence[Step], ratios: Mapping[float, float]) -> Found:
    """The strongest evidence, up to now, for one of the ``ratios`` of the normal rate.

    Each ratio comes with the nats to subtract from its score.
    """
    best, begin = 0.0, 0
    for ratio, handicap in ratios.items():
        score, at = _scan(steps, log(ratio), 1 - ratio)
        if score - handicap > best:
            best, begin = score - handicap, at
    return _summed(best, steps[begin:]) if best > 0.0 else Found()


def usual_again(steps: Sequence[Step], ratio: float) -> Found:
    """The strongest evidence, up to now, for the normal rate against ``ratio`` times it."""
    score, begin = _scan(steps, -log(ratio), ratio - 1)
    return _summed(score, steps[begin:]) if score > 0.0 else Found()


def _scan(steps: Sequence[Step], event: float, usual: float) -> tuple[float, int]:
    """The greatest sum over the last steps, for any number of them, and where it begins."""
    sums = list(accumulate([k * event + mean * usual for _, _, k, mean in steps], initial=0.0))
    least = min(sums)
    return sums[-1] - least, sums.index(least)


def _summed(score: float, steps: Sequence[Step]) -> Found:
    at, n, k, mean = zip(*steps, strict=True)
    return Found(score, at[0], sum(n), sum(k), sum(mean))


def bar(expected: float) -> float:
    """The score that chance alone reaches about once in so many expected events."""
    return min(MAX_SCORE, max(MIN_SCORE, log(max(1.0, expected))))
