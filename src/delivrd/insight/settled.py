"""Reads messages in flight and estimates their settled rates (`delivrd.insight.settling`)."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import structlog

from delivrd.core.statement import moment
from delivrd.core.units import DAY, MINUTE, SECOND
from delivrd.insight.cohorts import ages, groups_of
from delivrd.insight.learnt import HOUR_MINUTES, Learnt, learn
from delivrd.insight.lifetimes import NONE, observe, step_of
from delivrd.insight.routes import WINDOW, Key, Past, route
from delivrd.insight.settling import Estimate, Settled, estimate, settled
from delivrd.store.accounts import Accounts
from delivrd.store.base import Store, StoreUnavailable
from delivrd.store.counts import KEPT_MINUTES, OPEN
from delivrd.store.ids import now_micros
from delivrd.store.queries import recent as queries
from delivrd.store.queries.recent import ALL, ByMinute, Narrowed, minute_of
from delivrd.store.queries.stats import Silent
from delivrd.store.tx import Tx

log = structlog.get_logger(__name__)

DIMENSIONS = ("account", "provider", "country")

PAST_KEPT = 300 * SECOND
"""Microseconds for which the model of the past is used."""

COLD_KEPT = 20 * SECOND
"""The same on a young hub, where each reading adds much."""

YOUNG = 2 * WINDOW
"""Of messages up to this age, in seconds, all ends are read; of older ones only late ends, which
alone can lie in the last minutes."""


class TooOld(ValueError):
    """The span begins before the stored counts by the minute; str() says how long they are kept."""


class Settling:
    """Estimates how messages in flight will settle; its model of the past is used for `PAST_KEPT`.

    While `run` runs, the model is renewed before that, so that no call waits for it.
    """

    def __init__(self, accounts: Accounts, clock: Callable[[], int] = now_micros) -> None:
        self.accounts, self._clock = accounts, clock
        self._learnt: Learnt | None = None

    async def run(self, store: Store) -> None:
        """Renews the model before it expires, until cancelled."""
        while True:
            try:
                await self.learn(store)
            except StoreUnavailable as error:
                log.warning("estimates not updated: store unavailable", error=str(error))
            await asyncio.sleep(self._kept / SECOND / 2)

    async def learn(self, store: Store) -> None:
        """Reads the past and computes the model from it, in a thread.

        Raises:
            StoreUnavailable: the previous model stays in use.
        """
        now = self._clock()
        learnt = await store.read(lambda tx: learn(tx, self.accounts, now))
        await asyncio.to_thread(learnt.work_out)
        self._learnt = learnt

    async def seen(
        self,
        tx: Tx,
        since: int | None = None,
        until: int | None = None,
        which: Narrowed = ALL,
    ) -> "Seen":
        """Reads what estimates need of the messages of a span of time, by default the last hour.

        Times are microseconds since 1970, rounded outwards to whole minutes. `Seen.estimates`
        takes a while: call it in a thread.

        Raises:
            TooOld: the span begins before the stored counts by the minute.
        """
        now = self._clock()
        first = minute_of(now) - HOUR_MINUTES if since is None else minute_of(since)
        end = minute_of(now) + 1 if until is None else -(-until // MINUTE)
        if first < minute_of(now) - KEPT_MINUTES:
            raise TooOld(f"counts by the minute are kept for {KEPT_MINUTES // 60} hours")
        learnt = await self._known(tx, now)
        ended = await queries.ended(tx, self.accounts, first, end, which)
        moving = await self._moving(tx, now, min(first, minute_of(now) - HOUR_MINUTES), which)
        return Seen(learnt, ended, moving, now, range(first, max(first, end)))

    async def silent(self, tx: Tx) -> Silent:
        """The routes that never report, and the countries that have only such routes."""
        return (await self._known(tx, self._clock())).never

    async def _moving(self, tx: Tx, now: int, first: int, which: Narrowed) -> list[ByMinute]:
        """Open messages, and those that may have ended in the last minutes."""
        return await queries.by_minute(
            tx, self.accounts, first, minute_of(now) + 1, which,
            young=minute_of(now) - int(YOUNG // 60), slow=step_of(YOUNG - WINDOW),
        )  # fmt: skip

    async def _known(self, tx: Tx, now: int) -> Learnt:
        known = self._learnt
        if known is None or not 0 <= now - known.read_at < self._kept:
            known = self._learnt = await learn(tx, self.accounts, now)
        return known

    @property
    def _kept(self) -> int:
        return COLD_KEPT if self._learnt is not None and self._learnt.young else PAST_KEPT


# --- estimates ------------------------------------------------------------------------------------


class Seen(NamedTuple):
    """The input of an estimate at the moment ``now``, for messages of the minutes in ``cohort``.

    ``ended`` holds (account id, country, status, number).
    """

    learnt: Learnt
    ended: Sequence[tuple[int, str, str, int]]
    moving: Sequence[ByMinute]
    now: int
    cohort: range

    def estimates(self) -> dict[Key, Estimate]:
        """The estimate for each route; slow with hundreds of routes."""
        return estimates_of(self.learnt.past, self.ended, self.moving, self.now, self.cohort)


def estimates_of(
    past: Past,
    ended: Iterable[tuple[int, str, str, int]],
    moving: Iterable[ByMinute],
    now: int,
    cohort: range,
) -> dict[Key, Estimate]:
    delivered: Counter[Key] = Counter()
    done: Counter[Key] = Counter()
    for account_id, country, status, n in ended:
        done[account_id, country] += n
        delivered[account_id, country] += n if status == "delivered" else 0
    by_route: dict[Key, list[ByMinute]] = {}
    for row in moving:
        by_route.setdefault((row.account_id, row.country), []).append(row)
    found = {}
    for key in {*done, *by_route}:
        rows = by_route.get(key, [])
        still_open = [
            each
            for row in rows
            if row.le == OPEN and row.minute in cohort
            for each in ages(row, now)
        ]
        table = observe(groups_of(rows, now)) if still_open else NONE
        of = route(past.of(key), table)
        estimated = estimate(of, delivered[key], done[key], still_open)
        if estimated.total or estimated.unreported:
            found[key] = estimated
    return found


# --- answers --------------------------------------------------------------------------------------


async def settled_stats(
    store: Store,
    settling: Settling,
    by: Sequence[str],
    since: int | None = None,
    until: int | None = None,
    which: Narrowed = ALL,
) -> dict[str, Any]:
    """`stats_of` for a span of time, computed in a thread to keep the event loop free.

    Raises:
        TooOld: the span begins before the stored counts by the minute.
    """
    seen = await store.read(lambda tx: settling.seen(tx, since, until, which))
    return await asyncio.to_thread(stats_of, settling.accounts, by, seen)


def stats_of(accounts: Accounts, by: Sequence[str], seen: Seen) -> dict[str, Any]:
    """``{"by", "unit", "items", "summary", "no_receipts", "stopped"}``: rates by dimension."""
    found = seen.estimates()
    items, summary = grouped(accounts, by, found)
    silent = {key: one for key, one in sorted(found.items()) if one.unreported}
    stopped = {key: day for key, day in seen.learnt.stopped.items() if key in silent}
    return {
        "by": ",".join(by) or None,
        "unit": "attempts",
        "items": [{**dict(zip(by, values, strict=True)), **shown(one)} for values, one in items],
        "summary": shown(summary),
        "no_receipts": [
            _route(accounts, key, one) for key, one in silent.items() if key not in stopped
        ],
        "stopped": [
            {**_route(accounts, key, silent[key]), "reported_on": _date(day)}
            for key, day in sorted(stopped.items())
        ],
    }


def _route(accounts: Accounts, key: Key, one: Estimate) -> dict[str, Any]:
    account_id, country = key
    return {
        "account": accounts.name(account_id),
        "country": country or None,
        "messages": round(one.unreported),
    }


def _date(day: int) -> str:
    return moment(day * DAY).date().isoformat()


class Answer(NamedTuple):
    """Settled rates by the values of the dimensions, and for all messages together."""

    items: Sequence[tuple[tuple[str | None, ...], Settled]]
    summary: Settled


def grouped(accounts: Accounts, by: Sequence[str], found: Mapping[Key, Estimate]) -> Answer:
    """The estimates by dimension, the items with most messages first."""
    some: dict[tuple[str | None, ...], list[Estimate]] = {}
    for (account_id, country), one in found.items():
        account = accounts.by_id.get(account_id)
        named = {
            "account": accounts.name(account_id),
            "provider": account.provider.name if account else None,
            "country": country or None,
        }
        some.setdefault(tuple(named[name] for name in by), []).append(one)
    items = [(values, settled(estimates)) for values, estimates in some.items()] if by else []
    items.sort(key=lambda item: (-item[1].total, str(item[0])))
    return Answer(items, settled(found.values()))


def shown(settled: Settled) -> dict[str, Any]:
    """A settled rate as the API gives it."""

    def share(value: float | None) -> float | None:
        return None if value is None else round(value, 6)

    return {
        "unit": "attempts",
        "total": settled.total,
        "delivered": settled.delivered,
        "pending": settled.pending,
        "overdue": settled.overdue,
        "unreported": settled.unreported,
        "settled_rate": share(settled.rate),
        "low": share(settled.low),
        "high": share(settled.high),
        "rate_so_far": share(settled.so_far and settled.so_far.rate),
    }
