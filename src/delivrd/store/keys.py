"""API keys: found by a public prefix, stored as a hash (rule H4)."""

import hmac
import secrets
from collections.abc import Iterable
from enum import StrEnum
from hashlib import sha256
from typing import NamedTuple

from delivrd.store import schema
from delivrd.store.ids import Ids
from delivrd.store.tx import Tx

MARK = "dlv"
_PREFIX_BYTES = 6


class Scope(StrEnum):
    """What a key may do: read everything; send messages, and read single ones by their id;
    everything."""

    READ = "read"
    SEND = "send"
    ADMIN = "admin"


class Key(NamedTuple):
    """An API key as stored; times are microseconds since 1970."""

    id: int
    name: str
    prefix: str
    scopes: frozenset[Scope]
    created_at: int
    last_used_at: int | None
    revoked_at: int | None


_COLUMNS = "id, name, prefix, scope, created_at, last_used_at, revoked_at"


def _key(row: tuple[int, str, str, str, int, int | None, int | None]) -> Key:
    scopes = frozenset(Scope(scope) for scope in row[3].split())
    return Key(row[0], row[1], row[2], scopes, *row[4:])


async def create_key(
    tx: Tx, ids: Ids, name: str, scopes: Iterable[Scope], now: int
) -> tuple[Key, str]:
    """Makes a key; returns it and its secret text, which is not stored and cannot be shown again.

    256 random bits follow the prefix, so one round of SHA-256 protects them well enough.
    """
    prefix = secrets.token_hex(_PREFIX_BYTES)
    secret = f"{MARK}_{prefix}_{secrets.token_hex(32)}"
    scope = " ".join(sorted(scopes))
    row = (ids.next(), name, prefix, scope, now, None, None)
    columns = ("id", "name", "prefix", "scope", "created_at", "hash")
    await tx.insert(schema.api_key, columns, [(*row[:5], digest(secret))])
    return _key(row), secret


def digest(secret: str) -> bytes:
    return sha256(secret.encode("utf-8", "surrogateescape")).digest()


async def find_key(tx: Tx, given: str) -> Key | None:
    """The key with that text; None if it is unknown or revoked."""
    parts = given.split("_")
    if len(parts) != 3 or parts[0] != MARK or not parts[1].isalnum() or not parts[1].isascii():
        return None
    rows = await tx.fetch(f"SELECT {_COLUMNS}, hash FROM api_key WHERE prefix = $1", parts[1])
    if not rows or not hmac.compare_digest(bytes(rows[0][7]), digest(given)):
        return None
    key = _key(tuple(rows[0])[:7])
    return None if key.revoked_at is not None else key


async def list_keys(tx: Tx) -> list[Key]:
    """All keys, newest first, including revoked ones."""
    rows = await tx.fetch(f"SELECT {_COLUMNS} FROM api_key ORDER BY id DESC")
    return [_key(tuple(row)) for row in rows]


async def revoke_key(tx: Tx, key_id: int, now: int) -> bool:
    """Revokes a key; returns whether it exists."""
    return bool(
        await tx.execute(
            "UPDATE api_key SET revoked_at = coalesce(revoked_at, $2) WHERE id = $1", key_id, now
        )
    )


async def touch_key(tx: Tx, key_id: int, now: int) -> None:
    """Records the use of a key."""
    await tx.execute("UPDATE api_key SET last_used_at = $2 WHERE id = $1", key_id, now)
