"""The page of one message: its outcome in a sentence, its events and its deliveries."""

from collections.abc import Sequence

from fastapi import APIRouter, Request, Response

from delivrd.core.text import PREVIEW, clean
from delivrd.store.accounts import Accounts
from delivrd.store.keys import Scope
from delivrd.store.queries.deliveries import Delivery, list_deliveries
from delivrd.store.queries.messages import find_message
from delivrd.store.queries.requests import find_request
from delivrd.store.queries.views import plain
from delivrd.store.tx import Tx
from delivrd.web.pages import endpoints, timeline, words
from delivrd.web.pages.deliveries import listed
from delivrd.web.pages.render import Pages, partial
from delivrd.web.pages.requests import raw_call
from delivrd.web.pages.route import router_for
from delivrd.web.problems import not_found

SHOWN = 20
"""Deliveries on a message's page; the list of deliveries has all."""


def routes(pages: Pages) -> APIRouter:
    router = router_for(pages, Scope.READ)
    store, config = pages.context.store, pages.context.config

    @router.get("/messages/{message_id}")
    async def message(request: Request, message_id: str) -> Response:
        await pages.context.folded()
        uuid = clean(message_id.lower())
        found = await store.read(lambda tx: find_message(tx, store.accounts, uuid))
        if found is None:
            raise not_found("message", "It may belong to another hub, or have been pruned.")
        view = plain(found)
        deliveries, names = await store.read(lambda tx: _deliveries(tx, store.accounts, view["id"]))
        events = timeline.events(view)
        deciding = first_to_show(events)
        numbers = deciding.receipt["requests"] if deciding and deciding.receipt else []
        call = None
        if numbers:
            call = await store.read(lambda tx: find_request(tx, store.accounts, int(numbers[0])))
        return pages.page(
            request,
            "_message.html" if partial(request) else "message.html",
            message=view,
            preview_length=PREVIEW,
            verdict=words.of_message(view),
            events=events,
            deciding=deciding,
            **(raw_call(plain(call)) if call else {"call": None}),
            deliveries=[listed(delivery) for delivery in deliveries],
            names=names,
            curl='curl -H "Authorization: Bearer $DELIVRD_KEY" \\\n'
            f"  {config.url}/v1/messages/{view['id']}",
        )

    return router


async def _deliveries(
    tx: Tx, accounts: Accounts, uuid: str
) -> tuple[Sequence[Delivery], dict[str, dict[str, str]]]:
    """The message's deliveries, the newest first, and the names of their endpoints."""
    found = (await list_deliveries(tx, accounts, message_id=uuid, limit=SHOWN)).items
    return found, await endpoints.names(tx) if found else {}


def first_to_show(events: list[timeline.Event]) -> timeline.Event | None:
    """The receipt that the page shows: the one that decides the status, else the last."""
    receipts = [event for event in events if event.receipt is not None]
    deciding = [event for event in receipts if event.decides]
    return next(reversed(deciding or receipts), None)
