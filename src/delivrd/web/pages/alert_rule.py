"""The page of one rule with its preview, and the form to create or change one."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from delivrd.alert_settings import DIMENSIONS, SPECS, Rule
from delivrd.insight.alerts import preview as previews
from delivrd.insight.alerts.rules import API, FILE, Named
from delivrd.insight.alerts.sentence import sentence
from delivrd.store import alerts as stored
from delivrd.store.keys import Scope
from delivrd.store.queries.paging import TOP
from delivrd.store.tx import Tx
from delivrd.web.api import alert_rules, alert_views, alerts
from delivrd.web.auth import caller_of
from delivrd.web.pages import accounts, alert_form
from delivrd.web.pages.alert_preview import shown
from delivrd.web.pages.alert_words import KINDS
from delivrd.web.pages.alerts import snooze_of
from delivrd.web.pages.render import Pages, partial
from delivrd.web.pages.route import router_for
from delivrd.web.problems import Problem

DAYS = 14
LAST = 10


def routes(pages: Pages) -> APIRouter:
    its = _Rule(pages)
    read, act = router_for(pages, Scope.READ), router_for(pages, Scope.ADMIN)
    act.get("/alerts/new")(its.new)
    act.post("/alerts/new")(its.make)
    read.get("/alerts/rules/{name}")(its.page)
    read.get("/alerts/rules/{name}/preview")(its.preview)
    act.get("/alerts/rules/{name}/edit")(its.edit)
    act.post("/alerts/rules/{name}/edit")(its.change)
    act.post("/alerts/rules/{name}/snooze")(its.snooze)
    act.post("/alerts/rules/{name}/switch")(its.switch)
    act.post("/alerts/rules/{name}/delete")(its.delete)
    read.routes.extend(act.routes)
    return read


class _Rule:
    def __init__(self, pages: Pages) -> None:
        self._pages, self._context = pages, pages.context
        self._store, self._config = pages.context.store, pages.context.config

    # --- showing ----------------------------------------------------------------------------------

    async def page(self, request: Request, name: str) -> Response:
        async def job(tx: Tx) -> tuple[Any, Any]:
            rule = await alert_rules.view_of(self._context, tx, name)
            return rule, await stored.firings(tx, TOP, LAST, rule=name)

        rule, firings = await self._store.read(job)
        return self._pages.page(
            request,
            "_rule.html" if partial(request) else "rule.html",
            rule=rule,
            log=[alert_views.firing(one, [], self._store.accounts) for one in firings],
            judged=_digest(rule.rule),
            has_past=rule.rule["kind"] not in previews.NO_PAST,
            own=rule.source == API,
            fixed=rule.source == FILE,
            days=DAYS,
            at=datetime.now(UTC),
        )

    async def preview(self, request: Request, name: str) -> Response:
        """The preview, which the page loads by itself because it takes time."""
        found = await self._named(name)
        preview = await alerts.preview_rule(self._context, found, DAYS)
        return self._pages.page(request, "_preview.html", **shown(preview, found.rule))

    async def _named(self, name: str) -> Named:
        return await self._store.read(lambda tx: alert_rules.named(self._context, tx, name))

    # --- creating and changing --------------------------------------------------------------------

    async def new(self, request: Request) -> Response:
        kind = alert_form.kind_of(request.query_params.get("kind", ""))
        form = alert_form.blank(kind)
        name = request.query_params.get("name", "")[:100]
        return await self._form(request, {**form, "name": name}, "/alerts/new")

    async def make(self, request: Request) -> Response:
        form, do = await _sent(request)
        trouble = alert_form.name_trouble(form["name"])
        made = alert_form.rule_of(form)
        errors = {**made.errors, **({"name": trouble} if trouble else {})}
        if made.rule is None or errors or do != "save":
            return await self._form(request, form, "/alerts/new", errors, made.rule)
        try:
            await alert_rules.create_rule(
                self._context, caller_of(request), form["name"], made.rule
            )
        except Problem as problem:
            return await self._form(request, form, "/alerts/new", _error(problem), made.rule)
        return RedirectResponse(f"/alerts/rules/{form['name']}", 303)

    async def edit(self, request: Request, name: str) -> Response:
        found = await self._named(name)
        form = {**alert_form.form_of(found.rule), "name": name}
        return await self._form(request, form, _edit(name))

    async def change(self, request: Request, name: str) -> Response:
        form, do = await _sent(request)
        form["name"] = name
        made = alert_form.rule_of(form)
        if made.rule is None or do != "save":
            return await self._form(request, form, _edit(name), made.errors, made.rule)
        try:
            await alert_rules.replace_rule(self._context, caller_of(request), name, made.rule)
        except Problem as problem:
            return await self._form(request, form, _edit(name), _error(problem), made.rule)
        return RedirectResponse(f"/alerts/rules/{quote(name)}", 303)

    async def _form(
        self, request: Request, form: Mapping[str, Any], action: str,
        errors: Mapping[str, str] = {}, rule: Rule | None = None,
    ) -> Response:  # fmt: skip
        kind = form["kind"]
        preview: dict[str, Any] = {}
        if rule is not None and kind not in previews.NO_PAST:
            named = Named(form["name"] or "preview", rule, API)
            preview = shown(await alerts.preview_rule(self._context, named, DAYS), rule)
        return self._pages.page(
            request,
            "rule_form.html",
            status=422 if errors else 200,
            form=form,
            fields=alert_form.fields(kind),
            kinds=KINDS,
            errors=errors,
            action=action,
            new=action == "/alerts/new",
            sentence=sentence(rule) if rule else "",
            preview=preview,
            has_past=kind not in previews.NO_PAST,
            takes_normal="unless_normal" in SPECS[kind].takes,
            defaults=alert_form.blank(kind),
            accounts=[a.name for a in accounts.listed(self._config, self._store.accounts)],
            channels=list(self._config.alerts.channels),
            dimensions=DIMENSIONS,
            days=DAYS,
        )

    # --- the rest ---------------------------------------------------------------------------------

    async def snooze(self, request: Request, name: str) -> Response:
        body = await snooze_of(request)
        await alert_rules.snooze_rule(self._context, caller_of(request), name, body)
        return RedirectResponse(f"/alerts/rules/{quote(name)}", 303)

    async def switch(self, request: Request, name: str) -> Response:
        """Turns the rule on if it is off, and off if it is on."""
        rule = (await self._named(name)).rule
        other = rule.model_copy(update={"enabled": not rule.enabled})
        await alert_rules.replace_rule(self._context, caller_of(request), name, other)
        return RedirectResponse(f"/alerts/rules/{quote(name)}", 303)

    async def delete(self, request: Request, name: str) -> Response:
        await alert_rules.delete_rule(self._context, caller_of(request), name)
        return RedirectResponse("/alerts", 303)


async def _sent(request: Request) -> tuple[dict[str, Any], str]:
    """The posted form, and the name of the button that was pressed."""
    form = await request.form()
    many = {name: [str(v) for v in form.getlist(name)] for name in ("accounts", "by", "channels")}
    return alert_form.read(form, many), str(form.get("do", "preview"))


def _digest(rule: Mapping[str, Any]) -> str:
    """A digest of the rule: the page loads the preview again when it changes."""
    return blake2b(json.dumps(rule, sort_keys=True).encode(), digest_size=6).hexdigest()


def _edit(name: str) -> str:
    return f"/alerts/rules/{quote(name)}/edit"


def _error(problem: Problem) -> dict[str, str]:
    """The error by field, without the field's name, which the page shows before it."""
    field = str(problem.more.get("field", ""))
    what = problem.detail.removeprefix(f"{field}: ").rstrip(".")
    words = f"{what}. {problem.hint}".rstrip(". ")
    return {"name" if problem.status == 409 else field: words}
