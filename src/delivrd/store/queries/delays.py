"""Exact delivery times of an account's newest messages; the number of messages read is bounded."""

from delivrd.core.units import SECOND
from delivrd.store.accounts import Accounts
from delivrd.store.counts import NO_LATENCY
from delivrd.store.queries.paging import Span
from delivrd.store.tx import Tx

LOOKED_AT = 500
"""The number of an account's newest messages that are read."""


async def newest_delays(
    tx: Tx, accounts: Accounts, account: str | None, since: int, until: int
) -> dict[str | None, list[float]]:
    """By country: seconds from the hand-over to the receipt of delivered messages, by our clock.

    These are messages that were handed over between two moments (microseconds since 1970), among
    the newest from that time. Ends that a look-up found, or of which no time is known, are left
    out.
    """
    span = Span(since, until)
    if account is None:
        return {}
    rows = await tx.fetch(
        "SELECT country, finished_at - sent_at FROM (SELECT country, status, sent_at, finished_at, "
        f"latency FROM message WHERE account_id = {accounts.id_of(account):d} AND id >= $1 "
        f"AND id < $2 ORDER BY id DESC LIMIT {LOOKED_AT}) AS m "
        f"WHERE status = 'delivered' AND latency <> {NO_LATENCY} AND sent_at >= $3 "
        "AND sent_at < $4",
        span.lowest,
        span.end,
        since,
        until,
    )
    found: dict[str | None, list[float]] = {}
    for country, took in rows:
        found.setdefault(country, []).append(took / SECOND)
    return found
