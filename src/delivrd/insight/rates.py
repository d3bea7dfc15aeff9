"""Delivery rates and how far they can be trusted: pure functions over counts."""

from collections.abc import Mapping
from math import sqrt
from typing import NamedTuple

from delivrd.core.statement import FAILURES

Z = 1.959963984540054
"""Of the normal distribution, for 95 %."""

_SQUARE = Z * Z

_FAILED = tuple(status.value for status in FAILURES)


class Rate(NamedTuple):
    """A share between 0 and 1, and the interval in which the true one lies, 19 times in 20."""

    rate: float
    low: float
    high: float


def rate(part: int, whole: int) -> Rate | None:
    """One number out of another; None where there is nothing yet (no data is not 0 %).

    The interval is Wilson's, which holds for small numbers and near 0 and 1 too.
    """
    if whole <= 0:
        return None
    share, least = part / whole, _SQUARE / whole
    middle, scale = share + least / 2, 1 + least
    spread = Z * sqrt((share * (1 - share) + least / 4) / whole)
    low, high = (middle - spread) / scale, (middle + spread) / scale
    low = low if low < share else share
    high = high if high > share else share
    return Rate(share, low if low > 0 else 0.0, high if high < 1 else 1.0)


class Delivery(NamedTuple):
    """What became of a number of messages or attempts.

    ``rate`` is delivered, ``failure`` failed, each out of all that ended; what ended without
    anybody knowing how (``unknown``) is in neither.
    """

    total: int
    counts: dict[str, int]
    rate: Rate | None
    failed: int
    failure: Rate | None
    unreported: int = 0
    """Of all, those on routes that report nothing: they are in the counts, and in no rate."""
    ended: int = 0
    """How many the rates are shares of."""


def delivery(counts: Mapping[str, int], silent: Mapping[str, int] | None = None) -> Delivery:
    """The totals of counts by status; whatever is not pending has ended.

    ``silent`` are those among them that stand on routes without receipts.
    """
    told = {status: n for status, n in sorted(counts.items()) if n}
    silent = silent or {}
    heard = {status: n - silent.get(status, 0) for status, n in told.items()} if silent else told
    ended = sum(heard.values()) - heard.get("pending", 0)
    return Delivery(
        sum(told.values()), told, rate(heard.get("delivered", 0), ended),
        _failed(told), rate(_failed(heard), ended), sum(silent.values()), ended,
    )  # fmt: skip


def _failed(counts: Mapping[str, int]) -> int:
    get, (first, second, third) = counts.get, _FAILED
    return get(first, 0) + get(second, 0) + get(third, 0)


LEAST = 10
"""Of fewer that have ended nothing is said."""


class Thresholds(NamedTuple):
    """From which delivery rate on a route is healthy, and under which it is to be looked into."""

    healthy: float = 0.95
    investigate: float = 0.85

    def word(self, found: Rate | None, ended: int) -> str | None:
        """`healthy`, `watch` or `investigate`, of so many that have ended; None without data.

        It is `too_few` under `LEAST`, and where the interval holds both thresholds: of twenty
        messages that all arrived it is not known whether they stand for 99 % or for 84.
        """
        if found is None:
            return None
        spans_both = found.low < self.investigate and found.high >= self.healthy
        if spans_both or ended < LEAST:
            return "too_few"
        if found.rate >= self.healthy:
            return "healthy"
        return "investigate" if found.rate < self.investigate else "watch"


PRICED_ENOUGH = 0.9
"""Where fewer than this share of the delivered have a price, what one costs is not told: it would
look cheap for want of prices."""


class Cost(NamedTuple):
    """What was charged in one currency; amounts in its units.

    ``priced`` of the messages have a price; ``per_delivered`` is the whole amount by those
    delivered, None where none was or where too few have a price.
    """

    currency: str
    amount: float
    priced: int
    per_delivered: float | None


def cost(
    currency: str, micro_units: int, priced: int, delivered: int, priced_at_all: int | None = None
) -> Cost:
    """What one currency comes to.

    ``priced_at_all`` is how many have a price in any currency; without it, only this one counts.
    """
    amount, known = micro_units / 1e6, priced if priced_at_all is None else priced_at_all
    told = delivered and known >= PRICED_ENOUGH * delivered
    return Cost(currency, amount, priced, amount / delivered if told else None)
