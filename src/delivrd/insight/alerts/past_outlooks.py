"""Past estimates, for previewing a rule about settled rates on history."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping

from delivrd.alert_settings import Rule
from delivrd.core.units import DAY_SECONDS, HOUR_SECONDS, SECOND
from delivrd.insight.alerts.data import Normal, Outlook, Place, Route
from delivrd.insight.alerts.day_before import BLOCK
from delivrd.insight.alerts.outlooks import begin_of
from delivrd.insight.alerts.places import dimensions, levels, place_of
from delivrd.insight.alerts.replay import Replay
from delivrd.insight.alerts.routes import chosen
from delivrd.insight.alerts.settled_rate import is_estimated
from delivrd.insight.routes import Key
from delivrd.insight.settling import Estimate
from delivrd.store.base import Store
from delivrd.store.queries import alerts as queries
from delivrd.store.tx import Row, Tx

PIECE = 6 * HOUR_SECONDS
"""Seconds read at a time, since rows take more memory than what is computed from them."""

SoFar = Mapping[Key, tuple[float, float]]
"""By route: how many messages, and how many of them had arrived."""


async def past_outlooks(store: Store, rule: Rule, since: int, until: int) -> "PastOutlooks | None":
    """Reads the input of the rule's estimates between two moments (in seconds), `PIECE` by `PIECE`;
    None where the rule is not evaluated on an estimate."""
    if not is_estimated(rule):
        return None
    accounts = store.accounts
    replay = Replay({i: a.provider.name for i, a in accounts.by_id.items()})
    for begin in range(since - DAY_SECONDS - BLOCK, until, PIECE):
        span = (begin * SECOND, min(until, begin + PIECE) * SECOND)

        async def piece(tx: Tx, span: tuple[int, int] = span) -> tuple[list[Row], list[Row]]:
            return await queries.ends_of_routes(tx, *span), await queries.open_of_routes(tx, *span)

        rows = await store.read(piece)
        await asyncio.to_thread(replay.add, *rows)
    return PastOutlooks(rule, replay, accounts.name)


class PastOutlooks:
    """The estimates a rule would have been evaluated on; ``names`` maps account ids to names."""

    def __init__(self, rule: Rule, replay: Replay, names: Callable[[int], str]) -> None:
        self._rule, self.replay, self._names = rule, replay, names
        self._places: dict[Key, list[Place]] = {}

    def outlooks(self, now: int, firing: Collection[Place]) -> Mapping[int, Outlook]:
        """The ``outlooks`` of `delivrd.insight.alerts.data.Data` at a moment.

        Only routes in places that fire, or might, are estimated. In the other places so many
        messages have arrived already that no estimate could be under the rule's bound: there all
        pending messages are taken to arrive.
        """
        span = self._rule.within or 0
        since = begin_of(span, now)
        so_far = self.replay.so_far(now, since)
        known = self.replay.estimates(now, since, self._wanted(so_far, firing))
        return {
            span: Outlook(since, {
                (self._names(key[0]), key[1]): known[key] if key in known else _at_best(*counted)
                for key, counted in so_far.items()
            })
        }  # fmt: skip

    def _wanted(self, so_far: SoFar, firing: Collection[Place]) -> set[Key]:
        places: dict[Place, list[Key]] = defaultdict(list)
        for key in so_far:
            for place in self._places_of(key):
                places[place].append(key)
        return {
            key
            for place, keys in places.items()
            if place in firing or self._may_be_bad([so_far[key] for key in keys])
            for key in keys
        }

    def _places_of(self, key: Key) -> list[Place]:
        if key not in self._places:
            own = (self._names(key[0]), key[1], "")
            among = chosen(self._rule, [Route(own, (), Normal())])
            told_apart = levels(dimensions(self._rule)) if among else ()
            self._places[key] = [place_of(own, some) for some in told_apart]
        return self._places[key]

    def _may_be_bad(self, some: Collection[tuple[float, float]]) -> bool:
        total, arrived = sum(n for n, _ in some), sum(n for _, n in some)
        enough = round(total) >= (self._rule.at_least or 1)
        return enough and arrived < total * (self._rule.below or 0.0) / 100


def _at_best(total: float, arrived: float) -> Estimate:
    return Estimate(total, arrived, total - arrived, expected=total - arrived)
