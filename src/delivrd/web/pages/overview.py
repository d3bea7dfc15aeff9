"""The overview: key figures, outcomes over time, rates, delivery times, and failures."""

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from delivrd.core.phone import meant_country
from delivrd.insight.statistics import delivery_stats
from delivrd.store import alerts as stored
from delivrd.store.accounts import Accounts
from delivrd.store.ids import now_micros
from delivrd.store.keys import Scope
from delivrd.store.queries.filters import Filters
from delivrd.store.queries.requests import list_requests
from delivrd.store.queries.views import at
from delivrd.store.tx import Tx
from delivrd.web.api import alert_views
from delivrd.web.api.alert_views import AlertFiring
from delivrd.web.pages import (
    delays,
    figures,
    issues,
    over_time,
    problem_routes,
    ranges,
    rate_table,
)
from delivrd.web.pages.links import Links, address
from delivrd.web.pages.lists import chosen
from delivrd.web.pages.misread import misread
from delivrd.web.pages.over_time import step_of
from delivrd.web.pages.overview_data import (
    Found,
    Wanted,
    day_ago,
    in_flight,
    minutes_begin,
    read_all,
)
from delivrd.web.pages.render import Pages, partial
from delivrd.web.pages.route import router_for

DEFAULT = "24h"
CHOICES = (("1h", "Hour"), ("24h", "24 hours"), ("7d", "7 days"), ("30d", "30 days"),
           ("all", "All time"))  # fmt: skip
PLACES = ("account", "country")


def routes(pages: Pages) -> APIRouter:
    router = router_for(pages, Scope.READ)
    store = pages.context.store
    settling = pages.context.settling

    @router.get("/")
    async def overview(request: Request) -> Response:
        if not request.query_params and await store.read(_empty):
            return RedirectResponse("/start", 303)
        now = now_micros()
        span = ranges.counted(ranges.asked(request.query_params, DEFAULT))
        places = places_of(request)
        begin = await store.read(lambda tx: minutes_begin(tx, span, now))
        step = step_of(span, now) if begin is None else "minute"
        wanted = Wanted(span, ranges.before(span, now), places, step, now, begin)
        ahead = await in_flight(store, settling, wanted)
        found = await store.read(lambda tx: read_all(tx, store.accounts, ahead, wanted))
        alerts = await store.read(lambda tx: _firing_now(tx, store.accounts))
        links = Links(span, places)
        return pages.page(
            request,
            "_overview.html" if partial(request) else "overview.html",
            **_head(wanted, links),
            **_view(found, wanted, links),
            alerts=alerts,
            misread=misread(asked(request), store.accounts, {}),
            providers={a.name: a.provider.name for a in store.accounts.by_id.values()},
        )

    async def _empty(tx: Tx) -> bool:
        """Whether there are no messages and no requests at all."""
        counted = await delivery_stats(tx, store.accounts, (), Filters())
        if counted["summary"]["total"]:
            return False
        return not (await list_requests(tx, store.accounts, limit=1)).items

    return router


async def _firing_now(tx: Tx, accounts: Accounts) -> list[AlertFiring]:
    """The current firings, the newest first, without those that sent no notices of their own."""
    return [
        alert_views.firing(one, [], accounts)
        for one in await stored.open_firings(tx)
        if one.beside is None
    ]


def asked(request: Request) -> dict[str, str]:
    """The filters in the query, as they were written."""
    return chosen(request.query_params, ("range", *ranges.EDGES, *PLACES))


def places_of(request: Request) -> dict[str, str]:
    """The account and country filters; an invalid country is left out."""
    given = chosen(request.query_params, PLACES)
    if country := meant_country(given.get("country", "")):
        return {**given, "country": country}
    return {name: value for name, value in given.items() if name != "country"}


def _head(wanted: Wanted, links: Links) -> dict[str, Any]:
    """The values of the template for time span and filters, with the links to change them."""
    span, now = wanted.span, wanted.now
    wide = ranges.wider(span, now)
    return {
        "span": span,
        "root": span.value or span.zoomed,
        "edges": ranges.Range("", "", None, *ranges.inside(span, now)).edges,
        "zoom_out": links._replace(span=wide).here() if wide else "",
        "ranges": range_links(links),
        "marks": _marks(wanted, links),
        "links": links,
        "step": wanted.step,
        "step_words": over_time.WORDS.get(wanted.step, wanted.step),
        "cut_words": over_time.CUT,
        "before_label": before_label(wanted),
        "as_of": at(now),
        "honesty_link": address("/v1/stats/honesty", wanted.places),
        "settled_link": address("/v1/stats/settled", {"by": "account,country", **wanted.places}),
        "compare_link": links._replace(places=_country(wanted.places)).here("/compare"),
    }


def range_links(links: Links, path: str = "/") -> list[tuple[str, str, str]]:
    """The time spans to choose from: name, label and link."""
    return [
        (value, label, links._replace(span=ranges.named(value)).here(path))
        for value, label in CHOICES
    ]


def _marks(wanted: Wanted, links: Links) -> list[dict[str, str]]:
    """The filters that are set, each with the link that removes it."""
    span = wanted.span
    found = [
        {"words": f"{name} {value}", "without": links.here(**{name: ""})}
        for name, value in wanted.places.items()
    ]
    if not span.value:
        whole = links._replace(span=ranges.named(span.zoomed or DEFAULT))
        found.insert(0, {"words": span.label, "without": whole.here()})
    return found


def _country(places: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in places.items() if name == "country"}


def before_label(wanted: Wanted) -> str:
    """The name of the window that changes are compared with; empty if there is none."""
    span = wanted.span
    if wanted.then is None:
        return ""
    if span.hours is None:
        return "the period before"
    words = {1: "hour", 24: "24 hours", 168: "7 days", 720: "30 days"}[span.hours]
    return f"the {words} before"


def _view(found: Found, wanted: Wanted, links: Links) -> dict[str, Any]:
    """The values of the template for the content of the page."""
    steps = over_time.gapless(found.steps, wanted.step, wanted.drawn, wanted.now)
    total = found.total
    overdue = found.settled["summary"]["overdue"]
    if overdue is not None or found.older:
        overdue = (overdue or 0) + found.older
    waiting = figures.Open(overdue, sum(r["open"] for r in found.silent))
    now = figures.Window(total, found.latency["summary"], wanted.span.length(wanted.now))
    then = None
    if wanted.then and found.then and found.latency_then:
        length = wanted.then.length(wanted.now)
        then = figures.Window(found.then["summary"], found.latency_then["summary"], length)
    histogram = found.latency["summary"]["histogram"]
    ended = wanted.span.until is not None and wanted.span.until <= wanted.now
    return {
        "figures": figures.figures(now, then, waiting, links),
        "settled": "" if ended else figures.settled_words(found.hour["summary"]),
        "total": total,
        "over_time": steps,
        "by_country": _rates(found.country, found.country_then, "country"),
        "by_account": _rates(found.account, found.account_then, "account"),
        "by_day": rate_table.table(
            found.day["items"], [], "day", most=found.day_count, order=_newest
        ),
        "day_count": found.day_count,
        "latency": found.latency["summary"],
        "bins": [bin_._asdict() for bin_ in delays.bins(histogram)],
        "marks_of_time": delays.marks(histogram),
        "issues": issues.issues(
            found.reason, [item["value"] for item in steps], wanted.step,
            found.reason_days["items"], found.first_day,
        ),
        "codes": found.codes,
        "overdue": problem_routes.overdue(
            found.settled["items"], found.late, found.recent_since, wanted.now
        ),
        "overdue_known": overdue is not None,
        "recent_hours": found.recent_hours,
        "silent": problem_routes.doubted(found.silent, day_ago(wanted.now)),
        "silent_networks": problem_routes.silent_networks(found.silent_networks),
        "made_up": problem_routes.doubted(found.made_up, day_ago(wanted.now)),
        "relay": found.relay,
        "nothing": not total["total"],
    }  # fmt: skip


def _rates(now: Mapping[str, Any], then: Mapping[str, Any] | None, name: str) -> rate_table.Table:
    return rate_table.table(now["items"], [] if then is None else then["items"], name)


def _newest(row: rate_table.Row) -> int:
    return -int((row.value or "0").replace("-", ""))
