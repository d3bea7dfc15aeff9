"""The settled rate: the delivery rate expected once all messages in flight have ended.

The rate of ended messages alone is too low because receipts take time, or too high because failures
come late. Here each open message counts with its probability of being delivered, given its age and
how messages of its route end: `delivrd.insight.lifetimes` has the estimator,
`delivrd.insight.routes` the data it is applied to. A route is an account and a country; the network
of a message is not known before its receipt comes.
"""

from collections.abc import Iterable
from math import ceil, floor, sqrt
from typing import NamedTuple

from delivrd.insight.lifetimes import SIZE, chance, step_of
from delivrd.insight.rates import Rate, Z, rate
from delivrd.insight.routes import Route


class Estimate(NamedTuple):
    """How some messages of one route are expected to end.

    Of the ``pending`` messages ``expected`` will be delivered, with that ``variance``. ``doubt`` is
    the variance that ignorance of the route would add if half of them were delivered. ``overdue``
    of them have been open for longer than 99 % of their route's messages.
    """

    total: float = 0.0
    delivered: float = 0.0
    pending: float = 0.0
    expected: float = 0.0
    variance: float = 0.0
    doubt: float = 0.0
    overdue: float = 0.0
    unreported: float = 0.0
    """Messages on routes that report nothing; they are in no other number."""
    ageless: float = 0.0
    """Pending messages of routes for which the overdue age is not known yet."""


class Settled(NamedTuple):
    """The rate at which messages will settle, with its 95 % interval.

    ``rate``, ``low`` and ``high`` are shares of ``total``, None without messages. ``so_far`` is the
    rate of those that have ended. ``unreported`` messages, of routes without receipts, are left out
    of all of these. ``overdue`` is None where it is not known for any pending message.
    """

    total: int
    delivered: int
    pending: int
    overdue: int | None
    unreported: int
    rate: float | None
    low: float | None
    high: float | None
    so_far: Rate | None


def estimate(
    of: Route, delivered: float, ended: float, still_open: Iterable[tuple[float, float]]
) -> Estimate:
    """How messages of a route are expected to end; open ones as (age in seconds, number)."""
    still_open = list(still_open)
    pending = sum(n for _, n in still_open)
    if of.no_receipts:
        return Estimate(unreported=pending + ended)
    expected = chancy = doubt = unknown = overdue = 0.0
    for age, n in still_open:
        step = step_of(age)
        ahead = chance(of.hazards, of.ahead, age, of.until)
        if not of.until:  # nothing is known at all: assume the rate of those that ended so far
            ahead = (delivered + 1) / (ended + 2)
        known, beyond = of.known[min(SIZE - 1, step + 1)], of.beyond[step]
        expected += n * ahead
        chancy += n * ahead * (1 - ahead)
        doubt += n * (sqrt(ahead * (1 - ahead) / (known + 1)) + beyond / 2)
        unknown += n * max(beyond, 1 / sqrt(known + 1))
        overdue += n if of.late is not None and age > of.late else 0.0
    return Estimate(
        pending + ended, delivered, pending, expected, chancy + doubt**2, unknown**2, overdue,
        ageless=pending if of.late is None else 0.0,
    )  # fmt: skip


def settled(estimates: Iterable[Estimate]) -> Settled:
    """Combines the estimates of several routes."""
    total, delivered, pending, expected, variance, doubt, overdue, unreported, ageless = (
        sum(values) for values in zip(Estimate(), *estimates, strict=True)
    )
    so_far = rate(round(delivered), round(total - pending))
    numbers = map(round, (total, delivered, pending, overdue, unreported))
    counted = Settled(*numbers, None, None, None, so_far)  # type: ignore[call-arg]
    if pending and ageless >= pending:
        counted = counted._replace(overdue=None)
    if total <= 0:
        return counted
    low, high = (delivered + n for n in _spread(pending, expected, variance, doubt))
    found = (delivered + expected) / total
    return counted._replace(
        rate=found, low=min(found, low / total), high=min(1.0, max(found, high / total))
    )


def _spread(pending: float, expected: float, variance: float, doubt: float) -> tuple[float, float]:
    """The 95 % interval of how many pending messages are delivered, in whole messages.

    It is Wilson's, for the number of messages that would give that variance. Near 0 and 1 the
    variance says little, and ``doubt`` decides.
    """
    if pending <= 0:
        return 0.0, 0.0
    share = min(1.0, expected / pending)
    least = 1 / pending + doubt / pending**2
    weight = min(0.25, least)
    number = (share * (1 - share) + weight) / (variance / pending**2 + weight * least)
    middle = (share + Z * Z / (2 * number)) / (1 + Z * Z / number)
    width = Z * sqrt(share * (1 - share) / number + Z * Z / (4 * number**2)) / (1 + Z * Z / number)
    return floor(max(0.0, middle - width) * pending), ceil(min(1.0, middle + width) * pending)
