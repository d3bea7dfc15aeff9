"""Counts as the rollups hold them, grouped; what they add up to is told by `delivrd.insight`."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from datetime import timedelta
from functools import lru_cache
from typing import Any, NamedTuple, TypeVar
from zoneinfo import ZoneInfo

import msgspec

from delivrd.core.statement import Status
from delivrd.store.accounts import Accounts
from delivrd.store.counts import BUCKET, MICRO_UNITS, PRICED
from delivrd.store.queries.paging import Condition, rendered
from delivrd.store.queries.spans import TIMES, Part, Span, local, spans, within
from delivrd.store.tx import Row, Tx

SHARED = (*TIMES, "account", "provider", "country")
DIMENSIONS = (*SHARED, "network", "reason", "status", "sender", "code")
MESSAGES, ATTEMPTS = 0, 1
UNITS = ("messages", "attempts")

Value = str | None
"""A dimension's value as it is shown; None where nothing is known."""

K = TypeVar("K")

Values = tuple[Value, ...]
"""One value of each dimension that was asked for, in that order."""


class Source(NamedTuple):
    """Tables of counts and the dimensions by which they can be grouped and narrowed."""

    table: str
    days: str
    """The one that holds the same by the day (`delivrd.store.days`)."""
    dimensions: frozenset[str]
    units: bool = True
    """Whether it holds messages and attempts, told apart by `unit`; else attempts alone."""


WHOLE = Source("rollup", "status_day", frozenset((*TIMES, "status")))
ROUTES = Source("rollup", "route_day", frozenset((*SHARED, "status")))
ROLLUP = Source("rollup", "rollup_day", frozenset((*SHARED, "network", "reason", "status")))
SENDERS = Source(
    "rollup_sender", "rollup_sender_day", frozenset((*SHARED, "sender", "status")), False
)
CODES = Source("rollup_code", "rollup_code_day", frozenset((*SHARED, "code", "status")), False)
CHARGES = Source("cost", "charge_day", frozenset(TIMES))
COST = Source("cost", "cost_day", frozenset((*SHARED, "network")))


class Unanswerable(Exception):
    """No table is kept by all of these dimensions together; str() says so.

    ``possible`` are the most of them that are counted together.
    """

    def __init__(self, what: str, asked: Set[str], kept: Iterable[frozenset[str]]) -> None:
        names = [name for name in DIMENSIONS if name in asked]
        super().__init__(f"{what} are not counted by {', '.join(names)} together")
        some = {frozenset(asked & one) for one in kept}
        most = [one for one in some if one and not any(one < other for other in some)]
        self.possible = sorted([name for name in names if name in one] for one in most)


class Filters(msgspec.Struct, frozen=True, kw_only=True):
    """What is counted. Times are microseconds since 1970.

    Counts are kept by the quarter of an hour: each that ``since`` or ``until`` falls into is whole.
    """

    account: str | None = None
    provider: str | None = None
    country: str | None = None
    network: str | None = None
    reason: str | None = None
    sender: str | None = None
    code: str | None = None
    since: int | None = None
    until: int | None = None

    def used(self) -> set[str]:
        """The dimensions that are narrowed."""
        return {name for name in DIMENSIONS if getattr(self, name, None) is not None}

    def unit(self, by: Sequence[str]) -> int:
        """Attempts where accounts, senders or codes matter, else messages (rule F2).

        A raw code means something only beside its gateway, and senders are an account's.
        """
        asked = {*by, *self.used()}
        return ATTEMPTS if asked & {"account", "provider", "sender", "code"} else MESSAGES


def source(by: Sequence[str], filters: Filters) -> Source:
    """The table of numbers by status that has all these dimensions.

    Raises:
        Unanswerable: there is none.
    """
    asked = {*by, *filters.used()}
    kept = (WHOLE, ROUTES, ROLLUP, SENDERS, CODES)
    for found in kept:
        if asked <= found.dimensions:
            return found
    raise Unanswerable("messages", asked, [one.dimensions for one in kept])


Counts = dict[Values, dict[str, int]]
"""How many of each status, by the values of the dimensions."""


async def counts(
    tx: Tx, accounts: Accounts, by: Sequence[str], filters: Filters, zone: ZoneInfo | None = None,
    *more: Condition,
) -> Counts:  # fmt: skip
    """How many of each status, by the values of the dimensions (all under ``()`` without any).

    Days and hours are those of ``zone`` (UTC without one), as ISO 8601: ``2026-11-21``,
    ``2026-11-21T20:00:00+00:00``. Under a code of None are those without one.

    Raises:
        Unanswerable: no table is kept by all these dimensions.
    """
    kept = source(by, filters)
    if more and kept is WHOLE:  # it knows no routes
        kept = ROUTES
    found = await _grouped(tx, kept, STATUS, accounts, by, filters, zone, None, *more)
    if kept is CODES and filters.code is None and not more:
        rest = await _without_code(tx, accounts, by, filters, zone, found)
        found.update((values, counted) for values, counted in rest.items() if counted)
    return some(found)


def some(found: Mapping[Values, dict[K, int]]) -> dict[Values, dict[K, int]]:
    """Those of which there are any: what one row adds another may take away."""
    return {
        values: left
        for values, counted in found.items()
        if (left := counted if _all_there(counted) else {k: n for k, n in counted.items() if n > 0})
    }


def _all_there(counted: Mapping[K, int]) -> bool:
    return min(counted.values(), default=0) > 0


MOST_SILENT = 200
"""Routes that report nothing of which is known which counts are theirs."""


class Silent(msgspec.Struct, frozen=True):
    """Routes that report nothing, by account and country, and countries that have no other."""

    routes: tuple[tuple[int, str], ...] = ()
    countries: tuple[str, ...] = ()

    def condition(self, unit: int) -> Condition | None:
        """What holds of their counts; of messages, whose account is not kept, the countries'."""
        if unit == MESSAGES:
            return ("country = ANY(?::text[])", (list(self.countries),)) if self.countries else None
        some = self.routes[:MOST_SILENT]
        text = " OR ".join(["(account_id = ? AND country = ?)"] * len(some))
        return (f"({text})", tuple(part for route in some for part in route)) if some else None


async def unreported(
    tx: Tx, accounts: Accounts, by: Sequence[str], filters: Filters, silent: Silent,
    zone: ZoneInfo | None = None,
) -> Counts:  # fmt: skip
    """Of `counts`, those of routes that report nothing."""
    only = silent.condition(filters.unit(by))
    if only is None or source(by, filters) is CODES:
        return {}
    return await counts(tx, accounts, by, filters, zone, only)


async def _without_code(
    tx: Tx, accounts: Accounts, by: Sequence[str], filters: Filters, zone: ZoneInfo | None,
    coded: Counts,
) -> Counts:  # fmt: skip
    """All attempts less those with a code; only what has one is counted by it."""
    others = [name for name in by if name != "code"]
    told = await _grouped(tx, ROUTES, STATUS, accounts, others, filters, zone, ATTEMPTS)
    rest = {_with_code(by, values): Counter(counted) for values, counted in told.items()}
    for values, counted in coded.items():
        plain = tuple(None if n == "code" else v for n, v in zip(by, values, strict=True))
        rest.setdefault(plain, Counter()).subtract(counted)
    return {values: +counted for values, counted in rest.items()}


def _with_code(by: Sequence[str], values: Values) -> Values:
    """Values of the other dimensions with a code of None in its place."""
    others = iter(values)
    return tuple(None if name == "code" else next(others) for name in by)


Charges = dict[tuple[str, int], int]
"""By currency, and by what it counts: `MICRO_UNITS` (millionths of it) or `PRICED` (those with a
price)."""


async def charges(
    tx: Tx, accounts: Accounts, by: Sequence[str], filters: Filters, zone: ZoneInfo | None = None
) -> dict[Values, Charges] | None:
    """What was charged; None where prices are not kept by all these dimensions."""
    asked = {*by, *filters.used()}
    if not asked <= COST.dimensions:
        return None
    kept = CHARGES if asked <= CHARGES.dimensions else COST
    return await _grouped(tx, kept, CHARGED, accounts, by, filters, zone)


class Kinds(NamedTuple):
    """What is told apart under each of the dimensions' values: the values of a column, and where
    there is one beside it of that too."""

    column: str
    values: tuple[Any, ...]
    beside: str | None = None


STATUS = Kinds("status", tuple(status.value for status in Status))
CHARGED = Kinds("what", (MICRO_UNITS, PRICED), "currency")

MOST_APART = 2
"""Of so many parts of a row each kind is a sum of its own, which takes a third of the rows."""


async def _grouped(
    tx: Tx,
    kept: Source,
    kinds: Kinds,
    accounts: Accounts,
    by: Sequence[str],
    filters: Filters,
    zone: ZoneInfo | None,
    unit: int | None = None,
    *more: Condition,
) -> dict[Values, dict[Any, int]]:
    """The numbers by the dimensions' values, and by kind, or what is beside it and the kind."""
    unit = filters.unit(by) if unit is None else unit
    units: list[Condition] = [(f"unit = {unit}", ())] if kept.units else []
    common = [*units, *on_routes(accounts, filters), *narrowed(filters), *more]
    times = [name for name in by if name in TIMES]
    known = await _known(tx, kept, unit) if filters.country or (zone and times) else range(0)
    ids = [0] if kept.units and unit == MESSAGES else accounts.ids
    named = filters.country is not None and len(known) * len(ids) <= MOST_NAMED
    if named and not {"account", "provider"} & filters.used():
        common.append(("account_id = ANY(?::bigint[])", (ids,)))
    found: dict[Values, dict[Any, int]] = {}
    for span in spans(kept.table, kept.days, times, filters.since, filters.until, zone, known):
        days = span.each(known) if named else span
        columns, readers = _key(accounts, by, zone, span)
        apart = len(span.parts) <= MOST_APART
        rows = await _sums(tx, days, [*common, *days.conditions], columns, kinds, apart=apart)
        _add(found, rows, len(columns), _kinds_of(kinds, apart=apart), span.parts, readers)
    return found


async def _sums(
    tx: Tx, span: Span, conditions: Sequence[Condition], columns: Sequence[str], kinds: Kinds,
    *, apart: bool,
) -> list[Row]:  # fmt: skip
    """Rows of the columns, what is beside the kinds, the kind unless each has its own sum, and for
    each part one sum or those of all kinds."""
    where, args = rendered(conditions)
    beside = [] if kinds.beside is None else [kinds.beside]
    key = [*columns, *beside, *([] if apart else [kinds.column])]
    only = [f"{kinds.column} = {value!r}" for value in kinds.values] if apart else [""]
    sums = (f"CAST({part.sql(one)} AS BIGINT)" for part in span.parts for one in only)
    grouped = f" GROUP BY {', '.join(key)}" if key else ""
    return await tx.fetch(
        f"SELECT {', '.join([*key, *sums])} FROM {span.table} WHERE {where}{grouped}", *args
    )


Kind = Callable[[Row], Sequence[Any]]
"""The kinds of the sums of a part, as its row tells after the columns of the dimensions."""


def _kinds_of(kinds: Kinds, *, apart: bool) -> tuple[int, Kind]:
    """How many columns tell the kind, and how they do."""
    if kinds.beside is None:
        return (0, lambda _: kinds.values) if apart else (1, lambda told: told)
    if not apart:
        return 2, lambda told: (tuple(told),)
    return 1, lambda told: [(told[0], value) for value in kinds.values]


async def _known(tx: Tx, kept: Source, unit: int) -> range:
    """The days of which there are counts."""
    where = f"WHERE unit = {unit}" if kept.units else ""
    ends = (f"(SELECT {end}(day) FROM {kept.days} {where})" for end in ("min", "max"))
    first, last = (await tx.fetch(f"SELECT {', '.join(ends)}"))[0]
    return range(0) if first is None else range(first, last + 1)


MOST_NAMED = 5000
"""Of one country each day and account is looked up by itself, up to so many."""

Reader = tuple[int, Callable[[Any, int], Value]]
"""The column of a dimension, and how its value there is read; the number is a part's `after`."""


def _add(
    found: dict[Values, dict[Any, int]], rows: Iterable[Row], width: int,
    kind: tuple[int, Kind], parts: Sequence[Part], readers: Sequence[Reader],
) -> None:  # fmt: skip
    """Adds rows of the dimensions' columns, the kind's columns and the sums of each part."""
    shown = [[(at, _Shown(read, part.after)) for at, read in readers] for part in parts]
    places: dict[Row, list[dict[Any, int]]] = {}  # many rows are of the same values
    more, kinds_of = kind
    first = width + more
    kinds: dict[Row, Sequence[Any]] = {}
    for row in map(tuple, rows):
        key = row[:width]
        if key not in places:
            places[key] = [
                found.setdefault(tuple([value[key[at]] for at, value in part]), {})
                for part in shown
            ]
        if (told := row[width:first]) not in kinds:
            kinds[told] = kinds_of(told)
        at, ones = first, kinds[told]
        for place in places[key]:
            for one in ones:
                if n := row[at]:
                    place[one] = place.get(one, 0) + n
                at += 1


class _Shown(dict[Any, Value]):
    """What each value of a column is shown as, for a part that lies so far after its row's time."""

    def __init__(self, read: Callable[[Any, int], Value], after: int) -> None:
        super().__init__()
        self._read, self._after = read, after

    def __missing__(self, raw: Any) -> Value:
        value = self[raw] = self._read(raw, self._after)
        return value


def _key(
    accounts: Accounts, by: Sequence[str], zone: ZoneInfo | None, span: Span
) -> tuple[list[str], list[Reader]]:
    """The columns to group by, and how the dimensions' values are read from a row of them.

    Days and hours are put together from what a row stands for afterwards.
    """
    columns: list[str] = []

    def place(column: str) -> int:
        if column not in columns:
            columns.append(column)
        return columns.index(column)

    readers: list[Reader] = []
    for name in by:
        if name in TIMES:
            readers.append((place(span.column), _time(name, span.width, zone)))
        else:
            column = "account_id" if name in ("account", "provider") else name
            readers.append((place(column), word(name, accounts)))
    return columns, readers


def _time(name: str, width: int, zone: ZoneInfo | None) -> Callable[[Any, int], Value]:
    def read(raw: int, after: int) -> str:
        return shown_time(name, raw * width + after, zone)

    return read


@lru_cache(16_384)
def shown_time(name: str, bucket: int, zone: ZoneInfo | None) -> str:
    """The day or the hour of a quarter of an hour."""
    when = local(bucket, zone)
    if name == "day":
        return when.date().isoformat()
    return (when - timedelta(minutes=when.minute)).isoformat()


def word(name: str, accounts: Accounts) -> Callable[[Any, int], Value]:
    """How a raw value of the dimension is shown."""
    if name == "account":
        return lambda raw, _: accounts.name(raw)
    if name == "provider":
        return lambda raw, _: accounts.by_id[raw].provider.name if raw in accounts.by_id else None
    return lambda raw, _: raw or None


def on_routes(accounts: Accounts, filters: Filters) -> list[Condition]:
    """The conditions of account, provider and country, which every table of counts has."""
    found = on_accounts(accounts, filters.account, filters.provider)
    if filters.country is not None:
        found.append(("country = ?", (filters.country,)))
    return found


def in_quarters(filters: Filters) -> list[Condition]:
    """The conditions of time on a table by the quarter of an hour."""
    since = None if filters.since is None else filters.since // BUCKET
    return within("bucket", since, None if filters.until is None else -(-filters.until // BUCKET))


def narrowed(filters: Filters) -> list[Condition]:
    given = {name: getattr(filters, name) for name in ("network", "reason", "sender", "code")}
    return [(f"{name} = ?", (value,)) for name, value in given.items() if value is not None]


def on_accounts(accounts: Accounts, account: str | None, provider: str | None) -> list[Condition]:
    """The conditions that an account's name and a provider's are on the accounts' ids."""
    found: list[Condition] = []
    if account is not None:
        account_id = accounts.id_of(account)
        found.append(("account_id = ?", (-1 if account_id is None else account_id,)))
    if provider is not None:
        ids = [i for i, a in accounts.by_id.items() if a.provider.name == provider]
        found.append(("account_id = ANY(?::bigint[])", (ids,)))
    return found


async def statuses(tx: Tx) -> dict[str, int]:
    """How many messages there are of each status, ever."""
    rows = await tx.fetch(
        "SELECT status, CAST(sum(n) AS BIGINT) FROM status_day WHERE unit = 0 GROUP BY status"
    )
    return {status: n for status, n in rows if n}
