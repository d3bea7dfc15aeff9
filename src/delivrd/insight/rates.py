"""Delivery rates with confidence intervals: pure functions over counts."""

from collections.abc import Mapping
from math import sqrt
from typing import NamedTuple

from delivrd.core.statement import FAILURES, Status

Z = 1.959963984540054
"""Two-sided 95 % quantile of the normal distribution."""

_SQUARE = Z * Z

_STATUSES = sorted(status.value for status in Status)
_FAILED = tuple(status.value for status in FAILURES)


class Rate(NamedTuple):
    """A share between 0 and 1, with its 95 % confidence interval."""

    rate: float
    low: float
    high: float


def rate(part: int, whole: int) -> Rate | None:
    """``part`` out of ``whole``; None where ``whole`` is 0, since no data is not 0 %.

    The interval is Wilson's, which is accurate for small numbers and near 0 and 1 too.
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
    """How a number of messages or attempts ended.

    ``rate`` is the delivered share, ``failure`` the failed share of all that ended. Those that
    ended as ``unknown`` are in neither numerator.
    """

    total: int
    counts: dict[str, int]
    rate: Rate | None
    failed: int
    failure: Rate | None
    unreported: int = 0
    """Those on routes that report nothing: they are in ``counts``, but in no rate."""
    ended: int = 0
    """The denominator of the rates."""


def delivery(counts: Mapping[str, int], silent: Mapping[str, int] | None = None) -> Delivery:
    """Totals and rates of counts by status; every status but pending has ended.

    ``silent`` are those of the counts that belong to routes without receipts.
    """
    get = counts.get
    counted = {status: n for status in _STATUSES if (n := get(status))}
    total, failed = sum(counted.values()), _failed(counted)
    reporting, failing, unreported = counted, failed, 0
    if silent:
        reporting = {status: n - silent.get(status, 0) for status, n in counted.items()}
        failing, unreported = _failed(reporting), sum(silent.values())
    ended = sum(reporting.values()) - reporting.get("pending", 0)
    return Delivery(
        total, counted, rate(reporting.get("delivered", 0), ended),
        failed, rate(failing, ended), unreported, ended,
    )  # fmt: skip


def _failed(counts: Mapping[str, int]) -> int:
    get, (first, second, third) = counts.get, _FAILED
    return get(first, 0) + get(second, 0) + get(third, 0)


LEAST = 10
"""With fewer ended messages there is no verdict."""


class Thresholds(NamedTuple):
    """The delivery rates from which a route is healthy, and below which to investigate it."""

    healthy: float = 0.95
    investigate: float = 0.85

    def word(self, found: Rate | None, ended: int) -> str | None:
        """`healthy`, `watch`, `investigate` or `too_few`; None without data.

        It is `too_few` with fewer than `LEAST` ended messages, and where the interval contains
        both thresholds: twenty messages that all arrived are compatible with 99 % and with 84.
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
"""Where a smaller share of the delivered messages has a price, no cost per delivered message is
given: it would be too low."""


class Cost(NamedTuple):
    """What was charged in one currency; amounts in its units.

    ``priced`` messages have a price. ``per_delivered`` is the amount divided by the number
    delivered; None where that is 0 or too few have a price.
    """

    currency: str
    amount: float
    priced: int
    per_delivered: float | None


def cost(
    currency: str, micro_units: int, priced: int, delivered: int, priced_at_all: int | None = None
) -> Cost:
    """The cost in one currency.

    ``priced_at_all`` is how many messages have a price in any currency; by default ``priced``.
    """
    amount, known = micro_units / 1e6, priced if priced_at_all is None else priced_at_all
    enough = delivered and known >= PRICED_ENOUGH * delivered
    return Cost(currency, amount, priced, amount / delivered if enough else None)
