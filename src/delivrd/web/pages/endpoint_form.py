"""The form to create or change an endpoint; the secret of a new one is shown once."""

import secrets
from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from delivrd.relay import endpoint_fields
from delivrd.relay.endpoint_fields import InvalidField
from delivrd.relay.formats import FORMATS
from delivrd.store.endpoints import Endpoint
from delivrd.store.keys import Scope
from delivrd.store.names import endpoint_id
from delivrd.store.tx import Tx
from delivrd.web.api import endpoint_jobs
from delivrd.web.api.endpoint_rows import editable, endpoint_row
from delivrd.web.auth import caller_of
from delivrd.web.pages.endpoint_form_data import EMPTY, form_of, form_of_known, given
from delivrd.web.pages.endpoints import detail
from delivrd.web.pages.once import token_of, used
from delivrd.web.pages.render import Pages
from delivrd.web.pages.route import router_for
from delivrd.web.pages.show import STATUSES


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
        """The form's fields for the options of a format."""
        form = request.query_params.get("format", "")
        form = form if form in FORMATS else "delivrd"
        return self._pages.page(
            request, "_endpoint_options.html", form={**EMPTY, "format": form},
            options=FORMATS[form].OPTIONS, problem=None,
        )  # fmt: skip

    async def create(self, request: Request) -> Response:
        """Creates it and shows its secret; posting the form again redirects to the first one."""
        posted, caller = await request.form(), caller_of(request)
        form, once = form_of(posted), token_of(posted)
        try:
            fields = endpoint_fields.checked(self._relay, self._store.accounts.names, given(form))
        except InvalidField as problem:
            return self._shown(request, form, problem, once=once)

        async def job(tx: Tx) -> Endpoint:
            made = await endpoint_jobs.create(self._context, tx, caller, fields)
            before = await used(tx, once, endpoint_id(made.id))
            if before is not None:
                raise _PostedBefore(before)
            return made

        try:
            made = await self._store.write(job)
        except _PostedBefore as again:
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
            fields = endpoint_fields.checked_changes(
                self._relay, self._store.accounts.names, known, given(form, known)
            )
        except InvalidField as problem:
            return self._shown(request, form, problem, known=known)
        await self._store.write(
            lambda tx: endpoint_jobs.change(self._context, tx, caller, row_id, fields)
        )
        return RedirectResponse(f"/endpoints/{endpoint_id}", 303)

    def _shown(
        self, request: Request, form: Mapping[str, Any], problem: InvalidField | None = None, *,
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


class _PostedBefore(Exception):
    """The form was posted before; str() is the id of the endpoint that it created."""
