"""The nonces that were seen: none comes again with other content (rule B3).

Their index is read, and written, at random places: 64 signed calls touch 64 of its pages, and a
commit that writes them takes three times as long. Where one process alone writes, the nonces of a
commit go to the end of a log instead. That process remembers what only the log holds, and moves it
into the index with the fold; the next start moves the rest.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import NamedTuple

from delivrd.store import schema
from delivrd.store.tx import Tx

ROOM = 50_000
"""Nonces remembered; what comes on top goes into the index at once."""

_COLUMNS = ("account_id", "nonce", "content", "expires_at")


class Nonce(NamedTuple):
    """A value that may not be seen again, until ``expires_at``, with other content."""

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
    """The entries that are refused, and what is to be remembered of the others."""

    refused: set[int]
    logged: Mapping[Key, _Logged]


class Nonces:
    """Judges nonces, and writes down those that are new."""

    def __init__(self, *, log: bool = False) -> None:
        """With ``log``, no other process judges nonces of this store."""
        self._log = log
        self._logged: dict[Key, _Logged] = {}

    async def judge(self, tx: Tx, signed: Sequence[Signed]) -> Judged:
        """Writes the new ones, and tells whose nonce was seen before with other content."""
        if self._log:
            return await self._judge_by_log(tx, signed)
        return await self._judge_by_index(tx, signed)

    def remember(self, judged: Judged) -> None:
        """Takes over what :meth:`judge` logged, once that is on disk."""
        self._logged.update(judged.logged)

    async def settle(self, tx: Tx, limit: int) -> list[Key]:
        """Moves the oldest nonces that are remembered from the log into the index."""
        moved = list(islice(self._logged.items(), limit))
        if moved:
            rows = [(account, *logged.nonce) for (account, _), logged in moved]
            await tx.insert(schema.nonce, _COLUMNS, rows, "ignore")
            ids = [logged.id for _, logged in moved]
            await tx.execute("DELETE FROM nonce_log WHERE id = ANY($1::bigint[])", ids)
        return [key for key, _ in moved]

    def forget(self, settled: Iterable[Key]) -> None:
        """Leaves to the index what :meth:`settle` moved, once that is on disk."""
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
    """Moves into the index what an earlier process has left in the log."""
    columns = ", ".join(_COLUMNS)
    await tx.execute(
        f"INSERT INTO nonce ({columns}) SELECT {columns} FROM nonce_log WHERE true "
        "ON CONFLICT DO NOTHING"
    )
    await tx.execute("DELETE FROM nonce_log")


async def _indexed(tx: Tx, signed: Sequence[Signed]) -> dict[Key, bytes]:
    """The contents of those nonces that stand in the index."""
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
