"""``/v1/alerts``: rules, firings, channels and previews."""

import asyncio
from collections.abc import Mapping
from time import sleep
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Response
from pydantic import BaseModel, ConfigDict, Field, ValidationError, WithJsonSchema

from delivrd.alert_settings import Rule
from delivrd.core.hints import nearest
from delivrd.core.units import DAY, SECOND
from delivrd.insight.alerts import preview as previews
from delivrd.insight.alerts.channels import send
from delivrd.insight.alerts.past_outlooks import past_outlooks
from delivrd.insight.alerts.rules import Named
from delivrd.store import alerts as stored
from delivrd.store.base import Store
from delivrd.store.ids import now_micros
from delivrd.store.keys import Scope
from delivrd.store.tx import Tx
from delivrd.web.api import alert_firings, alert_rules
from delivrd.web.api import alert_views as views
from delivrd.web.api.alert_rules import named
from delivrd.web.api.common import ListParams, answer, list_of, page_of, ref, responses
from delivrd.web.auth import Caller, needs
from delivrd.web.context import Context
from delivrd.web.problems import invalid, not_found, within


class Preview(BaseModel):
    """The rule to preview: an existing one by its name, or any other."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"rule": "more-failures", "days": 7}]},
    )

    rule: Annotated[
        str | dict[str, Any],
        WithJsonSchema({"anyOf": [{"type": "string"}, {"$ref": "#/components/schemas/Rule"}]}),
    ] = Field(description="A rule's name, or a rule.")
    days: int = Field(7, ge=1, le=previews.MAX_DAYS, description="Number of days, up to now.")


def router(context: Context) -> APIRouter:
    routes = APIRouter(prefix="/v1/alerts", tags=["alerts"])
    alert_rules.add_routes(routes, context)
    alert_firings.add_routes(routes, context)
    _channels(routes, context)
    _trying(routes, context)
    return routes


# --- channels -------------------------------------------------------------------------------------


def _channels(routes: APIRouter, context: Context) -> None:
    store, admin = context.store, needs(Scope.ADMIN)
    read = Depends(needs(Scope.READ))

    @routes.get("/channels", dependencies=[read], responses=responses(list_of(views.AlertChannel)))
    async def list_channels(params: Annotated[ListParams, Query()]) -> Response:
        """The channels for notices, with their last result. Their addresses are only in the
        settings.
        """
        found = await store.read(lambda tx: every_channel(context, tx))
        return page_of("channels", found, params)

    @routes.post("/channels/{name}/test", responses=responses(ref(views.AlertTest), 404))
    async def test(name: str, caller: Annotated[Caller, Depends(admin)]) -> Response:
        """Sends a test notice to a channel now, and returns the result."""
        return answer(await test_channel(context, caller, name))


async def every_channel(context: Context, tx: Tx) -> list[views.AlertChannel]:
    """All channels of the settings, each with its state."""
    channels = context.config.alerts.channels
    return [views.channel(n, c, await stored.doing(tx, n)) for n, c in channels.items()]


async def test_channel(context: Context, caller: Caller, name: str) -> views.AlertTest:
    """Sends a test notice to a channel.

    Raises:
        Problem: there is no channel with that name.
    """
    channels = context.config.alerts.channels
    if name not in channels:
        hint = nearest(name[:100], channels)
        raise not_found("channel", hint or "GET /v1/alerts/channels lists them all.")
    body = "This is a test of delivrd's alerts, sent by hand. Nothing is wrong."
    sent = await send(channels[name], "test", f"Test of the channel {name}", body)
    await context.store.write(lambda tx: context.note(tx, caller, "alerts.channels.test", name))
    return views.AlertTest(channel=name, sent=sent.ok, why=sent.why)


# --- the past -------------------------------------------------------------------------------------


def _trying(routes: APIRouter, context: Context) -> None:
    store = context.store
    read = Depends(needs(Scope.READ))

    @routes.post(
        "/preview", dependencies=[read],
        responses=responses(ref(views.AlertPreview), 400, 404, 413),
    )  # fmt: skip
    async def preview(body: Preview) -> Response:
        """Evaluates a rule on the past, and returns when it would have fired."""
        given = body.rule
        if isinstance(given, str):
            found = await store.read(lambda tx: named(context, tx, given))
        else:
            found = Named("preview", _new_rule(context, given), "api")
        return answer(await preview_rule(context, found, body.days))


def _new_rule(context: Context, given: Mapping[str, Any]) -> Rule:
    """The rule that a body describes.

    A union of a name and a rule would report a rule's errors as "not a string".

    Raises:
        Problem: it names an account, country or channel that does not exist.
        RequestValidationError: it is not a valid rule.
    """
    try:
        rule = Rule.model_validate(given)
    except ValidationError as error:
        raise within(("body", "rule"), Rule, error) from None
    alert_rules.check(context, rule, "rule.")
    return rule


async def preview_rule(context: Context, found: Named, days: int) -> views.AlertPreview:
    """Evaluates a rule on the last ``days`` days, in a thread that lets others run in between.

    Raises:
        Problem: no history is kept for rules of this kind.
    """
    if found.rule.kind in previews.NO_PAST:
        kept = "is of a kind whose history is not kept"
        raise invalid("rule", kept, f"All but {' and '.join(sorted(previews.NO_PAST))} have one.")
    store, now = context.store, now_micros() // SECOND
    past = await _past(store, found.rule, now - days * DAY // SECOND, now)
    outlooks = await past_outlooks(store, previews.by_quarters(found.rule), past.since, past.until)

    def evaluate() -> previews.Preview:
        return previews.preview(found.rule, past._replace(outlooks=outlooks), lambda: sleep(0))

    return views.preview(found, await asyncio.to_thread(evaluate), store.accounts)


async def _past(store: Store, rule: Rule, since: int, until: int) -> previews.Past:
    """Reads the history of that time; the rows it is made from are freed."""
    rows = await store.read(lambda tx: previews.past(tx, store.accounts, rule, since, until))
    return await asyncio.to_thread(rows.past)
