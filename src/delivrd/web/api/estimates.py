"""``/v1/stats/settled``, ``/comparison``, ``/honesty``: what the figures will come to, and mean."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Response
from pydantic import AfterValidator, Field

from delivrd.insight.comparison import MIN_SAMPLE, compared
from delivrd.insight.honesty import honesty_stats
from delivrd.insight.settled import DIMENSIONS, TooOld, settled_stats
from delivrd.store.keys import Scope
from delivrd.store.queries.filters import Filters
from delivrd.store.queries.recent import Narrowed
from delivrd.web.api.common import Country, SpanParams, Word, answer, micros_or_none, responses
from delivrd.web.api.stats import COST, NUMBER, answerable, dimensions_of, schema, wanted
from delivrd.web.auth import needs
from delivrd.web.context import Context
from delivrd.web.problems import invalid


def _settles_by(text: str) -> str:
    """Networks are refused with the reason: who is told that there is none looks for it elsewhere.

    Shares of networks in the past do not stand in: where one network goes dead, its open messages
    would be taken for those of others, whose rates would fall by many points.
    """
    if "network" in text.split(","):
        raise ValueError(
            "names the network, which a message in flight has not before its receipt comes; "
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

    @routes.get("/settled", responses=responses(schema(_SETTLED, **_OF_SETTLED)))
    async def settled(params: Annotated[SettledParams, Query()]) -> Response:
        """The delivery rate at which what was handed over in the last hour will settle.

        Open messages count by how likely they are to be delivered yet, given their age and how
        messages of their route end; `low` and `high` hold what it comes to in 19 cases of 20.
        `rate_so_far` is of those that have ended. `overdue` are open for longer than 99 % of their
        route's messages; it is null while nobody knows how long that is: in a hub's first two
        hours. Routes that report nothing are left out of every number but `unreported`:
        those in `no_receipts` have not reported for four weeks, those in `stopped` did until the
        day `reported_on`. `since` and `until` go back six hours. A network is known only once a
        receipt names it, so that there is no filter by it.
        """
        wanted(accounts, params)
        which = Narrowed(params.account, params.provider, params.country)
        by = params.by.split(",") if params.by else []
        since, until = micros_or_none(params.since), micros_or_none(params.until)
        try:
            told = await settled_stats(store, settling, by, since, until, which)
        except TooOld as error:
            hint = "GET /v1/stats/delivery tells of what is older; nearly all of it has settled."
            raise invalid("since", str(error), hint) from None
        return answer({**told, "next_cursor": None})

    @routes.get("/comparison", responses=responses(_COMPARISON))
    async def comparison(params: Annotated[ComparisonParams, Query()]) -> Response:
        """How accounts do on the same country, or network.

        `rank` is one more than the number of accounts that are better beyond chance (their `low`
        lies over this one's `high`): several may share one. An account with fewer than `minimum`
        ended attempts has none.
        """
        span = (micros_or_none(params.since), micros_or_none(params.until))
        filters = Filters(
            country=params.country, network=params.network, since=span[0], until=span[1]
        )
        with answerable():
            told = await store.read(lambda tx: compared(tx, accounts, filters, params.minimum))
        return answer({**told, "next_cursor": None})

    @routes.get("/honesty", responses=responses(_HONESTY))
    async def honesty(params: Annotated[RouteParams, Query()]) -> Response:
        """Routes whose receipts look made up, with the evidence; nothing is corrected for it.

        Looked at is the last day unless `since` says otherwise. Conversions are what
        `POST /v1/messages/{id}/feedback` told.
        """
        filters = wanted(accounts, params)
        told = await store.read(lambda tx: honesty_stats(tx, accounts, filters))
        return answer({**told, "next_cursor": None})

    return routes


_TEXT: dict[str, Any] = {"type": ["string", "null"]}
_COUNT: dict[str, Any] = {"type": "integer"}

_SETTLED: dict[str, Any] = {
    "unit": {"enum": ["attempts"]},
    "total": _COUNT,
    "delivered": _COUNT,
    "pending": _COUNT,
    "overdue": {"type": ["integer", "null"]},
    "unreported": _COUNT,
    "settled_rate": NUMBER,
    "low": NUMBER,
    "high": NUMBER,
    "rate_so_far": NUMBER,
}
_OF_SETTLED: dict[str, Any] = {
    "no_receipts": {
        "type": "array",
        "items": {
            "type": "object",
            "required": ["account", "country", "messages"],
            "properties": {"account": _TEXT, "country": _TEXT, "messages": _COUNT},
        },
    },
    "stopped": {
        "type": "array",
        "items": {
            "type": "object",
            "required": ["account", "country", "messages", "reported_on"],
            "properties": {
                "account": _TEXT,
                "country": _TEXT,
                "messages": _COUNT,
                "reported_on": {"type": "string", "format": "date"},
            },
        },
    },
}


def _list(fields: dict[str, Any], **more: Any) -> dict[str, Any]:
    item = {"type": "object", "required": list(fields), "properties": fields}
    return {
        "type": "object",
        "required": ["items", *more],
        "properties": {**more, "items": {"type": "array", "items": item}},
    }


_COMPARISON = _list(
    {
        "account": _TEXT,
        "rank": {"type": ["integer", "null"]},
        "total": _COUNT,
        "ended": _COUNT,
        "delivery_rate": NUMBER,
        "low": NUMBER,
        "high": NUMBER,
        "p50": NUMBER,
        "p95": NUMBER,
        "cost": COST,
    },
    country=_TEXT,
    network=_TEXT,
    minimum=_COUNT,
    ranked={"type": "boolean"},
    why=_TEXT,
)
_EVIDENCE: dict[str, Any] = {
    "type": "object",
    "required": ["kind", "words", "share", "sample"],
    "properties": {
        "kind": {"enum": ["instant", "identical", "round_seconds", "no_failures", "conversion"]},
        "words": {"type": "string"},
        "share": {"type": "number"},
        "sample": _COUNT,
    },
}
_HONESTY = _list(
    {
        "account": _TEXT,
        "country": _TEXT,
        "flagged": {"type": "boolean"},
        "evidence": {"type": "array", "items": _EVIDENCE},
        "total": _COUNT,
        "delivered": _COUNT,
        "converted": _COUNT,
        "not_converted": _COUNT,
        "conversion_rate": NUMBER,
        "conversion_low": NUMBER,
        "conversion_high": NUMBER,
    },
    since=_TEXT,
)
