"""How messages of a route end now, from its past, its last minutes and what it leans on.

All routes together, then each country and each provider, then the route, then the route in the last
minutes: each is estimated from its own messages and from the level above, which counts as `PRIOR`
more messages (`NOW` for the last step). Where the last minutes have nobody of an age, they lean on
the route's past times how much rarer or more frequent ends have just become (`pace`): on a route
that went dead, those who are open stay open.
"""

from collections.abc import Mapping, Sequence, Set
from math import exp, log
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
"""The weight of a route's past beside its last minutes, in messages at risk."""

WINDOW = 300.0
"""The length of "the last minutes", in seconds."""

STEADY = 500.0
"""The greatest weight of the past in the interval, in messages: no two days are alike."""

SETTLED_AFTER = 2 * 3600.0
"""Seconds for which messages must have been observed to show how they end. On a younger hub older
messages are taken to be delivered at the rate of those that have ended.
"""

OVERDUE = 0.99
"""A message is overdue if it is open at an age by which this share of all messages has ended."""

REPORTS_AFTER = 2 * 3600.0
"""Seconds after which a carrier that reports has reported some messages."""

REPORTS_SAMPLE = 50
"""The number of messages of that age from which it is judged whether a carrier reports."""

REPORTS_SHARE = 0.01
"""A route reports nothing if at most this share of them got an end from the network."""

Key = tuple[int, str]
"""A route: the account's id and the country."""


class Usual(NamedTuple):
    """How messages of a route usually end.

    ``known`` is, by step of age, the number of messages behind it. No message could yet be observed
    in step ``until`` and later ones. ``late`` is the age in seconds from which an open message is
    overdue.
    """

    hazards: Hazards
    known: Sequence[float]
    until: int
    late: float | None
    no_receipts: bool = False


class Route(NamedTuple):
    """How messages of a route end now; ``ahead`` is the probability of delivery by step of age.

    Nothing is known of step ``until`` and later ones; ``beyond`` is, by step, the probability of
    getting there, 0 if everything relevant is known.
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
    """How messages of each route end, from its own past and the levels above.

    ``providers`` names each account's provider; ``silent`` routes report nothing. ``seen`` is the
    age, in seconds, up to which messages could be observed by now, which is small on a new hub.
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
    """The past of all routes; each route is computed when it is asked for.

    Messages could be observed up to the age ``seen``, in seconds. ``weight`` is, by step of age,
    the weight of all traffic where a route borrows from it.
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
        """How messages of the route usually end, even if nothing is known of it."""
        if key not in self.routes:
            account_id, country = key
            provider = self.provider_of.get(account_id, "")
            levels = [self.countries.get(country), self.providers.get(provider)]
            above = mean([level for level in levels if level is not None] or [self.whole])
            table = self.tables.get(key, NONE)
            found = hazards(table, above, self.weight)
            told = [n + by for n, by in zip(table.at_risk, self.weight, strict=True)]
            known = at_most(STEADY, told)
            until = SIZE if self.seen >= SETTLED_AFTER else step_of(self.seen) if self.seen else 0
            late = time_of(OVERDUE, found) if until == SIZE else None
            self.routes[key] = Usual(found, known, until, late, key in self.silent)
        return self.routes[key]


def route(as_a_rule: Usual, recent: Lifetimes) -> Route:
    """How a route's messages end now: its last minutes, combined with its past."""
    found = hazards(recent, pace(recent, as_a_rule.hazards), at_most(NOW, as_a_rule.known))
    known = [now + past for now, past in zip(recent.at_risk, as_a_rule.known, strict=True)]
    until, then, beyond = as_a_rule.until, 0.0, NOWHERE
    if until < SIZE:  # too little has been seen to tell how the late ones end
        then, beyond = _share_so_far(found, until), staying(found, until)
    ahead = chances(found, until, then)
    return Route(found, ahead, known, until, beyond, as_a_rule.late, as_a_rule.no_receipts)


NOWHERE: Sequence[float] = [0.0] * (SIZE + 1)


def _share_so_far(of: Hazards, until: int) -> float:
    """The share delivered of those that end before that step; a half if none does."""
    ended = [one[until - 1] if until else 0.0 for one in incidence(of)]
    return (ended[DELIVERED] + 1e-6) / (sum(ended) + 2e-6)


CALM = log(3)
"""A pace between a third and three times the usual one is mostly chance or a slow hour."""

PACE_PRIOR = 5.0


def pace(recent: Lifetimes, usual: Hazards) -> Hazards:
    """The usual hazards, scaled by how much more often than usual messages have just ended, by
    kind.

    The factor is the ratio of observed to expected ends, each with `PACE_PRIOR` added. A factor
    near 1 is mostly discounted, one far from it applied in full.
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
    """Hazards scaled so that those of one step add up to at most 1."""
    scale = [max(1.0, sum(values)) for values in zip(*of, strict=True)]
    return [[share / by for share, by in zip(one, scale, strict=True)] for one in of]


def reports_nothing(reported: float, total: float) -> bool:
    """Whether a route reports nothing: hardly any end by the network among old enough messages."""
    return total >= REPORTS_SAMPLE and reported <= REPORTS_SHARE * total
