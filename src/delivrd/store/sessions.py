"""People's sessions: a single-use sign-in link, and the cookie that it gives (rule H4).

Both are 256 random bits, stored as their SHA-256.
"""

import secrets
from typing import NamedTuple

from delivrd.core.units import DAY, MINUTE
from delivrd.store import schema
from delivrd.store.keys import Key, Scope, digest
from delivrd.store.tx import Tx

LINK_MICROS = 15 * MINUTE
COOKIE_MICROS = 30 * DAY
_KEY, _MARK = "key:", "mark:"
_COLUMNS = ("hash", "kind", "scope", "created_at", "expires_at")


class Session(NamedTuple):
    """What a person may do, and until when."""

    scopes: frozenset[Scope]
    expires_at: int
    mark: str | None = None
    """Identifies the admin key that it was made with."""


async def create_link(tx: Tx, now: int) -> str:
    """Makes a token that signs one person in, once, within 15 minutes."""
    return await _create(tx, "link", Scope.ADMIN.value, now, LINK_MICROS)


async def create_session(
    tx: Tx, now: int, key: Key | None = None, *, mark: str | None = None
) -> str:
    """Makes a cookie value, valid for 30 days but not longer than the key it is made with."""
    await tx.execute("DELETE FROM session WHERE expires_at <= $1", now)
    scope = Scope.ADMIN.value if mark is None else f"{Scope.ADMIN.value} {_MARK}{mark}"
    if key is not None:
        scope = " ".join([*sorted(key.scopes), f"{_KEY}{key.id}"])
    return await _create(tx, "cookie", scope, now, COOKIE_MICROS)


async def _create(tx: Tx, kind: str, scope: str, now: int, micros: int) -> str:
    token = secrets.token_urlsafe(32)
    await tx.insert(schema.session, _COLUMNS, [(digest(token), kind, scope, now, now + micros)])
    return token


async def redeem_link(tx: Tx, token: str, now: int) -> str | None:
    """Exchanges a link's token for a cookie; None if it was used, has expired or is unknown."""
    rows = await tx.fetch(
        "DELETE FROM session WHERE hash = $1 AND kind = 'link' RETURNING expires_at",
        digest(token),
    )
    if not rows or rows[0][0] <= now:
        return None
    return await create_session(tx, now)


async def find_session(tx: Tx, cookie: str, now: int) -> Session | None:
    """The session of a cookie; None if it has ended or is unknown."""
    rows = await tx.fetch(
        "SELECT scope, expires_at FROM session WHERE hash = $1 AND kind = 'cookie'", digest(cookie)
    )
    if not rows or rows[0][1] <= now:
        return None
    words = rows[0][0].split()
    key_ids = [int(word.removeprefix(_KEY)) for word in words if word.startswith(_KEY)]
    if key_ids and not await tx.fetch(
        "SELECT 1 FROM api_key WHERE id = $1 AND revoked_at IS NULL", key_ids[0]
    ):
        return None
    mark = next((w.removeprefix(_MARK) for w in words if w.startswith(_MARK)), None)
    scopes = frozenset(Scope(word) for word in words if ":" not in word)
    return Session(scopes, rows[0][1], mark)


async def end_session(tx: Tx, cookie: str) -> None:
    await tx.execute("DELETE FROM session WHERE hash = $1", digest(cookie))


async def is_first_start(tx: Tx) -> bool:
    """Whether this is a first start: nobody has signed in and no key was made."""
    rows = await tx.fetch(
        "SELECT 1 FROM session WHERE kind = 'cookie' UNION ALL SELECT 1 FROM api_key LIMIT 1"
    )
    return not rows
