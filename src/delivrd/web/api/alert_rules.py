"""``/v1/alerts/rules``: list, create, replace, delete and snooze alert rules."""

from collections import Counter
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response
from pydantic import ConfigDict, Field

from delivrd.alert_settings import RULE_NAME, Rule
from delivrd.config_alerts import ineffective
from delivrd.core.hints import nearest
from delivrd.core.units import DAY, SECOND
from delivrd.insight.alerts.rules import DEFAULT, FILE, Named, in_force, written
from delivrd.store import alerts as stored
from delivrd.store.ids import now_micros
from delivrd.store.keys import Scope
from delivrd.store.tx import Tx
from delivrd.web.api import alert_views as views
from delivrd.web.api.common import (
    Body,
    ListParams,
    answer,
    list_of,
    no_content,
    page_of,
    ref,
    responses,
)
from delivrd.web.auth import Caller, needs
from delivrd.web.context import Context
from delivrd.web.problems import Problem, invalid, not_found

RULES_HINT = "GET /v1/alerts/rules lists them all."


class NewRule(Rule):
    """A rule and its name."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "name": "gb-rate",
                    "kind": "failure_rate",
                    "by": ["account"],
                    "countries": ["GB"],
                    "over": "5 %",
                    "within": "1 h",
                }
            ]
        }
    )

    name: Annotated[str, Field(pattern=f"^{RULE_NAME.pattern}$")] = Field(description="Its name.")


class Snooze(Body):
    seconds: int = Field(
        ge=0, le=30 * DAY // SECOND, description="Send no new notices for so long; 0 ends it."
    )


def add_routes(routes: APIRouter, context: Context) -> None:
    _rules(routes, context)
    _changing(routes, context)
    _deleting(routes, context)


def _rules(routes: APIRouter, context: Context) -> None:
    store = context.store
    read = Depends(needs(Scope.READ))

    @routes.get("/rules", dependencies=[read], responses=responses(list_of(views.AlertRule)))
    async def list_rules(params: Annotated[ListParams, Query()]) -> Response:
        """All rules in force, by name, each as a sentence."""
        return page_of("rules", await store.read(lambda tx: every_rule(context, tx)), params)

    @routes.get(
        "/rules/{name}", dependencies=[read], responses=responses(ref(views.AlertRule), 404)
    )
    async def show_rule(name: str) -> Response:
        """One rule."""
        return answer(await store.read(lambda tx: view_of(context, tx, name)))


def _changing(routes: APIRouter, context: Context) -> None:
    admin = needs(Scope.ADMIN)
    one = ref(views.AlertRule)

    @routes.post("/rules", status_code=201, responses=responses(one, 400, 409, 413, status=201))
    async def create(body: NewRule, caller: Annotated[Caller, Depends(admin)]) -> Response:
        """Creates a rule. One with the name of a built-in rule replaces it."""
        rule = Rule.model_validate(body.model_dump(exclude={"name"}, exclude_none=True))
        made = await create_rule(context, caller, body.name, rule)
        return answer(made, 201, {"Location": f"/v1/alerts/rules/{made.name}"})

    @routes.put("/rules/{name}", responses=responses(one, 400, 404, 409, 413))
    async def replace(name: str, body: Rule, caller: Annotated[Caller, Depends(admin)]) -> Response:
        """Replaces a rule. The firings of the old one end."""
        return answer(await replace_rule(context, caller, name, body))


def _deleting(routes: APIRouter, context: Context) -> None:
    admin = needs(Scope.ADMIN)
    one = ref(views.AlertRule)

    @routes.delete(
        "/rules/{name}", status_code=204, response_class=Response, responses=no_content(404, 409)
    )
    async def delete(name: str, caller: Annotated[Caller, Depends(admin)]) -> Response:
        """Deletes a rule. Its firings stay on record."""
        await delete_rule(context, caller, name)
        return Response(status_code=204)

    @routes.post("/rules/{name}/snooze", responses=responses(one, 400, 404, 413))
    async def snooze(
        name: str, body: Snooze, caller: Annotated[Caller, Depends(admin)]
    ) -> Response:
        """Keeps a rule from firing for some time; if its condition still holds then, it fires."""
        return answer(await snooze_rule(context, caller, name, body))


# --- actions -------------------------------------------------------------------------------------


async def every_rule(context: Context, tx: Tx) -> list[views.AlertRule]:
    """All rules in force, by name."""
    memories = await stored.memories(tx)
    firing = Counter(one.rule for one in await stored.open_firings(tx))
    known = await known_rules(context, tx)
    return [views.rule(one, memories.get(name), firing[name]) for name, one in known.items()]


async def create_rule(context: Context, caller: Caller, name: str, rule: Rule) -> views.AlertRule:
    """Creates a rule; it may replace a built-in one.

    Raises:
        Problem: a rule has this name already, or the rule could never fire (`check`).
    """

    async def job(tx: Tx) -> views.AlertRule:
        known = (await known_rules(context, tx)).get(name)
        if known is not None:
            _check_own(known)
        if known is not None and known.source != DEFAULT:
            raise Problem(
                409,
                f"A rule {name} already exists.",
                f"PUT /v1/alerts/rules/{name} replaces it.",
            )
        return await _put(context, tx, name, rule, caller)

    return await context.store.write(job)


async def replace_rule(context: Context, caller: Caller, name: str, rule: Rule) -> views.AlertRule:
    """Replaces a rule.

    Raises:
        Problem: there is no such rule, it is defined in the settings, or the new one could never
            fire (`check`).
    """

    async def job(tx: Tx) -> views.AlertRule:
        _check_own(await named(context, tx, name))
        return await _put(context, tx, name, rule, caller)

    return await context.store.write(job)


async def _put(context: Context, tx: Tx, name: str, rule: Rule, caller: Caller) -> views.AlertRule:
    check(context, rule)
    await stored.put_rule(tx, name, written(rule), now_micros())
    await context.note(tx, caller, "alerts.rules.put", name)
    return await view_of(context, tx, name)


async def delete_rule(context: Context, caller: Caller, name: str) -> None:
    """Deletes a rule.

    Raises:
        Problem: there is no such rule, it is defined in the settings, or it is built in.
    """

    async def job(tx: Tx) -> None:
        found = await named(context, tx, name)
        _check_own(found)
        if found.source == DEFAULT:
            raise Problem(
                409,
                f"{name} comes with delivrd.",
                'PUT it with "enabled": false, or set [alerts] defaults = false.',
            )
        await stored.delete_rule(tx, name)
        await context.note(tx, caller, "alerts.rules.delete", name)

    await context.store.write(job)


async def snooze_rule(context: Context, caller: Caller, name: str, body: Snooze) -> views.AlertRule:
    """Keeps a rule from firing for some time.

    Raises:
        Problem: there is none of that name.
    """

    async def job(tx: Tx) -> views.AlertRule:
        await named(context, tx, name)
        await stored.snooze_rule(tx, name, until(body))
        await context.note(tx, caller, "alerts.rules.snooze", f"{name}: {body.seconds} s")
        return await view_of(context, tx, name)

    return await context.store.write(job)


def check(context: Context, rule: Rule, prefix: str = "") -> None:
    """Checks that a rule can fire; ``prefix`` stands before its fields in the error.

    Raises:
        Problem: there is no such account, country or channel, or no count can exceed its threshold.
    """
    config = context.config
    known = context.store.accounts.names, config.alerts.channels, config.retention.ring_rows
    for field, what, hint in ineffective(rule, *known):
        raise invalid(f"{prefix}{field}", what, hint)


def _check_own(found: Named) -> None:
    if found.source == FILE:
        raise Problem(
            409,
            f"{found.name} is defined in the settings, and is read-only here.",
            f"Change [alerts.rules.{found.name}] in delivrd.toml.",
        )


async def known_rules(context: Context, tx: Tx) -> dict[str, Named]:
    return in_force(context.config.alerts, await stored.rules(tx))


async def named(context: Context, tx: Tx, name: str) -> Named:
    """The rule with that name.

    Raises:
        Problem: there is none.
    """
    known = await known_rules(context, tx)
    if name not in known:
        raise not_found("rule", nearest(name[:100], known) or RULES_HINT)
    return known[name]


async def view_of(context: Context, tx: Tx, name: str) -> views.AlertRule:
    found = await named(context, tx, name)
    memory = (await stored.memories(tx)).get(name)
    firing = sum(one.rule == name for one in await stored.open_firings(tx))
    return views.rule(found, memory, firing)


def until(body: Snooze) -> int | None:
    return now_micros() + body.seconds * SECOND if body.seconds else None
