"""Idempotency keys: one that is used again stands for what was made the first time (rule E2)."""

from typing import NamedTuple

from delivrd.store import schema
from delivrd.store.tx import Tx

_COLUMNS = ("key_id", "key", "body_hash", "message_uuid", "created_at")


class Made(NamedTuple):
    """What was made with a key, and the hash of the body that it was used with."""

    uuid: str
    body_hash: bytes


async def find(tx: Tx, key_id: int, key: str, since: int = 0) -> Made | None:
    """What was made with the key since then (microseconds since 1970)."""
    rows = await tx.fetch(
        "SELECT message_uuid, body_hash FROM idempotency "
        "WHERE key_id = $1 AND key = $2 AND created_at >= $3",
        key_id,
        key,
        since,
    )
    return Made(str(rows[0][0]), bytes(rows[0][1])) if rows else None


async def use(tx: Tx, key_id: int, key: str, making: Made, now: int, since: int = 0) -> Made | None:
    """Uses the key for what is being made; if it was used since then, returns what was made."""
    await tx.execute(
        "DELETE FROM idempotency WHERE key_id = $1 AND key = $2 AND created_at < $3",
        key_id,
        key,
        since,
    )
    row = (key_id, key, making.body_hash, making.uuid, now)
    while not await tx.insert(schema.idempotency, _COLUMNS, [row], "ignore"):
        if (made := await find(tx, key_id, key)) is not None:
            return made  # if there is none, it has just been pruned
    return None
