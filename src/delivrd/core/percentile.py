"""Percentiles of values that are all at hand."""

from collections.abc import Sequence


def percentile(ordered: Sequence[float], share: int) -> float:
    """The nearest rank: the least of the values that ``share`` per cent of them do not exceed.

    There is at least one value. The share is a whole number: in floating point, 7 per cent of 100
    values are more than 7.
    """
    rank = -(-share * len(ordered) // 100)  # rounded up
    return ordered[max(0, rank - 1)]
