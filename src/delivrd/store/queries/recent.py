"""What the estimate of settled rates reads: the last hours by the minute, the last day by quarters.

Each read is of a bounded span of time, along the key of its table.
"""

from collections.abc import Sequence
from typing import NamedTuple

from delivrd.store.accounts import Accounts
from delivrd.store.counts import BUCKET, MINUTE, OPEN, SECONDS
from delivrd.store.queries.paging import Condition, rendered
from delivrd.store.queries.stats import on_accounts
from delivrd.store.tx import Tx


class Narrowed(NamedTuple):
    """The routes that are asked for; None lets all through."""

    account: str | None = None
    provider: str | None = None
    country: str | None = None

    def conditions(self, accounts: Accounts) -> list[Condition]:
        found = on_accounts(accounts, self.account, self.provider)
        return found if self.country is None else [*found, ("country = ?", (self.country,))]


ALL = Narrowed()


class ByMinute(NamedTuple):
    """So many attempts handed over in a minute, counted from 1970, with what became of them.

    ``le`` is the step of their age at the end in the counts by the minute (`counts.coarse`);
    ``seconds`` are those into the minute at which the open ones were handed over, added up.
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
    """What was handed over from minute ``first`` to before ``until``.

    With ``young``, of what is older than that minute only what is open, or ended in step ``slow``
    of its age or later.
    """
    where: list[Condition] = [("minute >= ?", (first,)), ("minute < ?", (until,))]
    if young is not None:
        where.append((f"(le <= {OPEN} OR le >= {slow:d} OR minute >= {young:d})", ()))
    text, args = rendered([*where, *which.conditions(accounts)])
    key = "account_id, country, minute, status, le"
    rows = await tx.fetch(
        f"SELECT {key}, CAST(sum(n) AS BIGINT) FROM recent WHERE {text} GROUP BY {key}", *args
    )
    seconds = {tuple(row[:4]): row[5] for row in rows if row[4] == SECONDS}
    return [
        ByMinute(*row)._replace(seconds=seconds.get(tuple(row[:4]), 0) if row[4] == OPEN else 0)
        for row in rows
        if row[5] and row[4] != SECONDS
    ]


class Ended(NamedTuple):
    """So many attempts of a route that ended so; ``old`` before the moment that was asked for."""

    account_id: int
    country: str
    status: str
    le: int
    old: bool
    n: int


class Waiting(NamedTuple):
    """So many attempts of a route and a quarter of an hour that have not ended."""

    account_id: int
    country: str
    bucket: int
    n: int


async def past(
    tx: Tx, since: int, until: int, old: int
) -> tuple[Sequence[Ended], Sequence[Waiting]]:
    """What became of the attempts between two moments (microseconds since 1970)."""
    span = (since // BUCKET, until // BUCKET)
    ended = await tx.fetch(
        "SELECT account_id, country, status, le, CASE WHEN bucket < $3 THEN 1 ELSE 0 END, "
        "CAST(sum(n) AS BIGINT) FROM latency WHERE unit = 1 AND bucket >= $1 AND bucket < $2 "
        "GROUP BY 1, 2, 3, 4, 5",
        *span,
        old // BUCKET,
    )
    waiting = await tx.fetch(
        "SELECT account_id, country, bucket, CAST(sum(n) AS BIGINT) FROM rollup WHERE unit = 1 "
        "AND bucket >= $1 AND bucket < $2 AND status = 'pending' GROUP BY 1, 2, 3",
        *span,
    )
    return (
        [Ended(*row)._replace(old=bool(row[4])) for row in ended if row[5]],
        [Waiting(*row) for row in waiting if row[3]],
    )


async def ended(
    tx: Tx, accounts: Accounts, first: int, until: int, which: Narrowed = ALL
) -> list[tuple[int, str, str, int]]:
    """Account, country, status and number of the attempts of these minutes that have ended."""
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
