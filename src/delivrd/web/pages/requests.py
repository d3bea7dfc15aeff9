"""The list of webhook calls, and the page of one with its replay."""

import base64
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from delivrd.core.differences import paired
from delivrd.intake.reread import CannotReread, admit, reread
from delivrd.store.keys import Scope
from delivrd.store.names import number_of
from delivrd.store.queries.paging import Listed
from delivrd.store.queries.requests import find_request, list_requests
from delivrd.store.queries.views import VERDICTS, RequestDetail, plain
from delivrd.store.rereading import Difference
from delivrd.web.auth import caller_of
from delivrd.web.pages import chips, ranges, words
from delivrd.web.pages.links import address
from delivrd.web.pages.lists import chosen, cursor_of, newest, page_of
from delivrd.web.pages.misread import misread
from delivrd.web.pages.render import Pages, partial
from delivrd.web.pages.route import router_for
from delivrd.web.pages.show import moment, pretty
from delivrd.web.problems import Problem, not_found

LIMIT = 50
NAMES = ("verdict", "range", "account", "cursor")
SHOWN = 100_000
"""Characters of a body that are shown."""

MAX_PAIRS = 200
CHIPS = chips.of_words(words.WORDS)


def routes(pages: Pages) -> APIRouter:
    its = _Requests(pages)
    router = router_for(pages, Scope.READ)
    router.get("/requests")(its.table)
    router.get("/requests/live")(its.live)
    router.get("/requests/{request_id}")(its.one)
    router.get("/requests/{request_id}/raw")(its.raw)
    acts = router_for(pages, Scope.ADMIN)
    acts.post("/requests/{request_id}/replay")(its.replay)
    acts.post("/requests/{request_id}/admit")(its.admit)
    router.routes.extend(acts.routes)
    return router


class _Requests:
    def __init__(self, pages: Pages) -> None:
        self._pages = pages
        self._store, self._config = pages.context.store, pages.context.config

    async def table(self, request: Request) -> Response:
        given = chosen(request.query_params, NAMES)
        found, items = await self._listed(given)
        return self._pages.page(
            request,
            "requests.html",
            page=page_of(found, items),
            filters={name: given.get(name, "") for name in NAMES},
            filtered=bool(given),
            misread=misread(given, self._store.accounts, {"verdict": VERDICTS}),
            query=address("", {**given, "cursor": ""}),
            first=address("/requests", {**given, "cursor": ""}),
            older=address("/requests", {**given, "cursor": str(found.next_before or "")}),
            newest="" if "cursor" in given else newest(items, "received_at"),
            chips=CHIPS,
            accounts=[(name, name) for name in self._config.accounts],
            ranges=ranges.CHOICES,
        )

    async def live(self, request: Request) -> Response:
        """The number of calls since the list was shown."""
        since = moment(request.query_params.get("newest"))
        fresh: list[Any] = []
        if since is not None:
            _, items = await self._listed(chosen(request.query_params, NAMES))
            fresh = [item for item in items if (moment(item["received_at"]) or since) > since]
        return self._pages.page(
            request, "_requests_live.html", fresh_count=len(fresh), more=len(fresh) == LIMIT
        )

    async def one(self, request: Request, request_id: str) -> Response:
        return self._shown(request, await self._detail(request_id))

    async def raw(self, request: Request, request_id: str) -> Response:
        found = await self._detail(request_id)
        return self._pages.page(request, "_raw.html", **raw_call(plain(found)), slim=True)

    async def replay(self, request: Request, request_id: str) -> Response:
        """Reads the call again; without ``apply`` in the form, only to show the difference."""
        found = await self._detail(request_id)
        form = await request.form()
        apply = "apply" in form
        try:
            changes = await reread(
                self._store,
                int(found.id),
                caller_of(request).name,
                dry_run=not apply,
                force="force" in form,
            )
        except LookupError:
            raise _missing() from None
        except CannotReread as error:
            return self._shown(request, found, {"problem": str(error)})
        if apply:
            found = await self._detail(request_id)
        return self._shown(request, found, difference(changes))

    async def admit(self, request: Request, request_id: str) -> Response:
        try:
            admitted = await admit(self._store, number_of(request_id) or 0, caller_of(request).name)
        except LookupError:
            raise _missing() from None
        except CannotReread as error:
            raise Problem(409, f"It cannot be admitted: {error}.") from None
        return RedirectResponse(f"/requests/{admitted}", 303)

    async def _listed(self, given: Mapping[str, str]) -> tuple[Listed[Any], list[Any]]:
        verdict = given.get("verdict")
        found = await self._store.read(
            lambda tx: list_requests(
                tx,
                self._store.accounts,
                account=given.get("account"),
                verdict=verdict if verdict in VERDICTS else None,
                since=ranges.range_of(given.get("range")).since,
                before=cursor_of(given),
                limit=LIMIT,
            )
        )
        return found, [{**item, "say": words.of_request(item)} for item in plain(found.items)]

    async def _detail(self, request_id: str) -> RequestDetail:
        number = number_of(request_id) or 0
        found = await self._store.read(lambda tx: find_request(tx, self._store.accounts, number))
        if found is None:
            raise _missing()
        return found

    def _shown(
        self, request: Request, found: RequestDetail, difference: dict[str, Any] | None = None
    ) -> Response:
        view = plain(found)
        return self._pages.page(
            request,
            "_replay.html" if partial(request) else "request.html",
            **raw_call(view),
            verdict=words.of_request(view),
            difference=difference,
        )


def _missing() -> Problem:
    return not_found("request", "It may have been pruned. Refused calls are kept for a while.")


def raw_call(view: Mapping[str, Any]) -> dict[str, Any]:
    """The values of the template of a raw call: its fields and its body."""
    kind = next((v for n, v in view["headers"] if n.lower() == "content-type"), "")
    pairs = _pairs(view["query"])
    if view["body"] and "form-urlencoded" in kind:
        pairs += _pairs(view["body"])
    return {"call": view, "pairs": pairs, "body": _body(view)}


def _pairs(text: str) -> list[tuple[str, str]]:
    return parse_qsl(text, keep_blank_values=True) if text.count("&") < MAX_PAIRS else []


def _body(view: Mapping[str, Any]) -> dict[str, Any] | None:
    text, note = view["body"], ""
    if view["body_base64"]:
        text = base64.b64decode(view["body_base64"]).decode("utf-8", "backslashreplace")
        note = "It is not UTF-8; invalid bytes are written as \\x…."
    if not text:
        return None
    if len(text) > SHOWN:
        note = f"The first {SHOWN:,} of {len(text):,} characters; the API returns all of it."
        return {"raw": text[:SHOWN], "pretty": None, "note": note}
    return {"raw": text, "pretty": pretty(text), "note": note}


def difference(changes: Difference) -> dict[str, Any]:
    """The values of the template for what a replay changes or has changed."""
    return {
        "problem": None,
        "same": not changes.changed,
        "applied": changes.applied,
        "why_not": changes.why_not,
        "receipts": [
            {"id": key, "before": old, "after": new}
            for key, old, new in paired(changes.before, changes.after)
        ],
        "messages": [change for change in changes.messages if change.before != change.after],
    }
