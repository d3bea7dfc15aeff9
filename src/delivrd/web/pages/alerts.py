"""The alerts page: current firings, rules, channels, and the log of firings."""

from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from delivrd.store import alerts as stored
from delivrd.store.keys import Scope
from delivrd.store.names import number_of
from delivrd.store.queries.paging import TOP
from delivrd.store.tx import Tx
from delivrd.web.api import alert_firings, alert_rules, alert_views, alerts
from delivrd.web.api.alert_rules import Snooze
from delivrd.web.auth import caller_of
from delivrd.web.pages.alert_words import SNOOZES
from delivrd.web.pages.render import Pages, partial
from delivrd.web.pages.route import router_for

LIMIT = 25
CHANNEL = """\
[alerts.channels.ops]
url = "slack://TOKEN_A/TOKEN_B/TOKEN_C"
"""


def routes(pages: Pages) -> APIRouter:
    its = _Alerts(pages)
    read, act = router_for(pages, Scope.READ), router_for(pages, Scope.ADMIN)
    read.get("/alerts")(its.page)
    read.get("/alerts/firings/{id}")(its.firing)
    act.post("/alerts/firings/{id}/acknowledge")(its.acknowledge)
    act.post("/alerts/firings/{id}/snooze")(its.snooze)
    act.post("/alerts/channels/{name}/test")(its.test)
    read.routes.extend(act.routes)
    return read


class _Alerts:
    def __init__(self, pages: Pages) -> None:
        self._pages, self._context = pages, pages.context
        self._store, self._alerts = pages.context.store, pages.context.config.alerts

    async def page(self, request: Request) -> Response:
        return await self._page(request)

    async def _page(self, request: Request, tested: Any = None) -> Response:
        before = number_of(request.query_params.get("before", ""))
        values = await self._store.read(lambda tx: self._read(tx, before))
        return self._pages.page(
            request,
            "_alerts.html" if partial(request) else "alerts.html",
            **values,
            before=before,
            tested=tested,
            on=self._alerts.enabled,
            maintenance=sorted(self._alerts.maintenance),
            sample=CHANNEL.strip(),
            at=datetime.now(UTC),
        )

    async def _read(self, tx: Tx, before: int | None) -> dict[str, Any]:
        rows = await stored.firings(tx, TOP if before is None else before, LIMIT + 1)
        shown = rows[:LIMIT]
        accounts = self._store.accounts
        firing = [alert_views.firing(one, [], accounts) for one in await stored.open_firings(tx)]
        return {
            "firing": [one for one in firing if one.beside is None],
            "beside": [one for one in firing if one.beside is not None],
            "rules": sorted(await alert_rules.every_rule(self._context, tx), key=_worst_first),
            "channels": await alerts.every_channel(self._context, tx),
            "log": [alert_views.firing(one, [], accounts) for one in shown],
            "older": shown[-1].id if len(rows) > LIMIT else None,
        }

    async def firing(self, request: Request, id: str) -> Response:
        row_id = alert_firings.firing_row(id)
        accounts = self._store.accounts
        found = await self._store.read(lambda tx: alert_firings.shown_firing(tx, row_id, accounts))
        return self._pages.page(
            request,
            "_firing.html" if partial(request) else "firing.html",
            one=found,
            at=datetime.now(UTC),
        )

    async def acknowledge(self, request: Request, id: str) -> Response:
        await alert_firings.acknowledge_firing(self._context, caller_of(request), id)
        return await _back(request, f"/alerts/firings/{id}")

    async def snooze(self, request: Request, id: str) -> Response:
        body = await snooze_of(request)
        await alert_firings.snooze_firing(self._context, caller_of(request), id, body)
        return await _back(request, f"/alerts/firings/{id}")

    async def test(self, request: Request, name: str) -> Response:
        result = await alerts.test_channel(self._context, caller_of(request), name)
        return await self._page(request, result)


async def _back(request: Request, default: str) -> Response:
    """Redirects to the page of the form, which is on two pages."""
    goal = str((await request.form()).get("back", ""))
    return RedirectResponse("/alerts" if goal == "/alerts" else default, 303)


async def snooze_of(request: Request) -> Snooze:
    """The duration in the posted form; anything else ends the snooze."""
    seconds = str((await request.form()).get("seconds", "0"))
    return Snooze(seconds=int(seconds) if seconds in dict(SNOOZES) else 0)


def _worst_first(rule: alert_views.AlertRule) -> tuple[Any, ...]:
    return not rule.enabled, -rule.firing, rule.name
