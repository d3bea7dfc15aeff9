"""Exact delivery times of an account's newest messages; the number of messages read is bounded."""

from delivrd.core.units import SECOND
from delivrd.store.accounts import Accounts
from delivrd.store.tx import Tx

LOOKED_AT = 500
"""The number of an account's newest messages that are read."""


async def newest_delays(
    tx: Tx, accounts: Accounts, account: str | None
) -> dict[str | None, list[float]]:
    """By country: seconds from the hand-over to the receipt of delivered messages, by our clock."""
    account_id = None if account is None else accounts.id_of(account)
    if account_id is None:
        return {}
    rows = await tx.fetch(
        "SELECT country, finished_at - sent_at FROM (SELECT country, status, sent_at, finished_at "
        f"FROM message WHERE account_id = {account_id:d} ORDER BY id DESC LIMIT {LOOKED_AT}) AS m "
        "WHERE status = 'delivered' AND finished_at >= sent_at",
    )
    found: dict[str | None, list[float]] = {}
    for country, took in rows:
        found.setdefault(country, []).append(took / SECOND)
    return found
