"""The list of deliveries, and the page of one with all its tries."""

import shlex
from collections.abc import Mapping
from typing import Any

import msgspec
from fastapi import APIRouter, Request
from fastapi.responses import Response

from delivrd.store.accounts import Accounts
from delivrd.store.endpoints import was_made
from delivrd.store.keys import Scope
from delivrd.store.queries.deliveries import STATES, Delivery, find_delivery, list_deliveries
from delivrd.store.queries.paging import Listed
from delivrd.store.queries.views import plain
from delivrd.store.tx import Tx
from delivrd.web.api import relay_views
from delivrd.web.api.delivery_choice import REPLAY, delivery_row
from delivrd.web.api.endpoint_rows import possible
from delivrd.web.api.messages import uuid_or_none
from delivrd.web.pages import chips, endpoints, ranges, relay_words
from delivrd.web.pages.links import address
from delivrd.web.pages.lists import chosen, cursor_of, page_of
from delivrd.web.pages.misread import misread, sentence
from delivrd.web.pages.render import Pages, partial
from delivrd.web.pages.route import router_for
from delivrd.web.pages.show import pretty
from delivrd.web.problems import not_found

LIMIT = 50
CHIPS = chips.of_words(relay_words.STATES)
NAMES = ("state", "endpoint", "message", "range", "cursor")


def routes(pages: Pages) -> APIRouter:
    its = _Deliveries(pages)
    router = router_for(pages, Scope.READ)
    router.get("/deliveries")(its.table)
    router.get("/deliveries/{delivery_id}")(its.one)
    return router


class _Deliveries:
    def __init__(self, pages: Pages) -> None:
        self._pages, self._context = pages, pages.context
        self._store = pages.context.store

    async def table(self, request: Request) -> Response:
        given = chosen(request.query_params, NAMES)
        found, names, unknown = await self._store.read(
            lambda tx: _listed(tx, self._store.accounts, given)
        )
        return self._pages.page(
            request,
            "_deliveries.html" if partial(request) else "deliveries.html",
            page=page_of(found, [listed(each) for each in found.items]),
            names=names,
            filters={name: given.get(name, "") for name in NAMES},
            filtered=bool(given),
            misread=[*misread(given, self._store.accounts, {"state": STATES}), *unknown],
            selection=None if unknown else selection(given),
            again=None,
            first=address("/deliveries", {**given, "cursor": ""}),
            older=address("/deliveries", {**given, "cursor": str(found.next_before or "")}),
            here=address("/deliveries", given),
            chips=CHIPS,
            endpoints=[(id, relay_words.named(one)) for id, one in names.items()],
            ranges=ranges.CHOICES,
        )

    async def one(self, request: Request, delivery_id: str) -> Response:
        row_id = delivery_row(delivery_id)
        found = await self._store.read(lambda tx: find_delivery(tx, self._store.accounts, row_id))
        if found is None:
            raise not_found("delivery", "It may be pruned; parked ones are kept.")
        names = await self._store.read(endpoints.names)
        view = plain(relay_views.detail(found))
        delivery = view["delivery"]
        return self._pages.page(
            request,
            "_delivery.html" if partial(request) else "delivery.html",
            delivery=delivery,
            tries=view["tries"],
            call=view["request"],
            verdict=relay_words.of_delivery(delivery),
            tone=relay_words.STATES[delivery["state"]][0],
            to=names.get(delivery["endpoint_id"]),
            body=pretty(view["request"]["body"]) if view["request"] else None,
            event_text=_indented(view["event"]),
            curl=curl(view),
            is_test=bool(view["event"]) and _is_test(view["event"]),
        )


def selection(given: Mapping[str, str]) -> dict[str, str] | None:
    """The filters for replaying many deliveries; None if these filters do not allow it.

    Parked ones can be replayed for all endpoints together, others for one endpoint only. Those of a
    message are few, and replayed one by one.
    """
    state = given.get("state")
    able = state in REPLAY.states and "message" not in given
    if not able or (state != "parked" and "endpoint" not in given):
        return None
    return {name: given[name] for name in ("state", "endpoint", "range") if name in given}


async def _listed(
    tx: Tx, accounts: Accounts, given: Mapping[str, str]
) -> tuple[Listed[Delivery], dict[str, dict[str, str]], list[str]]:
    """The page of deliveries, the endpoints' names, and a sentence about each id that cannot be."""
    state = given.get("state")
    message = given.get("message")
    uuid = None if message is None else uuid_or_none(message)
    endpoint = given.get("endpoint")
    known = endpoints.row_or_none(endpoint)
    if known is not None and not await was_made(tx, known):
        known = None
    unknown = []
    if endpoint and known is None:
        unknown.append(sentence("endpoint", endpoint, await possible(tx)))
    if message is not None and uuid is None:
        unknown.append(sentence("message", message, "Ids of messages look like 0199a2b4-…"))
    found = await list_deliveries(
        tx,
        accounts,
        endpoint_id=known,
        message_id=uuid,
        state=state if state in STATES else None,
        since=ranges.range_of(given.get("range")).since,
        before=cursor_of(given),
        limit=LIMIT,
    )
    return found, await endpoints.names(tx), unknown


def listed(delivery: Delivery) -> dict[str, Any]:
    """A delivery as a row of a table."""
    view: dict[str, Any] = plain(relay_views.delivery(delivery))
    return view


def _is_test(event: Mapping[str, Any]) -> bool:
    return (event["data"].get("metadata") or {}) == {"test": True}


def _indented(event: Mapping[str, Any] | None) -> str:
    return (
        "" if event is None else msgspec.json.format(msgspec.json.encode(event), indent=2).decode()
    )


def curl(view: Mapping[str, Any]) -> str:
    """A curl command of the call, with the headers of the last try; "" if it was never made."""
    call, tries = view["request"], view["tries"]
    if call is None:
        return ""
    headers = tries[0]["request_headers"] if tries else call["headers"]
    lines = [f"curl -X {call['method']} {shlex.quote(call['url'])}"]
    lines += [f"  -H {shlex.quote(f'{name}: {value}')}" for name, value in headers]
    lines += [f"  --data-binary {shlex.quote(call['body'])}"] if call["body"] else []
    return " \\\n".join(lines)
