"""Keeps forms from having an effect twice, for instance after a reload."""

import re
from collections.abc import Mapping
from typing import Any

from delivrd.store import idempotency
from delivrd.store.idempotency import Made
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
    making = Made(made, b"")
    earlier = await idempotency.use(tx, SESSION_KEY_ID, f"secret {once}", making, now_micros())
    return earlier and earlier.uuid
