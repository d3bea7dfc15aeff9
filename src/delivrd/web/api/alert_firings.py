"""``/v1/alerts/firings``: list, show, acknowledge and snooze firings of alert rules."""

from functools import partial
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Response
from pydantic import Field

from delivrd.store import alerts as stored
from delivrd.store.accounts import Accounts
from delivrd.store.ids import now_micros
from delivrd.store.keys import Scope
from delivrd.store.queries.paging import TOP, Listed
from delivrd.store.tx import Tx
from delivrd.web.api import alert_views as views
from delivrd.web.api.alert_rules import Snooze, until
from delivrd.web.api.common import (
    ListParams,
    Word,
    answer,
    before,
    list_of,
    page,
    ref,
    responses,
    row_named,
)
from delivrd.web.auth import Caller, needs
from delivrd.web.context import Context
from delivrd.web.problems import not_found

FIRINGS_HINT = "GET /v1/alerts/firings lists them all."

firing_row = partial(row_named, what="firing", hint=FIRINGS_HINT, kind="fir")
"""The row id of a firing's public id."""

State = Literal["firing", "recovered", "merged", "withdrawn", "told"]


class FiringParams(ListParams):
    state: State | None = Field(None, description="Only in this state.")
    rule: Word | None = Field(None, description="Only of this rule.")


def add_routes(routes: APIRouter, context: Context) -> None:
    _firings(routes, context)
    _acting(routes, context)


def _firings(routes: APIRouter, context: Context) -> None:
    store = context.store
    read = Depends(needs(Scope.READ))

    @routes.get("/firings", dependencies=[read], responses=responses(list_of(views.AlertFiring)))
    async def list_firings(params: Annotated[FiringParams, Query()]) -> Response:
        """Firings, the newest first; `state=firing` lists those that go on."""
        start = before("firings", params.cursor)

        async def job(tx: Tx) -> Listed[views.AlertFiring]:
            rows = await stored.firings(
                tx, TOP if start is None else start, params.limit + 1,
                state=params.state, rule=params.rule,
            )  # fmt: skip
            shown = rows[: params.limit]
            items = [
                views.firing(one, await stored.notices_of(tx, one.id), store.accounts)
                for one in shown
            ]
            return Listed(items, shown[-1].id if len(rows) > len(shown) else None)

        return page("firings", await store.read(job))

    @routes.get(
        "/firings/{id}", dependencies=[read], responses=responses(ref(views.AlertFiring), 404)
    )
    async def show_firing(id: str) -> Response:
        """One firing, with its notices."""
        return answer(await store.read(lambda tx: shown_firing(tx, firing_row(id), store.accounts)))


def _acting(routes: APIRouter, context: Context) -> None:
    admin = needs(Scope.ADMIN)
    one = ref(views.AlertFiring)

    @routes.post("/firings/{id}/acknowledge", responses=responses(one, 404))
    async def acknowledge(id: str, caller: Annotated[Caller, Depends(admin)]) -> Response:
        """Acknowledges a firing: no notices are sent when it widens, only when it ends."""
        return answer(await acknowledge_firing(context, caller, id))

    @routes.post("/firings/{id}/snooze", responses=responses(one, 400, 404, 413))
    async def snooze(id: str, body: Snooze, caller: Annotated[Caller, Depends(admin)]) -> Response:
        """Sends no notices about the firing for some time."""
        return answer(await snooze_firing(context, caller, id, body))


async def acknowledge_firing(context: Context, caller: Caller, id: str) -> views.AlertFiring:
    """Records who acknowledged a firing.

    Raises:
        Problem: there is no firing with that id.
    """
    row_id = firing_row(id)

    async def job(tx: Tx) -> views.AlertFiring:
        await found_firing(tx, row_id)
        await stored.change(tx, row_id, acked_at=now_micros(), acked_by=caller.name)
        await context.note(tx, caller, "alerts.firings.acknowledge", id)
        return await shown_firing(tx, row_id, context.store.accounts)

    return await context.store.write(job)


async def snooze_firing(
    context: Context, caller: Caller, id: str, body: Snooze
) -> views.AlertFiring:
    """Sends no notices about a firing for some time.

    Raises:
        Problem: there is no firing with that id.
    """
    row_id = firing_row(id)

    async def job(tx: Tx) -> views.AlertFiring:
        await found_firing(tx, row_id)
        await stored.change(tx, row_id, snoozed_until=until(body))
        await context.note(tx, caller, "alerts.firings.snooze", f"{id}: {body.seconds} s")
        return await shown_firing(tx, row_id, context.store.accounts)

    return await context.store.write(job)


async def found_firing(tx: Tx, row_id: int) -> stored.Firing:
    """The firing.

    Raises:
        Problem: there is none.
    """
    found = await stored.firing(tx, row_id)
    if found is None:
        raise not_found("firing", FIRINGS_HINT)
    return found


async def shown_firing(tx: Tx, row_id: int, accounts: Accounts) -> views.AlertFiring:
    found = await found_firing(tx, row_id)
    return views.firing(found, await stored.notices_of(tx, row_id), accounts)
