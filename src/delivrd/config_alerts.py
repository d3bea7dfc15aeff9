"""Finds what keeps alert rules from ever firing, and maintenance windows from ever applying: names
that do not exist, and thresholds over what is counted."""

from collections.abc import Collection, Iterator
from typing import NamedTuple

from delivrd.alert_settings import MOST_COUNTED, Maintenance, Rule
from delivrd.core.hints import nearest
from delivrd.core.phone import InvalidCountry, checked_country


class Ineffective(NamedTuple):
    """A field with which a rule or window has no effect, ever."""

    field: str
    what: str
    hint: str


def ineffective(
    of: Rule | Maintenance, accounts: Collection[str], channels: Collection[str], ring_rows: int
) -> Iterator[Ineffective]:
    """Each such field; ``ring_rows`` is the most refused calls that are kept."""
    yield from _missing(of, accounts, channels)
    if isinstance(of, Rule):
        yield from _over_the_most(of, ring_rows)


def _over_the_most(rule: Rule, ring_rows: int) -> Iterator[Ineffective]:
    """The threshold of a rule that no count can exceed."""
    most, hint = MOST_COUNTED, f"Only the newest {MOST_COUNTED} are counted."
    if rule.kind == "rejected_signatures" and ring_rows < most:
        most, hint = ring_rows, f"Only {ring_rows} refused calls are kept (retention.ring_rows)."
    if rule.kind in ("rejected_signatures", "unmapped") and (rule.over or 0.0) >= most:
        yield Ineffective("over", f"must be under {most}", hint)


def _missing(
    of: Rule | Maintenance, accounts: Collection[str], channels: Collection[str]
) -> Iterator[Ineffective]:
    """Each account, country and channel that is named and does not exist."""
    for account in of.accounts:
        if account not in accounts:
            hint = nearest(account, accounts) or f"Accounts: {_listed(accounts)}."
            yield Ineffective("accounts", f"there is no account {account[:50]!r}", hint)
    for country in of.countries:
        try:
            checked_country(country)
        except InvalidCountry as error:
            yield Ineffective("countries", str(error), error.hint)
    for channel in (of.channels or ()) if isinstance(of, Rule) else ():
        if channel not in channels:
            hint = nearest(channel, channels) or f"Channels: {_listed(channels)}."
            yield Ineffective("channels", f"there is no channel {channel[:50]!r}", hint)


def _listed(names: Collection[str]) -> str:
    return ", ".join(sorted(names)) or "none"
