"""Counts by the quarter of an hour, the finest that is stored, for spans of some hours."""

from collections import Counter
from collections.abc import Mapping

from delivrd.store.accounts import Accounts
from delivrd.store.queries.filters import Filters, in_quarters, on_routes
from delivrd.store.queries.paging import rendered
from delivrd.store.tx import Tx


async def by_quarter(
    tx: Tx, accounts: Accounts, filters: Filters
) -> Mapping[tuple[int, str | None], Counter[str]]:
    """How many of each status, by quarter (counted from 1970) and reason, in the filters' span.

    Only the filters by route and time are applied.
    """
    conditions = [*on_routes(accounts, filters), *in_quarters(filters)]
    where, args = rendered([(f"unit = {filters.unit(())}", ()), *conditions])
    rows = await tx.fetch(
        "SELECT bucket, reason, status, CAST(sum(n) AS BIGINT) FROM rollup "
        f"WHERE {where} GROUP BY bucket, reason, status",
        *args,
    )
    found: dict[tuple[int, str | None], Counter[str]] = {}
    for bucket, reason, status, n in rows:
        if n:
            found.setdefault((bucket, reason or None), Counter())[status] += n
    return found
