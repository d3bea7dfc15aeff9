"""The model of how messages end: counts are read in a transaction, and computed on outside it."""

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import NamedTuple

from delivrd.core.units import DAY, SECOND
from delivrd.insight.cohorts import first_hour, has_old, past_of, silent_of
from delivrd.insight.routes import (
    REPORTS_AFTER,
    REPORTS_SHARE,
    SETTLED_AFTER,
    Key,
    Past,
    usual,
)
from delivrd.store.accounts import Accounts
from delivrd.store.counts import BUCKET
from delivrd.store.queries import recent as queries
from delivrd.store.queries.recent import ByMinute, Ended, Reports, Waiting, minute_of
from delivrd.store.queries.stats import Silent
from delivrd.store.tx import Tx

DAYS_BEFORE = 28
"""A route without receipts in the last day has stopped reporting if it did in these days before,
and never reports otherwise."""

HOUR_MINUTES = 60
"""The minutes from which a young hub learns."""


class Learnt:
    """How the messages of the last day ended, by route; made by `learn`.

    The first access to ``past`` takes a tenth of a second with a hundred routes: use a thread.
    """

    def __init__(self, day: "DayCounts", hour: Sequence[ByMinute] | None, now: int) -> None:
        self._day, self._hour, self.read_at = day, hour, now

    @property
    def young(self) -> bool:
        """Whether no message is old enough yet to show how messages end."""
        return self._hour is not None

    @property
    def stopped(self) -> Mapping[Key, int]:
        """Routes that have stopped reporting, with the day of the last report (days since 1970)."""
        return self._day.stopped

    @cached_property
    def past(self) -> Past:
        day, seen, now = self._day, SETTLED_AFTER, self.read_at
        tables = past_of(day.ended, day.waiting, now)
        if self._hour is not None:  # a young hub
            tables, seen = first_hour(self._hour, now)
        return usual(tables, day.providers, day.silent, seen)

    def work_out(self) -> None:
        """Computes the model of every route, which is kept."""
        for key in self.past.tables:
            self.past.of(key)

    @cached_property
    def never(self) -> Silent:
        """The routes that never report, and the countries that have only such routes."""
        routes = self._day.silent - self.stopped.keys()
        some: Iterable[Ended | Waiting] = (*self._day.ended, *self._day.waiting)
        keys = {(one.account_id, one.country) for one in some if one.n > 0}
        reporting = {country for _, country in keys - routes}
        countries = {country for _, country in routes} - reporting
        return Silent(tuple(sorted(routes)), tuple(sorted(countries)))


class DayCounts(NamedTuple):
    """The counts of the last day, the routes that report nothing, and those that stopped."""

    ended: Sequence[Ended]
    waiting: Sequence[Waiting]
    silent: set[Key]
    stopped: Mapping[Key, int]
    providers: Mapping[int, str]


async def learn(tx: Tx, accounts: Accounts, now: int) -> Learnt:
    """Reads the counts of the day before ``now`` (microseconds since 1970)."""
    old = now - int(REPORTS_AFTER) * SECOND
    ended, waiting = await queries.past(tx, now - DAY, now - BUCKET, old)
    silent = silent_of(ended, waiting, now)
    stopped = await _stopped(tx, silent, now) if silent else {}
    hour = None
    if not has_old(ended, waiting, now):
        hour = await queries.by_minute(tx, accounts, minute_of(now) - HOUR_MINUTES, minute_of(now))
    providers = {i: a.provider.name for i, a in accounts.by_id.items()}
    return Learnt(DayCounts(ended, waiting, silent, stopped, providers), hour, now)


async def _stopped(tx: Tx, silent: set[Key], now: int) -> Mapping[Key, int]:
    """The silent routes that reported in the `DAYS_BEFORE`, with the last day of a report."""
    today = now // DAY
    before = await queries.reports(tx, silent, range(today - DAYS_BEFORE, today))
    return {key: reports.last for key, reports in before.items() if _reported(reports)}


def _reported(reports: Reports) -> bool:
    """Whether more than stray reports came; no minimum sample is asked for."""
    return reports.reported > REPORTS_SHARE * reports.total
