"""Reads what is in flight, and tells what it will settle at: see `delivrd.insight.settling`."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from delivrd.insight.cohorts import DAY, ages, first_hour, groups_of, has_old, past_of
from delivrd.insight.lifetimes import NONE, observe, step_of
from delivrd.insight.routes import REPORTS_AFTER, SETTLED_AFTER, WINDOW, Key, Past, route, usual
from delivrd.insight.settling import Estimate, Settled, estimate, settled
from delivrd.store.accounts import Accounts
from delivrd.store.counts import BUCKET, KEPT_MINUTES, MINUTE, OPEN, SECOND
from delivrd.store.ids import now_micros
from delivrd.store.queries import recent as queries
from delivrd.store.queries.recent import ALL, ByMinute, Narrowed, minute_of
from delivrd.store.queries.stats import Silent
from delivrd.store.tx import Tx

DIMENSIONS = ("account", "provider", "country")

HOUR_MINUTES = 60

PAST_KEPT = 300 * SECOND
"""Microseconds for which what was read of the past is good."""

COLD_KEPT = 20 * SECOND
"""On a hub that has just begun the past is read again and again."""

YOUNG = 2 * WINDOW
"""Up to this age, in seconds, any end of a message may have been in the last minutes."""


class TooOld(ValueError):
    """Counts by the minute are not kept for so long; str() says for how long they are."""


class Settling:
    """Estimates what is in flight; what it read of the past is used for five minutes."""

    def __init__(self, accounts: Accounts, clock: Callable[[], int] = now_micros) -> None:
        self.accounts, self._clock = accounts, clock
        self._past: Past | None = None
        self._read_at = 0

    async def estimates(
        self,
        tx: Tx,
        since: int | None = None,
        until: int | None = None,
        which: Narrowed = ALL,
    ) -> dict[Key, Estimate]:
        """What the messages of each route come to that were handed over in that span of time.

        Times are microseconds since 1970; without them, the last hour. Each minute that they fall
        into is whole.

        Raises:
            TooOld: the span begins before what is kept by the minute.
        """
        return estimates_of(*await self.seen(tx, since, until, which))

    async def seen(
        self,
        tx: Tx,
        since: int | None = None,
        until: int | None = None,
        which: Narrowed = ALL,
    ) -> "Seen":
        """What `estimates` are made of, for those who make them elsewhere; it takes the same."""
        now = self._clock()
        first = minute_of(now) - HOUR_MINUTES if since is None else minute_of(since)
        end = minute_of(now) + 1 if until is None else -(-until // MINUTE)
        if first < minute_of(now) - KEPT_MINUTES:
            raise TooOld(f"counts by the minute are kept for {KEPT_MINUTES // 60} hours")
        past = await self._known(tx, now)
        ended = await queries.ended(tx, self.accounts, first, end, which)
        moving = await self._moving(tx, now, min(first, minute_of(now) - HOUR_MINUTES), which)
        return Seen(past, ended, moving, now, range(first, max(first, end)))

    async def silent(self, tx: Tx) -> Silent:
        """The routes that report nothing, and the countries that have no other."""
        past = await self._known(tx, self._clock())
        heard = {country for account_id, country in past.tables.keys() - past.silent}
        countries = {country for _, country in past.silent} - heard
        return Silent(tuple(sorted(past.silent)), tuple(sorted(countries)))

    async def _moving(self, tx: Tx, now: int, first: int, which: Narrowed) -> list[ByMinute]:
        """What is open, and what may have ended in the last minutes."""
        return await queries.by_minute(
            tx, self.accounts, first, minute_of(now) + 1, which,
            young=minute_of(now) - int(YOUNG // 60), slow=step_of(YOUNG - WINDOW),
        )  # fmt: skip

    async def _known(self, tx: Tx, now: int) -> Past:
        if self._past is None or not 0 <= now - self._read_at < PAST_KEPT:
            told = await queries.past(
                tx, now - DAY, now - BUCKET, now - int(REPORTS_AFTER) * SECOND
            )
            (tables, silent), seen, self._read_at = past_of(*told, now), SETTLED_AFTER, now
            if not has_old(*told, now):  # a hub that has just begun learns from what it has seen
                hour = await queries.by_minute(
                    tx, self.accounts, minute_of(now) - HOUR_MINUTES, minute_of(now)
                )
                tables, seen = first_hour(hour, now)
                self._read_at = now - PAST_KEPT + COLD_KEPT
            providers = {i: a.provider.name for i, a in self.accounts.by_id.items()}
            self._past = usual(tables, providers, silent, seen)
        return self._past


# --- estimates ------------------------------------------------------------------------------------


class Seen(NamedTuple):
    """What is known of messages at a moment, ``now``; those of the minutes of ``cohort`` are meant.

    ``ended`` is account, country, status and number.
    """

    past: Past
    ended: Sequence[tuple[int, str, str, int]]
    moving: Sequence[ByMinute]
    now: int
    cohort: range


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
        told = estimate(of, delivered[key], done[key], still_open)
        if told.total or told.unreported:
            found[key] = told
    return found


# --- answers --------------------------------------------------------------------------------------


async def settled_stats(
    tx: Tx,
    settling: Settling,
    by: Sequence[str],
    since: int | None = None,
    until: int | None = None,
    which: Narrowed = ALL,
) -> dict[str, Any]:
    """``{"by", "unit", "items", "summary", "no_receipts"}``: settled rates by dimension.

    Raises:
        TooOld: the span begins before what is kept by the minute.
    """
    accounts = settling.accounts
    found = await settling.estimates(tx, since, until, which)
    items, summary = grouped(accounts, by, found)
    return {
        "by": ",".join(by) or None,
        "unit": "attempts",
        "items": [{**dict(zip(by, values, strict=True)), **shown(told)} for values, told in items],
        "summary": shown(summary),
        "no_receipts": [
            {
                "account": accounts.name(account_id),
                "country": country or None,
                "messages": round(told.unreported),
            }
            for (account_id, country), told in sorted(found.items())
            if told.unreported
        ],
    }


class Answer(NamedTuple):
    """Settled rates by the values of the dimensions, and of all together."""

    items: Sequence[tuple[tuple[str | None, ...], Settled]]
    summary: Settled


def grouped(accounts: Accounts, by: Sequence[str], found: Mapping[Key, Estimate]) -> Answer:
    """The estimates by dimension, the greatest number first."""
    some: dict[tuple[str | None, ...], list[Estimate]] = {}
    for (account_id, country), told in found.items():
        account = accounts.by_id.get(account_id)
        named = {
            "account": accounts.name(account_id),
            "provider": account.provider.name if account else None,
            "country": country or None,
        }
        some.setdefault(tuple(named[name] for name in by), []).append(told)
    items = [(values, settled(estimates)) for values, estimates in some.items()] if by else []
    items.sort(key=lambda item: (-item[1].total, str(item[0])))
    return Answer(items, settled(found.values()))


def shown(told: Settled) -> dict[str, Any]:
    """A settled rate as the API tells it."""

    def share(value: float | None) -> float | None:
        return None if value is None else round(value, 6)

    return {
        "unit": "attempts",
        "total": told.total,
        "delivered": told.delivered,
        "pending": told.pending,
        "overdue": told.overdue,
        "unreported": told.unreported,
        "settled_rate": share(told.rate),
        "low": share(told.low),
        "high": share(told.high),
        "rate_so_far": share(told.so_far and told.so_far.rate),
    }
