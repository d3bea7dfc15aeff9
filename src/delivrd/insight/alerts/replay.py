"""Recomputes the estimate of settled rates as of a moment of the past.

Routes are estimated by the functions that run live, from what had ended by then and what was open
according to the counts by the quarter of an hour (`delivrd.insight.alerts.quarter`).
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping

from delivrd.core.units import HOUR_SECONDS, MINUTE_SECONDS, QUARTER_SECONDS, SECOND
from delivrd.insight.alerts.day_before import BLOCK, DayBefore
from delivrd.insight.alerts.quarter import End, Quarter, end, lately
from delivrd.insight.cohorts import has_old, past_of, silent_of
from delivrd.insight.lifetimes import DELIVERED, NONE, observe
from delivrd.insight.routes import Key, Past, route, usual
from delivrd.insight.settling import Estimate, estimate
from delivrd.store.counts import COARSE, NO_LATENCY
from delivrd.store.queries.recent import Ended, Waiting
from delivrd.store.tx import Row


class Replay:
    """The history of every route; ``providers`` maps account ids to provider names."""

    def __init__(self, providers: Mapping[int, str]) -> None:
        self._providers = providers
        self._routes: dict[Key, dict[int, Quarter]] = defaultdict(dict)
        self._days: dict[Key, DayBefore] = {}
        self._told: Counter[Key] = Counter()
        self._learnt: tuple[int, Past] | None = None

    def add(self, ended: Iterable[Row], waiting: Iterable[Row]) -> None:
        """Adds whole quarters: rows of (account id, country, quarter of an hour, number), with
        status and latency step before the number where the attempts ended."""
        ends: dict[tuple[Key, int], Counter[End]] = defaultdict(Counter)
        for account_id, country, bucket, status, step, n in ended:
            ends[(account_id, country), bucket * QUARTER_SECONDS][end(status, step)] += n
            self._told[account_id, country] += -n if step == NO_LATENCY else n
        still_open = {((a, c), bucket * QUARTER_SECONDS): n for a, c, bucket, n in waiting}
        for key, at in sorted(ends.keys() | still_open.keys()):
            found = Quarter(at, ends.get((key, at), {}), still_open.get((key, at), 0))
            if found.total:
                self._routes[key][at] = found
        for key, quarters in self._routes.items():
            self._days.setdefault(key, DayBefore(quarters))

    # --- what was known ---------------------------------------------------------------------------

    def so_far(self, now: int, since: int) -> dict[Key, tuple[float, float]]:
        """By route, how many messages had gone out since ``since``, and how many had arrived.

        Routes whose sends are not registered are left out: there is no estimate for them.
        """
        found = {}
        for key in self._routes:
            some = self._between(key, since, now) if self._told[key] >= 0 else []
            total = sum(one.sent(since) for one in some)
            if total:
                found[key] = (total, sum(one.arrived(now, since) for one in some))
        return found

    def estimates(self, now: int, since: int, keys: Collection[Key]) -> dict[Key, Estimate]:
        """The estimates at ``now`` for these routes' messages handed over since ``since``."""
        past = self._past(now) if keys else None
        return {key: self._estimate(past, key, now, since) for key in keys if past}

    def _estimate(self, past: Past, key: Key, now: int, since: int) -> Estimate:
        cohort = self._between(key, since, now)
        still_open = [each for one in cohort for each in one.open(now, since)]
        ended = [each for one in cohort for each in one.ended(now, since)]
        seen = self._between(key, min(since, now - HOUR_SECONDS), now)
        of = route(past.of(key), lately(seen, now) if still_open else NONE)
        delivered = sum(n for how, n in ended if how.kind == DELIVERED)
        return estimate(of, delivered, sum(n for _, n in ended), still_open)

    def _between(self, key: Key, since: int, now: int) -> list[Quarter]:
        """The quarters of a route with messages handed over in that time."""
        of = self._routes.get(key, {})
        ats = range(since // QUARTER_SECONDS * QUARTER_SECONDS, now, QUARTER_SECONDS)
        return [of[at] for at in ats if at in of]

    # --- how messages ended -----------------------------------------------------------------------

    def _past(self, now: int) -> Past:
        """How messages usually ended, by the day before; renewed with every `BLOCK`."""
        at = now // BLOCK * BLOCK
        if self._learnt is None or self._learnt[0] not in (at, now):
            past = self._learn(at)
            self._learnt = (at, past) if past else (now, self._learn(now) or self._young(now))
        return self._learnt[1]

    def _learn(self, now: int) -> Past | None:
        """None where no message was old enough by then to show how messages end."""
        ended, waiting = list[Ended](), list[Waiting]()
        for key, day in self._days.items():
            known = day.at(now)
            ended += [
                Ended(*key, one.status, NO_LATENCY if one.no_latency else one.step * COARSE, old, n)
                for (one, old), n in known.ended.items()
            ]
            waiting += [
                Waiting(*key, at // QUARTER_SECONDS, n) for at, n in known.open.items() if n
            ]
        moment = now * SECOND
        if not has_old(ended, waiting, moment):
            return None
        silent = silent_of(ended, waiting, moment)
        return usual(past_of(ended, waiting, moment), self._providers, silent)

    def _young(self, now: int) -> Past:
        """What a young hub knew: its first hour."""
        some = {key: self._between(key, now - HOUR_SECONDS, now) for key in self._routes}
        tables = {
            key: observe(group for one in quarters for group in one.so_far(now))
            for key, quarters in some.items()
        }
        seen = max(
            (now - one.begin - MINUTE_SECONDS for of in some.values() for one in of), default=0
        )
        return usual(tables, self._providers, frozenset(), seen)
