"""The parts of a provider's message id."""

from delivrd.store.accounts import Account, Accounts
from delivrd.store.tx import Tx


async def parts_of(
    tx: Tx, accounts: Accounts, provider_message_id: str, account: str | None = None
) -> list[int]:
    """The parts of this id, on any account or on one.

    The keys of some go on after the id (rule D3): with the number of the recipient, or with which
    of several generations it is. Both are digits, which sort before a z by any collation.
    """
    keys, beginnings = set(), set()
    for one in accounts.by_id.values():
        if account is None or one.name == account:
            key = one.part_key(provider_message_id, None)
            keys.add(key)
            beginnings.update(_beginnings(one, key))
    rows = await tx.fetch("SELECT id FROM part WHERE key = ANY($1::text[])", sorted(keys))
    found = {row[0] for row in rows}
    for beginning in sorted(beginnings):
        rows = await tx.fetch(
            "SELECT id, key FROM part WHERE key >= $1 AND key <= $2", beginning, f"{beginning}z"
        )
        # some collations ignore the | and the ~, so that other keys are between these two as well
        found.update(row[0] for row in rows if row[1].startswith(beginning))
    return sorted(found)


def _beginnings(account: Account, key: str) -> list[str]:
    if account.provider.number_in_key:  # generations follow the number
        return [key]
    return [] if account.reuse_after is None else [f"{key}~"]
