"""Simulated routes with a known truth, as rollups would show them minute by minute."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from math import cos, exp, log, pi
from random import Random

from delivrd.core.units import DAY_SECONDS, HOUR_SECONDS, QUARTER_SECONDS
from delivrd.insight.alerts.data import Cell, Data, Key, Normal, Route
from delivrd.insight.alerts.grid import GRID, spans
from delivrd.insight.alerts.normal import History, Hour, normals
from delivrd.insight.silent_networks import Country, Tally
from delivrd.store.counts import step

MINUTE = 60
DELIVERED, FAILED = 0, 1


@dataclass(frozen=True)
class Truth:
    """How a route behaves: messages an hour, and how they end."""

    per_hour: float
    failing: float = 0.03
    silent: float = 0.01
    """Receipts that never come."""
    median: float = 6.0
    """Seconds to a delivery; nine in ten within about five times that."""
    day: float = 0.0
    """Relative amplitude of the daily cycle, 0 to 1."""
    networks: tuple[float, ...] = (0.4, 0.3, 0.2, 0.1)
    """The shares of the country's networks."""
    named: bool = True
    """Whether messages name their network before their receipt comes."""
    silent_network: int | None = None
    """The network that reports nothing."""


Change = Callable[[Truth, int], Truth]
"""The truth of a route at a moment: incidents change it."""


def steady(truth: Truth, now: int) -> Truth:
    return truth


@dataclass
class Counts:
    sent: int = 0
    delivered: int = 0
    failed: int = 0

    def cell(self, at: int, seconds: int) -> Cell:
        pending = self.sent - self.delivered - self.failed
        return Cell(at, seconds, self.delivered, self.failed, 0, pending)


class Networks:
    """The messages of a route by network and quarter of an hour, as they end at last."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._counts: dict[str, dict[int, list[int]]] = {}
        self._made: tuple[int, Country] = (0, {})

    def pick(self, truth: Truth) -> int:
        """The network of a message."""
        return self._random.choices(range(len(truth.networks)), truth.networks)[0]

    def count(self, at: int, network: int | None, reported: bool) -> None:
        of = self._counts.setdefault("" if network is None else f"network {network}", {})
        of.setdefault(at // QUARTER_SECONDS * QUARTER_SECONDS, [0, 0])[not reported] += 1

    def country(self, now: int) -> Country:
        """The whole quarters of the last day."""
        end = now // QUARTER_SECONDS * QUARTER_SECONDS
        if self._made[0] != end:
            made = {}
            for name, of in self._counts.items():
                for at in [at for at in of if at < end - DAY_SECONDS]:
                    del of[at]
                made[name] = [Tally(at, *two) for at, two in sorted(of.items()) if at < end]
            self._made = end, {name: tallies for name, tallies in made.items() if tallies}
        return self._made[1]


@dataclass
class Simulated:
    """One route under way; :meth:`minute` lets the next minute pass."""

    key: Key
    truth: Truth
    random: Random
    change: Change = steady
    counts: dict[int, dict[int, Counts]] = field(
        default_factory=lambda: {seconds: {} for seconds, _ in GRID}
    )
    """By the length of a cell, by its beginning."""
    due: list[tuple[float, int, int]] = field(default_factory=list)
    """Receipts that are still to arrive: when, the minute of the message, the outcome."""
    networks: Networks = field(default_factory=lambda: Networks(Random(1)))

    def minute(self, at: int) -> None:
        """Sends this minute's messages, and counts the receipts that arrive in it."""
        truth = self.change(self.truth, at)
        for _ in range(poisson(self.random, truth.per_hour / 60 * swing(truth, at))):
            self._send(truth, at)
        self._take(at + MINUTE)
        for seconds, kept in GRID:
            self.counts[seconds].pop(
                (at - kept - HOUR_SECONDS) // seconds * seconds - seconds, None
            )

    def _of(self, at: int) -> Iterator[Counts]:
        """The counts of each length that a minute falls into."""
        for seconds, _ in GRID:
            yield self.counts[seconds].setdefault(at // seconds * seconds, Counts())

    def _send(self, truth: Truth, at: int) -> None:
        for counts in self._of(at):
            counts.sent += 1
        ended, network = outcome(truth, self.random), self.networks.pick(truth)
        reported = ended is not None and network != truth.silent_network
        self.networks.count(at, network if reported or truth.named else None, reported)
        if ended is not None and reported:
            what, took = ended
            heapq.heappush(self.due, (at + self.random.random() * MINUTE + took, at, what))

    def _take(self, until: float) -> None:
        while self.due and self.due[0][0] < until:
            _, at, what = heapq.heappop(self.due)
            if until - at > DAY_SECONDS:
                continue
            for counts in self._of(at):
                if what == FAILED:
                    counts.failed += 1
                else:
                    counts.delivered += 1

    def cells(self, now: int) -> tuple[Cell, ...]:
        """What is known at this moment."""
        return tuple(
            counts.cell(at, seconds)
            for begin, end, seconds in spans(now)
            for at, counts in self.counts[seconds].items()
            if begin <= at < end
        )


def outcome(truth: Truth, random: Random) -> tuple[int, float] | None:
    """How one message ends, and after how many seconds; None if no receipt ever comes."""
    if random.random() < truth.silent:
        return None
    if random.random() < truth.failing:  # half of the failures are refusals, which come at once
        median, width = (4.0, 0.8) if random.random() < 0.5 else (45.0, 1.3)
        return FAILED, median * exp(random.gauss(0, width))
    return DELIVERED, truth.median * exp(random.gauss(0, 1.2))


def swing(truth: Truth, at: int) -> float:
    """The share of the mean traffic at this time of the day; the least at four in the morning."""
    return 1 - truth.day * cos(2 * pi * (at % DAY_SECONDS - 4 * HOUR_SECONDS) / DAY_SECONDS)


def poisson(random: Random, mean: float) -> int:
    """A random number of arrivals (Knuth; in slices where the mean is large)."""
    found = 0
    while mean > 0:
        part = min(mean, 30.0)
        mean -= part
        left = random.expovariate(1.0)
        while left < part:
            found += 1
            left += random.expovariate(1.0)
    return found


class World:
    """Many routes, their history of seven days, and the moment."""

    def __init__(self, routes: list[Simulated], start: int) -> None:
        self.routes, self.now = routes, start
        self._histories = {r.key: past(r, start) for r in routes}
        self._hours = {key: dict(history.hours) for key, history in self._histories.items()}
        self._histories = {
            key: history._replace(hours=self._hours[key])
            for key, history in self._histories.items()
        }
        self._normals: dict[Key, Normal] = {}

    @property
    def normals(self) -> dict[Key, Normal]:
        """What is normal on each route by now."""
        if not self._normals:
            self._learn()
        return self._normals

    def warm(self, number: int) -> None:
        """Simulates minutes without evaluating them."""
        for _ in range(number):
            for route in self.routes:
                route.minute(self.now)
            self.now += MINUTE

    def minutes(self, number: int) -> Iterator[Data]:
        """What is known at the end of each minute."""
        for _ in range(number):
            for route in self.routes:
                route.minute(self.now)
            self.now += MINUTE
            if self.now % HOUR_SECONDS == 0 or not self._normals:
                self._learn()
            yield Data(
                self.now,
                tuple(Route(r.key, r.cells(self.now), self._normals[r.key]) for r in self.routes),
                networks={r.key[:2]: r.networks.country(self.now) for r in self.routes},
            )

    def _learn(self) -> None:
        """Takes the hour that is a day old into the history, and reads what is normal anew."""
        hour = self.now // HOUR_SECONDS - 23
        for route in self.routes:
            if counts := route.counts[HOUR_SECONDS].get(hour * HOUR_SECONDS):
                ended = counts.delivered + counts.failed
                hours = self._hours[route.key]
                hours[hour] = Hour(counts.sent, counts.failed, ended)
                hours.pop(hour - 8 * 24, None)
        self._normals = normals(self._histories, self.now)


def past(route: Simulated, start: int) -> History:
    """Seven days and a day more before the start, by the same truth, hour by hour."""
    truth, random = route.truth, route.random
    hours: dict[int, Hour] = {}
    for hour in range(start // HOUR_SECONDS - 8 * 24, start // HOUR_SECONDS):
        sent = poisson(
            random, truth.per_hour * swing(truth, hour * HOUR_SECONDS + HOUR_SECONDS // 2)
        )
        silent = binomial(random, sent, truth.silent)
        failed = binomial(random, sent - silent, truth.failing)
        hours[hour] = Hour(sent, failed, sent - silent)
    ended: Counter[int] = Counter()
    fails: Counter[int] = Counter()
    for _ in range(min(2000, sum(hour.ended for hour in hours.values()))):
        ended_as = outcome(truth, random)
        if ended_as is not None:
            ended[step(int(ended_as[1] * 1e6))] += 1
            if ended_as[0] == FAILED:
                fails[step(int(ended_as[1] * 1e6))] += 1
    return History(hours, ended, fails)


def binomial(random: Random, n: int, p: float) -> int:
    """How many of ``n`` happen, by the gaps between them."""
    if p <= 0.0:
        return 0
    found, at = 0, 0.0
    while True:
        at += 1 + int(log(1 - random.random()) / log(1 - p))
        if at > n:
            return found
        found += 1
