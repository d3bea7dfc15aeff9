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

from collections.abc import Iterable, Mapping, Sequence, Set
from math import ceil, exp, floor, log, sqrt
from typing import NamedTuple

from delivrd.insight.lifetimes import (
    DELIVERED,
    KINDS,
    NONE,
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


class Usual(NamedTuple):
    """How messages of a route end as a rule.

    ``known`` is by step of age how many messages stand behind it, ``late`` the age in seconds at
    which an open message is overdue.
    """

    hazards: Hazards
    known: Sequence[float]
    late: float | None
    no_receipts: bool = False


class Route(NamedTuple):
    """How messages of a route end now; ``ahead`` is the chance of delivery by step of age."""

    hazards: Hazards
    ahead: Sequence[float]
    known: Sequence[float]
    late: float | None
    no_receipts: bool = False


class Estimate(NamedTuple):
    """What some messages of one route will come to.

    Of ``pending`` messages ``expected`` will be delivered, with that variance; ``doubt`` is the
    variance that what is not known of the route could give if half of them were. ``overdue`` of
    them are open for longer than 99 % of their route's messages are.
    """

    total: float = 0.0
    delivered: float = 0.0
    pending: float = 0.0
    expected: float = 0.0
    variance: float = 0.0
    doubt: float = 0.0
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


def usual(
    past: Mapping[Key, Lifetimes], providers: Mapping[int, str], silent: Set[Key] = frozenset()
) -> "Past":
    """How messages of each route end, from its past and from what it leans on.

    ``providers`` names each account's; ``silent`` routes report nothing.
    """
    tables = {key: table for key, table in past.items() if key not in silent and table.at_risk[0]}
    countries: dict[str, list[Lifetimes]] = {}
    gateways: dict[str, list[Lifetimes]] = {}
    for (account_id, country), table in tables.items():
        countries.setdefault(country, []).append(table)
        gateways.setdefault(providers.get(account_id, ""), []).append(table)
    whole = together(tables.values())
    of_all = hazards(whole)
    return Past(
        whole.at_risk[0],
        of_all,
        {name: hazards(together(some), of_all, PRIOR) for name, some in countries.items()},
        {name: hazards(together(some), of_all, PRIOR) for name, some in gateways.items()},
        dict(providers),
        past,
        silent,
        {},
    )


class Past(NamedTuple):
    """What is known of all routes; each is worked out when it is asked for."""

    total: float
    whole: Hazards
    countries: Mapping[str, Hazards]
    providers: Mapping[str, Hazards]
    provider_of: Mapping[int, str]
    tables: Mapping[Key, Lifetimes]
    silent: Set[Key]
    routes: dict[Key, Usual]

    def of(self, key: Key) -> Usual:
        """How messages of the route end as a rule; also of one that nothing is known of."""
        if key not in self.routes:
            account_id, country = key
            provider = self.provider_of.get(account_id, "")
            levels = [self.countries.get(country), self.providers.get(provider)]
            above = mean([level for level in levels if level is not None] or [self.whole])
            table = self.tables.get(key, NONE)
            found = hazards(table, above, PRIOR if self.total else 0.0)
            known = [min(STEADY, n + min(PRIOR, self.total)) for n in table.at_risk]
            late = time_of(OVERDUE, found)
            self.routes[key] = Usual(found, known, late, key in self.silent)
        return self.routes[key]


def route(as_a_rule: Usual, recent: Lifetimes) -> Route:
    """How a route's messages end now: its last minutes, which lean on what is the rule."""
    found = hazards(recent, pace(recent, as_a_rule.hazards), NOW)
    known = [now + past for now, past in zip(recent.at_risk, as_a_rule.known, strict=True)]
    return Route(found, chances(found), known, as_a_rule.late, as_a_rule.no_receipts)


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
    expected = chancy = doubt = unknown = overdue = 0.0
    for age, n in still_open:
        step = step_of(age)
        ahead, known = chance(of.hazards, of.ahead, age), of.known[min(SIZE - 1, step + 1)]
        if known < 1:  # nobody has ever been so old: as those that ended so far
            ahead = (delivered + 1) / (ended + 2)
        expected += n * ahead
        chancy += n * ahead * (1 - ahead)
        doubt += n * sqrt(ahead * (1 - ahead) / (known + 1))
        unknown += n / sqrt(known + 1)
        overdue += n if of.late is not None and age > of.late else 0.0
    return Estimate(
        pending + ended, delivered, pending, expected, chancy + doubt**2, unknown**2, overdue
    )


def settled(estimates: Iterable[Estimate]) -> Settled:
    """The estimates of several routes together."""
    total, delivered, pending, expected, variance, doubt, overdue, unreported = (
        sum(values) for values in zip(Estimate(), *estimates, strict=True)
    )
    so_far = rate(round(delivered), round(total) - round(pending))
    numbers = map(round, (total, delivered, pending, overdue, unreported))
    counted = Settled(*numbers, None, None, None, so_far)  # type: ignore[call-arg]
    if total <= 0:
        return counted
    low, high = (delivered + n for n in _spread(pending, expected, variance, doubt))
    found = (delivered + expected) / total
    return counted._replace(
        rate=found, low=min(found, low / total), high=min(1.0, max(found, high / total))
    )


def _spread(pending: float, expected: float, variance: float, doubt: float) -> tuple[float, float]:
    """The interval of how many of the pending are delivered, in whole messages: Wilson's, of as
    many messages as would give that variance.

    Where hardly any or nearly all are delivered the variance says little; there the doubt counts.
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
