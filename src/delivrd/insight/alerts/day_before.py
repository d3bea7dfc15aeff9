"""The outcomes of a route's messages of a day, as known at the end of that day."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from delivrd.core.units import DAY_SECONDS, QUARTER_SECONDS
from delivrd.insight.alerts.quarter import End, Quarter
from delivrd.insight.routes import REPORTS_AFTER

BLOCK = int(REPORTS_AFTER)
"""Seconds whose counts are added up once, for all the days that contain them."""


class Known(NamedTuple):
    """``ended`` counts messages by how they had ended, and by whether they were older than
    `REPORTS_AFTER`; ``open`` counts those still open, by the beginning of their quarter.
    """

    ended: Counter[tuple[End, bool]]
    open: Counter[int]


class _Block(NamedTuple):
    """What went out in a block: what ended within as long again, and the rest by quarter."""

    soon: Counter[End]
    late: list[tuple[int, End, int]]
    never: list[tuple[int, int]]


class DayBefore:
    """The days of one route, by its quarters."""

    def __init__(self, quarters: Mapping[int, Quarter]) -> None:
        self._quarters = quarters
        self._blocks: dict[int, _Block] = {}

    def at(self, now: int) -> Known:
        """What was known then of the day before, the last quarter of an hour left out: no quarter
        counts in two parts."""
        since, old, until = now - DAY_SECONDS, now - BLOCK, now - QUARTER_SECONDS
        known = Known(Counter(), Counter())
        self._forget(since - BLOCK)
        for begin in range(since // BLOCK * BLOCK, until, BLOCK):
            if since <= begin and begin + BLOCK <= old:
                block = self._block(begin)
                for one, n in block.soon.items():
                    known.ended[one, True] += n
                _add(known, block, now, old)
            else:
                some = range(max(since, begin), min(until, begin + BLOCK), QUARTER_SECONDS)
                _add(known, _parted(self._of(some), soon=-1.0), now, old)
        return known

    def _of(self, begins: Iterable[int]) -> list[Quarter]:
        return [self._quarters[at] for at in begins if at in self._quarters]

    def _forget(self, before: int) -> None:
        """Drops blocks that no later moment needs."""
        for begin in [at for at in self._blocks if at < before]:
            del self._blocks[begin]

    def _block(self, begin: int) -> _Block:
        if begin not in self._blocks:
            some = self._of(range(begin, begin + BLOCK, QUARTER_SECONDS))
            self._blocks[begin] = _parted(some, soon=float(BLOCK))
        return self._blocks[begin]


def _parted(some: Iterable[Quarter], soon: float) -> _Block:
    block = _Block(Counter(), [], [])
    for quarter in some:
        for one, n in quarter.ends:
            if one.seconds <= soon:
                block.soon[one] += n
            else:
                block.late.append((quarter.begin, one, n))
        block.never.append((quarter.begin, quarter.pending))
    return block


def _add(known: Known, block: _Block, now: int, old: int) -> None:
    """What is told by quarter: it had ended if it had for the middle of the quarter."""
    for at, one, n in block.late:
        if at + QUARTER_SECONDS / 2 + one.seconds <= now:
            known.ended[one, at < old] += n
        else:
            known.open[at] += n
    for at, n in block.never:
        known.open[at] += n
