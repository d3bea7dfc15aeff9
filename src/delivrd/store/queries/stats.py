"""Counts from the rollups, grouped; `delivrd.insight` turns them into statistics."""

from collections import Counter
from collections.abc import Mapping, Sequence, Set
from typing import TypeVar
from zoneinfo import ZoneInfo

import msgspec

from delivrd.core.statement import Status
from delivrd.store.accounts import Accounts
from delivrd.store.counts import MICRO_UNITS, PRICED
from delivrd.store.queries.filters import (
    ATTEMPTS,
    MESSAGES,
    SHARED,
    Filters,
    Unanswerable,
    Values,
)
from delivrd.store.queries.grouped import Kinds, Source, grouped
from delivrd.store.queries.paging import Condition
from delivrd.store.queries.spans import TIMES
from delivrd.store.tx import Tx

K = TypeVar("K")

ROUTE = ("account", "country")
"""What the condition of `Silent` is about."""

WHOLE = Source("status_quarter", "status_day", frozenset((*TIMES, "status")))
ROUTES = Source("rollup", "route_day", frozenset((*SHARED, "status")))
ROLLUP = Source("rollup", "rollup_day", frozenset((*SHARED, "network", "reason", "status")))
SENDERS = Source(
    "rollup_sender", "rollup_sender_day", frozenset((*SHARED, "sender", "status")), False
)
CODES = Source("rollup_code", "rollup_code_day", frozenset((*SHARED, "code", "status")), False)

_ACCOUNT = (*TIMES, "account", "provider", "status")
ACCOUNT_REASONS = Source("account_reason", "account_reason_day", frozenset((*_ACCOUNT, "reason")))
ACCOUNT_SENDERS = Source(
    "account_sender", "account_sender_day", frozenset((*_ACCOUNT, "sender")), False
)
ACCOUNT_CODES = Source("account_code", "account_code_day", frozenset((*_ACCOUNT, "code")), False)

BY_STATUS = (
    WHOLE, ROUTES, ACCOUNT_REASONS, ROLLUP, ACCOUNT_SENDERS, SENDERS, ACCOUNT_CODES, CODES,
)  # fmt: skip
"""Of two that could answer a question, the one with fewer rows comes first; so in `PRICES`."""

CHARGES = Source("charge_quarter", "charge_day", frozenset(TIMES))
ROUTE_COST = Source("cost", "route_cost_day", frozenset(SHARED))
COST = Source("cost", "cost_day", frozenset((*SHARED, "network")))
PRICES = (CHARGES, ROUTE_COST, COST)


def source(by: Sequence[str], filters: Filters, what: str = "messages") -> Source:
    """The table of counts by status that has all these dimensions; ``what`` names what is counted.

    Raises:
        Unanswerable: there is none.
    """
    asked = {*by, *filters.used()}
    found = _smallest(BY_STATUS, asked)
    if found is None:
        raise Unanswerable(what, asked, [one.dimensions for one in BY_STATUS])
    return found


def _smallest(kept: Sequence[Source], asked: Set[str]) -> Source | None:
    """The first of the tables with all these dimensions."""
    return next((one for one in kept if asked <= one.dimensions), None)


Counts = dict[Values, dict[str, int]]
"""How many of each status, by the values of the dimensions."""


async def counts(
    tx: Tx, accounts: Accounts, by: Sequence[str], filters: Filters, zone: ZoneInfo | None = None,
    *more: Condition, unit: int | None = None,
) -> Counts:  # fmt: skip
    """How many of each status, by the values of the dimensions (``()`` if there are none).

    What is counted is ``unit`` (`MESSAGES` or `ATTEMPTS`), by default what the dimensions imply.
    Days and hours are those of ``zone`` (UTC without one), as ISO 8601: ``2026-11-21``,
    ``2026-11-21T20:00:00+00:00``. The code None stands for attempts without a code.

    Raises:
        Unanswerable: no table has all these dimensions.
    """
    kept = source([*by, *(ROUTE if more else ())], filters)
    found = await grouped(tx, kept, STATUS, accounts, by, filters, zone, unit, *more)
    if "code" in kept.dimensions and filters.code is None:
        rest = await _without_code(tx, accounts, by, filters, zone, found, *more)
        found.update((values, counted) for values, counted in rest.items() if counted)
    return positive(found)


def positive(found: Mapping[Values, dict[K, int]]) -> dict[Values, dict[K, int]]:
    """Without the counts of 0, which are left when one row subtracts what another one added."""
    return {
        values: left
        for values, counted in found.items()
        if (
            left := counted
            if _all_positive(counted)
            else {k: n for k, n in counted.items() if n > 0}
        )
    }


def _all_positive(counted: Mapping[K, int]) -> bool:
    return min(counted.values(), default=0) > 0


MOST_SILENT = 200
"""The number of silent routes whose counts a query can name."""


class Silent(msgspec.Struct, frozen=True):
    """Routes that report nothing, by account and country; and countries with only such routes."""

    routes: tuple[tuple[int, str], ...] = ()
    countries: tuple[str, ...] = ()

    def condition(self, unit: int) -> Condition | None:
        """The condition for their counts; for messages, which have no account, by country."""
        if unit == MESSAGES:
            return ("country = ANY(?::text[])", (list(self.countries),)) if self.countries else None
        routes = self.routes[:MOST_SILENT]
        text = " OR ".join(["(account_id = ? AND country = ?)"] * len(routes))
        return (f"({text})", tuple(part for route in routes for part in route)) if routes else None


async def unreported(
    tx: Tx, accounts: Accounts, by: Sequence[str], filters: Filters, silent: Silent,
    zone: ZoneInfo | None = None, unit: int | None = None,
) -> Counts:  # fmt: skip
    """The same as `counts`, for routes that report nothing."""
    only = silent.condition(filters.unit(by) if unit is None else unit)
    return {} if only is None else await counts(tx, accounts, by, filters, zone, only, unit=unit)


async def _without_code(
    tx: Tx, accounts: Accounts, by: Sequence[str], filters: Filters, zone: ZoneInfo | None,
    coded: Counts, *more: Condition,
) -> Counts:  # fmt: skip
    """Attempts without a code: all less those with one, as only the latter have a table."""
    others = [name for name in by if name != "code"]
    total = await grouped(tx, ROUTES, STATUS, accounts, others, filters, zone, ATTEMPTS, *more)
    rest = {with_code(by, values): Counter(counted) for values, counted in total.items()}
    for values, counted in coded.items():
        rest.setdefault(without_code(by, values), Counter()).subtract(counted)
    return {values: +counted for values, counted in rest.items()}


def with_code(by: Sequence[str], values: Values) -> Values:
    """The values of all dimensions, from those without the code; the code is None."""
    others = iter(values)
    return tuple(None if name == "code" else next(others) for name in by)


def without_code(by: Sequence[str], values: Values) -> Values:
    """The same values, with the code replaced by None."""
    return tuple(None if name == "code" else v for name, v in zip(by, values, strict=True))


Charges = dict[tuple[str, int], int]
"""By currency and by what the number is: `MICRO_UNITS` (the sum, in millionths) or `PRICED` (how
many have a price)."""


async def charges(
    tx: Tx, accounts: Accounts, by: Sequence[str], filters: Filters, zone: ZoneInfo | None = None,
    unit: int | None = None,
) -> dict[Values, Charges] | None:  # fmt: skip
    """What was charged; None if no table of prices has all these dimensions."""
    asked = {*by, *filters.used()}
    kept = _smallest(PRICES, asked)
    if kept is None:
        return None
    return await grouped(tx, kept, CHARGED, accounts, by, filters, zone, unit)


STATUS = Kinds("status", tuple(status.value for status in Status))
CHARGED = Kinds("what", (MICRO_UNITS, PRICED), "currency")
