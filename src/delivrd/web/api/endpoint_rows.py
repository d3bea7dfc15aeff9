"""Finding the endpoint that a call names, and checking what may be done to it."""

from functools import partial

from delivrd.store import endpoints
from delivrd.store.endpoints import Endpoint
from delivrd.store.ids import now_micros
from delivrd.store.names import endpoint_id, row_of
from delivrd.store.queries.endpoints import figures
from delivrd.store.tx import Tx
from delivrd.web.api import relay_views
from delivrd.web.api.common import row_named
from delivrd.web.problems import Problem, invalid, not_found

HINT = "GET /v1/endpoints lists them all."
NAMED = 10
"""Endpoints that a hint names."""


endpoint_row = partial(row_named, what="endpoint", hint=HINT, kind="ep")
"""The row id of an endpoint's public id."""


async def filtered_by(tx: Tx, name: str) -> int:
    """The row id of the endpoint that a choice of deliveries names; it may be deleted.

    Raises:
        Problem: there was never such an endpoint.
    """
    row_id = row_of(name, "ep")
    if row_id is None or not await endpoints.was_made(tx, row_id):
        raise invalid("endpoint", f"there is no endpoint {name[:50]!r}", await possible(tx))
    return row_id


async def possible(tx: Tx) -> str:
    """The endpoints that there are, for the place of one that there is not."""
    known = await endpoints.every(tx, callbacks=True)
    words = [
        f"{endpoint_id(one.id)} ({one.name or one.description or one.origin})"
        for one in known[:NAMED]
    ]
    if len(known) > NAMED:
        words.append(f"{len(known) - NAMED} more")
    return f"Endpoints: {', '.join(words) or 'none'}."


async def found(tx: Tx, row_id: int) -> Endpoint:
    """The endpoint.

    Raises:
        Problem: there is none.
    """
    one = await endpoints.get(tx, row_id)
    if one is None:
        raise not_found("endpoint", HINT)
    return one


async def own(tx: Tx, row_id: int) -> Endpoint:
    """The endpoint, if it has settings of its own.

    Raises:
        Problem: there is none, or it represents the callback_urls of messages.
    """
    one = await found(tx, row_id)
    if one.kind == "callback":
        raise Problem(
            409,
            "It stands for the callback_urls of one origin, and has no settings of its own.",
            "Enable or disable it; the secret is the setting [relay] secret.",
        )
    return one


async def editable(tx: Tx, row_id: int) -> Endpoint:
    """The endpoint, if its fields may be changed here.

    Raises:
        Problem: there is none, it represents the callback_urls of messages, or it is defined in
            `delivrd.toml`.
    """
    one = await own(tx, row_id)
    if one.name is not None:
        raise Problem(
            409,
            f"It stands in delivrd.toml, as [endpoints.{one.name}].",
            "Change it there and start the hub again; here it can be disabled and enabled.",
        )
    return one


async def shown(tx: Tx, row_id: int) -> relay_views.Endpoint:
    one, now = await found(tx, row_id), now_micros()
    by_id = await figures(tx, [row_id], now)
    return relay_views.endpoint(one, by_id[row_id], now, hours=True)
