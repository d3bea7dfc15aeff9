"""``/v1/stats/delivery`` and ``/v1/stats/latency``: how many messages arrive, and how fast."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Query, Response
from pydantic import AfterValidator, Field

from delivrd.core.reasons import Reason
from delivrd.core.statement import Status
from delivrd.insight.rates import Thresholds
from delivrd.insight.statistics import (
    delivery_page,
    delivery_stats,
    latency_page,
    latency_stats,
)
from delivrd.store.accounts import Accounts
from delivrd.store.keys import Scope
from delivrd.store.queries.filters import DIMENSIONS, Filters, Unanswerable
from delivrd.store.queries.messages import NONE
from delivrd.store.queries.spans import TIMES
from delivrd.store.queries.views import provider_name
from delivrd.store.tx import Tx
from delivrd.web.api.common import (
    Country,
    Sender,
    SpanParams,
    Word,
    answer,
    before,
    check_account,
    cursor_of,
    micros_or_none,
    responses,
)
from delivrd.web.api.stats_schemas import DELIVERY, LATENCY
from delivrd.web.auth import needs
from delivrd.web.context import Context
from delivrd.web.problems import invalid

NAMES = "|".join(DIMENSIONS)


def dimensions_of(known: Sequence[str]) -> Callable[[str], str]:
    """A validator of comma-separated names of dimensions, each given once."""

    def check(text: str) -> str:
        names = text.split(",")
        wrong = [name for name in names if name not in known]
        if wrong:
            raise ValueError(f"there is no {wrong[0][:50]!r}; there are {', '.join(known)}")
        if len({*names}) < len(names):
            raise ValueError("names a dimension twice")
        return text

    return check


By = Annotated[
    str,
    AfterValidator(dimensions_of(DIMENSIONS)),
    Field(json_schema_extra={"pattern": f"^({NAMES})(,({NAMES}))*$"}),
]


class StatsParams(SpanParams):
    account: Word | None = None
    provider: Word | None = None
    country: Country | None = None
    network: Word | None = Field(None, description="MCC and MNC, like 310090.")
    tz: str | None = Field(None, max_length=64, description="Zone of days and hours (IANA name).")


class CountedParams(StatsParams):
    cursor: str | None = Field(None, max_length=100, description="next_cursor of the last page.")
    reason: Reason | None = None
    sender: Sender | None = Field(None, description="The sender's name or number.")
    code: Word | None = Field(None, description="The gateway's own error code.")


class DeliveryParams(CountedParams):
    by: By = Field("day", description="What to group by, commas between: `account,country`.")


class LatencyParams(CountedParams):
    by: By | None = Field(None, description="What to group by, commas between: `day,country`.")
    status: Status = Field(Status.DELIVERED, description="Of those that ended so.")


def router(context: Context) -> APIRouter:
    routes = APIRouter(
        prefix="/v1/stats", tags=["stats"], dependencies=[Depends(needs(Scope.READ))]
    )
    store, accounts, insight = context.store, context.store.accounts, context.config.insight
    thresholds = Thresholds(insight.healthy / 100, insight.investigate / 100)

    @routes.get("/delivery", responses=responses(DELIVERY))
    async def delivery(params: Annotated[DeliveryParams, Query()]) -> Response:
        """Counts by status, and the delivery and failure rates: shares of the messages that ended.

        The true rate lies between `low` and `high` in 19 cases of 20; without data they are null.
        Grouped or filtered by account, provider, sender or code, attempts are counted, otherwise
        messages: see `unit`. `health` is `too_few` if fewer than ten have ended, or if the interval
        contains both thresholds. A message counts in the quarter of an hour in which it was sent.
        `cost` is what was charged, by currency; `per_delivered` is that amount divided by the
        number delivered, and null while fewer than nine in ten of those have a price. `cost` is
        null for dimensions by which prices are not kept. `unreported` counts messages on routes
        that never report; they are left out of the rates. Network and reason, sender, and code
        cannot be combined with each other: the 422 lists in `possible` what can.

        By day or hour, a page has as many of the newest ones as are quick to read; while
        `next_cursor` is not null there are older ones: call again with it as `cursor`. `summary`
        is of all pages. Otherwise there is one page, with the 10,000 largest items at most.
        """
        filters, zone = wanted(accounts, params), zone_of(params.tz)
        by = params.by.split(",")
        start = start_of("delivery", by, params.cursor)

        async def read(tx: Tx) -> tuple[dict[str, Any], int | None]:
            silent = await context.settling.silent(tx)
            page = await delivery_page(tx, accounts, by, filters, zone, start)
            told = await delivery_stats(tx, accounts, by, filters, zone, thresholds, silent, page)
            return told, page.next_before

        with answerable():
            stats, older = await store.read(read)
        cursor = None if older is None else cursor_of("delivery", older)
        return statistics(accounts, stats, params.account, params.provider, cursor)

    @routes.get("/latency", responses=responses(LATENCY))
    async def latency(params: Annotated[LatencyParams, Query()]) -> Response:
        """Seconds from our hand-over to the deciding receipt, by our clock.

        A percentile is off by at most the share `error`; `le` is the upper end of a bar of the
        histogram. `untold` counts messages whose latency is not known. All are messages that ended
        in `status`: delivered ones have no reason and seldom a code, so that for these use
        `status=undelivered`. Dimensions and pages are those of delivery. With more than 500 items
        in a page an item has percentiles, but its `histogram` is null; the summary has one.
        """
        filters, zone = wanted(accounts, params), zone_of(params.tz)
        by = params.by.split(",") if params.by else []
        start, status = start_of("latency", by, params.cursor), params.status.value

        async def read(tx: Tx) -> tuple[dict[str, Any], int | None]:
            page = await latency_page(tx, accounts, by, filters, status, zone, start)
            told = await latency_stats(tx, accounts, by, filters, status, zone, page)
            return told, page.next_before

        with answerable():
            stats, older = await store.read(read)
        cursor = None if older is None else cursor_of("latency", older)
        return statistics(accounts, stats, params.account, params.provider, cursor)

    return routes


def start_of(name: str, by: Sequence[str], cursor: str | None) -> int | None:
    """The time at which a page ends (microseconds since 1970); None for the newest one.

    Raises:
        Problem: it is no cursor of such an answer.
    """
    if cursor is not None and not {*TIMES} & {*by}:
        raise invalid("cursor", "only answers by day or hour have pages", "Leave cursor out.")
    return before(name, cursor)


def statistics(
    accounts: Accounts, stats: Mapping[str, Any], account: str | None = None,
    provider: str | None = None, next_cursor: str | None = None,
) -> Response:  # fmt: skip
    """The answer, with the simulated ones among the accounts that it is about."""
    simulated = [
        accounts.name(one)
        for one in sorted(accounts.simulated_ids)
        if account in (None, accounts.name(one))
        and provider in (None, provider_name(accounts, one))
    ]
    return answer({**stats, "simulated": simulated, "next_cursor": next_cursor})


def wanted(accounts: Accounts, params: Any) -> Filters:
    """The filters of a call.

    Raises:
        Problem: it names an account or provider that does not exist, or no network.
    """
    known = {account.provider.name for account in accounts.by_id.values()}
    if params.provider is not None and params.provider not in known:
        names = ", ".join(sorted(known)) or "none"
        why = f"no account uses a provider {params.provider[:50]!r}"
        raise invalid("provider", why, f"Providers in use: {names}.")
    check_account(accounts, params.account)
    narrowed = ("account", "provider", "country", "network", "reason", "sender", "code")
    given = {name: getattr(params, name, None) for name in narrowed}
    if given["network"] == NONE:
        hint = "Group by network: the item of messages without one has null."
        raise invalid("network", "none is no network here, as it is in lists of messages", hint)
    since, until = micros_or_none(params.since), micros_or_none(params.until)
    return Filters(**given, since=since, until=until)


@contextmanager
def answerable() -> Iterator[None]:
    """Turns the error for dimensions by which no counts are kept into a Problem (422)."""
    try:
        yield
    except Unanswerable as error:
        ways = [f"by {', '.join(names)}" for names in error.possible]
        hint = f"Group and filter {', or '.join(ways)}."
        raise invalid("by", str(error), hint, possible=error.possible) from None


def zone_of(name: str | None) -> ZoneInfo | None:
    """The time zone with that name; None means UTC.

    Raises:
        Problem: there is none.
    """
    if name is None or name == "UTC":
        return None
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError):
        raise invalid("tz", "is no time zone", "Write an IANA name like Europe/Vienna.") from None
