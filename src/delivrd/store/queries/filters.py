"""Dimensions and filters of queries on counts, and how their values are shown."""

from collections.abc import Callable, Iterable, Sequence, Set
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from delivrd.core.phone import forms_of_sender, shown_sender
from delivrd.store.accounts import Accounts
from delivrd.store.counts import BUCKET
from delivrd.store.queries.paging import Condition
from delivrd.store.queries.spans import TIMES, local, within

SHARED = (*TIMES, "account", "provider", "country")
DIMENSIONS = (*SHARED, "network", "reason", "status", "sender", "code")
MESSAGES, ATTEMPTS = 0, 1
UNITS = ("messages", "attempts")

Value = str | None
"""A dimension's value as shown; None if it is not known."""

Values = tuple[Value, ...]
"""One value of each requested dimension, in that order."""


class Unanswerable(Exception):
    """No table has all of these dimensions together; str() says so.

    ``possible`` is the largest combination of them that is counted.
    """

    def __init__(self, what: str, asked: Set[str], kept: Iterable[frozenset[str]]) -> None:
        names = [name for name in DIMENSIONS if name in asked]
        super().__init__(f"{what} are not counted by {', '.join(names)} together")
        some = {frozenset(asked & one) for one in kept}
        most = [one for one in some if one and not any(one < other for other in some)]
        self.possible = sorted([name for name in names if name in one] for one in most)


class Filters(msgspec.Struct, frozen=True, kw_only=True):
    """What to count. Times are microseconds since 1970.

    Counts are kept by the quarter of an hour: the quarters that ``since`` and ``until`` fall into
    are counted whole.
    """

    account: str | None = None
    provider: str | None = None
    country: str | None = None
    network: str | None = None
    reason: str | None = None
    sender: str | None = None
    code: str | None = None
    since: int | None = None
    until: int | None = None

    def used(self) -> set[str]:
        """The dimensions that the filters restrict."""
        return {name for name in DIMENSIONS if getattr(self, name, None) is not None}

    def unit(self, by: Sequence[str]) -> int:
        """Attempts if accounts, senders or codes are involved, else messages (rule F2).

        A raw code has a meaning only together with its gateway; senders belong to an account.
        """
        asked = {*by, *self.used()}
        return ATTEMPTS if asked & {"account", "provider", "sender", "code"} else MESSAGES


@lru_cache(16_384)
def shown_time(name: str, bucket: int, zone: ZoneInfo | None) -> str:
    """The day or the hour that a quarter of an hour belongs to."""
    when = local(bucket, zone)
    if name == "day":
        return when.date().isoformat()
    # not by subtraction, which forgets that a change of clocks repeats an hour
    return when.replace(minute=0).isoformat()


def word(name: str, accounts: Accounts) -> Callable[[Any, int], Value]:
    """The function that turns a raw value of the dimension into the shown one."""
    if name == "account":
        return lambda raw, _: accounts.name(raw)
    if name == "provider":
        return lambda raw, _: accounts.by_id[raw].provider.name if raw in accounts.by_id else None
    if name == "sender":
        return lambda raw, _: shown_sender(raw) if raw else None
    return lambda raw, _: raw or None


def on_routes(accounts: Accounts, filters: Filters) -> list[Condition]:
    """The conditions of account, provider and country, which every table of counts has."""
    found = on_accounts(accounts, filters.account, filters.provider)
    if filters.country is not None:
        found.append(("country = ?", (filters.country,)))
    return found


def in_quarters(filters: Filters) -> list[Condition]:
    """The conditions of ``since`` and ``until`` on a table by the quarter of an hour."""
    since = None if filters.since is None else filters.since // BUCKET
    return within("bucket", since, None if filters.until is None else -(-filters.until // BUCKET))


def narrowed(filters: Filters) -> list[Condition]:
    given = {name: getattr(filters, name) for name in ("network", "reason", "code")}
    found: list[Condition] = [(f"{n} = ?", (v,)) for n, v in given.items() if v is not None]
    return found if filters.sender is None else [*found, by_sender(filters.sender)]


def by_sender(sender: str) -> Condition:
    """The condition for messages or counts of a sender, in whatever form it is stored."""
    forms = forms_of_sender(sender)
    return (f"sender IN ({', '.join('?' * len(forms))})", forms)


def on_accounts(accounts: Accounts, account: str | None, provider: str | None) -> list[Condition]:
    """The names of an account and of a provider as conditions on account ids."""
    found: list[Condition] = []
    if account is not None:
        found.append(("account_id = ?", (accounts.id_of(account),)))
    if provider is not None:
        ids = [i for i, a in accounts.by_id.items() if a.provider.name == provider]
        found.append(("account_id = ANY(?::bigint[])", (ids,)))
    return found
