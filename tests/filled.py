"""A store with messages in it, filled by the same functions that the hub uses."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from itertools import count

from delivrd.core.reasons import Reason
from delivrd.core.statement import Reading, Receipt, Status
from delivrd.providers import provider
from delivrd.providers.base import Accepted, SentPart
from delivrd.store import fold, outbox
from delivrd.store.append import Entry, append
from delivrd.store.base import Store
from delivrd.store.graph import Graph
from delivrd.store.ids import now_micros
from delivrd.store.messages import new_uuid
from delivrd.store.open import open_store
from delivrd.store.outbox import Answered
from delivrd.store.rows import AttemptRow, MessageRow
from tests.support import SECRETS, account

_numbers = count(1)


@asynccontextmanager
async def opened(url: str, **changes: dict) -> AsyncGenerator[Store]:
    """The store with one account of each dialect; ``vonage={"receive_only": True}`` changes one."""
    configured = {
        kind: (provider(kind), account(kind, **changes.get(kind, {}))) for kind in SECRETS
    }
    store = await open_store(url, configured)
    try:
        yield store
    finally:
        await store.close()


def receipt(part: str, status: str = "delivered", final: bool = True, **more: object) -> Receipt:
    failed = status not in ("delivered", "pending", "unknown")
    if failed:
        more = {"reason": Reason.UNREACHABLE, "error_code": "2", **more}
    return Receipt(
        provider_message_id=part, status=Status(status), final=final, provider_status=status, **more
    )


async def receive(
    store: Store, *receipts: Receipt, by: str = "vonage", at: int | None = None, body: bytes = b"x"
) -> int:
    """One request with these receipts, appended and folded; its id."""
    now = now_micros() if at is None else at
    entry = Entry(
        id=store.ids.next(), account_id=store.accounts.by_name[by].id, received_at=now, took_us=1,
        source="127.0.0.1", method="POST", path=f"/webhooks/{by}", query=b"", headers=b"",
        body=body, auth="none", reading=Reading(receipts=receipts),
    )  # fmt: skip
    await store.write(lambda tx: append(tx, store.ids, [entry], own=False))
    while works := await store.write(lambda tx: fold.claim(tx, now_micros(), 100)):
        await store.write(
            lambda tx, works=works: fold.fold_slice(
                tx, store.accounts, store.ids, now_micros(), works, 1000
            )
        )
    return entry.id


async def send(store: Store, *parts: str, by: str = "vonage", country: str = "GB") -> MessageRow:
    """A message that was handed over and answered with these ids of its parts."""
    message = _queued(store, by, country)

    async def queue(tx):
        graph = Graph(tx, store.accounts, store.ids, now_micros())
        graph.add(message)
        await graph.save()

    await store.write(queue)
    account_id = store.accounts.by_name[by].id
    taken = await store.write(
        lambda tx: outbox.claim(tx, store.accounts, store.ids, now_micros(), [account_id], 10)
    )
    assert [each.attempt_id for each in taken] == [message.attempts[0].id]
    if parts:
        answer = Accepted(tuple(SentPart(part) for part in parts))
        said = Answered(message.attempts[0].id, answer, now_micros(), now_micros() + 10**12)
        await store.write(
            lambda tx: outbox.store_answer(tx, store.accounts, store.ids, now_micros(), said)
        )
    return message


def _queued(store: Store, by: str, country: str) -> MessageRow:
    now = now_micros()
    message = MessageRow(
        id=store.ids.next(), uuid=new_uuid(), origin="api",
        account_id=store.accounts.by_name[by].id, to_number=f"+4474{next(_numbers):08d}",
        country=country, text="hello", preview="hello", created_at=now,
    )  # fmt: skip
    message.attempts = [
        AttemptRow(
            id=store.ids.next(), message_id=message.id, seq=0, account_id=message.account_id,
            state="queued", due_at=now,
        )
    ]  # fmt: skip
    return message


async def scalar(store: Store, sql: str, *args: object) -> object:
    """The first value of a query."""

    async def job(tx):
        return (await tx.fetch(sql, *args))[0][0]

    return await store.read(job)


async def execute(store: Store, sql: str, *args: object) -> int:
    return await store.write(lambda tx: tx.execute(sql, *args))
