"""Who did what: the acts of people and programs that change the hub."""

from delivrd.store import schema
from delivrd.store.ids import Ids, now_micros
from delivrd.store.tx import Tx

_COLUMNS = ("id", "at", "actor", "action", "detail")


async def note(tx: Tx, ids: Ids, actor: str, action: str, detail: str) -> None:
    """Writes down an act, in the transaction in which it is done."""
    await tx.insert(schema.audit, _COLUMNS, [(ids.next(), now_micros(), actor, action, detail)])
