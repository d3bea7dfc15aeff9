"""Actions on endpoints, for the API and the pages; each is audited."""

from collections.abc import Mapping
from typing import Any

from delivrd.store import endpoints
from delivrd.store.endpoints import BY_HAND, Endpoint
from delivrd.store.ids import now_micros
from delivrd.store.names import endpoint_id
from delivrd.store.tx import Tx
from delivrd.web.api.endpoint_rows import HINT, editable, found
from delivrd.web.auth import Caller
from delivrd.web.context import Context
from delivrd.web.problems import not_found


async def create(context: Context, tx: Tx, caller: Caller, fields: Mapping[str, Any]) -> Endpoint:
    """Creates an endpoint with these fields, which must have been checked."""
    made = await endpoints.create(tx, context.store.ids, now_micros(), **fields)
    await context.note(tx, caller, "endpoints.create", endpoint_id(made.id))
    return made


async def change(
    context: Context, tx: Tx, caller: Caller, row_id: int, fields: Mapping[str, Any]
) -> None:
    """Sets these fields, which must have been checked."""
    if fields:
        await endpoints.update(tx, row_id, **fields)
        detail = f"{endpoint_id(row_id)}: {', '.join(sorted(fields))}"
        await context.note(tx, caller, "endpoints.update", detail)


async def delete(context: Context, tx: Tx, caller: Caller, row_id: int) -> None:
    """Deletes an endpoint.

    Raises:
        Problem: there is none with that id, or it is defined elsewhere (`editable`).
    """
    await editable(tx, row_id)
    await endpoints.delete(tx, row_id, now_micros())
    await context.note(tx, caller, "endpoints.delete", endpoint_id(row_id))


async def enable(context: Context, tx: Tx, caller: Caller, row_id: int) -> None:
    """Enables an endpoint.

    Raises:
        Problem: there is no such endpoint.
    """
    if not await endpoints.enable(tx, row_id):
        raise not_found("endpoint", HINT)
    await context.note(tx, caller, "endpoints.enable", endpoint_id(row_id))


async def disable(context: Context, tx: Tx, caller: Caller, row_id: int) -> None:
    """Disables an endpoint.

    Raises:
        Problem: there is no such endpoint.
    """
    await found(tx, row_id)
    if await endpoints.disable(tx, row_id, now_micros(), BY_HAND):
        await context.note(tx, caller, "endpoints.disable", endpoint_id(row_id))


async def rotate(context: Context, tx: Tx, caller: Caller, row_id: int, keep: int) -> str:
    """Makes a new secret and returns it; the old one signs too for ``keep`` more seconds.

    Raises:
        Problem: there is no such endpoint, or it is defined elsewhere (`editable`).
    """
    await editable(tx, row_id)
    secret = await endpoints.rotate_secret(tx, row_id, now_micros(), keep_seconds=keep)
    await context.note(tx, caller, "endpoints.rotate-secret", endpoint_id(row_id))
    assert secret is not None
    return secret
