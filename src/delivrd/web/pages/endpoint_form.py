"""The form of an endpoint: what it hears and in which format; its secret is shown once."""

import secrets
from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response
from pydantic import ValidationError
from starlette.datastructures import FormData

from delivrd.relay import setting_up
from delivrd.relay.event import endpoint_id
from delivrd.relay.formats import FORMATS
from delivrd.relay.setting_up import BATCH, CannotBe
from delivrd.store.endpoints import Endpoint
from delivrd.store.keys import Scope
from delivrd.store.tx import Tx
from delivrd.web.api import endpoint_jobs
from delivrd.web.api.endpoint_bodies import NewEndpoint
from delivrd.web.api.endpoint_rows import editable, endpoint_row
from delivrd.web.api.relay_views import HIDDEN, options_shown
from delivrd.web.auth import caller_of
from delivrd.web.pages.endpoints import detail
from delivrd.web.pages.once import used
from delivrd.web.pages.render import Pages
from delivrd.web.pages.route import router_for
from delivrd.web.pages.show import STATUSES

FLAGS = ("final_only", "ordered", "operational")
NUMBERS = ("rate_limit", "batch_size", "batch_ms")
EMPTY: dict[str, Any] = {
    "url": "", "description": "", "format": "delivrd", "options": {}, "statuses": [],
    "accounts": [], "countries": "", "final_only": False, "ordered": False, "operational": False,
    "rate_limit": "", "batch_size": "1", "batch_ms": "1000",
}  # fmt: skip


def routes(pages: Pages) -> APIRouter:
    its = _Form(pages)
    router = router_for(pages, Scope.ADMIN)
    router.get("/endpoints/new")(its.new)
    router.get("/endpoints/options")(its.options)
    router.post("/endpoints/new")(its.create)
    router.get("/endpoints/{endpoint_id}/edit")(its.edit)
    router.post("/endpoints/{endpoint_id}/edit")(its.change)
    return router


class _Form:
    def __init__(self, pages: Pages) -> None:
        self._pages, self._context = pages, pages.context
        self._store, self._relay = pages.context.store, pages.context.config.relay

    async def new(self, request: Request) -> Response:
        return self._shown(request, EMPTY)

    async def options(self, request: Request) -> Response:
        """The fields of a format's own options."""
        form = request.query_params.get("format", "")
        form = form if form in FORMATS else "delivrd"
        return self._pages.page(
            request, "_endpoint_options.html", form={**EMPTY, "format": form},
            options=FORMATS[form].OPTIONS, problem=None,
        )  # fmt: skip

    async def create(self, request: Request) -> Response:
        """Makes it, and shows the secret; sent again, it leads to what was made."""
        said, caller = await request.form(), caller_of(request)
        form, once = form_of(said), str(said.get("once", ""))
        try:
            fields = setting_up.settled(self._relay, self._store.accounts.names, given(form))
        except CannotBe as problem:
            return self._shown(request, form, problem, once=once)

        async def job(tx: Tx) -> Endpoint:
            made = await endpoint_jobs.create(self._context, tx, caller, fields)
            before = await used(tx, once, endpoint_id(made.id))
            if before is not None:
                raise _Again(before)
            return made

        try:
            made = await self._store.write(job)
        except _Again as again:
            return RedirectResponse(f"/endpoints/{again}", 303)
        view = await detail(self._pages, endpoint_id(made.id))
        return self._pages.page(
            request, "endpoint.html", status=201, **view, secret=made.secrets[0][0]
        )

    async def edit(self, request: Request, endpoint_id: str) -> Response:
        row_id = endpoint_row(endpoint_id)
        known = await self._store.read(lambda tx: editable(tx, row_id))
        return self._shown(request, form_of_known(known), known=known)

    async def change(self, request: Request, endpoint_id: str) -> Response:
        row_id, caller = endpoint_row(endpoint_id), caller_of(request)
        form = form_of(await request.form())
        known = await self._store.read(lambda tx: editable(tx, row_id))
        try:
            fields = setting_up.changed(
                self._relay, self._store.accounts.names, known, given(form, known)
            )
        except CannotBe as problem:
            return self._shown(request, form, problem, known=known)
        await self._store.write(
            lambda tx: endpoint_jobs.change(self._context, tx, caller, row_id, fields)
        )
        return RedirectResponse(f"/endpoints/{endpoint_id}", 303)

    def _shown(
        self, request: Request, form: Mapping[str, Any], problem: CannotBe | None = None, *,
        known: Endpoint | None = None, once: str = "",
    ) -> Response:  # fmt: skip
        name = form["format"] if form["format"] in FORMATS else "delivrd"
        return self._pages.page(
            request,
            "endpoint_form.html",
            status=422 if problem else 200,
            form={**form, "format": name},
            problem=problem,
            endpoint=None if known is None else endpoint_id(known.id),
            formats={name: each.NAMES[name] for name, each in FORMATS.items()},
            options=FORMATS[name].OPTIONS,
            statuses=STATUSES,
            accounts=sorted(self._store.accounts.by_name),
            once=once or secrets.token_urlsafe(12),
        )


class _Again(Exception):
    """The form came before; str() is the endpoint that was made of it. Nothing is made anew."""


def form_of(said: FormData) -> dict[str, Any]:
    """What stands in the form, as it is shown again where something is wrong."""
    texts = {name: str(said.get(name, "")).strip() for name in EMPTY}
    options = {
        name.removeprefix("option."): str(value).strip()
        for name, value in said.multi_items()
        if name.startswith("option.") and str(value).strip()
    }
    return {
        **texts,
        **{flag: flag in said for flag in FLAGS},
        "options": options,
        "statuses": [str(v) for v in said.getlist("statuses")],
        "accounts": [str(v) for v in said.getlist("accounts")],
    }


def form_of_known(known: Endpoint) -> dict[str, Any]:
    """The form of an endpoint as it is; secret options are covered."""
    options = options_shown(known.format, known.options or {})
    return {
        **{name: getattr(known, name) for name in EMPTY},
        "description": known.description or "",
        "options": {name: value for name, value in options.items() if name != BATCH},
        "statuses": sorted(known.statuses or ()),
        "accounts": sorted(known.accounts or ()),
        "countries": ", ".join(sorted(known.countries or ())),
        **{name: str(getattr(known, name) or "") for name in NUMBERS},
    }


def given(form: Mapping[str, Any], known: Endpoint | None = None) -> dict[str, Any]:
    """The form as the API's fields, each checked by itself.

    A secret option that is left covered stays as it is.

    Raises:
        CannotBe: one of them is none.
    """
    countries = [word.upper() for word in form["countries"].replace(",", " ").split()]
    try:
        body = NewEndpoint.model_validate(
            {
                **form,
                "description": form["description"] or None,
                "options": {n: v for n, v in form["options"].items() if v != HIDDEN},
                "statuses": form["statuses"] or None,
                "accounts": form["accounts"] or None,
                "countries": countries or None,
                **{name: _number(name, form[name]) for name in NUMBERS},
            }
        )
    except ValidationError as error:
        first = error.errors()[0]
        why = first["msg"].removeprefix("Value error, ")
        raise CannotBe(str(first["loc"][0]), why[:1].lower() + why[1:], "") from None
    fields = body.model_dump()
    if known is not None and known.format == form["format"]:
        left_out = set(known.options or {}) - set(form["options"]) - {BATCH}
        fields["options"] |= dict.fromkeys(left_out)
    return fields


def _number(name: str, text: str) -> int | None:
    if not text:
        return {"batch_size": 1, "batch_ms": 1000}.get(name)
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise CannotBe(name, "must be a whole number", "Write it in digits.")
    return int(text)
