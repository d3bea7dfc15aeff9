"""Messages by the minute of their creation, for the first minutes of a hub, when quarters of an
hour are too coarse to show anything. The number of messages read is bounded."""

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
"""With more messages than this, they are not read one by one."""


async def first_counted(tx: Tx) -> int | None:
    """The start of the quarter of an hour of the first message that was ever counted."""
    rows = await tx.fetch("SELECT min(bucket) FROM rollup WHERE unit = 0")
    return None if rows[0][0] is None else int(rows[0][0]) * BUCKET


async def few_since(tx: Tx, since: int) -> bool:
    """Whether so few messages were created since a moment that each can be read."""
    rows = await tx.fetch(
        f"SELECT id FROM message WHERE id >= $1 ORDER BY id LIMIT 1 OFFSET {MOST:d}", floor(since)
    )
    return not rows


async def by_minute(
    tx: Tx, accounts: Accounts, filters: Filters
) -> Mapping[tuple[int, str | None], Counter[str]]:
    """How many messages of each status, by minute (counted from 1970) and reason.

    Only the filters by route and time apply. A message belongs to the account that it went through
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
