"""Evaluates one rule on data and its previous state; returns updates and the new state.

Nothing here reads a clock or a store: the same function runs live, over history and in the bench.
"""

from collections.abc import Callable, Mapping

import msgspec

from delivrd.alert_settings import Rule
from delivrd.core.units import DAY_SECONDS
from delivrd.insight.alerts import failures, overdue, routes, thresholds, troubles
from delivrd.insight.alerts.data import Data, Place
from delivrd.insight.alerts.places import within
from delivrd.insight.alerts.readings import GOOD, Findings, Reading
from delivrd.insight.alerts.state import Evaluation, Spot, State, Update

Finder = Callable[[Rule, Data, Mapping[Place, int]], Findings]

FINDERS: Mapping[str, Finder] = {
    **dict.fromkeys(routes.TRACKS, routes.find),
    "overdue": overdue.find,
    **dict.fromkeys(thresholds.JUDGES, thresholds.find),
    "rejected_signatures": troubles.find_marks,
    "unmapped": troubles.find_marks,
    "endpoint_failing": troubles.find_endpoints,
    "backlog": troubles.find_lags,
}

FLOOR_SECONDS = DAY_SECONDS
"""No rule looks further back, so that an older recovery changes nothing."""

Suppressed = Callable[[Place], bool]


def evaluate(
    rule: Rule, data: Data, state: State, suppressed: Suppressed = lambda place: False
) -> Evaluation:
    """Evaluates a rule at the moment ``data.now``.

    At ``suppressed`` places (maintenance, snoozed) no firing begins or is widened until that is
    over; single failures there are not reported, also not later.
    """
    if rule.kind == "failure":
        return failures.judge(rule, data, state, suppressed)
    floors = {p: at for p, at in state.floors if data.now - at < FLOOR_SECONDS}
    found = FINDERS[rule.kind](rule, data, floors)
    return _Round(rule, data.now, state, floors, found, suppressed).run()


class _Round:
    """One evaluation under way."""

    def __init__(
        self, rule: Rule, now: int, state: State, floors: dict[Place, int], found: Findings,
        suppressed: Suppressed,
    ) -> None:  # fmt: skip
        self.rule, self.now, self.floors = rule, now, floors
        self.found, self.suppressed = found, suppressed
        self.firings = state.firings
        self.spots = list(state.spots)
        self.updates: list[Update] = []

    def run(self) -> Evaluation:
        fresh = [reading for reading in self.found.bad if not self._absorbed(reading)]
        self.held = [spot for spot in self.spots if spot.firing is None]
        told = [spot for spot in self.spots if spot.firing is not None]
        self.spots = [after for spot in told if (after := self._next(spot))]
        for reading in fresh:
            self._begin(reading)
        state = State(
            spots=tuple(self.spots), floors=tuple(sorted(self.floors.items())),
            firings=self.firings,
        )  # fmt: skip
        return Evaluation(state, tuple(self.updates))

    # --- places that are bad now ------------------------------------------------------------------

    def _absorbed(self, reading: Reading) -> bool:
        """Whether a firing covers the finding already, or can be widened to cover it."""
        firing = [s for s in self.spots if s.firing is not None and s.ended_at is None]
        if any(within(reading.place, spot.place) for spot in firing):
            return True
        inside = [spot for spot in firing if within(spot.place, reading.place)]
        if not inside or self.suppressed(reading.place):
            return False
        first, *others = sorted(inside, key=lambda spot: spot.firing or 0)
        wide = msgspec.structs.replace(first, place=reading.place, good_since=None)
        self.spots = [s for s in self.spots if s not in inside] + [wide]
        self._update("widened", wide, reading)
        for spot in others:
            self._update("merged", spot, reading, into=first.firing)
        return True

    def _begin(self, reading: Reading) -> None:
        """Remembers a finding, and fires once it has held for long enough."""
        spot = next((s for s in self.spots if s.place == reading.place), None)
        if spot is None:
            spot = Spot(place=reading.place, bad_since=self._bad_since(reading.place))
        else:
            self.spots.remove(spot)
        if spot.ended_at is not None:  # bad again within its quiet period
            spot = msgspec.structs.replace(spot, ended_at=None, good_since=None)
            self._update("again", spot, reading)
        elif self.now - spot.bad_since >= self.rule.hold and not self.suppressed(reading.place):
            self.firings += 1
            began = int(reading.facts.get("since") or spot.bad_since)
            spot = msgspec.structs.replace(
                spot, firing=self.firings, fired_at=self.now, since=began
            )
            self._update("fired", spot, reading)
        self.spots.append(spot)

    def _bad_since(self, place: Place) -> int:
        """Since when it is bad there; what lasts may be named by a wider or narrower place than
        before."""
        known = (s for s in self.held if within(s.place, place) or within(place, s.place))
        return min((spot.bad_since for spot in known), default=self.now)

    # --- places that were bad before --------------------------------------------------------------

    def _next(self, spot: Spot) -> Spot | None:
        """What is remembered of a place after this evaluation; None to forget it."""
        if spot.ended_at is not None:
            return spot if self.now - spot.ended_at < self.rule.quiet else None
        reading = self.found.look(spot.place, spot.fired_at or self.now)
        if reading.level != GOOD:
            return msgspec.structs.replace(spot, good_since=None)
        good = self.now if spot.good_since is None else spot.good_since
        if self.now - good < self.rule.recover:
            return msgspec.structs.replace(spot, good_since=good)
        since = int(reading.facts.get("since") or good)
        self.floors[spot.place] = max(since, spot.fired_at or 0)
        self._update("recovered", spot, reading)
        return msgspec.structs.replace(spot, good_since=good, ended_at=self.now)

    def _update(self, what: str, spot: Spot, reading: Reading, into: int | None = None) -> None:
        since = int(reading.facts.get("since") or spot.bad_since)
        if what == "recovered":
            since = spot.since or spot.fired_at or spot.bad_since
        assert spot.firing is not None
        update = Update(
            what=what, at=self.now, firing=spot.firing, place=spot.place, since=since,
            facts=dict(reading.facts), into=into,
        )  # fmt: skip
        self.updates.append(update)
