"""How messages of a route end now: a hierarchical estimate from its last minutes, its past, its
country and provider, and all routes.

Each level (all routes; a country or provider; a route; a route's last minutes) is estimated from
its own messages, with the level above as a prior worth `PRIOR` messages (`NOW` for the last level).
The prior of the last minutes is the route's past scaled by how much rarer or more frequent ends
have just become (`pace`): on a route that has gone dead, open messages stay open.
"""

from collections.abc import Mapping, Sequence, Set
from math import exp, log
from operator import add, mul, truediv
from typing import NamedTuple

from delivrd.insight.lifetimes import (
    DELIVERED,
    KINDS,
    NONE,
    SIZE,
    Hazards,
    Lifetimes,
    at_most,
    chances,
    hazards,
    incidence,
    mean,
    staying,
    step_of,
    time_of,
    together,
)

PRIOR = 30.0
"""The weight of the level above, in messages at risk."""

NOW = 30.0
"""The weight of a route's past in the estimate of its last minutes, in messages at risk."""

WINDOW = 300.0
"""The length of "the last minutes", in seconds."""

STEADY = 500.0
"""The greatest weight of the past in the interval, in messages: no two days are alike."""

SETTLED_AFTER = 2 * 3600.0
"""Seconds for which messages must have been observed to show how they end. On a younger hub,
messages open beyond the ages observed are taken to be delivered at the rate of those that ended."""

OVERDUE = 0.99
"""A message is overdue when it is open at an age by which this share of all ends has happened."""

REPORTS_AFTER = 2 * 3600.0
"""Seconds after which a carrier that reports at all has reported some ends."""

REPORTS_SAMPLE = 50
"""With fewer messages of that age there is no verdict on whether a carrier reports."""

REPORTS_SHARE = 0.01
"""A route reports nothing when the network reported the end of at most this share of them."""

Key = tuple[int, str]
"""A route: the account's id and the country."""


class Usual(NamedTuple):
    """How messages of a route usually end.

    ``known`` is the number of messages behind the estimate, by step of age. No message could yet
    be observed from the step ``until`` on. ``late`` is the age, in seconds, from which an open
    message is overdue.
    """

    hazards: Hazards
    known: Sequence[float]
    until: int
    late: float | None
    no_receipts: bool = False


class Route(NamedTuple):
    """How messages of a route end now.

    ``ahead`` is by step of age the probability that an open message is delivered. Nothing is known
    from the step ``until`` on; ``beyond`` is by step the probability of still being open then, 0
    where the whole table is known.
    """

    hazards: Hazards
    ahead: Sequence[float]
    known: Sequence[float]
    until: int
    beyond: Sequence[float]
    late: float | None
    no_receipts: bool = False


def usual(
    past: Mapping[Key, Lifetimes],
    providers: Mapping[int, str],
    silent: Set[Key] = frozenset(),
    seen: float = SETTLED_AFTER,
) -> "Past":
    """How messages of each route usually end, from its past and the levels above it.

    ``providers`` gives the provider of each account; ``silent`` routes report nothing. ``seen`` is
    the greatest age, in seconds, at which messages could be observed: small on a young hub.
    """
    tables = {key: table for key, table in past.items() if key not in silent and table.at_risk[0]}
    countries: dict[str, list[Lifetimes]] = {}
    gateways: dict[str, list[Lifetimes]] = {}
    for (account_id, country), table in tables.items():
        countries.setdefault(country, []).append(table)
        gateways.setdefault(providers.get(account_id, ""), []).append(table)
    whole = together(tables.values())
    of_all, weight = hazards(whole), at_most(PRIOR, whole.at_risk)
    return Past(
        seen if tables else 0.0,
        weight,
        of_all,
        {name: hazards(together(some), of_all, weight) for name, some in countries.items()},
        {name: hazards(together(some), of_all, weight) for name, some in gateways.items()},
        dict(providers),
        past,
        silent,
        {},
    )


class Past(NamedTuple):
    """The model of all routes; each route is computed when it is first asked for.

    ``seen`` is the greatest age, in seconds, at which messages could be observed. ``weight`` is by
    step of age the weight of the level above in a route's estimate.
    """

    seen: float
    weight: Sequence[float]
    whole: Hazards
    countries: Mapping[str, Hazards]
    providers: Mapping[str, Hazards]
    provider_of: Mapping[int, str]
    tables: Mapping[Key, Lifetimes]
    silent: Set[Key]
    routes: dict[Key, Usual]

    def of(self, key: Key) -> Usual:
        """How messages of the route usually end; also for a route without any data."""
        if key not in self.routes:
            account_id, country = key
            provider = self.provider_of.get(account_id, "")
            levels = [self.countries.get(country), self.providers.get(provider)]
            above = mean([level for level in levels if level is not None] or [self.whole])
            table = self.tables.get(key, NONE)
            found = hazards(table, above, self.weight)
            at_risk = [n + by for n, by in zip(table.at_risk, self.weight, strict=True)]
            known = at_most(STEADY, at_risk)
            until = SIZE if self.seen >= SETTLED_AFTER else step_of(self.seen) if self.seen else 0
            late = time_of(OVERDUE, found) if until == SIZE else None
            self.routes[key] = Usual(found, known, until, late, key in self.silent)
        return self.routes[key]


def route(normal: Usual, recent: Lifetimes) -> Route:
    """How a route's messages end now: the last minutes, with what is usual as the prior."""
    found = hazards(recent, pace(recent, normal.hazards), at_most(NOW, normal.known))
    known = list(map(add, recent.at_risk, normal.known))
    until, then, beyond = normal.until, 0.0, NOWHERE
    if until < SIZE:  # too little was observed to tell how late messages end
        then, beyond = _share_so_far(found, until), staying(found, until)
    ahead = chances(found, until, then)
    return Route(found, ahead, known, until, beyond, normal.late, normal.no_receipts)


NOWHERE: Sequence[float] = [0.0] * (SIZE + 1)


def _share_so_far(of: Hazards, until: int) -> float:
    """The delivered share of the messages that end before that step; a half without any."""
    ended = [one[until - 1] if until else 0.0 for one in incidence(of)]
    return (ended[DELIVERED] + 1e-6) / (sum(ended) + 2e-6)


CALM = log(3)
"""A pace between a third of the usual and three times it is mostly chance or a slow hour."""

PACE_PRIOR = 5.0


def pace(recent: Lifetimes, usual: Hazards) -> Hazards:
    """The usual hazards, scaled by how much more often messages have just ended than usual.

    The factor is observed over expected ends, each plus `PACE_PRIOR`; one for deliveries, one for
    the other kinds. It is shrunk: a factor near 1 hardly counts, one far from it counts in full.
    """
    delivered = _factor(recent, usual, DELIVERED)
    other = _factor(recent, usual, *range(DELIVERED + 1, len(KINDS)))
    factors = [delivered if kind == DELIVERED else other for kind in range(len(KINDS))]
    scaled = [
        [factor * share for share in shares] for factor, shares in zip(factors, usual, strict=True)
    ]
    return scaled if max(factors) <= 1 else _within_one(scaled)


def _factor(recent: Lifetimes, usual: Hazards, *kinds: int) -> float:
    seen = sum(sum(recent.ends[kind]) for kind in kinds)
    expected = sum(sum(map(mul, recent.at_risk, usual[kind])) for kind in kinds)
    by = log((seen + PACE_PRIOR) / (expected + PACE_PRIOR))
    return exp(by * by * by / (by * by + CALM * CALM))


def _within_one(of: Hazards) -> Hazards:
    """The hazards, each at most 1, scaled down in the steps where they add up to more than that."""
    capped = [at_most(1.0, one) for one in of]
    scale = [by if by > 1 else 1.0 for by in map(sum, zip(*capped, strict=True))]
    return [list(map(truediv, one, scale)) for one in capped]


def reports_nothing(reported: float, total: float) -> bool:
    """Whether a route reports nothing: of ``total`` old enough messages, the network reported
    the end of ``reported``."""
    return total >= REPORTS_SAMPLE and reported <= REPORTS_SHARE * total
