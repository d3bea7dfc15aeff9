"""Replays how a route's messages of a day had ended, as known at the end of that day."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from delivrd.core.units import DAY_SECONDS, QUARTER_SECONDS
from delivrd.insight.alerts.quarter import End, Quarter
from delivrd.insight.routes import REPORTS_AFTER

BLOCK = int(REPORTS_AFTER)
"""The length, in seconds, of blocks whose counts are summed once for all days they are part of."""


class Known(NamedTuple):
    """``ended`` counts messages by kind of end, and by whether they were older than
    `REPORTS_AFTER`; ``open`` counts those still open, by the beginning of their quarter.
    """

    ended: Counter[tuple[End, bool]]
    open: Counter[int]


class _Block(NamedTuple):
    """Messages handed over in a block: those that ended within `BLOCK` seconds, and the others by
    quarter."""

    soon: Counter[End]
    late: list[tuple[int, End, int]]
    never: list[tuple[int, int]]


class DayBefore:
    """The past days of one route."""

    def __init__(self, quarters: Mapping[int, Quarter]) -> None:
        self._quarters = quarters
        self._blocks: dict[int, _Block] = {}

    def at(self, now: int) -> Known:
        """What was known at ``now`` of the day before, without the last quarter of an hour."""
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
        """Drops blocks that later moments do not need."""
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
    """Adds what is counted by quarter, as if all of it had gone out in the quarter's middle."""
    for at, one, n in block.late:
        if at + QUARTER_SECONDS / 2 + one.seconds <= now:
            known.ended[one, at < old] += n
        else:
            known.open[at] += n
    for at, n in block.never:
        known.open[at] += n
