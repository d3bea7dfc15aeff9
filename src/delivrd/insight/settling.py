"""The settled rate: what the delivery rate of messages still in flight will come to.

A rate of what has ended so far looks bad because receipts take time, or good because failures come
late. Here each open message counts by how likely it is to be delivered yet, given its age and how
messages of its route end: `delivrd.insight.lifetimes` tells how that is estimated. A route is an
account and a country; the network of a message is not known before its receipt comes.

**What leans on what.** All routes together, then each country and each provider, then the route,
then the route in the last minutes: each is estimated from its own messages and from the level
above, which counts as `PRIOR` more messages (`NOW` for the last step). Where the last minutes have
nobody of an age, they lean on the route's past times how much rarer or more frequent ends have just
become (`pace`): on a route that went dead, those who are open stay open.
"""

from collections.abc import Iterable, Mapping, Sequence
from math import exp, log, sqrt
from typing import NamedTuple

from delivrd.insight.lifetimes import (
    DELIVERED,
    KINDS,
    NO_HAZARDS,
    SIZE,
    Hazards,
    Lifetimes,
    chance,
    chances,
    hazards,
    mean,
    step_of,
    time_of,
    together,
)
from delivrd.insight.rates import Rate, Z, rate

PRIOR = 30.0
"""Messages at risk that the level above counts for."""

NOW = 30.0
"""Messages at risk that a route's past counts for beside its last minutes."""

WINDOW = 300.0
"""Seconds: what is meant by the last minutes."""

STEADY = 1500.0
"""Messages at most that the past counts for in the interval: no two days are alike."""

OVERDUE = 0.99
"""A message is overdue when it is open at an age by which this share of all ends has come."""

REPORTS_AFTER = 2 * 3600.0
"""Seconds after which a carrier that reports has reported some."""

REPORTS_SAMPLE = 50
"""Messages of that age without which nothing is said of whether a carrier reports."""

REPORTS_SHARE = 0.01
"""A route reports nothing when at most this share of them has an end by the network."""

Key = tuple[int, str]
"""A route: the account's id and the country."""


class Route(NamedTuple):
    """How messages of a route end, as far as is known now.

    ``ahead`` is the chance of delivery by step of age, ``known`` how many messages stand behind it,
    ``late`` the age in seconds at which an open message is overdue.
    """

    hazards: Hazards
    ahead: Sequence[float]
    known: Sequence[float]
    late: float | None
    no_receipts: bool = False


class Estimate(NamedTuple):
    """What some messages of one route will come to.

    Of ``pending`` messages ``expected`` will be delivered, with that variance. ``overdue`` of them
    are open for longer than 99 % of their route's messages are.
    """

    total: float = 0.0
    delivered: float = 0.0
    pending: float = 0.0
    expected: float = 0.0
    variance: float = 0.0
    overdue: float = 0.0
    unreported: float = 0.0
    """Messages on routes that report nothing; they stand in no other number."""


class Settled(NamedTuple):
    """The rate at which messages will settle, with the interval that holds it 19 times in 20.

    ``rate``, ``low`` and ``high`` are shares of ``total``, None without messages. ``so_far`` is the
    rate of those that have ended. ``unreported`` messages, of routes without receipts, are left out
    of all of these.
    """

    total: int
    delivered: int
    pending: int
    overdue: int
    unreported: int
    rate: float | None
    low: float | None
    high: float | None
    so_far: Rate | None


# --- routes -------------------------------------------------------------------------------------


def priors(
    past: Mapping[Key, Lifetimes], providers: Mapping[int, str]
) -> Mapping[Key, tuple[Hazards, float]]:
    """What each route leans on: its country and its provider, which lean on the whole; and how many
    messages there are in all."""
    tables = {key: table for key, table in past.items() if table.at_risk[0] > 0}
    whole = together(tables.values())
    of_all = hazards(whole)
    found: dict[Key, tuple[Hazards, float]] = {}
    level: dict[tuple[str, str], Hazards] = {}

    def above(kind: str, name: str, members: Iterable[Lifetimes]) -> Hazards:
        if (kind, name) not in level:
            level[kind, name] = hazards(together(members), of_all, PRIOR)
        return level[kind, name]

    for account_id, country in past:
        provider = providers.get(account_id, "")
        found[account_id, country] = (
            mean([
                above("country", country, [t for (_, c), t in tables.items() if c == country]),
                above("provider", provider, [
                    t for (a, _), t in tables.items() if providers.get(a, "") == provider
                ]),
            ]),
            whole.at_risk[0],
        )  # fmt: skip
    return found


def route(
    past: Lifetimes, recent: Lifetimes, prior: tuple[Hazards, float] = (NO_HAZARDS, 0.0),
    *, no_receipts: bool = False,
) -> Route:  # fmt: skip
    """How a route's messages end, from its past, its last minutes and what it leans on."""
    above, of_all = prior
    usual = hazards(past, above, PRIOR if of_all else 0.0)
    found = hazards(recent, pace(recent, usual), NOW)
    known = [
        now + min(STEADY, before + min(PRIOR, of_all))
        for now, before in zip(recent.at_risk, past.at_risk, strict=True)
    ]
    late = time_of(OVERDUE, usual)
    return Route(found, chances(found), known, late, no_receipts)


CALM = log(3)
"""A pace within a third and three times the usual is mostly chance or a slow hour."""

PACE_PRIOR = 5.0


def pace(recent: Lifetimes, usual: Hazards) -> Hazards:
    """The usual hazards times how much oftener than usual messages have just ended, by kind.

    The factor is observed over expected ends, each with `PACE_PRIOR` more. One near 1 is hardly
    believed, one far from it wholly.
    """
    found = []
    for ways in ((DELIVERED,), tuple(range(DELIVERED + 1, len(KINDS)))):
        seen = sum(sum(recent.ends[kind]) for kind in ways)
        expected = sum(
            n * usual[kind][step]
            for kind in ways
            for step, n in enumerate(recent.at_risk)
        )  # fmt: skip
        by = log((seen + PACE_PRIOR) / (expected + PACE_PRIOR))
        factor = exp(by * by * by / (by * by + CALM * CALM))
        found += [[min(1.0, factor * share) for share in usual[kind]] for kind in ways]
    return _within_one(found)


def _within_one(of: Hazards) -> Hazards:
    """Hazards of which those of one step add up to no more than 1."""
    scale = [max(1.0, sum(values)) for values in zip(*of, strict=True)]
    return [[share / by for share, by in zip(one, scale, strict=True)] for one in of]


def reports_nothing(reported: float, total: float) -> bool:
    """Whether a route reports nothing: hardly any end by the network among old enough messages."""
    return total >= REPORTS_SAMPLE and reported <= REPORTS_SHARE * total


# --- what it comes to ---------------------------------------------------------------------------


def estimate(
    of: Route, delivered: float, ended: float, still_open: Iterable[tuple[float, float]]
) -> Estimate:
    """What messages of a route will come to; open ones as (age in seconds, number)."""
    still_open = list(still_open)
    pending = sum(n for _, n in still_open)
    if of.no_receipts:
        return Estimate(unreported=pending + ended)
    expected = variance = doubt = overdue = 0.0
    for age, n in still_open:
        step = step_of(age)
        ahead, known = chance(of.hazards, of.ahead, age), of.known[min(SIZE - 1, step + 1)]
        if known < 1:  # nobody has ever been so old: as those that ended so far
            ahead = (delivered + 1) / (ended + 2)
        expected += n * ahead
        variance += n * ahead * (1 - ahead)
        doubt += n * sqrt(max(ahead * (1 - ahead), 1e-4) / (known + 2))
        overdue += n if of.late is not None and age > of.late else 0.0
    return Estimate(
        pending + ended, delivered, pending, expected, variance + doubt * doubt, overdue
    )


def settled(estimates: Iterable[Estimate]) -> Settled:
    """The estimates of several routes together."""
    total, delivered, pending, expected, variance, overdue, unreported = (
        sum(values) for values in zip(Estimate(), *estimates, strict=True)
    )
    so_far = rate(round(delivered), round(total) - round(pending))
    numbers = map(round, (total, delivered, pending, overdue, unreported))
    counted = Settled(*numbers, None, None, None, so_far)  # type: ignore[call-arg]
    if total <= 0:
        return counted
    low, high = (delivered + pending * x for x in _spread(pending, expected, variance))
    found = (delivered + expected) / total
    return counted._replace(rate=found, low=min(found, low / total), high=max(found, high / total))


def _spread(pending: float, expected: float, variance: float) -> tuple[float, float]:
    """The interval of the share of the pending that is delivered, taken where it is symmetric: on
    the scale of log odds."""
    if pending <= 0:
        return 0.0, 0.0
    share = min(1 - 1e-6, max(1e-6, (expected + 0.25) / (pending + 0.5)))
    odds = log(share / (1 - share))
    width = Z * sqrt(variance) / pending / (share * (1 - share))
    return _share(odds - width), _share(odds + width)


def _share(odds: float) -> float:
    return 1 / (1 + exp(-max(-700.0, min(700.0, odds))))
