"""The list of endpoints, and the page of one with its last calls."""

import secrets
from collections import Counter
from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from delivrd.core.percentile import percentile
from delivrd.store import endpoints
from delivrd.store.ids import now_micros
from delivrd.store.keys import Scope
from delivrd.store.names import endpoint_id, row_of
from delivrd.store.queries.deliveries import list_deliveries
from delivrd.store.queries.endpoints import figures
from delivrd.store.queries.tries import Lately, lately, why_failing
from delivrd.store.queries.views import at, plain
from delivrd.store.tx import Tx
from delivrd.web.api import relay_views
from delivrd.web.api.endpoint_rows import endpoint_row, found
from delivrd.web.pages import relay_words
from delivrd.web.pages.bars import bars, summary
from delivrd.web.pages.render import Pages, partial
from delivrd.web.pages.route import router_for

SHOWN = 10
"""Deliveries on an endpoint's page."""

SINCE = (
    ("1h", "the last hour"),
    ("6h", "the last 6 hours"),
    ("24h", "the last 24 hours"),
    ("3d", "the last 3 days"),
    ("7d", "the last 7 days"),
)
KEEP = (
    (86400, "a day"),
    (3600, "an hour"),
    (7 * 86400, "a week"),
    (0, "no time: it stops signing at once"),
)


def routes(pages: Pages) -> APIRouter:
    router = router_for(pages, Scope.READ)
    store = pages.context.store

    @router.get("/endpoints")
    async def table(request: Request) -> Response:
        callbacks = "callbacks" in request.query_params
        items = await store.read(lambda tx: _every(tx, callbacks=callbacks))
        return pages.page(
            request,
            "_endpoints.html" if partial(request) else "endpoints.html",
            endpoints=items,
            callbacks=callbacks,
        )

    @router.get("/endpoints/{name}")
    async def one(request: Request, name: str) -> Response:
        view = await detail(pages, name)
        return pages.page(
            request, "_endpoint.html" if partial(request) else "endpoint.html", **view, secret=None
        )

    return router


async def _every(tx: Tx, *, callbacks: bool) -> list[dict[str, Any]]:
    """All endpoints as rows of the table, the newest first."""
    rows = list(reversed(await endpoints.every(tx, callbacks=callbacks)))
    now = now_micros()
    by_id = await figures(tx, [row.id for row in rows], now)
    items = []
    for row in rows:
        view = shown(relay_views.endpoint(row, by_id[row.id], now, hours=True), now)
        failing = view["enabled"] and view["state"] in ("failing", "open")
        why = await why_failing(tx, row.id) if failing else view["disabled_why"]
        items.append({**view, "why": why})
    return items


def shown(view: relay_views.Endpoint, now: int) -> dict[str, Any]:
    """An endpoint for the templates: the fields of the API, and words for them."""
    fields = {**plain(view), "now": at(now)}
    return {
        **fields,
        "host": relay_words.host(view.url),
        "say": relay_words.state(fields),
        "subscription": relay_words.subscription(fields),
        "bars": bars(fields["last_24h"]["hours"]),
        "summary": summary(fields["last_24h"]),
    }


async def detail(pages: Pages, name: str) -> dict[str, Any]:
    """What an endpoint's page shows.

    Raises:
        Problem: there is no such endpoint.
    """
    row_id, store = endpoint_row(name), pages.context.store

    async def job(tx: Tx) -> dict[str, Any]:
        row, now = await found(tx, row_id), now_micros()
        by_id = await figures(tx, [row_id], now)
        endpoint = shown(relay_views.endpoint(row, by_id[row_id], now, hours=True), now)
        late = await lately(tx, row_id)
        recent = await list_deliveries(tx, store.accounts, endpoint_id=row_id, limit=SHOWN)
        return {
            "endpoint": endpoint,
            "verdict": relay_words.of_endpoint(endpoint, late.why),
            "deliveries": [plain(relay_views.delivery(each)) for each in recent.items],
            "answers": answers(late),
            "times": times(late),
            "since_choices": SINCE,
            "since_default": "24h",
            "keep_choices": KEEP,
            "recovery": None,
            "once": secrets.token_urlsafe(12),
        }

    return await store.read(job)


def answers(late: Lately) -> list[tuple[str, int, float]]:
    """The number and share of each recent answer, the most frequent first."""
    counts = Counter(relay_words.answer(status, error) for status, error, _ in late.answers)
    return [(word, n, n / len(late.answers)) for word, n in counts.most_common()]


def times(late: Lately) -> Mapping[str, float] | None:
    """Median and 95th percentile of the durations in seconds of recent, answered calls."""
    taken = sorted(total / 1e6 for status, _, total in late.answers if status and total is not None)
    if not taken:
        return None
    return {
        "median": percentile(taken, 50),
        "p95": percentile(taken, 95),
    }


async def names(tx: Tx) -> dict[str, dict[str, str]]:
    """Host and description of each endpoint by its id, including origins of callback_urls."""
    rows = await endpoints.every(tx, callbacks=True)
    return {
        endpoint_id(row.id): {
            "host": relay_words.host(row.url),
            "description": row.description or "",
        }
        for row in rows
    }


def row_or_none(name: str | None) -> int | None:
    """The row id of an endpoint's id; None if it cannot be one."""
    return row_of(name, "ep") if name else None
