"""Networks that do not report, in countries whose other networks do.

A gateway may name a message's network when it takes the message, or not before the receipt. In the
first case the network's messages are counted under its name, and stay open. In the second they are
open without a network, and what is seen of the network is that its receipts are missing: it had a
share of the country's, and has none.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from delivrd.insight.alerts.bounds import binomial_tail
from delivrd.insight.rates import rate
from delivrd.insight.routes import REPORTS_SHARE

SAMPLE = 20
"""With fewer messages there is no verdict."""

CHANCE = 1e-6
"""How rarely chance alone may leave as many messages without a report."""

OTHERS_REPORT = 0.5
"""A country reports when the end is known of at least this share of its other messages."""

EXPLAINED = 0.5
"""The messages missing from a network must be found among the open ones: at least this share."""

UNNAMED = ""


class Tally(NamedTuple):
    """Messages of a network in the span of time that begins at ``at``.

    The network reported the end of ``reported`` ones, and of ``silent`` ones it did not. Rejected
    ones are in neither, as no network had anything to report.
    """

    at: int
    reported: int = 0
    silent: int = 0

    @property
    def total(self) -> int:
        return self.reported + self.silent


Country = Mapping[str, Sequence[Tally]]
"""What is known of an account's messages to a country, by network (`UNNAMED`: not known), each with
the oldest tally first."""


class SilentNetwork(NamedTuple):
    """A network that has reported nothing since ``since``, about ``messages`` messages.

    They are ``share`` of all messages to the country since then. ``before`` is the network's share
    of the country's reports before that: 0 if there were none in the time examined. ``named`` tells
    whether the messages name the network; if not, their number is an estimate.
    """

    network: str
    since: int
    messages: int
    share: float
    before: float
    named: bool


def silent_networks(country: Country) -> list[SilentNetwork]:
    """The networks that report nothing, in a country that reports; most messages first."""
    names = country.keys() - {UNNAMED}
    named = [found for network in names if (found := _named(country, network))]
    rest = names - {one.network for one in named}
    return sorted([*named, *_missing(country, rest)], key=lambda one: (-one.messages, one.network))


# --- the messages name the network ----------------------------------------------------------------


def _named(country: Country, network: str) -> SilentNetwork | None:
    since = silent_since(country[network])
    if since is None:
        return None
    own_before, own = _split(country[network], since)
    before, others = _whole({n: of for n, of in country.items() if n != network}, since)
    usual = own_before if own_before.total >= SAMPLE else others
    if own.total < SAMPLE or not _reports(others) or not _surprising(own, usual):
        return None
    share = own.silent / (own.total + others.total)
    past = own_before.reported + before.reported
    had = own_before.reported / past if past else 0.0
    return SilentNetwork(network, since, own.silent, share, had, True)


def silent_since(tallies: Sequence[Tally]) -> int | None:
    """Since when next to nothing is reported; None if something is, or nothing was sent."""
    found, reported, total = None, 0, 0
    for tally in reversed(tallies):
        reported, total = reported + tally.reported, total + tally.total
        if tally.silent and reported <= REPORTS_SHARE * total:
            found = tally.at
    return found


def _reports(others: Tally) -> bool:
    return others.total >= SAMPLE and others.reported >= OTHERS_REPORT * others.total


def _surprising(own: Tally, usual: Tally) -> bool:
    """Whether chance rarely leaves so many without a report where that share usually is."""
    share = rate(usual.silent, usual.total)
    return share is not None and binomial_tail(own.silent, own.total, share.high) <= CHANCE


# --- only receipts name the network ---------------------------------------------------------------


def _missing(country: Country, networks: Iterable[str]) -> Iterator[SilentNetwork]:
    """Networks whose receipts no longer come, while messages without a network stay open.

    An open message is missing from one network only: those that reported most come first.
    """
    taken: list[SilentNetwork] = []
    newest = max((of[-1].at for of in country.values()), default=0)
    ended = [network for network in networks if country[network][-1].at < newest]
    for network in sorted(ended, key=lambda name: -_sum(country[name]).reported):
        found = _gone(country, network, taken)
        if found is not None:
            taken.append(found)
            yield found


def _gone(country: Country, network: str, taken: Sequence[SilentNetwork]) -> SilentNetwork | None:
    last = country[network][-1].at
    since = min(tally.at for of in country.values() for tally in of if tally.at > last)
    own = _sum(country[network])
    (before, after), unnamed = _whole(country, since), _split(country.get(UNNAMED, ()), since)
    share = own.reported / before.reported if before.reported else 0.0
    expected = share * (after.reported + unnamed[1].silent)
    others_before, others = _missing_from(country, taken, since)
    usual = Tally(0, before.reported, max(0, unnamed[0].silent - others_before))
    now = Tally(0, after.reported, max(0, unnamed[1].silent - others))
    others_report = now.reported >= OTHERS_REPORT * (1 - share) * now.total
    if min(own.reported, expected) < SAMPLE or not others_report or not _surprising(now, usual):
        return None
    extra = now.silent - usual.silent / usual.total * now.total
    if extra < EXPLAINED * expected:
        return None
    messages = round(min(extra, expected))
    return SilentNetwork(network, since, messages, messages / after.total, share, False)


def _missing_from(country: Country, taken: Iterable[SilentNetwork], since: int) -> tuple[int, int]:
    """How many messages those networks did not report, before a moment and since; a network that
    went silent before it is taken to have had the same share of the messages all along."""
    before = after = 0
    for one in taken:
        part = 1.0
        if one.since < since:
            part = _whole(country, since)[1].total / _whole(country, one.since)[1].total
        then = round(one.messages * part)
        before, after = before + one.messages - then, after + then
    return before, after


# --- sums -----------------------------------------------------------------------------------------


def _sum(tallies: Iterable[Tally]) -> Tally:
    reported = silent = 0
    for tally in tallies:
        reported, silent = reported + tally.reported, silent + tally.silent
    return Tally(0, reported, silent)


def _split(tallies: Sequence[Tally], since: int) -> tuple[Tally, Tally]:
    """What was before a moment, and what has been since."""
    return _sum(t for t in tallies if t.at < since), _sum(t for t in tallies if t.at >= since)


def _whole(country: Country, since: int) -> tuple[Tally, Tally]:
    return _split([tally for of in country.values() for tally in of], since)
