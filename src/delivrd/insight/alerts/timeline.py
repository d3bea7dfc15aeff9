"""Replays what was known of a route's messages at successive moments of the past.

The counts hold the quarter of an hour in which a message was handed over, and its latency.
Hand-overs are taken to be spread evenly over their quarter.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from math import ceil
from typing import Any, NamedTuple

from delivrd.core.units import DAY_SECONDS, HOUR_SECONDS, QUARTER_SECONDS
from delivrd.insight.alerts.cells import FIELDS
from delivrd.insight.alerts.data import Cell
from delivrd.insight.alerts.grid import FINE
from delivrd.store.counts import NO_LATENCY, upper

PENDING = FIELDS["pending"]


class End(NamedTuple):
    """``n`` messages of a quarter of an hour ended after ``seconds``; they count in the number
    ``field`` of a cell (`FIELDS`)."""

    seconds: float
    field: int
    n: int


class Packed(Mapping[int, Sequence[End]]):
    """The ends of a route's quarters, unpacked on access to save memory.

    ``rows`` holds by quarter pairs of a field and a packed histogram; ``unpack`` turns the latter
    into numbers by latency step.
    """

    def __init__(
        self,
        rows: Mapping[int, Sequence[tuple[int, Any]]],
        unpack: Callable[[Any], Mapping[int, int]],
    ) -> None:
        self._rows, self._unpack = rows, unpack

    def __getitem__(self, at: int) -> Sequence[End]:
        return [
            End(upper(step), field, n)
            for field, packed in self._rows[at]
            for step, n in self._unpack(packed).items()
            if step != NO_LATENCY
        ]

    def __iter__(self) -> Iterator[int]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)


def ended(end: End, at: int, now: int) -> float:
    """How many messages of the quarter beginning ``at`` had ended in this way by ``now``."""
    return end.n * min(1.0, max(0.0, (now - at - end.seconds) / QUARTER_SECONDS))


class Timeline:
    """The cells of a route as they were at successive moments.

    ``counts`` holds today's counts of each quarter, ``ends`` how long messages took. Messages
    without a latency are taken to have ended at once.
    """

    def __init__(
        self, counts: Mapping[int, Sequence[int]], ends: Mapping[int, Sequence[End]]
    ) -> None:
        self._counts, self._ends = counts, ends
        self._ahead = sorted(counts, reverse=True)
        self._due: defaultdict[int, list[tuple[int, list[float]]]] = defaultdict(list)
        self._quarters, self._hours = _Row(QUARTER_SECONDS), _Row(HOUR_SECONDS)
        self._now = 0

    def at(self, now: int) -> tuple[Cell, ...]:
        """The cells of the day before ``now``; those older than six hours are by the hour.

        Raises:
            ValueError: ``now`` is before the previous call's.
        """
        if now < self._now:
            raise ValueError("moments must not go backwards")
        self._now = now
        while self._ahead and self._ahead[-1] < now:
            self._open(self._ahead.pop(), now)
        for moment in [moment for moment in self._due if moment <= now]:
            for at, ending in self._due.pop(moment):
                self._add(at, ending)
        begin, cut = (
            (now - DAY_SECONDS) // HOUR_SECONDS * HOUR_SECONDS,
            (now - FINE) // HOUR_SECONDS * HOUR_SECONDS,
        )
        return (*self._hours.between(begin, cut), *self._quarters.between(cut, now))

    def _open(self, at: int, now: int) -> None:
        """Adds a quarter that has passed; messages that end after ``now`` are pending, and due."""
        counts = list(map(float, self._counts[at]))
        for moment, ending in _still_to_end(at, self._ends.get(at, ()), now).items():
            counts = [all_ - n for all_, n in zip(counts, ending, strict=True)]
            self._due[moment].append((at, ending))
        self._add(at, counts)

    def _add(self, at: int, numbers: Iterable[float]) -> None:
        for row in (self._quarters, self._hours):
            row.add(at, numbers)


def _still_to_end(at: int, ends: Iterable[End], now: int) -> dict[int, list[float]]:
    """Changes to a quarter's counts by later ends, by the moment at which they are known."""
    found: dict[int, list[float]] = {}
    for seconds, field, n in ends:
        first = (
            at + ceil(seconds / QUARTER_SECONDS) * QUARTER_SECONDS
        )  # some have ended by then, all by the next
        if first + QUARTER_SECONDS > now:
            sooner = n * (first - at - seconds) / QUARTER_SECONDS
            for moment, part in ((first, sooner), (first + QUARTER_SECONDS, n - sooner)):
                if moment > now:
                    ending = found.setdefault(moment, [0.0, 0.0, 0.0, 0.0])
                    ending[field] += part
                    ending[PENDING] -= part
    return found


class _Row:
    """Cells of one length, the oldest first."""

    def __init__(self, seconds: int) -> None:
        self._seconds = seconds
        self._begins: list[int] = []
        self._numbers: dict[int, list[float]] = {}
        self._cells: dict[int, Cell] = {}  # a cache of cells whose numbers have not changed

    def add(self, moment: int, numbers: Iterable[float]) -> None:
        at = moment // self._seconds * self._seconds
        if at not in self._numbers:
            self._begins.append(at)
            self._numbers[at] = [0.0] * 4
        of = self._numbers[at]
        for i, n in enumerate(numbers):
            of[i] += n
        self._cells.pop(at, None)

    def between(self, begin: int, end: int) -> list[Cell]:
        first, last = (bisect_left(self._begins, moment) for moment in (begin, end))
        return [self._cell(at) for at in self._begins[first:last]]

    def _cell(self, at: int) -> Cell:
        if at not in self._cells:
            whole = [max(0, round(n)) for n in self._numbers[at]]
            self._cells[at] = Cell(at, self._seconds, *whole)
        return self._cells[at]
