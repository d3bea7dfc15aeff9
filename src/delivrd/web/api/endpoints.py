"""``/v1/endpoints``: who is told of what, and how their calls go."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from delivrd.config import Config, nearest
from delivrd.core.addresses import BadUrl, check_url
from delivrd.core.statement import Status
from delivrd.relay import formats
from delivrd.relay.call import Target
from delivrd.relay.event import endpoint_id, row_of
from delivrd.relay.formats import FORMATS, Unfit
from delivrd.relay.testing import call_with_sample
from delivrd.store import endpoints, schema
from delivrd.store.endpoints import Endpoint
from delivrd.store.fan_out import origin
from delivrd.store.ids import now_micros
from delivrd.store.keys import Scope
from delivrd.store.queries.endpoints import figures
from delivrd.store.queries.told import find_delivery
from delivrd.store.tx import Tx
from delivrd.web.api import relay_views
from delivrd.web.api.common import (
    Country,
    ListParams,
    Text,
    Word,
    answer,
    before,
    check_account,
    cursor_of,
    list_of,
    ref,
    responses,
)
from delivrd.web.auth import Caller, needs
from delivrd.web.context import Context
from delivrd.web.problems import Problem, invalid, not_found

HINT = "GET /v1/endpoints lists what there is."
BY_HAND = "by hand"

Filter = Field(None, min_length=1, max_length=250)
Options = Annotated[dict[Word, Text], Field(max_length=20)]
_Status = Annotated[Status, Field(strict=False)]


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class Fields(Body):
    """What an endpoint may be told to be."""

    description: Text | None = Field(None, description="For people.")
    statuses: list[_Status] | None = Filter
    accounts: list[Word] | None = Filter
    countries: list[Country] | None = Filter
    final_only: bool = Field(False, description="Only of final statuses.")
    ordered: bool = Field(False, description="A message's next event waits for the one before.")
    operational: bool = Field(False, description="Also of the hub itself: `endpoint.disabled`.")
    rate_limit: int | None = Field(None, ge=1, le=10_000, description="Calls a second.")
    batch_size: int = Field(1, ge=1, le=500, description="Events a call, where it takes arrays.")
    batch_ms: int = Field(1000, ge=10, le=60_000, description="For so long a batch is waited for.")


class NewEndpoint(Fields):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "url": "https://app.example.org/sms-events",
                    "description": "Order service",
                    "statuses": ["delivered", "undelivered"],
                    "final_only": True,
                },
                {
                    "url": "https://app.example.org/twilio-status",
                    "format": "twilio",
                    "options": {"auth_token": "the token that your handler checks with"},
                },
            ]
        }
    )

    url: Text = Field(description="Where events go: https, unless the settings allow http.")
    format: Word = Field("delivrd", description=f"One of {', '.join(FORMATS)}.")
    options: Options = Field({}, description="What the format asks for.")


class Changes(Fields):
    """What is not named stays as it is; in ``options``, null takes one out."""

    url: Text = ""
    format: Word = "delivrd"
    options: dict[Word, Text | None] = Field({}, max_length=20)


class Rotation(Body):
    keep_seconds: int = Field(
        default=86400,
        ge=0,
        le=30 * 86400,
        description="For so long the old secret signs beside the new.",
    )


class EndpointParams(ListParams):
    callbacks: bool = Field(False, description="Also the origins of messages' callback_urls.")


_SECRET: dict[str, Any] = {
    "type": "object",
    "required": ["id", "secret", "old_secret_until"],
    "properties": {
        "id": {"type": "string"},
        "secret": {"type": "string"},
        "old_secret_until": {"type": ["string", "null"], "format": "date-time"},
    },
}


def router(context: Context) -> APIRouter:
    routes = APIRouter(prefix="/v1/endpoints", tags=["endpoints"])
    _reading(routes, context)
    _writing(routes, context)
    _switching(routes, context)
    _secrets(routes, context)
    return routes


# --- the routes -----------------------------------------------------------------------------------


def _reading(routes: APIRouter, context: Context) -> None:
    store = context.store
    read = Depends(needs(Scope.READ))

    @routes.get("", dependencies=[read], responses=responses(list_of(relay_views.Endpoint)))
    async def list_endpoints(params: Annotated[EndpointParams, Query()]) -> Response:
        """Endpoints, the newest first, each with its last 24 hours and what waits for it."""
        start = before("endpoints", params.cursor)

        async def job(tx: Tx) -> tuple[list[relay_views.Endpoint], bool]:
            every = reversed(await endpoints.every(tx, callbacks=params.callbacks))
            found = [one for one in every if start is None or one.id < start]
            shown = found[: params.limit]
            now = now_micros()
            told = await figures(tx, [one.id for one in shown], now)
            views = [relay_views.endpoint(one, told[one.id], now) for one in shown]
            return views, len(found) > len(shown)

        items, more = await store.read(job)
        last = row_of(items[-1].id, "ep") if more else None
        cursor = None if last is None else cursor_of("endpoints", last)
        return answer({"items": items, "next_cursor": cursor})

    @routes.get("/{id}", dependencies=[read], responses=responses(ref(relay_views.Endpoint), 404))
    async def show(id: str) -> Response:
        """One endpoint, with its tries hour by hour."""
        row_id = endpoint_row(id)
        return answer(await store.read(lambda tx: shown(tx, row_id)))


def _writing(routes: APIRouter, context: Context) -> None:
    store, admin = context.store, needs(Scope.ADMIN)
    one = ref(relay_views.Endpoint)

    @routes.post("", status_code=201, responses=responses(one, 400, 413, status=201))
    async def create(body: NewEndpoint, caller: Annotated[Caller, Depends(admin)]) -> Response:
        """Makes an endpoint. The answer holds the secret that signs its calls, this once."""
        fields = settled(context, body.model_dump())

        async def job(tx: Tx) -> relay_views.Endpoint:
            now = now_micros()
            made = await endpoints.create(tx, store.ids, now, **fields)
            await note(context, tx, caller, "endpoints.create", endpoint_id(made.id))
            told = await figures(tx, [made.id], now)
            secret = made.secrets[0][0]
            return relay_views.endpoint(made, told[made.id], now, hours=True, secret=secret)

        view = await store.write(job)
        return answer(view, 201, {"Location": f"/v1/endpoints/{view.id}"})

    @routes.patch("/{id}", responses=responses(one, 400, 404, 409, 413))
    async def update(id: str, body: Changes, caller: Annotated[Caller, Depends(admin)]) -> Response:
        """Changes what is named. Deliveries that wait are called as it says from now on."""
        row_id = endpoint_row(id)
        changes = body.model_dump(include=body.model_fields_set)

        async def job(tx: Tx) -> relay_views.Endpoint:
            known = await own(tx, row_id)
            fields = changed(context, known, changes)
            if fields:
                await endpoints.update(tx, row_id, **fields)
                detail = f"{id}: {', '.join(sorted(fields))}"
                await note(context, tx, caller, "endpoints.update", detail)
            return await shown(tx, row_id)

        return answer(await store.write(job))

    @routes.delete(
        "/{id}", status_code=204, response_class=Response,
        responses={k: v for k, v in responses({}, 404, 409).items() if k != 200},
    )  # fmt: skip
    async def delete(id: str, caller: Annotated[Caller, Depends(admin)]) -> Response:
        """Takes an endpoint away. What it was told stays on record, what waits is cancelled."""
        row_id = endpoint_row(id)

        async def job(tx: Tx) -> None:
            await own(tx, row_id)
            await endpoints.delete(tx, row_id, now_micros())
            await note(context, tx, caller, "endpoints.delete", id)

        await store.write(job)
        return Response(status_code=204)


def _switching(routes: APIRouter, context: Context) -> None:
    store, admin = context.store, needs(Scope.ADMIN)
    answers = responses(ref(relay_views.Endpoint), 404)

    @routes.post("/{id}/enable", responses=answers)
    async def enable(id: str, caller: Annotated[Caller, Depends(admin)]) -> Response:
        """Lets calls go out again. What was parked meanwhile waits for a replay."""
        row_id = endpoint_row(id)

        async def job(tx: Tx) -> relay_views.Endpoint:
            if not await endpoints.enable(tx, row_id):
                raise not_found("endpoint", HINT)
            await note(context, tx, caller, "endpoints.enable", id)
            return await shown(tx, row_id)

        return answer(await store.write(job))

    @routes.post("/{id}/disable", responses=answers)
    async def disable(id: str, caller: Annotated[Caller, Depends(admin)]) -> Response:
        """Lets no call go out any more. What waits is parked, and can be replayed."""
        row_id = endpoint_row(id)

        async def job(tx: Tx) -> relay_views.Endpoint:
            await found(tx, row_id)
            if await endpoints.disable(tx, row_id, now_micros(), BY_HAND):
                await note(context, tx, caller, "endpoints.disable", id)
            return await shown(tx, row_id)

        return answer(await store.write(job))


def _secrets(routes: APIRouter, context: Context) -> None:
    store, admin = context.store, needs(Scope.ADMIN)

    @routes.post("/{id}/rotate-secret", responses=responses(_SECRET, 400, 404, 409, 413))
    async def rotate(
        id: str, caller: Annotated[Caller, Depends(admin)], body: Rotation | None = None
    ) -> Response:
        """Makes a new secret, shown this once; the old one signs beside it for a day.

        `keep_seconds` changes how long; with 0 the old one signs no more.
        """
        row_id, keep = endpoint_row(id), (body or Rotation()).keep_seconds

        async def job(tx: Tx) -> dict[str, Any]:
            await own(tx, row_id)
            secret = await endpoints.rotate_secret(tx, row_id, now_micros(), keep_seconds=keep)
            await note(context, tx, caller, "endpoints.rotate-secret", id)
            view = await shown(tx, row_id)
            return {"id": id, "secret": secret, "old_secret_until": view.old_secret_until}

        return answer(await store.write(job))

    @routes.post("/{id}/test", responses=responses(ref(relay_views.DeliveryDetail), 404, 409))
    async def test(id: str, caller: Annotated[Caller, Depends(admin)]) -> Response:
        """Calls the endpoint with a made-up event, once and now, and tells what came of it.

        The event is a `message.delivered` of the real schema; its `metadata` is `{"test": true}`.
        """
        row_id = endpoint_row(id)
        one = await store.read(lambda tx: own(tx, row_id))
        delivery = await call_with_sample(store, context.config, one)
        told = await store.read(lambda tx: find_delivery(tx, delivery))
        assert told is not None
        return answer(relay_views.detail(told))


# --- what they share ------------------------------------------------------------------------------


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


async def shown(tx: Tx, row_id: int) -> relay_views.Endpoint:
    one, now = await found(tx, row_id), now_micros()
    told = await figures(tx, [row_id], now)
    return relay_views.endpoint(one, told[row_id], now, hours=True)


async def note(context: Context, tx: Tx, caller: Caller, action: str, detail: str) -> None:
    """Writes down who did it."""
    row = (context.store.ids.next(), now_micros(), caller.name, action, detail)
    await tx.insert(schema.audit, ("id", "at", "actor", "action", "detail"), [row])


# --- what is taken --------------------------------------------------------------------------------

BATCH = "batch"


def changed(context: Context, known: Endpoint, changes: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that these changes set.

    Raises:
        Problem: with them the endpoint could not be called.
    """
    names = tuple(NewEndpoint.model_fields)
    before = {name: getattr(known, name) for name in names}
    options = {} if changes.get("format", known.format) != known.format else known.options or {}
    if changes.get("batch_size") == 1 < known.batch_size:
        options = {name: value for name, value in options.items() if name != BATCH}
    options = {**options, **changes.get("options", {})}
    kept = {name: value for name, value in options.items() if value is not None}
    after = settled(context, {**before, **changes, "options": kept})
    return {name: value for name, value in after.items() if value != getattr(known, name)}


def settled(context: Context, given: Mapping[str, Any]) -> dict[str, Any]:
    """All of an endpoint's fields, checked.

    Raises:
        Problem: the first one that cannot be taken.
    """
    fields = dict(given)
    for account in sorted(fields["accounts"] or ()):
        check_account(context.store.accounts, account)
    _check_url(context.config, fields["url"])
    _check_format(fields["format"])
    fields["options"] = _options(fields)
    _check_options(fields["url"], fields["format"], fields["options"])
    for name in ("statuses", "accounts", "countries"):
        fields[name] = None if fields[name] is None else frozenset(map(str, fields[name]))
    return {**fields, "origin": origin(fields["url"])}


def _check_url(config: Config, url: str) -> None:
    try:
        check_url(
            url, allow_http=config.relay.allow_http, allow_networks=config.relay.allow_networks
        )
    except BadUrl as error:
        raise invalid("url", str(error), error.hint) from None


def _check_format(name: str) -> None:
    if name not in FORMATS:
        known = f"Formats: {', '.join(FORMATS)}."
        close = f"{nearest(name, FORMATS)} {known}".strip()
        raise invalid("format", f"there is no format {name[:50]!r}", close)


def _options(fields: Mapping[str, Any]) -> dict[str, str]:
    """The options; whoever asks for batches gets an array every time."""
    form, options = FORMATS[fields["format"]], dict(fields["options"])
    for name in options:
        if name not in form.OPTIONS:
            known = f"It has {', '.join(form.OPTIONS)}." if form.OPTIONS else "It has none."
            hint = f"{nearest(name, form.OPTIONS)} {known}".strip()
            why = f"the format {fields['format']} has no option {name[:50]!r}"
            raise invalid("options", why, hint)
    if fields["batch_size"] > 1:
        if not form.BATCHES:
            able = ", ".join(name for name, each in FORMATS.items() if each.BATCHES)
            why = f"the format {fields['format']} tells one event a call"
            raise invalid("batch_size", why, f"Leave it out, or use the format {able}.")
        options[BATCH] = "true"
    return options


def _check_options(url: str, form: str, options: Mapping[str, str]) -> None:
    """That an event could be told in this way."""
    target = Target(url, form, (endpoints.new_secret(),), options)
    try:
        formats.check(target)
    except Unfit as error:
        asked = ", ".join(f"{name} ({o.says})" for name, o in FORMATS[form].OPTIONS.items())
        hint = f"docs/webhooks.md tells of the format {form}."
        field = "options" if options else "url"
        raise invalid(field, str(error), f"{hint} Options: {asked}." if asked else hint) from None
