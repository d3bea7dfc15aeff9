"""The buttons of an endpoint's page: pause and resume, a test, a new secret, recover, delete."""

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from delivrd.core.units import DAY, HOUR
from delivrd.relay.replay import replay_to_endpoint
from delivrd.relay.sample_call import call_with_sample
from delivrd.store.ids import now_micros
from delivrd.store.keys import Scope
from delivrd.store.names import delivery_id
from delivrd.store.tx import Tx
from delivrd.web.api import endpoint_jobs
from delivrd.web.api.endpoint_rows import endpoint_row, found, own
from delivrd.web.auth import caller_of
from delivrd.web.pages.endpoints import KEEP, SINCE, detail
from delivrd.web.pages.once import token_of, used
from delivrd.web.pages.render import Pages, partial
from delivrd.web.pages.route import router_for
from delivrd.web.problems import Problem

_UNITS = {"h": HOUR, "d": DAY}


def routes(pages: Pages) -> APIRouter:
    its = _Acts(pages)
    router = router_for(pages, Scope.ADMIN)
    for act in ("pause", "resume", "test", "rotate", "recover", "delete"):
        router.post(f"/endpoints/{{endpoint_id}}/{act}")(getattr(its, act))
    return router


class _Acts:
    def __init__(self, pages: Pages) -> None:
        self._pages, self._context = pages, pages.context
        self._store = pages.context.store

    async def pause(self, request: Request, endpoint_id: str) -> Response:
        row_id, caller = endpoint_row(endpoint_id), caller_of(request)
        await self._store.write(lambda tx: endpoint_jobs.disable(self._context, tx, caller, row_id))
        return RedirectResponse(f"/endpoints/{endpoint_id}", 303)

    async def resume(self, request: Request, endpoint_id: str) -> Response:
        """Enables the endpoint, and shows the form to replay what it missed."""
        row_id, caller = endpoint_row(endpoint_id), caller_of(request)
        await self._store.write(lambda tx: endpoint_jobs.enable(self._context, tx, caller, row_id))
        return RedirectResponse(f"/endpoints/{endpoint_id}#recover", 303)

    async def test(self, request: Request, endpoint_id: str) -> Response:
        """Calls the endpoint with a test event, and shows the result."""
        row_id = endpoint_row(endpoint_id)
        one = await self._store.read(lambda tx: own(tx, row_id))
        made = await call_with_sample(self._store, self._context.config, one)
        return RedirectResponse(f"/deliveries/{delivery_id(made)}", 303)

    async def rotate(self, request: Request, endpoint_id: str) -> Response:
        """Shows a new secret once; a reload of the page does not make another one."""
        row_id, caller, form = endpoint_row(endpoint_id), caller_of(request), await request.form()
        keep = next((s for s, _ in KEEP if str(s) == form.get("keep")), KEEP[0][0])
        once = token_of(form)

        async def job(tx: Tx) -> str | None:
            if await used(tx, once, endpoint_id) is not None:
                return None
            return await endpoint_jobs.rotate(self._context, tx, caller, row_id, keep)

        secret = await self._store.write(job)
        if secret is None:
            return RedirectResponse(f"/endpoints/{endpoint_id}", 303)
        view = await detail(self._pages, endpoint_id)
        return self._pages.page(request, "endpoint.html", **view, secret=secret)

    async def recover(self, request: Request, endpoint_id: str) -> Response:
        """Counts the missed events; with ``apply`` in the form, replays them."""
        row_id, form = endpoint_row(endpoint_id), await request.form()
        choice = str(form.get("since", ""))
        choice = choice if choice in dict(SINCE) else "24h"
        everything, apply = "everything" in form, "apply" in form
        one = await self._store.read(lambda tx: found(tx, row_id))
        if one.kind == "callback" or (apply and not one.enabled):
            raise Problem(409, "Events cannot be sent to it now.", "Resume the endpoint first.")
        step = await replay_to_endpoint(
            self._store, one, since_of(choice), missed_only=not everything, dry_run=not apply
        )
        if apply:
            await self._note(request, f"{step.told} of {endpoint_id} since {choice}")
        result = {"count": step.told, "more": step.last is not None, "applied": apply,
                "since": choice, "everything": everything}  # fmt: skip
        return await self._recovery(request, endpoint_id, result)

    async def _recovery(
        self, request: Request, endpoint_id: str, result: dict[str, Any]
    ) -> Response:
        view = await detail(self._pages, endpoint_id)
        template = "_recover.html" if partial(request) else "endpoint.html"
        values = {**view, "recovery": result, "since_default": result["since"]}
        return self._pages.page(request, template, **values, secret=None)

    async def delete(self, request: Request, endpoint_id: str) -> Response:
        row_id, caller = endpoint_row(endpoint_id), caller_of(request)
        await self._store.write(lambda tx: endpoint_jobs.delete(self._context, tx, caller, row_id))
        return RedirectResponse("/endpoints", 303)

    async def _note(self, request: Request, detail_: str) -> None:
        caller = caller_of(request)
        await self._store.write(
            lambda tx: self._context.note(tx, caller, "deliveries.replay", detail_)
        )


def since_of(choice: str) -> int:
    """When a choice such as ``6h`` or ``3d`` begins, in microseconds since 1970."""
    return now_micros() - int(choice[:-1]) * _UNITS[choice[-1]]
