"""Endpoints by the ids that callers name, and what every call on one shares."""

from delivrd.store import endpoints
from delivrd.store.endpoints import Endpoint
from delivrd.store.ids import now_micros
from delivrd.store.names import row_of
from delivrd.store.queries.endpoints import figures
from delivrd.store.tx import Tx
from delivrd.web.api import relay_views
from delivrd.web.problems import Problem, not_found

HINT = "GET /v1/endpoints lists what there is."


def endpoint_row(name: str) -> int:
    """The row that an endpoint's id stands for.

    Raises:
        Problem: it can be none.
    """
    row_id = row_of(name, "ep")
    if row_id is None:
        raise not_found("endpoint", HINT)
    return row_id


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
    """The endpoint, for those who set it up.

    Raises:
        Problem: there is none, or it stands for messages' callback_urls.
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
    """The endpoint, for those who change what it is.

    Raises:
        Problem: there is none, or it is set up elsewhere.
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
    told = await figures(tx, [row_id], now)
    return relay_views.endpoint(one, told[row_id], now, hours=True)
