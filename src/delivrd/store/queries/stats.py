"""Counts as the rollups hold them, grouped; what they add up to is told by `delivrd.insight`."""

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from delivrd.core.statement import moment
from delivrd.store.accounts import Accounts
from delivrd.store.counts import BUCKET
from delivrd.store.queries.paging import Condition, rendered
from delivrd.store.tx import Tx

DIMENSIONS = ("day", "hour", "account", "country", "network", "provider", "reason", "status")
MESSAGES, ATTEMPTS = 0, 1
UNITS = ("messages", "attempts")

Value = str | None
"""A dimension's value as it is shown; None where nothing is known."""


class Filters(msgspec.Struct, frozen=True, kw_only=True):
    """What is counted. Times are microseconds since 1970.

    Counts are kept by the quarter of an hour: each that ``since`` or ``until`` falls into is whole.
    """

    account: str | None = None
    provider: str | None = None
    country: str | None = None
    network: str | None = None
    since: int | None = None
    until: int | None = None

    def unit(self, by: str | None) -> int:
        """Attempts where accounts or providers matter, else messages (rule F2)."""
        return ATTEMPTS if self.account or self.provider or by in ("account", "provider") else 0


async def counts(
    tx: Tx, accounts: Accounts, by: str | None, filters: Filters, zone: ZoneInfo | None = None
) -> dict[Value, Counter[str]]:
    """How many of each status, by the values of a dimension (all under None without one).

    Days and hours are those of ``zone`` (UTC without one), as ISO 8601: ``2026-11-21``,
    ``2026-11-21T20:00:00+00:00``.
    """
    found: dict[Value, Counter[str]] = {}
    for raw, status, n in await _grouped(tx, "rollup", "status", accounts, by, filters, zone):
        if n:
            value = _value(accounts, by, zone)(raw)
            found.setdefault(value, Counter())[status] += n
    return found


async def steps(
    tx: Tx,
    accounts: Accounts,
    by: str | None,
    filters: Filters,
    status: str,
    zone: ZoneInfo | None = None,
) -> dict[Value, Counter[int]]:
    """How many that ended in ``status`` took so long: latency step -> number, by dimension."""
    found: dict[Value, Counter[int]] = {}
    rows = await _grouped(
        tx, "latency", "le", accounts, by, filters, zone, ("status = ?", (status,))
    )
    for raw, step, n in rows:
        if n:
            value = _value(accounts, by, zone)(raw)
            found.setdefault(value, Counter())[step] += n
    return found


async def _grouped(
    tx: Tx,
    table: str,
    last: str,
    accounts: Accounts,
    by: str | None,
    filters: Filters,
    zone: ZoneInfo | None,
    *more: Condition,
) -> Sequence[Any]:
    where, args = rendered([*_conditions(accounts, by, filters), *more])
    key = _key(by, zone)
    return await tx.fetch(
        f"SELECT {key} AS k, {last}, CAST(sum(n) AS BIGINT) FROM {table} WHERE {where} "
        f"GROUP BY {key}, {last}",
        *args,
    )


def _key(by: str | None, zone: ZoneInfo | None) -> str:
    """The column to group by; days and hours of other zones are put together afterwards."""
    match by:
        case None:
            return "unit"
        case "account" | "provider":
            return "account_id"
        case "day":
            return "bucket" if zone else "bucket / 96"
        case "hour":
            return "bucket" if zone else "bucket / 4"
        case "country" | "network" | "reason" | "status":
            return by
        case _:
            raise ValueError(f"no dimension {by!r}")


def _conditions(accounts: Accounts, by: str | None, filters: Filters) -> list[Condition]:
    found: list[Condition] = [(f"unit = {filters.unit(by)}", ())]
    if filters.since is not None:
        found.append(("bucket >= ?", (filters.since // BUCKET,)))
    if filters.until is not None:
        found.append(("bucket < ?", (-(-filters.until // BUCKET),)))
    if filters.account is not None:
        account_id = accounts.id_of(filters.account)
        found.append(("account_id = ?", (-1 if account_id is None else account_id,)))
    if filters.provider is not None:
        ids = [i for i, a in accounts.by_id.items() if a.provider.name == filters.provider]
        found.append(("account_id = ANY(?::bigint[])", (ids,)))
    for column in ("country", "network"):
        value = getattr(filters, column)
        if value is not None:
            found.append((f"{column} = ?", (value,)))
    return found


def _value(accounts: Accounts, by: str | None, zone: ZoneInfo | None) -> Callable[[Any], Value]:
    """How a raw value of the dimension is shown."""
    match by:
        case None:
            return lambda _: None
        case "account":
            return accounts.name
        case "provider":
            return lambda raw: accounts.by_id[raw].provider.name if raw in accounts.by_id else None
        case "day":
            return lambda raw: _local(raw if zone else raw * 96, zone).date().isoformat()
        case "hour":
            return lambda raw: _hour(_local(raw if zone else raw * 4, zone)).isoformat()
        case _:
            return lambda raw: raw or None


def _local(bucket: int, zone: ZoneInfo | None) -> datetime:
    when = moment(bucket * BUCKET)
    return when.astimezone(zone) if zone else when


def _hour(when: datetime) -> datetime:
    return when - timedelta(minutes=when.minute)


async def statuses(tx: Tx) -> dict[str, int]:
    """How many messages there are of each status, ever."""
    rows = await tx.fetch(
        "SELECT status, CAST(sum(n) AS BIGINT) FROM rollup WHERE unit = 0 GROUP BY status"
    )
    return {status: n for status, n in rows if n}
