"""Delivery rates and how far they can be trusted: pure functions over counts."""

from collections.abc import Mapping
from math import sqrt
from typing import NamedTuple

Z = 1.959963984540054
"""Of the normal distribution, for 95 %."""


class Rate(NamedTuple):
    """A share between 0 and 1, and the interval in which the true one lies, 19 times in 20."""

    rate: float
    low: float
    high: float


def rate(delivered: int, final: int) -> Rate | None:
    """Delivered out of all that ended; None where nothing has ended yet (no data is not 0 %).

    The interval is Wilson's, which holds for small numbers and near 0 and 1 too.
    """
    if final <= 0:
        return None
    share = delivered / final
    middle = share + Z * Z / (2 * final)
    spread = Z * sqrt(share * (1 - share) / final + Z * Z / (4 * final * final))
    whole = 1 + Z * Z / final
    low, high = (middle - spread) / whole, (middle + spread) / whole
    return Rate(share, min(share, max(0.0, low)), max(share, min(1.0, high)))


class Delivery(NamedTuple):
    """What became of a number of messages or attempts."""

    total: int
    counts: dict[str, int]
    rate: Rate | None


def delivery(counts: Mapping[str, int]) -> Delivery:
    """The totals of counts by status; whatever is not pending has ended."""
    told = {status: n for status, n in sorted(counts.items()) if n}
    total = sum(told.values())
    return Delivery(total, told, rate(told.get("delivered", 0), total - told.get("pending", 0)))
