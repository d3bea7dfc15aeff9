"""``/v1/stats/settled``, ``/comparison`` and ``/honesty``."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Response
from pydantic import AfterValidator, Field

from delivrd.insight.comparison import MIN_SAMPLE, compared
from delivrd.insight.honesty import honesty_stats
from delivrd.insight.settled import DIMENSIONS, TooOld, settled_stats
from delivrd.store.keys import Scope
from delivrd.store.queries.filters import Filters
from delivrd.store.queries.recent import Narrowed
from delivrd.store.tx import Tx
from delivrd.web.api.common import Country, SpanParams, Word, micros_or_none, responses
from delivrd.web.api.stats import answerable, dimensions_of, statistics, wanted
from delivrd.web.api.stats_schemas import COMPARISON, HONESTY, SETTLED
from delivrd.web.auth import needs
from delivrd.web.context import Context
from delivrd.web.problems import invalid


def _settles_by(text: str) -> str:
    """Checks the dimensions of the settled rate, and explains why network is none of them.

    Shares of networks in the past are no substitute: if one network fails, its open messages would
    be attributed to the others, whose rates would fall by many points.
    """
    if "network" in text.split(","):
        raise ValueError(
            "is not possible by network, which is known only once the receipt has come; "
            f"there are {', '.join(DIMENSIONS)}"
        )
    return dimensions_of(DIMENSIONS)(text)


By = Annotated[
    str,
    AfterValidator(_settles_by),
    Field(json_schema_extra={"pattern": f"^({'|'.join(DIMENSIONS)})(,({'|'.join(DIMENSIONS)}))*$"}),
]


class RouteParams(SpanParams):
    account: Word | None = None
    provider: Word | None = None
    country: Country | None = None


class SettledParams(RouteParams):
    by: By | None = Field(None, description="account, provider, country; commas between.")


class ComparisonParams(SpanParams):
    country: Country
    network: Word | None = Field(None, description="MCC and MNC, like 310090.")
    minimum: int = Field(MIN_SAMPLE, ge=1, le=1_000_000, description="Sample to be ranked.")


def router(context: Context) -> APIRouter:
    routes = APIRouter(
        prefix="/v1/stats", tags=["stats"], dependencies=[Depends(needs(Scope.READ))]
    )
    store, accounts = context.store, context.store.accounts
    settling = context.settling

    @routes.get("/settled", responses=responses(SETTLED))
    async def settled(params: Annotated[SettledParams, Query()]) -> Response:
        """The delivery rate at which the messages handed over in the last hour will settle.

        An open message counts with its probability of being delivered, given its age and how
        messages of its route end; the result lies between `low` and `high` in 19 cases of 20.
        `rate_so_far` is the rate of those that have ended. `overdue` counts messages that are open
        for longer than 99 % of their route's messages; it is null in a hub's first two hours, when
        that age is not known. Routes that report nothing are counted only in `unreported`: those in
        `no_receipts` have not reported for four weeks, those in `stopped` reported until the day
        `reported_on`. `since` and `until` reach back six hours. There is no filter by network,
        because a message has no network before its receipt names it.
        """
        wanted(accounts, params)
        which = Narrowed(params.account, params.provider, params.country)
        by = params.by.split(",") if params.by else []
        since, until = micros_or_none(params.since), micros_or_none(params.until)
        try:
            stats = await settled_stats(store, settling, by, since, until, which)
        except TooOld as error:
            hint = "GET /v1/stats/delivery tells of what is older; nearly all of it has settled."
            raise invalid("since", str(error), hint) from None
        return statistics(accounts, stats, params.account, params.provider)

    @routes.get("/comparison", responses=responses(COMPARISON))
    async def comparison(params: Annotated[ComparisonParams, Query()]) -> Response:
        """Compares accounts for one country, or one network of it.

        `rank` is one more than the number of accounts that are better by more than chance (whose
        `low` is above this one's `high`), so that several may share a rank. An account with fewer
        than `minimum` ended attempts has no rank, and one whose messages there never get a receipt
        has no rate: they are counted in `unreported`.
        """
        span = (micros_or_none(params.since), micros_or_none(params.until))
        filters = Filters(
            country=params.country, network=params.network, since=span[0], until=span[1]
        )

        async def read(tx: Tx) -> dict[str, Any]:
            silent = await settling.silent(tx)
            return await compared(tx, accounts, filters, params.minimum, silent)

        with answerable():
            stats = await store.read(read)
        return statistics(accounts, stats)

    @routes.get("/honesty", responses=responses(HONESTY))
    async def honesty(params: Annotated[RouteParams, Query()]) -> Response:
        """Routes whose receipts look made up, with the evidence. No figure is corrected for it.

        The last day, or that before `until`, is examined, unless `since` is given. Delays of whole
        seconds, and equal ones, are looked for among each account's newest 500 messages of that
        time; `sample` tells how many were of this country. Conversions are those reported by
        `POST /v1/messages/{id}/feedback`.
        """
        filters = wanted(accounts, params)
        stats = await store.read(lambda tx: honesty_stats(tx, accounts, filters))
        return statistics(accounts, stats, params.account, params.provider)

    return routes
