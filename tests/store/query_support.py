"""Messages put straight into a store, for the tests of what is read."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from delivrd.providers import provider
from delivrd.store.base import Store
from delivrd.store.graph import Graph
from delivrd.store.ids import now_micros
from delivrd.store.messages import new_uuid
from delivrd.store.open import open_store
from delivrd.store.rows import AttemptRow, MessageRow
from delivrd.store.tx import Tx
from tests.support import account

ACCOUNTS = {"main": "vonage", "other": "ruach"}


@asynccontextmanager
async def opened(url: str) -> AsyncGenerator[Store]:
    configured = {name: (provider(kind), account(kind)) for name, kind in ACCOUNTS.items()}
    store = await open_store(url, configured)
    try:
        yield store
    finally:
        await store.close()


def message(store: Store, **fields: Any) -> MessageRow:
    """A message with one attempt that its gateway accepted, unless ``state`` says otherwise."""
    name = fields.pop("account", "main")
    state = fields.pop("state", "accepted")
    why = {"answer_reason": fields.pop("reason", "other"), "answer_code": fields.pop("code", None)}
    refused = {**why, "answered_at": now_micros()} if state == "refused" else {}
    account_id = store.accounts.by_name[name].id
    row = MessageRow(
        id=store.ids.next(),
        uuid=new_uuid(),
        origin="api",
        account_id=account_id,
        **{"to_number": "+12015555522", "country": "US", "created_at": now_micros(), **fields},
    )
    row.attempts = [
        AttemptRow(
            id=store.ids.next(),
            message_id=row.id,
            seq=0,
            account_id=account_id,
            state=state,
            **refused,
        )
    ]
    return row


async def add(store: Store, *given: Mapping[str, Any]) -> list[str]:
    """Stores messages with these fields, in this order; their ids."""
    rows = [message(store, **fields) for fields in given]

    async def job(tx: Tx) -> None:
        graph = Graph(tx, store.accounts, store.ids, now_micros())
        for row in rows:
            graph.add(row)
        await graph.save()

    await store.write(job)
    return [row.uuid for row in rows]
