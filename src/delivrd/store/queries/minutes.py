"""Messages by the minute in which they were made: a bounded number of the newest, looked at one by
one, for as long as a quarter of an hour is too coarse to show anything."""

from collections import Counter
from collections.abc import Mapping

from delivrd.core.units import MINUTE
from delivrd.store.accounts import Accounts
from delivrd.store.counts import BUCKET
from delivrd.store.ids import floor
from delivrd.store.queries.filters import Filters, on_routes
from delivrd.store.queries.paging import Span, rendered
from delivrd.store.tx import Tx

MOST = 20_000
"""Of more messages nobody looks at each."""


async def first_counted(tx: Tx) -> int | None:
    """When the quarter of an hour begins in which the first message was counted, ever."""
    rows = await tx.fetch("SELECT min(bucket) FROM rollup WHERE unit = 0")
    return None if rows[0][0] is None else int(rows[0][0]) * BUCKET


async def few_since(tx: Tx, since: int) -> bool:
    """Whether so few messages were made since a moment that each may be looked at."""
    rows = await tx.fetch(
        f"SELECT id FROM message WHERE id >= $1 ORDER BY id LIMIT 1 OFFSET {MOST:d}", floor(since)
    )
    return not rows


async def by_minute(
    tx: Tx, accounts: Accounts, filters: Filters
) -> Mapping[tuple[int, str | None], Counter[str]]:
    """How many messages of each status, by minute (counted from 1970) and reason.

    Of the filters those of places and times hold. A message is of the account that it went through
    first, as in lists.
    """
    span = Span(filters.since, filters.until)
    where, args = rendered([
        ("id >= ?", (span.lowest,)), ("bucket IS NOT NULL", ()), *span.conditions("created_at"),
        *on_routes(accounts, filters),
    ])  # fmt: skip
    rows = await tx.fetch(
        f"SELECT created_at / {MINUTE:d} AS minute, reason, status, count(*) FROM message "
        f"WHERE {where} GROUP BY minute, reason, status",
        *args,
    )
    found: dict[tuple[int, str | None], Counter[str]] = {}
    for minute, reason, status, n in rows:
        found.setdefault((minute, reason or None), Counter())[status] += n
    return found
