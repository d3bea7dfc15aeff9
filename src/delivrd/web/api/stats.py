"""``/v1/stats``: how many arrive, and how fast."""

from enum import StrEnum
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Query, Response
from pydantic import Field

from delivrd.core.statement import Status
from delivrd.insight.statistics import delivery_stats, latency_stats
from delivrd.store.keys import Scope
from delivrd.store.queries.stats import DIMENSIONS, Filters
from delivrd.web.api.common import (
    Country,
    SpanParams,
    Word,
    answer,
    check_account,
    micros_or_none,
    responses,
)
from delivrd.web.auth import needs
from delivrd.web.context import Context
from delivrd.web.problems import invalid

Dimension = StrEnum("Dimension", {word.upper(): word for word in DIMENSIONS})  # type: ignore[misc]


class StatsParams(SpanParams):
    account: Word | None = None
    provider: Word | None = None
    country: Country | None = None
    network: Word | None = Field(None, description="MCC and MNC, like 310090.")
    tz: str | None = Field(None, max_length=64, description="Zone of days and hours (IANA name).")


class DeliveryParams(StatsParams):
    by: Dimension = Field("day", description="What to group by.", validate_default=True)


class LatencyParams(StatsParams):
    by: Dimension | None = Field(None, description="What to group by.")
    status: Status = Field(Status.DELIVERED, description="Of those that ended so.")


def router(context: Context) -> APIRouter:
    routes = APIRouter(
        prefix="/v1/stats", tags=["stats"], dependencies=[Depends(needs(Scope.READ))]
    )
    store, accounts = context.store, context.store.accounts

    def wanted(params: StatsParams) -> Filters:
        known = {account.provider.name for account in accounts.by_id.values()}
        if params.provider is not None and params.provider not in known:
            names = ", ".join(sorted(known)) or "none"
            why = f"no account uses a provider {params.provider[:50]!r}"
            raise invalid("provider", why, f"Providers in use: {names}.")
        return Filters(
            account=check_account(accounts, params.account),
            provider=params.provider,
            country=params.country,
            network=params.network,
            since=micros_or_none(params.since),
            until=micros_or_none(params.until),
        )

    @routes.get("/delivery", responses=responses(_schema(_DELIVERY)))
    async def delivery(params: Annotated[DeliveryParams, Query()]) -> Response:
        """Counts by status, and the delivery rate: delivered of all that ended.

        `low` and `high` bound the true rate in 19 cases of 20; without data all three are null.
        Grouped or filtered by account or provider, attempts are counted, else messages: `unit`.
        A message is counted at the quarter of an hour in which it was sent.
        """
        filters, zone = wanted(params), zone_of(params.tz)
        told = await store.read(
            lambda tx: delivery_stats(tx, accounts, str(params.by), filters, zone)
        )
        return answer({**told, "next_cursor": None})

    @routes.get("/latency", responses=responses(_schema(_LATENCY)))
    async def latency(params: Annotated[LatencyParams, Query()]) -> Response:
        """Seconds from our hand-over to the deciding receipt, by our clock.

        Percentiles are right to 4.5 %; `le` is the upper end of a bar. `untold` counts those whose
        time is unknown.
        """
        filters, zone = wanted(params), zone_of(params.tz)
        by = None if params.by is None else str(params.by)
        told = await store.read(
            lambda tx: latency_stats(tx, accounts, by, filters, params.status.value, zone)
        )
        return answer({**told, "next_cursor": None})

    return routes


def zone_of(name: str | None) -> ZoneInfo | None:
    """The zone of that name; None is UTC.

    Raises:
        Problem: there is none.
    """
    if name is None or name == "UTC":
        return None
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError):
        raise invalid("tz", "is no time zone", "Write an IANA name like Europe/Vienna.") from None


_NUMBER: dict[str, Any] = {"type": ["number", "null"]}
_UNIT: dict[str, Any] = {"enum": ["messages", "attempts"]}
_DELIVERY: dict[str, Any] = {
    "unit": _UNIT,
    "total": {"type": "integer"},
    "counts": {"type": "object", "additionalProperties": {"type": "integer"}},
    "delivery_rate": _NUMBER,
    "low": _NUMBER,
    "high": _NUMBER,
}
_LATENCY: dict[str, Any] = {
    "unit": _UNIT,
    "total": {"type": "integer"},
    "untold": {"type": "integer"},
    "p50": _NUMBER,
    "p90": _NUMBER,
    "p95": _NUMBER,
    "p99": _NUMBER,
    "histogram": {
        "type": "array",
        "items": {
            "type": "object",
            "properties": {"le": {"type": "number"}, "count": {"type": "integer"}},
        },
    },
}


def _schema(fields: dict[str, Any]) -> dict[str, Any]:
    """Items carry the dimension's own name and value beside the fields."""
    item = {"type": "object", "required": list(fields), "properties": fields}
    return {
        "type": "object",
        "required": ["by", "unit", "items", "summary"],
        "properties": {
            "by": {"type": ["string", "null"]},
            "unit": _UNIT,
            "items": {"type": "array", "items": item},
            "summary": item,
        },
    }
