"""Tables of delivery rates: each with its interval, its sample and its change."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

MINIMUM = 30
"""Messages that must have ended before a rate is compared with another."""

STEP = 0.05
Item = Mapping[str, Any]


class Scale(NamedTuple):
    """The scale of a table's plots: from the share ``low`` to ``high``."""

    low: float
    high: float = 1.0

    def place(self, share: float) -> float:
        """The place of a share, in per cent of the width."""
        inside = min(self.high, max(self.low, share))
        return round(100 * (inside - self.low) / (self.high - self.low), 2)


class Plot(NamedTuple):
    """The places of a rate, its interval, and the rate before, in per cent of the width."""

    low: float
    dot: float
    high: float
    before: float | None = None


class Row(NamedTuple):
    """One value of a dimension.

    ``change`` is in percentage points, None if a window has too few messages. ``word`` is ``worse``
    or ``better`` if the intervals do not overlap, ``same`` if they do, ``few`` below the minimum,
    and ``none`` if no message has ended.
    """

    value: str | None
    total: int
    ended: int
    failed: int
    rate: float | None
    low: float | None
    high: float | None
    change: float | None
    word: str
    item: Item
    before: float | None = None
    plot: Plot | None = None


class Table(NamedTuple):
    scale: Scale
    rows: Sequence[Row]
    more: int = 0
    """The number of values that are not shown."""


def ended(item: Item) -> int:
    """The number of messages with a final status."""
    return int(item["total"]) - int(item["counts"].get("pending", 0))


def compared(item: Item, before: Item | None, value: str | None) -> Row:
    """The row of an item, compared with the same item of the window before."""
    enough = ended(item) >= MINIMUM
    known = before is not None and ended(before) >= MINIMUM
    change = word = None
    if item["delivery_rate"] is None:
        word = "none"
    elif not enough:
        word = "few"
    elif before is not None and known:
        change = 100 * (item["delivery_rate"] - before["delivery_rate"])
        word = apart(item, before)
    return Row(
        value, item["total"], ended(item), item["failed"], item["delivery_rate"], item["low"],
        item["high"], change, word or "same", item,
        before["delivery_rate"] if before is not None and known else None,
    )  # fmt: skip


def apart(now: Item, then: Item) -> str:
    """``worse`` or ``better`` if the rate changed significantly, else ``same``."""
    if now["high"] < then["low"]:
        return "worse"
    return "better" if now["low"] > then["high"] else "same"


def table(
    items: Iterable[Item],
    then: Iterable[Item],
    name: str,
    *,
    most: int = 12,
    order: Callable[[Row], Any] | None = None,
) -> Table:
    """The rows of a dimension, the worst change first, or in another order."""
    old = {item[name]: item for item in then}
    rows = [compared(item, old.get(item[name]), item[name]) for item in items]
    rows.sort(key=order or worst_first)
    scale = scale_of(rows[:most])
    return Table(scale, [plotted(row, scale) for row in rows[:most]], max(0, len(rows) - most))


def worst_first(row: Row) -> tuple[Any, ...]:
    """The sort key: significantly worse ones first, then by change, rate and sample."""
    few = row.word in ("few", "none")
    change = 0.0 if row.change is None else row.change
    return few, row.word != "worse", round(change, 1), row.rate or 0.0, -row.total


def scale_of(rows: Iterable[Row]) -> Scale:
    """The scale from a round share below all intervals; small samples count only if there are no
    others."""
    known = [row for row in rows if row.low is not None]
    enough = [row for row in known if row.word != "few"]
    lows = [row.low or 0.0 for row in enough or known]
    least = min(lows, default=0.0)
    return Scale(max(0.0, min(0.9, int(least / STEP) * STEP)))


def plotted(row: Row, scale: Scale) -> Row:
    """The row with its plot."""
    if row.rate is None or row.low is None or row.high is None:
        return row
    was = None if row.before is None else scale.place(row.before)
    plot = Plot(scale.place(row.low), scale.place(row.rate), scale.place(row.high), was)
    return row._replace(plot=plot)
