"""Numbers of a table of counts, grouped by dimensions over a span of time, in any zone."""

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
    """Tables of counts and the dimensions by which they can be grouped and narrowed."""

    table: str
    days: str
    """The one that holds the same by the day (`delivrd.store.days`)."""
    dimensions: frozenset[str]
    units: bool = True
    """Whether it holds messages and attempts, told apart by `unit`; else attempts alone."""


class Kinds(NamedTuple):
    """What is told apart under each of the dimensions' values: the values of a column, and where
    there is one beside it of that too."""

    column: str
    values: tuple[Any, ...]
    beside: str | None = None


MOST_APART = 2
"""Of so many parts of a row each kind is a sum of its own, which takes a third of the rows."""


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
    """The numbers by the dimensions' values, and by kind, or what is beside it and the kind."""
    unit = filters.unit(by) if unit is None else unit
    units: list[Condition] = [(f"unit = {unit}", ())] if kept.units else []
    common = [*units, *on_routes(accounts, filters), *narrowed(filters), *more]
    times = [name for name in by if name in TIMES]
    known = await known_days(tx, kept, unit) if filters.country or (zone and times) else range(0)
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


async def known_days(tx: Tx, kept: Source, unit: int) -> range:
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
            readers.append((place(span.time), _time(name, span.width, zone)))
        else:
            readers.append((place(column_of(name)), word(name, accounts)))
    return columns, readers


def column_of(name: str) -> str:
    """The column from which a dimension that is no time is read."""
    return "account_id" if name in ("account", "provider") else name


def _time(name: str, width: int, zone: ZoneInfo | None) -> Callable[[Any, int], Value]:
    def read(raw: int, after: int) -> str:
        return shown_time(name, raw * width + after, zone)

    return read
