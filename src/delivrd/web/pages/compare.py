"""Compares accounts in one country or network: rates, times and costs."""

from collections.abc import Mapping, Sequence
from math import log10
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from delivrd.core.text import clean
from delivrd.insight.comparison import MIN_SAMPLE, compared
from delivrd.insight.statistics import delivery_stats
from delivrd.store.ids import now_micros
from delivrd.store.keys import Scope
from delivrd.store.queries.filters import Filters
from delivrd.store.tx import Tx
from delivrd.web.pages import ranges, rate_table
from delivrd.web.pages.links import Links, address
from delivrd.web.pages.lists import chosen
from delivrd.web.pages.misread import misread
from delivrd.web.pages.overview import places_of, range_links
from delivrd.web.pages.render import Pages
from delivrd.web.pages.route import router_for

DEFAULT = "30d"
NAMES = ("range", *ranges.EDGES, "country")
"""The filters whose values may be misread; networks are whatever gateways call them."""

MOST = 30


def routes(pages: Pages) -> APIRouter:
    router = router_for(pages, Scope.READ)
    store = pages.context.store

    @router.get("/compare")
    async def compare(request: Request) -> Response:
        span = ranges.counted(ranges.asked(request.query_params, DEFAULT))
        wanted = places_of(request).get("country", "")
        network = clean(request.query_params.get("network", "").strip())[:20]

        async def read(tx: Tx) -> tuple[Any, Any, Any]:
            times = Filters(since=span.since, until=span.until)
            countries = (await delivery_stats(tx, store.accounts, ("country",), times))["items"]
            country = wanted or next((i["country"] for i in countries if i["country"]), "")
            of = Filters(country=country, since=span.since, until=span.until)
            networks = (await delivery_stats(tx, store.accounts, ("network",), of))["items"]
            narrowed = Filters(country=country, network=network or None, since=span.since,
                               until=span.until)  # fmt: skip
            silent = await pages.context.settling.silent(tx)
            comparison = await compared(tx, store.accounts, narrowed, MIN_SAMPLE, silent)
            return countries, networks, comparison

        countries, networks, comparison = await store.read(read)
        country = comparison["country"] or ""
        links = Links(span, {"country": country, "network": network})
        return pages.page(
            request,
            "compare.html",
            span=span,
            misread=misread(chosen(request.query_params, NAMES), store.accounts, {}),
            ranges=range_links(links, "/compare"),
            country=country,
            network=network,
            countries=[item["country"] for item in countries[:MOST] if item["country"]],
            networks=[item["network"] for item in networks[:MOST] if item["network"]],
            comparison=comparison,
            rows=rows(comparison["items"], comparison["minimum"]),
            scale=rate_table.scale_of(
                plain(item, comparison["minimum"]) for item in comparison["items"]
            ),
            times=times(comparison["items"]),
            links=links,
            json=address("/v1/stats/comparison", {"country": country, "network": network,
                         **dict(zip(ranges.EDGES, span.edges, strict=True))}),
            now=now_micros(),
        )  # fmt: skip

    return router


def plain(item: Mapping[str, Any], minimum: int) -> rate_table.Row:
    """An account as a row of rates; ``word`` is ``few`` below the minimum."""
    enough = item["ended"] >= minimum
    word = "none" if item["delivery_rate"] is None else "same" if enough else "few"
    return rate_table.Row(
        item["account"], item["total"], item["ended"], 0, item["delivery_rate"], item["low"],
        item["high"], None, word, item,
    )  # fmt: skip


def rows(items: Sequence[Mapping[str, Any]], minimum: int) -> list[rate_table.Row]:
    """The accounts in their order, with the coordinates of their plots."""
    found = [plain(item, minimum) for item in items]
    scale = rate_table.scale_of(found)
    return [rate_table.plotted(row, scale) for row in found]


def times(items: Sequence[Mapping[str, Any]]) -> dict[str, tuple[float, float]]:
    """By account: the places of its median and 95th percentile on a shared logarithmic scale."""
    known = {i["account"]: (i["p50"], i["p95"]) for i in items if i["p50"] and i["p95"]}
    if not known:
        return {}
    low = min(log10(p50) for p50, _ in known.values()) - 0.1
    high = max(max(log10(p95) for _, p95 in known.values()) + 0.05, low + 0.5)

    def place(seconds: float) -> float:
        return round(100 * (log10(seconds) - low) / (high - low), 2)

    return {name: (place(p50), place(p95)) for name, (p50, p95) in known.items()}
