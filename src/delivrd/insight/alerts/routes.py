"""Rules that compare routes with their own normal: failures, overdue messages, no receipts."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import combinations
from math import sqrt
from typing import NamedTuple

from delivrd.alert_settings import DIMENSIONS, Rule
from delivrd.core.units import DAY_SECONDS, HOUR_SECONDS
from delivrd.insight.alerts.data import FLOOR, Data, Key, Normal, Place, Route
from delivrd.insight.alerts.evidence import Found, Step, bar, more_than_usual, usual_again
from delivrd.insight.alerts.places import (
    Part,
    dimensions,
    explain,
    in_words,
    place_of,
    with_parts,
    within,
)
from delivrd.insight.alerts.readings import BAD, GOOD, UNSURE, Facts, Findings, Reading

ENOUGH = 200
"""A route with fewer messages in seven days has no normal; they count in wider places only."""

PATIENCE_WEEKS = 0.13
"""The score required is what chance reaches about once in the events expected of all routes in this
many weeks. With the margins of :class:`Normal` and ``_matters``, false alarms are several weeks
apart: ``make bench-alerts`` counts them."""

WIDER = 3.0
"""Nats more for wider places, so that these cause few of the false alarms."""

BIG, BIGGER = 8.0, 3.5
"""Besides the rule's own ratio, this one is tested, which detects a break-down sooner. It requires
this many nats more, so that it causes few of the false alarms."""

SURE_GOOD = 4.6
"""Nats of evidence that a place is normal again: odds of a hundred to one."""

SILENT_SECONDS = 7200
NEVER_REPORTS = 0.7
"""A route that normally leaves a greater share open cannot be said to have fallen silent."""
NOTHING = 0.8
"""No receipts come back: at least this share is open of the messages that should have ended."""


class Track(NamedTuple):
    """Which events a kind of rule counts in the cells of a route, and the share it expects."""

    steps: Callable[[Route, int, int], list[Step]]
    """Called with a route, the current time and the time from which to count."""
    usual: Callable[[Normal], float]
    age: Callable[[Normal], float] = lambda normal: 0.0
    """Messages count from this age on, in seconds."""


def _failing(normal: Normal) -> float:
    return max(FLOOR, normal.failing)


def _failures(route: Route, now: int, since: int) -> list[Step]:
    """Failures out of all that was sent. Of recent messages, only the failures that are usually
    known by their age are expected."""
    usual, known, old = _failing(route.normal), route.normal.known_by, now - route.normal.known_end
    return [
        (at, sent := delivered + failed + unknown + pending, failed,
         sent * usual * (1.0 if at + seconds <= old else known(_age(now, at, seconds))))
        for at, seconds, delivered, failed, unknown, pending in route.cells
        if at >= since
    ]  # fmt: skip


def _age(now: int, at: int, seconds: int) -> float:
    """The mean age, in seconds, of the messages of a cell, which may be incomplete."""
    return now - (at + min(now, at + seconds)) / 2


def _open(age: Callable[[Normal], float], share: Callable[[Normal], float]) -> Track:
    """Messages still open, out of all that have reached that age."""

    def steps(route: Route, now: int, since: int) -> list[Step]:
        usual, until = max(FLOOR, share(route.normal)), now - age(route.normal)
        if usual > NEVER_REPORTS:
            return []
        return [
            (at, sent := delivered + failed + unknown + pending, pending, sent * usual)
            for at, seconds, delivered, failed, unknown, pending in route.cells
            if since <= at and at + seconds <= until
        ]

    return Track(steps, share, age)


TRACKS: Mapping[str, Track] = {
    "change": Track(_failures, _failing),
    "overdue": _open(lambda n: n.late, lambda n: n.open_late),
    "no_receipts": _open(lambda n: n.slow, lambda n: n.open_slow),
}


def _sends(route: Route, since: int) -> bool:
    return any(cell.at >= since and cell.sent for cell in reversed(route.cells))


def chosen(rule: Rule, routes: Iterable[Route]) -> list[Route]:
    """The routes that pass the rule's filters."""
    wanted = (set(rule.accounts), set(rule.countries), set(rule.networks))
    return [
        route
        for route in routes
        if all(not some or value in some for some, value in zip(wanted, route.key, strict=True))
    ]


_NONE: Step = (0, 0, 0, 0.0)


class Watched:
    """Every place of a rule, with the steps of its routes."""

    def __init__(self, rule: Rule, data: Data, floors: Mapping[Place, int]) -> None:
        self.rule, self.now, self.track = rule, data.now, TRACKS[rule.kind]
        self._floors = floors
        self._since = data.now - (rule.within or DAY_SECONDS)
        routes = chosen(rule, data.routes)
        self._steps: dict[Key, list[Step]] = {r.key: self._of(r) for r in routes}
        self._normal = {r.key: r.normal for r in routes}
        self._sending = {r.key for r in routes if _sends(r, data.now - SILENT_SECONDS)}
        self._keys: dict[Place, list[Key]] = defaultdict(list)
        by = dimensions(rule)
        for route in routes:
            self._keys[place_of(route.key, by)].append(route.key)
        self.finest = tuple(self._keys)
        self._parts: dict[Place, list[Place]] = defaultdict(list)
        for part in self.finest:
            for size in range(len(part)):
                for place in combinations(part, size):
                    self._parts[place].append(part)
                    self._keys[place] += self._keys[part]
        self.wider = tuple(self._parts)
        self.expected = sum(r.normal.sent * self.track.usual(r.normal) for r in routes)

    def _of(self, route: Route) -> list[Step]:
        """The steps of a route since its last recovery."""
        floors = self._floors.items()
        place = place_of(route.key, DIMENSIONS) if floors else ()
        since = max([self._since, *(at for around, at in floors if within(place, around))])
        return self.track.steps(route, self.now, since)

    def parts(self, place: Place) -> list[Place]:
        """The finest places that lie in a wider one."""
        return self._parts[place]

    def steps(self, place: Place, since: int = 0) -> list[Step]:
        """The summed steps of all routes of a place."""
        keys = self._keys.get(place, [])
        if len(keys) == 1 and not since:
            return self._steps[keys[0]]
        found: dict[int, Step] = {}
        for key in keys:
            for at, n, k, mean in self._steps[key]:
                if at >= since:
                    _, n0, k0, mean0 = found.get(at, _NONE)
                    found[at] = (at, n0 + n, k0 + k, mean0 + mean)
        return sorted(found.values())

    def sends(self, place: Place) -> bool:
        """Whether anything went out there lately, however young."""
        return any(key in self._sending for key in self._keys.get(place, ()))

    def lately(self, place: Place) -> int:
        """How many messages a place counts of the newest hour that its routes can be judged by."""
        return sum(map(self._lately, self._keys.get(place, ())))

    def _lately(self, key: Key) -> int:
        since = self.now - self.track.age(self._normal[key]) - HOUR_SECONDS
        return sum(n for at, n, _, _ in self._steps[key] if at >= since)

    def sent(self, place: Place) -> int:
        """How many messages a place sends in seven days."""
        return sum(self._normal[key].sent for key in self._keys.get(place, ()))

    def typical(self, place: Place) -> float:
        """The normal share of a place, its routes weighted by their messages."""
        normals = [self._normal[key] for key in self._keys.get(place, ())]
        total = sum(normal.sent for normal in normals)
        shares = sum(normal.sent * self._typical(normal) for normal in normals)
        return shares / total if total else 0.0

    def _typical(self, normal: Normal) -> float:
        return normal.typical if self.rule.kind == "change" else self.track.usual(normal)


def find(rule: Rule, data: Data, floors: Mapping[Place, int]) -> Findings:
    """The places that are bad; messages before the ``floors`` of a place do not count."""
    watched = Watched(rule, data, floors)
    height = bar(watched.expected * PATIENCE_WEEKS)
    scores = {p: more_than_usual(watched.steps(p), ratios(rule)) for p in watched.finest}
    bare = dict.fromkeys(ratios(rule), 0.0)
    alone = {p: more_than_usual(watched.steps(p), bare).score for p in watched.finest}
    bad = {
        place: found
        for place, found in scores.items()
        if found.score >= height and watched.sent(place) >= ENOUGH and _matters(rule, found)
    }
    for place in watched.wider:
        # the score of summed steps is at most the sum of the parts' scores, without handicaps
        most = sum(alone[part] for part in watched.parts(place))
        if most >= height + WIDER and watched.sent(place) >= ENOUGH:
            found = more_than_usual(watched.steps(place), ratios(rule))
            if found.score >= height + WIDER and _matters(rule, found):
                bad[place] = found
    finest = [place for place in bad if place in scores]
    look = with_parts(lambda place, since: _look(rule, watched, place, since), bad, finest)
    if not bad:
        return Findings((), look)
    parts = {p: Part(f.score, watched.lately(p)) for p, f in scores.items()}
    named = explain({place: found.score for place, found in bad.items()}, parts)
    readings = [_reading(watched, place, bad, finest) for place in named]
    return Findings(tuple(readings), look)


def ratios(rule: Rule) -> dict[float, float]:
    """The ratios that are tested, each with the nats subtracted from its score."""
    return {rule.times or 3.0: 0.0, BIG: BIGGER}


def _matters(rule: Rule, found: Found) -> bool:
    """Whether the deviation, significant as it is, is also large enough to report."""
    usual = found.mean / found.n if found.n else 0.0
    if found.k < 5 or found.n < (rule.at_least or 1):
        return False
    if rule.kind == "no_receipts":
        return found.share >= NOTHING
    return found.share >= usual + (rule.points or 0.0) / 100


def _reading(
    watched: Watched, place: Place, bad: Mapping[Place, Found], finest: Iterable[Place]
) -> Reading:
    inside = [p for p in finest if p != place and within(p, place)]
    worst = sorted(inside, key=lambda p: -bad[p].score)
    found = bad.get(place) or _together(watched, place, [bad[p] for p in inside])
    facts: dict[str, int | float | str] = {
        "n": found.n,
        "k": found.k,
        "share": found.share,
        "normal": watched.typical(place),
        "since": found.since,
        "score": round(found.score, 1),
    }
    if worst:
        facts["worst"] = in_words(worst[:5], place)
    return Reading(place, BAD, facts)


def _together(watched: Watched, place: Place, parts: Sequence[Found]) -> Found:
    """The totals of a place that is not bad as a whole, since the first of its parts is."""
    since = min(found.since for found in parts)
    _, n, k, mean = zip(*watched.steps(place, since), strict=True)
    return Found(max(found.score for found in parts), since, sum(n), sum(k), sum(mean))


def _look(rule: Rule, watched: Watched, place: Place, since: int) -> Reading:
    """The state of a place that has been firing since that moment."""
    steps: Sequence[Step] = watched.steps(place, since)
    if not watched.sends(place):
        silent = watched.now - since >= SILENT_SECONDS
        return Reading(place, GOOD if silent else UNSURE, {"silent": 1} if silent else {})
    worse = more_than_usual(steps, ratios(rule))
    ratio = max(rule.times or 3.0, min(20.0, worse.k / worse.mean if worse.mean else 20.0))
    again = usual_again(steps, ratio)
    facts: Facts = {"n": again.n, "k": again.k, "share": again.share,
                    "normal": watched.typical(place), "since": again.since}  # fmt: skip
    if again.score >= SURE_GOOD and again.k <= again.mean + 2 * sqrt(again.mean) + 1:
        return Reading(place, GOOD, facts)
    still = worse.score > 0.0 and again.score == 0.0
    return Reading(place, BAD if still else UNSURE, facts)
