"""The audit log: actions of people and programs that change the hub."""

from delivrd.store import schema
from delivrd.store.ids import Ids, now_micros
from delivrd.store.tx import Tx

_COLUMNS = ("id", "at", "actor", "action", "detail")


async def note(tx: Tx, ids: Ids, actor: str, action: str, detail: str) -> None:
    """Records an action, in the transaction that performs it."""
    await tx.insert(schema.audit, _COLUMNS, [(ids.next(), now_micros(), actor, action, detail)])
