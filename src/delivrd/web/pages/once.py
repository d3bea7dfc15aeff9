"""Keeps forms from having an effect twice, for instance after a reload."""

import re
from collections.abc import Mapping
from typing import Any

from delivrd.store import schema
from delivrd.store.ids import now_micros
from delivrd.store.tx import Tx
from delivrd.web.auth import SESSION_KEY_ID


def token_of(form: Mapping[str, Any]) -> str:
    """The form's own token; whatever a stranger put in its place can be stored."""
    return re.sub(r"[^A-Za-z0-9_-]", "", str(form.get("once", "")))[:100]


async def used(tx: Tx, once: str, made: str) -> str | None:
    """The ``made`` of an earlier call with this token; None if this is the first.

    ``once`` is the form's token (`token_of`), ``made`` what is created now; both are kept like
    idempotency keys.
    """
    key = f"secret {once}"
    columns = ("key_id", "key", "body_hash", "message_uuid", "created_at")
    row = (SESSION_KEY_ID, key, b"", made, now_micros())
    if await tx.insert(schema.idempotency, columns, [row], "ignore"):
        return None
    rows = await tx.fetch(
        "SELECT message_uuid FROM idempotency WHERE key_id = $1 AND key = $2", SESSION_KEY_ID, key
    )
    return str(rows[0][0])
