"""The buttons of deliveries: replay or cancel one, and replay many."""

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from delivrd.store.keys import Scope
from delivrd.store.queries.views import at
from delivrd.web.api.deliveries import cancel_delivery, note_step, replay_delivery
from delivrd.web.api.delivery_choice import REPLAY, DeliveryReplay, State, act_on_listed
from delivrd.web.auth import caller_of
from delivrd.web.pages import ranges
from delivrd.web.pages.deliveries import NAMES, selection
from delivrd.web.pages.lists import chosen
from delivrd.web.pages.render import Pages
from delivrd.web.pages.route import router_for
from delivrd.web.problems import Problem


def routes(pages: Pages) -> APIRouter:
    its = _Acts(pages)
    router = router_for(pages, Scope.ADMIN)
    router.post("/deliveries/again")(its.again)
    router.post("/deliveries/{delivery_id}/resend")(its.resend)
    router.post("/deliveries/{delivery_id}/cancel")(its.cancel)
    return router


class _Acts:
    def __init__(self, pages: Pages) -> None:
        self._pages, self._context = pages, pages.context

    async def again(self, request: Request) -> Response:
        """Counts the deliveries that match the filters; with ``apply`` in the form, replays."""
        form = await request.form()
        given = chosen({name: str(value) for name, value in form.items()}, NAMES)
        if selection(given) is None:
            raise Problem(409, "This selection cannot be sent again.", "Choose a state first.")
        apply, since = "apply" in form, ranges.range_of(given.get("range")).since
        choice = DeliveryReplay.model_validate(
            {"endpoint": given.get("endpoint"), "state": State(given["state"]), "since": at(since),
             "dry_run": not apply}
        )  # fmt: skip
        step = await act_on_listed(self._context, choice, REPLAY)
        await note_step(self._context, caller_of(request), "deliveries.replay", choice, step)
        found = {"count": step.told, "more": step.last is not None, "applied": apply}
        return self._pages.page(request, "_again.html", selection=selection(given), again=found)

    async def resend(self, request: Request, delivery_id: str) -> Response:
        await replay_delivery(self._context, caller_of(request), delivery_id)
        return RedirectResponse(f"/deliveries/{delivery_id}", 303)

    async def cancel(self, request: Request, delivery_id: str) -> Response:
        await cancel_delivery(self._context, caller_of(request), delivery_id)
        return RedirectResponse(f"/deliveries/{delivery_id}", 303)
