"""The configured accounts as the store knows them: their integer ids and their id namespaces."""

from collections.abc import Collection, Iterable, Mapping
from itertools import count
from typing import NamedTuple

from delivrd.core.units import DAY_SECONDS, SECOND
from delivrd.providers.base import AccountSettings, Provider
from delivrd.store import schema
from delivrd.store.tx import Tx

REUSE_AFTER_SECONDS = 7 * DAY_SECONDS
"""Twice the usual validity of a text at SMS centres, plus a day."""

UNDER_WAY = 0
"""Stands for the namespace of an account whose receipts are just being matched anew."""


class Account(NamedTuple):
    """One account; ``ns`` is its id namespace: its own id, or that of the one in ``ids_with``."""

    id: int
    name: str
    ns: int
    provider: Provider
    settings: AccountSettings
    """With the ``id_format`` of the account in ``ids_with``, if it names none of its own."""

    @property
    def reuse_after(self) -> int | None:
        """Microseconds after a part's final status when its id means a new part; None: never."""
        seconds = self.settings.id_reuse_after
        if seconds is None:
            seconds = REUSE_AFTER_SECONDS if self.provider.reuses_ids else None
        return None if seconds is None else seconds * SECOND

    def part_key(self, provider_message_id: str, to: str | None) -> str:
        """The key of a part of this account (rule D3)."""
        space = key_space(self.ns, self.settings.id_format)
        key = f"{space}/{self.provider.id_key(provider_message_id, self.settings)}"
        return f"{key}|{to or ''}" if self.provider.number_in_key else key


def key_space(ns: int, id_format: str | None) -> str:
    """What the keys of a namespace begin with. It names the format of the ids, so that one id in
    two formats never looks like two equal ids."""
    return f"{ns}-{id_format}" if id_format else str(ns)


class Accounts:
    """All configured accounts, by id and by name."""

    def __init__(
        self,
        accounts: Iterable[Account],
        retired: Mapping[int, str],
        *,
        simulated: Collection[int] = (),
        outdated: Mapping[int, int] | None = None,
    ) -> None:
        self.outdated = dict(outdated or {})
        """The accounts whose receipts were matched by other settings: their ids, and the namespace
        of their parts, or `UNDER_WAY` (see :mod:`delivrd.store.rematching`)."""
        self.keep_texts = False
        """Whether full texts are kept once no attempt needs them any more (rule H5)."""
        self.simulated_ids = frozenset(simulated)
        """The accounts that are simulated, or were so when they were last configured."""
        self.by_id = {account.id: account for account in accounts}
        self.by_name = {account.name: account for account in self.by_id.values()}
        self._names = {**retired, **{a.id: a.name for a in self.by_id.values()}}

    def name(self, account_id: int) -> str:
        """The account's name, even if it is no longer configured."""
        return self._names.get(account_id, "?")

    @property
    def names(self) -> frozenset[str]:
        """The names of all accounts, including those no longer configured."""
        return frozenset(self._names.values())

    @property
    def ids(self) -> list[int]:
        """The ids of all accounts, including those no longer configured."""
        return list(self._names)

    def simulated(self, name: str | None = None) -> bool:
        """Whether the account of that name, or each of all that ever were, is a simulated one."""
        here = {i for i, known in self._names.items() if name in (None, known)}
        return bool(here) and here <= self.simulated_ids

    def id_of(self, name: str | None) -> int:
        """The id of the account with that name; -1, which none has, if there never was one."""
        return next((i for i, n in self._names.items() if n == name), -1)


async def enrol(tx: Tx, configured: Mapping[str, tuple[Provider, AccountSettings]]) -> Accounts:
    """Ensures a row for every configured account; an account keeps its id for good."""
    rows = await tx.fetch("SELECT id, name, ns, id_format, receive_only, simulated FROM account")
    known = {row[1]: row[0] for row in rows}
    before = {row[0]: (row[2], row[3], bool(row[4])) for row in rows}
    were_simulated = {row[0] for row in rows if row[5]}
    new = [name for name in configured if name not in known]
    known.update(zip(new, count(max(known.values(), default=0) + 1), strict=False))
    accounts = [_account(known, configured, name) for name in configured]
    await tx.insert(
        schema.account,
        ("id", "name", "provider", *_MATCHING),
        [(a.id, a.name, a.provider.name, *_matching(a)) for a in accounts if a.id not in before],
    )
    simulated = {a.id for a in accounts if a.settings.simulated}
    retired = were_simulated - {a.id for a in accounts}
    changed = simulated ^ were_simulated - retired
    await tx.update(
        schema.account, "id", ("simulated",), [(i, i in simulated) for i in sorted(changed)]
    )
    outdated = {
        a.id: before[a.id][0] for a in accounts if a.id in before and before[a.id] != _matching(a)
    }
    names = {i: name for name, i in known.items()}
    return Accounts(accounts, names, simulated=simulated | retired, outdated=outdated)


async def mark_under_way(tx: Tx, accounts: Iterable[Account]) -> None:
    """Notes that some receipts of these accounts may be matched by other settings than the rest."""
    await tx.update(
        schema.account, "id", ("ns",), [(account.id, UNDER_WAY) for account in accounts]
    )


async def mark_current(tx: Tx, accounts: Iterable[Account]) -> None:
    """Notes that the receipts of these accounts are matched by today's settings."""
    rows = [(account.id, *_matching(account)) for account in accounts]
    await tx.update(schema.account, "id", _MATCHING, rows)


def _account(
    known: Mapping[str, int],
    configured: Mapping[str, tuple[Provider, AccountSettings]],
    name: str,
) -> Account:
    provider, settings = configured[name]
    if settings.ids_with is not None and settings.id_format is None:
        shared = configured[settings.ids_with][1].id_format
        settings = settings.model_copy(update={"id_format": shared})
    return Account(known[name], name, known[settings.ids_with or name], provider, settings)


_MATCHING = ("ns", "id_format", "receive_only")


def _matching(account: Account) -> tuple[int, str | None, bool]:
    """The settings by which an account's receipts are matched with messages."""
    return account.ns, account.settings.id_format, account.settings.receive_only
