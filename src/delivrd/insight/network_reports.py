"""Reads which networks report nothing (`delivrd.insight.silent_networks`), and says so in words."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from delivrd.core.statement import moment
from delivrd.core.text import counted
from delivrd.core.units import (
    DAY,
    HOUR,
    MINUTE,
    MINUTE_SECONDS,
    QUARTER,
    QUARTER_SECONDS,
    SECOND,
)
from delivrd.insight.alerts.sentence import percent
from delivrd.insight.routes import reports_nothing
from delivrd.insight.silent_networks import Country, SilentNetwork, Tally, silent_networks
from delivrd.store.accounts import Accounts
from delivrd.store.queries import networks as queries
from delivrd.store.queries.networks import Reported
from delivrd.store.tx import Tx

SETTLING = QUARTER
"""Microseconds within which a message may well be open still."""

DAYS_BEFORE = 28
"""A network without a report in these days before today never reports."""


class Silence(NamedTuple):
    """A network of an account and a country that reports nothing; ``never`` if it never did."""

    account: str
    country: str
    network: SilentNetwork
    never: bool


async def silences(tx: Tx, accounts: Accounts, now: int) -> list[Silence]:
    """Those of the day before ``now`` (microseconds since 1970), most messages first."""
    rows = await last_day(tx, now - SETTLING)
    found = [
        (*route, one)
        for route, country in by_country(rows).items()
        for one in silent_networks(country)
    ]
    never = await never_reporting(tx, now) if found else frozenset()
    return [
        Silence(accounts.name(i), country, one, (i, country, one.network) in never)
        for i, country, one in sorted(found, key=lambda each: -each[2].messages)
    ]


async def newest_silences(tx: Tx, account_id: int, country: str, now: int) -> list[SilentNetwork]:
    """Those among the newest messages: known sooner than from counts by quarters of an hour."""
    found: dict[str, list[Tally]] = {}
    rows = await queries.newest(tx, account_id, country, now - MINUTE)
    for network, minute, reported, silent in rows:
        tally = Tally(minute * MINUTE_SECONDS, reported, silent)
        found.setdefault(network, []).append(tally)
    return silent_networks(found)


async def last_day(tx: Tx, until: int) -> list[Reported]:
    """What was handed over in the day before a moment (microseconds since 1970): by quarters of an
    hour, and by hours where it is older than six."""
    middle = (until - 6 * HOUR) // HOUR * HOUR
    hours = await queries.by_quarters(tx, (until - DAY) // HOUR * HOUR, middle, HOUR // QUARTER)
    return hours + await queries.by_quarters(tx, middle, until)


async def never_reporting(tx: Tx, now: int) -> frozenset[tuple[int, str, str]]:
    """Networks by account id and country that reported nothing in the `DAYS_BEFORE` today."""
    days = await queries.by_days(tx, now - DAYS_BEFORE * DAY, now)
    return frozenset(
        network
        for network, (reported, silent) in days.items()
        if reports_nothing(reported, reported + silent)
    )


def by_country(rows: Iterable[Reported]) -> Mapping[tuple[int, str], Country]:
    """The counts by account id and country, then by network; times in seconds since 1970."""
    found: dict[tuple[int, str], dict[str, list[Tally]]] = {}
    for account_id, country, network, bucket, reported, silent in rows:
        tally = Tally(bucket * QUARTER_SECONDS, reported, silent)
        found.setdefault((account_id, country), {}).setdefault(network, []).append(tally)
    return found


def in_words(one: SilentNetwork, never: bool = False) -> str:
    """What is known of a silent network, after its name."""
    count = f"{'' if one.named else 'about '}{counted(one.messages, 'message')}"
    of_these = f"({count}, {percent(100 * one.share)} of those sent there)"
    since = f"{moment(one.since * SECOND):%H:%M} UTC"
    if never:
        return f"never reports: nothing in {DAYS_BEFORE} days {of_these}"
    if one.before:
        before = f"before, it sent {percent(100 * one.before)} of the receipts"
        return f"has reported nothing since {since} {of_these}; {before}"
    return f"reports nothing, while others there do {of_these}"
