"""Rules about overdue messages: routes with more than usual, and networks that report nothing.

A silent network hides in its country, where most messages end in time. It is compared with the
other networks there, which takes no history: `delivrd.insight.silent_networks`. Where it accounts
for what is overdue in its country, it is named and not the country.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from delivrd.alert_settings import Rule
from delivrd.core.units import QUARTER_SECONDS
from delivrd.insight.alerts import routes
from delivrd.insight.alerts.data import Data, Normal, Place
from delivrd.insight.alerts.places import MANY, in_words, within
from delivrd.insight.alerts.readings import BAD, GOOD, UNSURE, Facts, Findings, Reading
from delivrd.insight.alerts.routes import SILENT_SECONDS
from delivrd.insight.alerts.sentence import compares_networks
from delivrd.insight.silent_networks import (
    OTHERS_REPORT,
    Country,
    SilentNetwork,
    Tally,
    silent_networks,
)

Silent = Mapping[Place, SilentNetwork]
"""Networks that report nothing, by place: account, country and network."""


def find(rule: Rule, data: Data, floors: Mapping[Place, int]) -> Findings:
    """The places that are bad; messages before the ``floors`` of a place count only for what a
    silent network left open."""
    found = routes.find(rule, data, floors)
    if not compares_networks(rule):
        return found
    counts = _Counts(rule, data)
    silent = dict(counts.silent())
    stopped = {p: one for p, one in silent.items() if _values(p) not in data.never_report}

    def look(place: Place, since: int) -> Reading:
        inside = {p: one for p, one in stopped.items() if within(p, place)}
        if place in silent or inside:
            return _reading(place, inside or {place: silent[place]})
        if "network" in dict(place):
            return counts.look(place, since)
        return found.look(place, since)

    bad = [one for one in found.bad if not _explained(rule, one, counts, stopped)]
    return Findings(tuple(_told(bad, stopped)), look)


class _Counts:
    """The counts by network of the rule's routes, without messages that may well end yet."""

    def __init__(self, rule: Rule, data: Data) -> None:
        late: dict[tuple[str, str], float] = {}
        for route in data.routes:
            account, country, _ = route.key
            late[account, country] = max(late.get((account, country), 0.0), route.normal.late)
        self._now, self._rule = data.now, rule
        self._all = {
            (account, country): of
            for (account, country), of in data.networks.items()
            if (not rule.accounts or account in rule.accounts)
            and (not rule.countries or country in rule.countries)
        }
        self._old = {
            route: _until(data.now - late.get(route, Normal().late), of)
            for route, of in self._all.items()
        }

    def silent(self) -> Iterator[tuple[Place, SilentNetwork]]:
        for (account, country), networks in self._old.items():
            for one in silent_networks(networks):
                if one.messages >= (self._rule.at_least or 1):
                    place = ("account", account), ("country", country), ("network", one.network)
                    yield place, one

    def share(self, place: Place, silent: Silent) -> float:
        """The share of a place's messages that went to its silent networks."""
        inside = [one for p, one in silent.items() if within(p, place)]
        return sum(one.messages / self._total(place, one.since) for one in inside)

    def _total(self, place: Place, since: int) -> int:
        return sum(
            tally.total
            for (account, country), networks in self._old.items()
            if within((("account", account), ("country", country)), place)
            for of in networks.values()
            for tally in of
            if tally.at >= since
        )

    def look(self, place: Place, since: int) -> Reading:
        """The state of a network that has been firing since then, and is not silent any more."""
        of = dict(place)
        route, network = (of["account"], of["country"]), of["network"]
        sent = [t.at for t in self._all.get(route, {}).get(network, ()) if t.total]
        if self._now - max([since, *sent]) >= SILENT_SECONDS:
            return Reading(place, GOOD, {"silent": 1})
        tallies = [t for t in self._old.get(route, {}).get(network, ()) if t.at >= since]
        reported, total = sum(t.reported for t in tallies), sum(t.total for t in tallies)
        good = total and reported >= OTHERS_REPORT * total
        facts: Facts = {"n": total, "k": total - reported, "since": since}
        return Reading(place, GOOD if good else UNSURE, facts)


def _until(end: float, country: Country) -> Country:
    """The counts of messages that were handed over before a moment."""
    cut = {name: bisect_right(of, end - QUARTER_SECONDS, key=_at) for name, of in country.items()}
    return {name: country[name][:n] for name, n in cut.items() if n}


def _at(tally: Tally) -> int:
    return tally.at


def _values(place: Place) -> tuple[str, ...]:
    return tuple(value for _, value in place)


def _explained(rule: Rule, bad: Reading, counts: _Counts, silent: Silent) -> bool:
    """Whether a country has no more overdue messages than usual besides its silent networks'."""
    if "country" not in dict(bad.place):
        return False
    others = float(bad.facts["share"]) - counts.share(bad.place, silent)
    return others <= float(bad.facts["normal"]) * (rule.times or 1.0)


def _told(bad: Sequence[Reading], silent: Silent) -> Iterator[Reading]:
    """The findings, none inside another: bad places with their silent networks named; one for each
    other silent network, or one for all that is in an account that has many."""
    alone = {p: one for p, one in silent.items() if not any(_around(b.place, p) for b in bad)}
    accounts = Counter(place[0] for place in alone)
    many: list[Place] = [(account,) for account, n in accounts.items() if n >= MANY]
    for one in bad:
        if not any(within(one.place, wide) for wide in many):
            yield _with_networks(one, silent)
    for wide in many:
        yield _widened(wide, [one for one in bad if within(one.place, wide)], alone)
    covered = [*many, *(one.place for one in bad)]
    for place, network in silent.items():
        if not any(within(place, around) for around in covered):
            yield _reading(place, {place: network})


def _around(place: Place, network: Place) -> bool:
    """Whether a place is around a network and not merely a part of its account."""
    return within(network, place) and (place == network[:1] or network[0] not in place)


def _widened(account: Place, bad: Sequence[Reading], silent: Silent) -> Reading:
    """The finding about an account's silent networks and the bad places in it."""
    whole = _reading(account, {p: one for p, one in silent.items() if within(p, account)})
    if not bad:
        return whole
    since = min(int(reading.facts["since"]) for reading in (whole, *bad))
    worst = in_words(sorted(one.place for one in bad), account)
    return whole._replace(facts={**whole.facts, "since": since, "worst": worst})


def _reading(place: Place, silent: Silent) -> Reading:
    """The finding about one network, or about several in a wider place."""
    messages = sum(one.messages for one in silent.values())
    since = min(one.since for one in silent.values())
    facts: Facts = {"n": messages, "k": messages, "share": 1.0, "since": since}
    if place in silent:
        one = silent[place]
        facts = {**facts, "part": one.share, "before": one.before, "named": one.named}
    return _with_networks(Reading(place, BAD, facts), silent)


def _with_networks(bad: Reading, silent: Silent) -> Reading:
    """The finding with the silent networks in its place named."""
    inside = [p for p, one in silent.items() if within(p, bad.place) and p != bad.place]
    if not inside:
        return bad
    return bad._replace(facts={**bad.facts, "networks": in_words(sorted(inside), bad.place)})
