"""Counts grouped by dimensions over a span of time, in any time zone."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from delivrd.store.accounts import Accounts
from delivrd.store.queries.filters import (
    MESSAGES,
    Filters,
    Value,
    Values,
    narrowed,
    on_routes,
    shown_time,
    word,
)
from delivrd.store.queries.paging import Condition, rendered
from delivrd.store.queries.spans import TIMES, Part, Span, spans
from delivrd.store.tx import Row, Tx


class Source(NamedTuple):
    """A table of counts, and the dimensions by which it can be grouped and filtered."""

    table: str
    days: str
    """The table with the same counts by the day (`delivrd.store.days`)."""
    dimensions: frozenset[str]
    units: bool = True
    """Whether it counts both messages and attempts (column `unit`), or attempts only."""


class Kinds(NamedTuple):
    """The column that the numbers of each group are broken down by, and the values it may have.

    With ``beside``, they are broken down by that column too; its values need not be known.
    """

    column: str
    values: tuple[Any, ...]
    beside: str | None = None


MAX_PARTS_WITH_OWN_SUMS = 2
"""Spans of so few parts get a sum for each kind in one row, which reads a third of the rows."""


async def grouped(
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
    """The numbers by the dimensions' values, then by kind, or by (``beside``, kind)."""
    unit = filters.unit(by) if unit is None else unit
    units: list[Condition] = [(f"unit = {unit}", ())] if kept.units else []
    common = [*units, *on_routes(accounts, filters), *narrowed(filters), *more]
    times = [name for name in by if name in TIMES]
    known = await known_days(tx, kept, unit) if filters.country or (zone and times) else range(0)
    ids = [0] if kept.units and unit == MESSAGES else accounts.ids
    by_key = filters.country is not None and len(known) * len(ids) <= MAX_LOOK_UPS
    if by_key and not {"account", "provider"} & filters.used():
        common.append(("account_id = ANY(?::bigint[])", (ids,)))
    found: dict[Values, dict[Any, int]] = {}
    for span in spans(kept.table, kept.days, times, filters.since, filters.until, zone, known):
        days = span.each(known) if by_key else span
        columns, readers = _key(accounts, by, zone, span)
        apart = len(span.parts) <= MAX_PARTS_WITH_OWN_SUMS
        rows = await _sums(tx, days, [*common, *days.conditions], columns, kinds, apart=apart)
        _add(found, rows, len(columns), _kinds_of(kinds, apart=apart), span.parts, readers)
    return found


async def _sums(
    tx: Tx, span: Span, conditions: Sequence[Condition], columns: Sequence[str], kinds: Kinds,
    *, apart: bool,
) -> list[Row]:  # fmt: skip
    """Rows of ``columns``, the ``beside`` column, and the sums of each part.

    If ``apart``, each part has one sum for each kind; else the kind is a column before the sums.
    """
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
"""From a row's ``beside`` and kind columns to the kinds of each part's sums, in their order."""


def _kinds_of(kinds: Kinds, *, apart: bool) -> tuple[int, Kind]:
    """How many such columns a row has, and how to read them."""
    if kinds.beside is None:
        return (0, lambda _: kinds.values) if apart else (1, lambda cells: cells)
    if not apart:
        return 2, lambda cells: (tuple(cells),)
    return 1, lambda cells: [(cells[0], value) for value in kinds.values]


async def known_days(tx: Tx, kept: Source, unit: int) -> range:
    """The days from the first to the last that has counts."""
    where = f"WHERE unit = {unit}" if kept.units else ""
    ends = (f"(SELECT {end}(day) FROM {kept.days} {where})" for end in ("min", "max"))
    first, last = (await tx.fetch(f"SELECT {', '.join(ends)}"))[0]
    return range(0) if first is None else range(first, last + 1)


MAX_LOOK_UPS = 5000
"""Up to so many pairs of day and account, counts of one country are looked up by their keys."""

Reader = tuple[int, Callable[[Any, int], Value]]
"""The position of a dimension's column, and its value as shown, from the raw one and `after`."""


def _add(
    found: dict[Values, dict[Any, int]], rows: Iterable[Row], width: int,
    kind: tuple[int, Kind], parts: Sequence[Part], readers: Sequence[Reader],
) -> None:  # fmt: skip
    """Adds rows of the dimensions' columns, the kind's columns and the sums of each part."""
    shown = [[(at, _Shown(read, part.after)) for at, read in readers] for part in parts]
    places: dict[Row, list[dict[Any, int]]] = {}  # many rows share their values
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
        if (cells := row[width:first]) not in kinds:
            kinds[cells] = kinds_of(cells)
        at, ones = first, kinds[cells]
        for place in places[key]:
            for one in ones:
                if n := row[at]:
                    place[one] = place.get(one, 0) + n
                at += 1


class _Shown(dict[Any, Value]):
    """Caches how each raw value of a column is shown, for parts with this ``after``."""

    def __init__(self, read: Callable[[Any, int], Value], after: int) -> None:
        super().__init__()
        self._read, self._after = read, after

    def __missing__(self, raw: Any) -> Value:
        value = self[raw] = self._read(raw, self._after)
        return value


def _key(
    accounts: Accounts, by: Sequence[str], zone: ZoneInfo | None, span: Span
) -> tuple[list[str], list[Reader]]:
    """The columns to group by, and how the dimensions' values are read from such a row.

    Local days and hours are computed from the time column.
    """
    columns: list[str] = []

    def place(column: str) -> int:
        if column not in columns:
            columns.append(column)
        return columns.index(column)

    readers: list[Reader] = []
    for name in by:
        if name in TIMES:
            readers.append((place(span.time), _time(name, span.width, zone)))
        else:
            readers.append((place(column_of(name)), word(name, accounts)))
    return columns, readers


def column_of(name: str) -> str:
    """The column of a dimension other than a time."""
    return "account_id" if name in ("account", "provider") else name


def _time(name: str, width: int, zone: ZoneInfo | None) -> Callable[[Any, int], Value]:
    def read(raw: int, after: int) -> str:
        return shown_time(name, raw * width + after, zone)

    return read
