"""The list of messages, its live updates, and the search."""

from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from delivrd.core.phone import meant_country
from delivrd.core.text import clean
from delivrd.store.keys import Scope
from delivrd.store.queries.messages import (
    ENDED,
    FAILED,
    NONE,
    Filters,
    list_messages,
    messages_by_uuid,
)
from delivrd.store.queries.paging import Listed
from delivrd.store.queries.views import Message, plain
from delivrd.web.pages import chips, ranges
from delivrd.web.pages.links import address
from delivrd.web.pages.lists import chosen, cursor_of, newest, page_of
from delivrd.web.pages.misread import misread
from delivrd.web.pages.render import Pages
from delivrd.web.pages.route import router_for
from delivrd.web.pages.search import dialled, find_page, number_of, numbers_like
from delivrd.web.pages.show import STATUSES, moment

LIMIT = 50
CHOICES = (*STATUSES[:2], ENDED, FAILED, *STATUSES[2:])
WORDS = {"status": CHOICES, "country": (NONE,)}
CHIPS = chips.of_statuses(CHOICES, {FAILED: ("bad", "tone-bad"), ENDED: ("ok", "tone-idle")})
NAMES = (
    "status",
    "range",
    "account",
    "country",
    "to",
    "from",
    "reference",
    "provider_message_id",
    "network",
    "reason",
    "code",
    "since",
    "until",
    "cursor",
)
BESIDE = ("from", "network", "reason", "code", "provider_message_id")
"""Filters without a field, which only links set: shown as labels that can be removed."""


def routes(pages: Pages) -> APIRouter:
    router = router_for(pages, Scope.READ)
    its = _Messages(pages)
    router.get("/messages")(its.table)
    router.get("/messages/live")(its.live)
    router.get("/search")(its.search)
    return router


class _Messages:
    def __init__(self, pages: Pages) -> None:
        self._pages = pages
        self._store, self._config = pages.context.store, pages.context.config
        self._folded = pages.context.folded

    async def table(self, request: Request) -> Response:
        return await self._list(request, asked(request.query_params))

    async def _list(
        self,
        request: Request,
        given: dict[str, str],
        searched: str = "",
        numbers: Sequence[str] = (),
    ) -> Response:
        found = await self._find(given)
        items = plain(found.items)
        return self._pages.page(
            request,
            "messages.html",
            page=page_of(found, items),
            filters={name: given.get(name, "") for name in NAMES},
            filtered=bool(given),
            beside=beside(given),
            misread=misread(given, self._store.accounts, WORDS),
            chips=CHIPS,
            query=address("", {**given, "cursor": ""}),
            first=address("/messages", {**given, "cursor": ""}),
            older=address("/messages", {**given, "cursor": str(found.next_before or "")}),
            newest="" if "cursor" in given else newest(items, "created_at"),
            accounts=[(name, name) for name in self._config.accounts],
            ranges=times(given),
            searched=searched,
            numbers=numbers,
            dialled=dialled(searched),
            to_alone=set(given) == {"to"},
            q=searched,
        )

    async def live(self, request: Request) -> Response:
        """The number of messages since the list was shown, and the rows with a new status."""
        since = moment(request.query_params.get("newest"))
        fresh: list[Any] = []
        if since is not None:
            items = plain((await self._find(asked(request.query_params))).items)
            fresh = [item for item in items if (moment(item["created_at"]) or since) > since]
        shown = shown_of(request.query_params.get("shown", ""))
        rows = await self._store.read(
            lambda tx: messages_by_uuid(tx, self._store.accounts, list(shown))
        )
        return self._pages.page(
            request,
            "_messages_live.html",
            fresh_count=len(fresh),
            more=len(fresh) == LIMIT,
            changed=[m for m in plain(rows) if m["status"] != shown.get(m["id"])],
        )

    async def search(self, request: Request) -> Response:
        """Finds a message by its id, a provider's id, a reference, a number or its last digits.

        A number without its country code is tried with those of the countries of stored messages.
        ``key:value`` is the filter of that name.
        """
        q = clean(request.query_params.get("q", "").strip())[:200]
        if not q:
            return RedirectResponse("/messages", 303)
        await self._folded()
        accounts, region = self._store.accounts, self._config.default_region
        found = await self._store.read(lambda tx: find_page(tx, accounts, q))
        key, colon, value = q.partition(":")
        if found is None and colon and key in NAMES:
            found = address("/messages", {key: value.strip()})
        if found is not None:
            return RedirectResponse(found, 303)
        numbers = await self._store.read(lambda tx: numbers_like(tx, accounts, q, region))
        if len(numbers) == 1:
            return RedirectResponse(address("/messages", {"to": numbers[0]}), 303)
        return await self._list(request, {"reference": q}, q, numbers)

    async def _find(self, given: Mapping[str, str]) -> Listed[Message]:
        filters = filters_of(given, self._config.default_region)
        before = cursor_of(given)
        return await self._store.read(
            lambda tx: list_messages(tx, self._store.accounts, filters, before=before, limit=LIMIT)
        )


def asked(params: Mapping[str, str]) -> dict[str, str]:
    """The filters in a query; a named time range takes precedence over ``since`` and ``until``."""
    given = chosen(params, NAMES)
    without = ranges.EDGES if given.get("range") else ()
    return {name: value for name, value in given.items() if name not in without}


def times(given: Mapping[str, str]) -> list[tuple[str, str]]:
    """The time ranges to choose from, after the current one if it has no name."""
    span = ranges.asked({name: given.get(name, "") for name in ranges.EDGES})
    if not span.query:
        return [*ranges.CHOICES]
    return [("", span.label), ("all", ranges.CHOICES[0][1]), *ranges.CHOICES[1:]]


def beside(given: Mapping[str, str]) -> list[dict[str, Any]]:
    """The filters without a field, each with the link that removes it."""
    span = ranges.asked({name: given.get(name, "") for name in ranges.EDGES})
    found: list[dict[str, Any]] = [
        {
            "fields": [(name, given[name])],
            "words": f"{name.replace('_', ' ')} {in_words(name, given[name])}",
            "without": address("/messages", {**given, name: "", "cursor": ""}),
        }
        for name in BESIDE
        if name in given
    ]
    if span.query:
        without = address("/messages", {**given, "since": "", "until": "", "cursor": ""})
        fields = [(name, given[name]) for name in ranges.EDGES if name in given]
        found.append({"fields": fields, "words": span.label, "without": without})
    return found


def in_words(name: str, value: str) -> str:
    """The value of a filter as its mark says it; ids and codes as they are."""
    if name not in ("network", "reason"):
        return value
    return "not known" if value == NONE else value.replace("_", " ")


def filters_of(given: Mapping[str, str], region: str | None) -> Filters:
    """The filters for the store; invalid values are left out."""
    status, to = given.get("status"), given.get("to")
    span = ranges.asked(given)
    return Filters(
        status=status if status in CHOICES else None,
        account=given.get("account"),
        country=country_of(given.get("country", "")),
        to=None if to is None else (number_of(to, region) or to),
        sender=given.get("from"),
        reference=given.get("reference"),
        provider_message_id=given.get("provider_message_id"),
        network=given.get("network"),
        reason=given.get("reason"),
        code=given.get("code"),
        since=span.since,
        until=span.until,
    )


def country_of(text: str) -> str | None:
    """A country code, or ``none`` for an unknown country; None if it is neither."""
    if text.lower() == NONE:
        return NONE
    return meant_country(text)


def shown_of(text: str) -> dict[str, str]:
    """The status by id of the rows that are shown, from ``uuid:status,…``."""
    pairs = (pair.partition(":") for pair in text.split(",")[:100])
    return {clean(uuid): status for uuid, _, status in pairs if uuid}
