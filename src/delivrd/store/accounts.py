"""The configured accounts as the store knows them: their integer ids and their id namespaces."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from delivrd.core.units import DAY_SECONDS, SECOND
from delivrd.providers.base import AccountSettings, Provider
from delivrd.store import schema
from delivrd.store.tx import Tx

REUSE_AFTER_SECONDS = 7 * DAY_SECONDS
"""Twice the usual validity of a text at SMS centres, plus a day."""


class Account(NamedTuple):
    """One account; ``ns`` is its id namespace: its own id, or that of the one in ``ids_with``."""

    id: int
    name: str
    ns: int
    provider: Provider
    settings: AccountSettings

    @property
    def reuse_after(self) -> int | None:
        """Microseconds after a part's final status when its id means a new part; None: never."""
        seconds = self.settings.id_reuse_after
        if seconds is None:
            seconds = REUSE_AFTER_SECONDS if self.provider.reuses_ids else None
        return None if seconds is None else seconds * SECOND

    def part_key(self, provider_message_id: str, to: str | None) -> str:
        """The key of a part of this account (rule D3)."""
        key = f"{self.ns}/{self.provider.id_key(provider_message_id, self.settings)}"
        return f"{key}|{to or ''}" if self.provider.number_in_key else key


class Accounts:
    """All configured accounts, by id and by name."""

    def __init__(
        self, accounts: Iterable[Account], retired: Mapping[int, str], *, keep_texts: bool = False
    ) -> None:
        self.keep_texts = keep_texts
        """Whether full texts are kept once no attempt needs them any more (rule H5)."""
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

    def id_of(self, name: str) -> int | None:
        return next((i for i, n in self._names.items() if n == name), None)


async def enrol(tx: Tx, configured: Mapping[str, tuple[Provider, AccountSettings]]) -> Accounts:
    """Ensures a row for every configured account; an account keeps its id for good."""
    rows = await tx.fetch("SELECT id, name, provider, ns FROM account")
    known = {name: (row_id, provider, ns) for row_id, name, provider, ns in rows}
    next_id = max((row[0] for row in rows), default=0) + 1
    for name, (provider, _) in configured.items():
        if name not in known:
            known[name] = (next_id, provider.name, next_id)
            await tx.insert(
                schema.account,
                ("id", "name", "provider", "ns"),
                [(next_id, name, provider.name, next_id)],
            )
            next_id += 1
    made = []
    for name, (provider, settings) in configured.items():
        row_id, _, ns = known[name]
        shared = known[settings.ids_with or name][0]
        if shared != ns:
            await tx.execute("UPDATE account SET ns = $1 WHERE id = $2", shared, row_id)
        made.append(Account(row_id, name, shared, provider, settings))
    return Accounts(made, {row_id: name for name, (row_id, _, _) in known.items()})
