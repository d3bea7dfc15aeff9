"""Pages of rows, newest first: by an index if there is one, else within a scan budget.

Ids grow with time, so a page continues below the last id of the previous one, and a span of time is
a span of ids, and of late rows: those that were made long after their time. A filter without an
index is tested on a bounded number of rows; the page may then be partial, and says how far it
scanned.
"""

import re
from collections.abc import Sequence
from itertools import count
from typing import Any, Generic, NamedTuple, TypeVar

from delivrd.store.ids import SLACK, born, floor, late
from delivrd.store.tx import Row, Tx

T = TypeVar("T")

Condition = tuple[str, tuple[Any, ...]]
"""A piece of SQL with ``?`` for each of its values."""

BUDGET = (500, 2000, 7500)
"""Rows scanned for one page, in growing steps, if no index serves the filters."""

TOP = (1 << 63) - 1


class Span(NamedTuple):
    """A span of time, in microseconds since 1970: from ``since`` to just before ``until``."""

    since: int | None = None
    until: int | None = None

    def conditions(self, column: str) -> list[Condition]:
        """The conditions on a row's own time."""
        found: list[Condition] = []
        if self.since is not None:
            found.append((f"{column} >= ?", (self.since,)))
        if self.until is not None:
            found.append((f"{column} < ?", (self.until,)))
        return found

    @property
    def lowest(self) -> int:
        """The lowest id of the span."""
        return 0 if self.since is None else min(TOP, floor(self.since - SLACK))

    @property
    def end(self) -> int:
        """The id that none of the span's rows reaches, but late ones."""
        return TOP if self.until is None else min(TOP, floor(self.until + SLACK))

    def below(self, before: int | None) -> int:
        """The id below which to search: the cursor's, or the span's end."""
        return self.end if before is None else min(self.end, before)


class Found(NamedTuple):
    """A page of rows, the id column first.

    ``next_before`` is the cursor of the next page, None at the end; ``scanned_to`` is the id down
    to which all rows were looked at, where the page is partial.
    """

    rows: list[Row]
    next_before: int | None
    scanned_to: int | None = None


class Listed(NamedTuple, Generic[T]):
    """A page of views: ``next_before`` is the id below which the next page begins, None at
    the end; ``scanned_to`` the moment (microseconds) down to which a partial page looked.
    """

    items: Sequence[T]
    next_before: int | None
    scanned_to: int | None = None


def listed(items: Sequence[T], found: Found) -> Listed[T]:
    """The page of ``found``, with its rows as views."""
    scanned = None if found.scanned_to is None else born(found.scanned_to)
    return Listed(items, found.next_before, scanned)


async def spanned(
    tx: Tx,
    select: str,
    span: Span,
    time: str,
    *,
    indexed: Sequence[Condition] = (),
    others: Sequence[Condition] = (),
    before: int | None = None,
    limit: int = 50,
) -> Found:
    """As :func:`scan`, of the rows whose ``time`` is in the span; the late ones come first.

    The table has an index of its rows that are late by that time.
    """
    indexed = [*indexed, *span.conditions(time)]
    below = TOP if before is None else before
    first = Found([], None)
    if below > span.end:
        conditions = [*indexed, *others]
        first = await _late_rows(tx, select, late(time), conditions, below, span.end, limit)
        below = span.end
    if first.next_before is not None:
        return first
    left = limit - len(first.rows)
    if not left:
        return first._replace(next_before=below)
    rest = await scan(
        tx, select, indexed=indexed, others=others, below=below, lowest=span.lowest, limit=left
    )
    return rest._replace(rows=[*first.rows, *rest.rows])


async def _late_rows(
    tx: Tx, select: str, is_late: str, conditions: Sequence[Condition], below: int, end: int,
    limit: int,
) -> Found:  # fmt: skip
    """The late rows from ``end`` on, within the budget.

    They are named by their ids, as a planner would else walk the index of another condition, over
    all rows since the end.
    """
    table = select.rpartition(" FROM ")[2]
    found: list[Row] = []
    for step in BUDGET:
        ids = await _rows(tx, f"SELECT id FROM {table}", [(is_late, ())], below, end, step)
        among = ("id = ANY(?::bigint[])", ([row[0] for row in ids],))
        if ids:
            wanted = limit + 1 - len(found)
            found += await _rows(tx, select, [*conditions, among], below, end, wanted)
        full = _page(found, limit)
        if full:
            return full
        if len(ids) < step:
            return Found(found, None)
        below = ids[-1][0]
    return Found(found, below, below)


async def scan(
    tx: Tx,
    select: str,
    *,
    indexed: Sequence[Condition] = (),
    others: Sequence[Condition] = (),
    below: int = TOP,
    lowest: int = 0,
    limit: int = 50,
) -> Found:
    """The next ``limit`` rows that satisfy all conditions, newest first.

    ``select`` is ``SELECT id, … FROM table``. ``indexed`` conditions are served by one index that
    goes on by id; ``others`` run within the budget.
    """
    if not others:
        rows = await _rows(tx, select, indexed, below, lowest, limit + 1)
        return _page(rows, limit) or Found(rows, None)
    found: list[Row] = []
    for step in BUDGET:
        bound = await _bound(tx, select, indexed, below, lowest, step)
        low = lowest if bound is None else bound
        wanted = limit + 1 - len(found)
        found += await _rows(tx, select, [*indexed, *others], below, low, wanted)
        full = _page(found, limit)
        if full:
            return full
        if bound is None:
            return Found(found, None)
        below = bound
    return Found(found, below, below)


def _page(rows: list[Row], limit: int) -> Found | None:
    """The page of rows, if there is at least one more row after it."""
    return Found(rows[:limit], rows[limit - 1][0]) if len(rows) > limit else None


async def _rows(
    tx: Tx, select: str, conditions: Sequence[Condition], below: int, lowest: int, limit: int
) -> list[Row]:
    where, args = rendered([*conditions, ("id < ?", (below,)), ("id >= ?", (lowest,))])
    return await tx.fetch(f"{select} WHERE {where} ORDER BY id DESC LIMIT {limit:d}", *args)


async def _bound(
    tx: Tx, select: str, conditions: Sequence[Condition], below: int, lowest: int, step: int
) -> int | None:
    """The id of the ``step``-th row from here; None where there are not so many."""
    table = select.rpartition(" FROM ")[2]
    where, args = rendered([*conditions, ("id < ?", (below,)), ("id >= ?", (lowest,))])
    sql = f"SELECT id FROM {table} WHERE {where} ORDER BY id DESC LIMIT 1 OFFSET {step - 1:d}"
    rows = await tx.fetch(sql, *args)
    return rows[0][0] if rows else None


def rendered(conditions: Sequence[Condition]) -> tuple[str, list[Any]]:
    """The conditions joined by AND, with numbered parameters, and their values."""
    args = [value for _, values in conditions for value in values]
    numbers = count(1)
    text = " AND ".join(text for text, _ in conditions) or "true"
    return re.sub(r"\?", lambda _: f"${next(numbers)}", text), args
