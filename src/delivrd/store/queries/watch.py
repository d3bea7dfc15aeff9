"""What a reader of a list looks at, read again."""

from collections.abc import Sequence

from delivrd.store.accounts import Accounts
from delivrd.store.queries import trees
from delivrd.store.queries.messages import shown
from delivrd.store.queries.views import Message
from delivrd.store.tx import Tx


async def messages_by_uuid(tx: Tx, accounts: Accounts, uuids: Sequence[str]) -> list[Message]:
    """The messages of these UUIDs that exist, in no order."""
    if not uuids:
        return []
    rows = await tx.fetch("SELECT id FROM message WHERE uuid = ANY($1::text[])", list(uuids))
    return await shown(tx, accounts, await trees.messages(tx, [row[0] for row in rows]))
