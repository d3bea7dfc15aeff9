"""Is it fine? Five numbers, the outcomes over time, and the rates by country and account."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from delivrd.insight.statistics import delivery_stats, latency_stats
from delivrd.store.keys import Scope
from delivrd.store.queries.requests import list_requests
from delivrd.store.queries.stats import Filters
from delivrd.store.queries.views import at
from delivrd.store.tx import Tx
from delivrd.web.pages import accounts, ranges
from delivrd.web.pages.render import Pages
from delivrd.web.pages.route import router_for

FAILED = ("undelivered", "rejected", "expired")
CHOICES = (("24h", "24 hours"), ("7d", "7 days"), ("30d", "30 days"), ("all", "All time"))
STEPS: dict[str, tuple[timedelta, Callable[[datetime], str]]] = {
    "hour": (timedelta(hours=1), datetime.isoformat),
    "day": (timedelta(days=1), lambda when: when.date().isoformat()),
}
MOST_BARS = 1000
HOURLY = 48
"""Hours up to which the chart has a bar for each; beyond, for each day."""


def routes(pages: Pages) -> APIRouter:
    router = router_for(pages, Scope.READ)
    store, config = pages.context.store, pages.context.config

    @router.get("/")
    async def overview(request: Request) -> Response:
        chosen = request.query_params.get("range")
        if chosen is None and await store.read(_empty):
            return RedirectResponse("/start", 303)
        span = ranges.range_of(chosen or "24h")
        filters = Filters(since=span.since)
        by = "hour" if span.hours is not None and span.hours <= HOURLY else "day"

        async def read(tx: Tx) -> dict[str, Any]:
            return {
                name: await delivery_stats(tx, store.accounts, (name,), filters)
                for name in (by, "country", "account")
            } | {"latency": await latency_stats(tx, store.accounts, (), filters)}

        found = await store.read(read)
        total, latency = found[by]["summary"], found["latency"]["summary"]
        simulated = {a.name for a in accounts.listed(config, store.accounts) if a.simulated}
        since = at(span.since)
        return pages.page(
            request,
            "overview.html",
            range=span.value or "all",
            ranges=CHOICES,
            range_label=span.label.lower(),
            link=f"range={span.value}" if span.value else "",
            since=since.strftime("%Y-%m-%dT%H:%M:%SZ") if since else "",
            step=by,
            total=total,
            failed=sum(total["counts"].get(status, 0) for status in FAILED),
            median=latency["p50"],
            p95=latency["p95"],
            over_time=gapless(_items(found[by]), by, span.since),
            countries=_items(found["country"]),
            countries_unit=found["country"]["unit"],
            by_account=[
                {**item, "simulated": item["value"] in simulated}
                for item in _items(found["account"])
            ],
            accounts_unit=found["account"]["unit"],
            nothing=not total["total"] and not span.value,
        )

    async def _empty(tx: Tx) -> bool:
        """Whether nothing was sent and nothing came in, ever."""
        counted = await delivery_stats(tx, store.accounts, (), Filters())
        if counted["summary"]["total"]:
            return False
        return not (await list_requests(tx, store.accounts, limit=1)).items

    return router


def gapless(items: list[dict[str, Any]], by: str, since: int | None) -> list[dict[str, Any]]:
    """The items with empty ones between them, so that a silent hour shows as one."""
    if not items:
        return []
    step, form = STEPS[by]
    known = {item["value"]: item for item in items}
    first = datetime.fromisoformat(items[0]["value"]).replace(tzinfo=UTC)
    start = at(since)
    if start is not None:
        first = min(first, start.replace(minute=0, second=0, microsecond=0))
    last, found = datetime.now(UTC), []
    for number in range(MOST_BARS):
        when = first + number * step
        if when > last:
            break
        value = form(when)
        empty = {"value": value, "total": 0, "counts": {}, "delivery_rate": None}
        found.append(known.get(value, empty))
    return found


def _items(found: dict[str, Any]) -> list[dict[str, Any]]:
    """The items with their dimension's value under ``value``."""
    return [{"simulated": False, **item, "value": item[found["by"]]} for item in found["items"]]
