"""A quarter of an hour of a route: how its messages ended, and what was known of them at a moment.

Hand-overs are taken to be spread evenly over their quarter, as their exact times are not stored.
Moments are seconds since 1970; those passed as ``now`` are ends of quarters.
"""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import accumulate, pairwise
from typing import NamedTuple

from delivrd.core.statement import Status
from delivrd.core.units import MINUTE_SECONDS, QUARTER_SECONDS
from delivrd.insight.alerts.cells import FIELDS
from delivrd.insight.cohorts import ASKED_AFTER
from delivrd.insight.lifetimes import (
    DELIVERED,
    KINDS,
    MIDDLES,
    SIZE,
    UNKNOWN,
    Group,
    Lifetimes,
    step_of,
)
from delivrd.insight.routes import WINDOW
from delivrd.store.counts import NO_LATENCY

SEEN = range(MINUTE_SECONDS // 2, int(WINDOW) - MINUTE_SECONDS // 2)
SEEN_SECONDS = len(SEEN)
"""The last minutes, as seconds before a moment."""

YOUNG = range(0, QUARTER_SECONDS, MINUTE_SECONDS)
OLDER = range(0, QUARTER_SECONDS, 5 * MINUTE_SECONDS)
"""Offsets, in seconds, of the parts into which the newest quarter and older ones are divided."""

EDGES = (0, 1, 2, 4, 8, 15, 30, 60, 120, 240, 420, 660, QUARTER_SECONDS)
"""Ages, in seconds, between which open messages of the newest quarter are grouped."""


class End(NamedTuple):
    """A way to end: the status, its kind and step in life tables, the step's middle in seconds."""

    status: str
    kind: int
    step: int
    seconds: float
    no_latency: bool = False


def _ends_of(status: str) -> Iterator[End]:
    """One per step; the last is for ends that a look-up found, at an unknown time."""
    kind, asked = FIELDS.get(status, UNKNOWN), step_of(ASKED_AFTER)
    for step, seconds in enumerate(MIDDLES):
        yield End(status, kind, step, seconds)
    yield End(status, kind, asked, MIDDLES[asked], True)


_STATUSES = tuple(status.value for status in Status)
_ENDS = tuple(one for status in _STATUSES for one in _ends_of(status))
_SECONDS = tuple(one.seconds for one in _ENDS)
_NUMBERS = {one: number for number, one in enumerate(_ENDS)}
"""Every possible `End` by number. Quarters store millions of these numbers."""


def end(status: str, step: int) -> End:
    """The `End` of a status and step; those after the last step of life tables are in it."""
    first = _STATUSES.index(status) * (SIZE + 1)
    return _ENDS[first + (SIZE if step == NO_LATENCY else min(step, SIZE - 1))]


class Quarter:
    """Messages handed over on a route in the quarter of an hour that starts at ``begin``.

    ``ends`` are in order of their seconds; ``pending`` messages are open today. They are stored as
    arrays of numbers: a busy fleet has dozens of ends in each of a hundred thousand quarters.
    """

    __slots__ = ("_arrived", "_gone", "_which", "begin", "pending", "total")

    def __init__(self, begin: int, ends: Mapping[End, int], pending: int) -> None:
        self.begin, self.pending = begin, max(0, pending)
        some = [(one, n) for one, n in ends.items() if n > 0]
        some.sort(key=lambda each: each[0].seconds)
        self._which = array("H", [_NUMBERS[one] for one, _ in some])
        self._gone = array("Q", accumulate((n for _, n in some), initial=0))
        arrived = (n if one.kind == DELIVERED else 0 for one, n in some)
        self._arrived = array("Q", accumulate(arrived, initial=0))
        self.total = self.pending + self._gone[-1]

    @property
    def ends(self) -> Iterator[tuple[End, int]]:
        """Ways to end, with numbers of messages."""
        return self._ends_from(0)

    def _ends_from(self, first: int) -> Iterator[tuple[End, int]]:
        gone, before = self._gone, self._gone[first]
        for at in range(first, len(self._which)):
            after = gone[at + 1]
            yield _ENDS[self._which[at]], after - before
            before = after

    def _ended_by(self, seconds: float, find: Callable[..., int]) -> int:
        """How many of the ends are before an age in seconds (or at it, with ``bisect_right``)."""
        return find(self._which, seconds, key=_SECONDS.__getitem__)

    def sent(self, since: int) -> float:
        """How many of the quarter's messages went out at ``since`` or later."""
        return self.total * self._share(since)

    def _share(self, since: int) -> float:
        return min(QUARTER_SECONDS, self.begin + QUARTER_SECONDS - since) / QUARTER_SECONDS

    def ended(self, now: int, since: int) -> Iterator[tuple[End, float]]:
        """How messages that went out since ``since`` had ended by ``now``."""
        first, last = max(self.begin, since), self.begin + QUARTER_SECONDS
        for one, n in self.ends:
            until = now - one.seconds
            if until <= first:
                return
            yield one, n * (min(last, until) - first) / QUARTER_SECONDS

    def open(self, now: int, since: int) -> Iterator[tuple[float, float]]:
        """Ages in seconds and numbers of the messages sent since ``since`` and open at ``now``."""
        oldest = now - max(self.begin, since)
        for young, old in _ages(now - self.begin - QUARTER_SECONDS):
            n = self._open_between(young, min(old, oldest))
            if n > 0:  # it is negative for ages over the oldest
                yield (young + min(old, oldest)) / 2, n

    def _open_between(self, young: float, old: float) -> float:
        """How many messages were open when they were between these ages."""
        n = self.pending * (old - young)
        for one, number in self._ends_from(self._ended_by(young, bisect_left)):
            n += number * (min(old, one.seconds) - young)
        return n / QUARTER_SECONDS

    def arrived(self, now: int, since: int) -> float:
        """How many messages that went out since ``since`` had arrived by ``now``."""
        if since > self.begin:
            return sum(n for one, n in self.ended(now, since) if one.kind == DELIVERED)
        whole = self._ended_by(now - self.begin - QUARTER_SECONDS, bisect_right)
        found = float(self._arrived[whole])
        for one, n in self._ends_from(whole):
            if one.kind == DELIVERED:
                found += n * max(0.0, now - one.seconds - self.begin) / QUARTER_SECONDS
        return found

    def look(self, now: int, at_risk: list[float], ends: Sequence[list[float]]) -> None:
        """Adds what was observed in the last minutes before ``now`` to a life table."""
        oldest = now - self.begin - SEEN.start
        for step in range(
            step_of(max(0, oldest - QUARTER_SECONDS - SEEN_SECONDS)), step_of(oldest) + 1
        ):
            share = self._in_sight(now, MIDDLES[step])
            if share > 0:
                gone = self._gone[self._ended_by(MIDDLES[step], bisect_left)]
                at_risk[step] += share * (self.total - gone)
        for one, n in self.ends:
            ends[one.kind][one.step] += n * self._in_sight(now, MIDDLES[one.step])

    def _in_sight(self, now: int, age: float) -> float:
        """The share of the messages that reached this age during the last minutes."""
        first, last = now - SEEN.stop - age, now - SEEN.start - age
        both = min(last, self.begin + QUARTER_SECONDS) - max(first, self.begin)
        return both / QUARTER_SECONDS if both > 0 else 0.0

    def so_far(self, now: int) -> Iterator[Group]:
        """Everything observed by ``now``, as groups for life tables."""
        starts = YOUNG if now - self.begin <= QUARTER_SECONDS else OLDER
        for begin in starts:
            age = now - self.begin - begin - starts.step
            if age > 0:
                yield Group(age, self.pending / len(starts))
                for one, n in self.ends:
                    yield Group(age, n / len(starts), one.kind, one.step)


def lately(quarters: Iterable[Quarter], now: int) -> Lifetimes:
    """The life table of the last minutes before ``now``.

    It matches `delivrd.insight.cohorts.groups_of`: at each age it observes the messages of four
    minutes, up to half a minute before ``now``.
    """
    at_risk, ends = [0.0] * SIZE, [[0.0] * SIZE for _ in KINDS]
    for quarter in quarters:
        quarter.look(now, at_risk, ends)
    return Lifetimes(at_risk, ends)


def _ages(youngest: int) -> Iterable[tuple[float, float]]:
    """Ages between which a quarter's open messages are grouped; its newest is ``youngest`` old."""
    edges = EDGES if youngest <= 0 else (*OLDER, QUARTER_SECONDS)
    return ((youngest + young, youngest + old) for young, old in pairwise(edges))
