"""Reads the data of the overview, mostly with the functions of the API."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from delivrd.core.units import DAY, MINUTE
from delivrd.insight.honesty import honesty_stats
from delivrd.insight.network_reports import Silence, silences
from delivrd.insight.settled import Seen, Settling, stats_of
from delivrd.insight.statistics import delivery_stats, latency_stats
from delivrd.store.accounts import Accounts
from delivrd.store.base import Store
from delivrd.store.counts import BUCKET, KEPT_MINUTES
from delivrd.store.names import endpoint_id
from delivrd.store.queries import alerts as watched
from delivrd.store.queries import endpoints, minutes
from delivrd.store.queries.filters import Filters
from delivrd.store.queries.quarters import by_quarter
from delivrd.store.queries.recent import Narrowed
from delivrd.store.queries.views import at
from delivrd.store.tx import Tx
from delivrd.web.pages.issues import Code, codes
from delivrd.web.pages.over_time import minutes_from, of_steps
from delivrd.web.pages.problem_routes import Route
from delivrd.web.pages.ranges import Range

DAYS, MANY_DAYS = 7, 30
"""The numbers of days in the table of days, for short and long spans."""

Answer = Mapping[str, Any]


class Wanted(NamedTuple):
    """The span and the one before it, the filters, the step of the chart, and the current time."""

    span: Range
    then: Range | None
    places: Mapping[str, str]
    step: str
    now: int
    begin: int | None = None
    """Where bars of minutes begin (microseconds since 1970); None for longer bars."""

    @property
    def drawn(self) -> Range:
        """The span of the chart, which begins later for bars of minutes."""
        return self.span if self.begin is None else self.span._replace(since=self.begin)

    def filters(self, span: Range) -> Filters:
        account, country = self.places.get("account"), self.places.get("country")
        return Filters(account=account, country=country, since=span.since, until=span.until)


class Relay(NamedTuple):
    """The state of the relay; times are aware datetimes."""

    failing: Sequence[tuple[str, str, Any, str]]
    """For each endpoint its id, its origin, since when it fails, and why."""
    waiting: int
    oldest: Any
    tries: Mapping[str, int]
    fold_oldest: Any


class Found(NamedTuple):
    """The data of the overview; fields with ``_then`` are of the window before."""

    total: Answer
    steps: Sequence[dict[str, Any]]
    then: Answer | None
    country: Answer
    country_then: Answer | None
    account: Answer
    account_then: Answer | None
    day: Answer
    day_count: int
    latency: Answer
    latency_then: Answer | None
    reason: Sequence[Answer]
    reason_days: Answer
    first_day: str
    codes: Sequence[Code]
    hour: Answer
    settled: Answer
    recent_hours: int
    recent_since: int
    late: Mapping[Route, float]
    """For routes with overdue messages: the age in seconds from which they are overdue."""
    older: int
    """Messages on reporting routes that are open for longer than counts by the minute are kept."""
    silent: Sequence[Mapping[str, Any]]
    """Routes that report nothing, with the numbers of the last day and of ``open`` messages.
    ``reported_on`` is the last day on which a route reported that has stopped."""
    silent_networks: Sequence[Silence]
    """Networks that report nothing, in countries that do."""
    made_up: Sequence[Mapping[str, Any]]
    """Routes whose receipts look made up, with the evidence."""
    relay: Relay


class InFlight(NamedTuple):
    """Settled rates: of the last hour, and of the time for which there are counts by the minute."""

    hour: Answer
    settled: Answer
    since: int
    """When ``settled`` begins."""
    late: Mapping[Route, float]


async def minutes_begin(tx: Tx, span: Range, now: int) -> int | None:
    """Where bars of minutes begin; None for longer bars: see `minutes_from`."""
    begin = minutes_from(span, await minutes.first_counted(tx), now)
    return begin if begin is not None and await minutes.few_since(tx, begin) else None


async def in_flight(store: Store, settling: Settling, wanted: Wanted) -> InFlight:
    """Reads in one transaction, and computes in a thread to keep the event loop free."""
    which = Narrowed(**wanted.places)
    # a minute less than is kept, because the clock may reach the next one
    since = (wanted.now // MINUTE - KEPT_MINUTES + 2) * MINUTE

    async def read(tx: Tx) -> tuple[Seen, Seen]:
        return (
            await settling.seen(tx, which=which),
            await settling.seen(tx, since, None, which),
        )

    def work(hour: Seen, all_: Seen) -> InFlight:
        accounts = settling.accounts
        by_route = stats_of(accounts, ("account", "country"), all_)
        late = _late(accounts, all_, by_route["items"])
        return InFlight(stats_of(accounts, (), hour), by_route, since, late)

    return await asyncio.to_thread(work, *await store.read(read))


def _late(accounts: Accounts, seen: Seen, items: Sequence[Answer]) -> Mapping[Route, float]:
    routes = [(item["account"], item["country"]) for item in items if item["overdue"]]
    ids, past = {name: account.id for name, account in accounts.by_name.items()}, seen.learnt.past
    ages = {(a, c): past.of((ids[a], c or "")).late for a, c in routes if a in ids}
    return {route: age for route, age in ages.items() if age is not None}


async def read_all(tx: Tx, accounts: Accounts, ahead: InFlight, wanted: Wanted) -> Found:
    """All data of the overview; ``ahead`` is the result of `in_flight`."""

    async def stats(by: Sequence[str], span: Range | None) -> Any:
        return span and await delivery_stats(tx, accounts, by, wanted.filters(span))

    async def times(span: Range | None) -> Any:
        return span and await latency_stats(tx, accounts, (), wanted.filters(span))

    now, span, then = wanted.now, wanted.span, wanted.then
    long = (span.length(now) or MANY_DAYS * DAY) > DAYS * DAY
    day_count = MANY_DAYS if long else DAYS
    month = _days(now, MANY_DAYS)
    steps, reason = await _over_time(tx, accounts, wanted)
    routes = [*ahead.settled["no_receipts"], *ahead.settled["stopped"]]
    silent = await _silent(tx, accounts, routes, wanted)
    return Found(
        total=(await stats((), span))["summary"],
        steps=steps,
        then=await stats((), then),
        country=await stats(("country",), span),
        country_then=await stats(("country",), then),
        account=await stats(("account",), span),
        account_then=await stats(("account",), then),
        day=await stats(("day",), _days(now, day_count)),
        day_count=day_count,
        latency=await times(span),
        latency_then=await times(then),
        reason=reason,
        reason_days=await stats(("reason", "day"), month),
        first_day=month.edges[0][:10],
        codes=await _codes(tx, accounts, wanted),
        hour=ahead.hour,
        settled=ahead.settled,
        recent_hours=KEPT_MINUTES // 60,
        recent_since=ahead.since,
        late=ahead.late,
        older=await _older(tx, accounts, wanted, silent),
        silent=silent,
        silent_networks=await _silent_networks(tx, accounts, wanted),
        made_up=await _made_up(tx, accounts, wanted),
        relay=await _relay(tx, now),
    )


async def _over_time(tx: Tx, accounts: Accounts, wanted: Wanted) -> tuple[Any, Any]:
    """The items by step, and by reason and step."""
    filters, step = wanted.filters(wanted.span), wanted.step
    if step == "minute":
        drawn = wanted.filters(wanted.drawn)
        return of_steps(await minutes.by_minute(tx, accounts, drawn), step)
    if step == "quarter":
        return of_steps(await by_quarter(tx, accounts, filters), step)
    steps = await delivery_stats(tx, accounts, (step,), filters)
    reasons = await delivery_stats(tx, accounts, ("reason", step), filters)
    return steps["items"], reasons["items"]


def day_ago(now: int) -> int:
    """A day ago, rounded down to a quarter of an hour, the unit of the counts."""
    return (now - DAY) // BUCKET * BUCKET


def _days(now: int, count: int) -> Range:
    """The last ``count`` days, including today."""
    return Range("", "", None, (now // DAY - count + 1) * DAY, None)


async def _codes(tx: Tx, accounts: Accounts, wanted: Wanted) -> Sequence[Code]:
    by = ("account", "code")
    found = await delivery_stats(tx, accounts, by, wanted.filters(wanted.span))
    providers = {a.name: a.provider.name for a in accounts.by_id.values()}
    return codes(found["items"], providers)


async def _older(tx: Tx, accounts: Accounts, wanted: Wanted, silent: Sequence[Answer]) -> int:
    """Open messages of the span that are older than the counts by the minute."""
    old = wanted.now - KEPT_MINUTES * MINUTE
    until = old if wanted.span.until is None else min(old, wanted.span.until)
    if wanted.span.since is not None and wanted.span.since >= until:
        return 0
    pending = await _pending(tx, accounts, wanted, wanted.span._replace(until=until))
    expected = {(route["account"], route["country"]) for route in silent}
    return sum(n for route, n in pending.items() if route not in expected)


async def _pending(
    tx: Tx, accounts: Accounts, wanted: Wanted, span: Range
) -> dict[tuple[str, str | None], int]:
    by = ("account", "country")
    found = await delivery_stats(tx, accounts, by, wanted.filters(span))
    return {
        (item["account"], item["country"]): item["counts"].get("pending", 0)
        for item in found["items"]
    }


async def _silent(
    tx: Tx, accounts: Accounts, routes: Sequence[Answer], wanted: Wanted
) -> list[Answer]:
    if not routes:
        return []
    found: list[Answer] = []
    pending = await _pending(tx, accounts, wanted, wanted.span)
    for route in routes:
        place = {"account": route["account"], "country": route["country"] or ""}
        filters = Filters(**place, since=day_ago(wanted.now))
        day = (await delivery_stats(tx, accounts, (), filters))["summary"]
        reported = day["counts"].get("delivered", 0) + day["counts"].get("undelivered", 0)
        still_open = pending.get((route["account"], route["country"]), 0)
        found.append({**route, "day": day["total"], "told": reported, "open": still_open})
    return found


async def _silent_networks(tx: Tx, accounts: Accounts, wanted: Wanted) -> list[Silence]:
    return [
        one
        for one in await silences(tx, accounts, wanted.now)
        if wanted.places.items() <= {"account": one.account, "country": one.country}.items()
    ]


async def _made_up(tx: Tx, accounts: Accounts, wanted: Wanted) -> list[Answer]:
    which = Filters(account=wanted.places.get("account"), country=wanted.places.get("country"))
    found = await honesty_stats(tx, accounts, which)
    return [item for item in found["items"] if item["flagged"]]


async def _relay(tx: Tx, now: int) -> Relay:
    oldest = await watched.oldest_waiting(tx, now)
    totals = await endpoints.totals(tx, now - DAY)
    failing = await watched.failing_endpoints(tx)
    return Relay(
        [
            (
                endpoint_id(one.id), watched.label(one.origin, one.called), at(one.since),
                one.why or "its calls fail",
            )
            for one in failing
        ],
        totals.waiting, at(totals.oldest_at), totals.tries, at(oldest["fold"].since),
    )  # fmt: skip
