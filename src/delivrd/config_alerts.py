"""Finds names in alert rules and maintenance windows that do not exist: they would never match."""

from collections.abc import Collection, Iterator
from typing import NamedTuple

from delivrd.alert_settings import Maintenance, Rule
from delivrd.core.hints import nearest
from delivrd.core.phone import InvalidCountry, checked_country


class Missing(NamedTuple):
    """A field that names something that does not exist."""

    field: str
    what: str
    hint: str


def missing(
    of: Rule | Maintenance, accounts: Collection[str], channels: Collection[str]
) -> Iterator[Missing]:
    """Each account, country and channel that is named and does not exist."""
    for account in of.accounts:
        if account not in accounts:
            hint = nearest(account, accounts) or f"Accounts: {_listed(accounts)}."
            yield Missing("accounts", f"there is no account {account[:50]!r}", hint)
    for country in of.countries:
        try:
            checked_country(country)
        except InvalidCountry as error:
            yield Missing("countries", str(error), error.hint)
    for channel in (of.channels or ()) if isinstance(of, Rule) else ():
        if channel not in channels:
            hint = nearest(channel, channels) or f"Channels: {_listed(channels)}."
            yield Missing("channels", f"there is no channel {channel[:50]!r}", hint)


def _listed(names: Collection[str]) -> str:
    return ", ".join(sorted(names)) or "none"
