"""The data for estimates of settled rates: the last hours by the minute, the last day by quarters.

Each query reads a bounded span of time by its table's key.
"""

from collections import Counter
from collections.abc import Collection, Sequence
from typing import NamedTuple

from delivrd.core.statement import Status
from delivrd.core.units import MINUTE
from delivrd.store.accounts import Accounts
from delivrd.store.counts import BUCKET, OPEN, SECONDS
from delivrd.store.histograms import steps
from delivrd.store.queries.filters import on_accounts
from delivrd.store.queries.latencies import BY_ROUTE, histograms
from delivrd.store.queries.latency_spans import spans
from delivrd.store.queries.paging import Condition, rendered
from delivrd.store.tx import Tx


class Narrowed(NamedTuple):
    """Which routes to read; None means all."""

    account: str | None = None
    provider: str | None = None
    country: str | None = None

    def conditions(self, accounts: Accounts) -> list[Condition]:
        found = on_accounts(accounts, self.account, self.provider)
        return found if self.country is None else [*found, ("country = ?", (self.country,))]


ALL = Narrowed()


class ByMinute(NamedTuple):
    """``n`` attempts handed over in a minute (counted from 1970) that have the same outcome.

    ``le`` is the latency step at which they ended, as the counts by the minute use it
    (`counts.coarse`). ``seconds``, for open ones, is the sum of the seconds of the minute at which
    they were handed over.
    """

    account_id: int
    country: str
    minute: int
    status: str
    le: int
    n: int
    seconds: int = 0


async def by_minute(
    tx: Tx, accounts: Accounts, first: int, until: int, which: Narrowed = ALL,
    *, young: int | None = None, slow: int = 0,
) -> list[ByMinute]:  # fmt: skip
    """What was handed over from minute ``first`` to just before ``until``.

    If ``young`` is given, attempts from before that minute count only if they are open, or ended
    in latency step ``slow`` or later.
    """
    where: list[Condition] = [("minute >= ?", (first,)), ("minute < ?", (until,))]
    if young is not None:
        where.append((f"(le <= {OPEN} OR le >= ? OR minute >= ?)", (slow, young)))
    text, args = rendered([*where, *which.conditions(accounts)])
    key = "account_id, country, minute, status, le"
    rows = await tx.fetch(
        f"SELECT {key}, CAST(sum(n) AS BIGINT) FROM recent WHERE {text} "
        "GROUP BY minute, account_id, country, status, le",  # in the table's order: not sorted
        *args,
    )
    seconds = {tuple(row[:4]): row[5] for row in rows if row[4] == SECONDS}
    return [
        ByMinute(*row)._replace(seconds=seconds.get(tuple(row[:4]), 0) if row[4] == OPEN else 0)
        for row in rows
        if row[5] and row[4] != SECONDS
    ]


class Ended(NamedTuple):
    """``n`` attempts of a route that ended in a status, in a latency step.

    ``old`` ones were handed over before the moment ``old`` of the query.
    """

    account_id: int
    country: str
    status: str
    le: int
    old: bool
    n: int


class Waiting(NamedTuple):
    """``n`` attempts of a route and a quarter of an hour that are still open."""

    account_id: int
    country: str
    bucket: int
    n: int


class Reports(NamedTuple):
    """Of ``total`` attempts, ``reported`` have a final status that came from the network.

    The last of these was handed over on day ``last``, counted from 1970 (0 if there was none).
    """

    total: int = 0
    reported: int = 0
    last: int = 0


async def past(
    tx: Tx, since: int, until: int, old: int
) -> tuple[Sequence[Ended], Sequence[Waiting]]:
    """The outcomes of the attempts between two moments (microseconds since 1970)."""
    since, old, until = (moment // BUCKET * BUCKET for moment in (since, old, until))
    ended = [
        *[Ended(*key, True, n) for key, n in (await _by_latency(tx, since, old)).items() if n],
        *[Ended(*key, False, n) for key, n in (await _by_latency(tx, old, until)).items() if n],
    ]
    waiting = await tx.fetch(
        "SELECT account_id, country, bucket, CAST(sum(n) AS BIGINT) FROM rollup WHERE unit = 1 "
        "AND bucket >= $1 AND bucket < $2 AND status = 'pending' GROUP BY 1, 2, 3",
        since // BUCKET,
        until // BUCKET,
    )
    return ended, [Waiting(*row) for row in waiting if row[3]]


async def _by_latency(tx: Tx, since: int, until: int) -> Counter[tuple[int, str, str, int]]:
    """How many attempts of a route ended in a status, by their latency step."""
    found: Counter[tuple[int, str, str, int]] = Counter()
    key = ("account_id", "country", "status")
    # naming all final statuses lets the latency tables' keys serve: status comes before time there
    ends: list[Condition] = [("unit = 1", ()), ("status = ANY(?::text[])", (list(ENDS),))]
    for span in spans(BY_ROUTE, (), since, until, None, range(0)):
        (part,) = span.parts
        for _, route, ended in await histograms(tx, span, key, ends):
            for le, n in steps(ended).items():
                found[route[0], route[1], route[2], le] += part.sign * n
    return found


ENDS = tuple(status.value for status in Status if status is not Status.PENDING)

REPORTED = ("delivered", "undelivered")
"""Final statuses that only a network can have reported."""


async def reports(
    tx: Tx, routes: Collection[tuple[int, str]], days: range
) -> dict[tuple[int, str], Reports]:
    """What each of these routes reported about attempts of these days, counted from 1970."""
    found: dict[tuple[int, str], Reports] = {}
    rows = await tx.fetch(
        "SELECT account_id, country, day, status, CAST(sum(n) AS BIGINT) FROM route_day "
        "WHERE unit = 1 AND day = ANY($1::bigint[]) AND account_id = ANY($2::bigint[]) "
        "AND country = ANY($3::text[]) AND status <> 'rejected' GROUP BY 1, 2, 3, 4",
        list(days),
        sorted({account_id for account_id, _ in routes}),
        sorted({country for _, country in routes}),
    )
    for account_id, country, day, status, n in rows:
        if n and (account_id, country) in routes:
            told = found.setdefault((account_id, country), Reports())
            reported = n if status in REPORTED else 0
            found[account_id, country] = Reports(
                told.total + n, told.reported + reported, max(told.last, day if reported else 0)
            )
    return found


async def ended(
    tx: Tx, accounts: Accounts, first: int, until: int, which: Narrowed = ALL
) -> list[tuple[int, str, str, int]]:
    """The attempts of these minutes that have ended: account, country, status, number."""
    text, args = rendered([
        ("minute >= ?", (first,)), ("minute < ?", (until,)), (f"le > {OPEN}", ()),
        *which.conditions(accounts),
    ])  # fmt: skip
    rows = await tx.fetch(
        "SELECT account_id, country, status, CAST(sum(n) AS BIGINT) FROM recent "
        f"WHERE {text} GROUP BY 1, 2, 3",
        *args,
    )
    return [(row[0], row[1], row[2], row[3]) for row in rows if row[3]]


def minute_of(moment: int) -> int:
    """The minute, counted from 1970, in which a moment lies (microseconds since 1970)."""
    return moment // MINUTE
