"""How long the newest deliveries of a route took, exactly: from a bounded number of messages."""

from delivrd.store.accounts import Accounts
from delivrd.store.tx import Tx

LOOKED_AT = 500
"""The newest messages of an account that are looked at."""


async def newest_delays(
    tx: Tx, accounts: Accounts, account: str | None, country: str | None
) -> list[float]:
    """Seconds from hand-over to the receipt by our clock, of those that were delivered."""
    account_id = None if account is None else accounts.id_of(account)
    if account_id is None:
        return []
    rows = await tx.fetch(
        "SELECT country, finished_at - sent_at FROM (SELECT country, status, sent_at, finished_at "
        f"FROM message WHERE account_id = {account_id:d} ORDER BY id DESC LIMIT {LOOKED_AT}) AS m "
        "WHERE status = 'delivered' AND finished_at >= sent_at",
    )
    return [took / 1e6 for found, took in rows if found == country]
