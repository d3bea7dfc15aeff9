"""Sequential likelihood ratio tests: whether, and since when, there are more events than usual.

This is Page's CUSUM for Poisson counts (E. S. Page, "Continuous inspection schemes", Biometrika 41,
1954; J. M. Lucas, "Counted data CUSUM's", Technometrics 27, 1985). In a step with ``k`` events
where ``mean`` are usual, the log-likelihood ratio for ``r`` times the usual rate is
``k ln r - (r - 1) mean`` nats. The score is the greatest sum of these over all spans that end now.
By chance it exceeds ``h`` about once in ``e^h`` expected events (2.7 times as rarely for r = 2.5,
1.5 times as often for r = 8), however often it is computed.
"""

from collections.abc import Mapping, Sequence
from itertools import accumulate
from math import log
from typing import NamedTuple

MIN_SCORE = 7.0
MAX_SCORE = 16.0
"""Odds of a thousand to one are always required; nine million to one always suffice."""


Step = tuple[int, int, int, float]
"""One span of time: its beginning, messages ``n``, events ``k``, and the usual number ``mean``."""


class Found(NamedTuple):
    """The span with the greatest score (in nats): when it began, and its totals."""

    score: float = 0.0
    since: int = 0
    n: int = 0
    k: int = 0
    mean: float = 0.0

    @property
    def share(self) -> float:
        return self.k / self.n if self.n else 0.0


def more_than_usual(steps: Sequence[Step], ratios: Mapping[float, float]) -> Found:
    """The strongest evidence, over all spans up to now, for a multiple of the usual rate.

    ``ratios`` are the multiples tested, each with the nats subtracted from its score.
    """
    best, begin = 0.0, 0
    for ratio, handicap in ratios.items():
        score, at = _scan(steps, log(ratio), 1 - ratio)
        if score - handicap > best:
            best, begin = score - handicap, at
    return _summed(best, steps[begin:]) if best > 0.0 else Found()


def usual_again(steps: Sequence[Step], ratio: float) -> Found:
    """The strongest evidence, over all spans up to now, for the usual rate against ``ratio`` times
    it."""
    score, begin = _scan(steps, -log(ratio), ratio - 1)
    return _summed(score, steps[begin:]) if score > 0.0 else Found()


def most_excess(steps: Sequence[Step]) -> Found:
    """The span up to now that exceeds its usual number by most; its score is by how much."""
    score, begin = _scan(steps, 1.0, -1.0)
    return _summed(score, steps[begin:]) if score > 0.0 else Found()


def _scan(steps: Sequence[Step], event: float, usual: float) -> tuple[float, int]:
    """The greatest sum over a suffix of the steps, and where that begins: after the least of the
    cumulative sums."""
    sums = list(accumulate([k * event + mean * usual for _, _, k, mean in steps], initial=0.0))
    least = min(sums)
    return sums[-1] - least, sums.index(least)


def _summed(score: float, steps: Sequence[Step]) -> Found:
    at, n, k, mean = zip(*steps, strict=True)
    return Found(score, at[0], sum(n), sum(k), sum(mean))


def bar(expected: float) -> float:
    """The score that chance alone reaches about once in that many expected events."""
    return min(MAX_SCORE, max(MIN_SCORE, log(max(1.0, expected))))
