"""Keeps forms that show a secret from having an effect twice, for instance after a reload."""

from delivrd.store import schema
from delivrd.store.ids import now_micros
from delivrd.store.tx import Tx
from delivrd.web.auth import SESSION_KEY_ID


async def used(tx: Tx, once: str, made: str) -> str | None:
    """The ``made`` of an earlier call with this token; None if this is the first.

    ``once`` is the form's token, ``made`` what is created now; both are kept like idempotency keys.
    """
    key = f"secret {once[:100]}"
    columns = ("key_id", "key", "body_hash", "message_uuid", "created_at")
    row = (SESSION_KEY_ID, key, b"", made, now_micros())
    if await tx.insert(schema.idempotency, columns, [row], "ignore"):
        return None
    rows = await tx.fetch(
        "SELECT message_uuid FROM idempotency WHERE key_id = $1 AND key = $2", SESSION_KEY_ID, key
    )
    return str(rows[0][0])
