"""Nonces that were seen: none may recur with other content (rule B3).

Their index is accessed at random: 64 signed calls touch 64 of its pages, and a commit that writes
them takes three times as long. So if only one process writes, nonces are first appended to a log.
That process keeps the logged ones in memory, and moves them to the index during the fold; the next
start moves the rest.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import NamedTuple

from delivrd.store import schema
from delivrd.store.tx import Tx

ROOM = 50_000
"""Nonces kept in memory; further ones go to the index at once."""

_COLUMNS = ("account_id", "nonce", "content", "expires_at")


class Nonce(NamedTuple):
    """A value that may not recur with other content until ``expires_at``."""

    value: str
    content: bytes
    expires_at: int


Key = tuple[int, str]
"""A nonce's account and value."""

Signed = tuple[int, int, Nonce]
"""An entry's id, its account and its nonce."""


class _Logged(NamedTuple):
    id: int
    nonce: Nonce


class Judged(NamedTuple):
    """The ids of refused entries, and the nonces of the others that were logged."""

    refused: set[int]
    logged: Mapping[Key, _Logged]


class Nonces:
    """Checks nonces, and stores new ones."""

    def __init__(self, *, log: bool = False) -> None:
        """With ``log``, no other process judges nonces of this store."""
        self._log = log
        self._logged: dict[Key, _Logged] = {}

    async def judge(self, tx: Tx, signed: Sequence[Signed]) -> Judged:
        """Stores new nonces; refuses entries whose nonce was seen before with other content."""
        if self._log:
            return await self._judge_by_log(tx, signed)
        return await self._judge_by_index(tx, signed)

    def remember(self, judged: Judged) -> None:
        """Keeps what :meth:`judge` logged in memory; to be called once that is committed."""
        self._logged.update(judged.logged)

    async def settle(self, tx: Tx, limit: int) -> list[Key]:
        """Moves the oldest nonces in memory from the log to the index; returns their keys."""
        moved = list(islice(self._logged.items(), limit))
        if moved:
            rows = [(account, *logged.nonce) for (account, _), logged in moved]
            await tx.insert(schema.nonce, _COLUMNS, rows, "ignore")
            ids = [logged.id for _, logged in moved]
            await tx.execute("DELETE FROM nonce_log WHERE id = ANY($1::bigint[])", ids)
        return [key for key, _ in moved]

    def forget(self, settled: Iterable[Key]) -> None:
        """Drops what :meth:`settle` moved from memory; to be called once that is committed."""
        for key in settled:
            del self._logged[key]

    async def _judge_by_log(self, tx: Tx, signed: Sequence[Signed]) -> Judged:
        new: dict[Key, _Logged] = {}
        refused: set[int] = set()
        indexed = await _indexed(tx, signed)
        for entry_id, account, nonce in signed:
            key = account, nonce.value
            logged = self._logged.get(key) or new.get(key)
            content = logged.nonce.content if logged else indexed.get(key)
            if content is None:
                new[key] = _Logged(entry_id, nonce)
            elif content != nonce.content:
                refused.add(entry_id)
        rows = [(logged.id, account, *logged.nonce) for (account, _), logged in new.items()]
        if len(self._logged) < ROOM:
            await tx.insert(schema.nonce_log, ("id", *_COLUMNS), rows)
            return Judged(refused, new)
        await tx.insert(schema.nonce, _COLUMNS, [row[1:] for row in rows])
        return Judged(refused, {})

    async def _judge_by_index(self, tx: Tx, signed: Sequence[Signed]) -> Judged:
        rows = [(account, *nonce) for _, account, nonce in signed]
        if await tx.insert(schema.nonce, _COLUMNS, rows, "ignore") == len(rows):
            return Judged(set(), {})
        indexed = await _indexed(tx, signed)
        refused = {
            entry_id
            for entry_id, account, nonce in signed
            if indexed[account, nonce.value] != nonce.content
        }
        return Judged(refused, {})


async def settle_all(tx: Tx) -> None:
    """Moves what an earlier process left in the log to the index."""
    columns = ", ".join(_COLUMNS)
    await tx.execute(
        f"INSERT INTO nonce ({columns}) SELECT {columns} FROM nonce_log WHERE true "
        "ON CONFLICT DO NOTHING"
    )
    await tx.execute("DELETE FROM nonce_log")


async def _indexed(tx: Tx, signed: Sequence[Signed]) -> dict[Key, bytes]:
    """The contents of those nonces that are in the index."""
    values: dict[int, list[str]] = {}
    for _, account, nonce in signed:
        values.setdefault(account, []).append(nonce.value)
    return {
        (account, row[0]): bytes(row[1])
        for account, asked in values.items()
        for row in await tx.fetch(
            "SELECT nonce, content FROM nonce WHERE account_id = $1 AND nonce = ANY($2::text[])",
            account,
            asked,
        )
    }
