"""Two processes that claim at the same moment share the work, and neither waits (rules A4, E1)."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from delivrd.core.units import SECOND
from delivrd.store import fold, outbox
from delivrd.store.base import Store
from delivrd.store.ids import now_micros
from delivrd.store.tx import Tx
from tests.store.story import receipt, telling
from tests.support import run

Claim = Callable[[Store, Tx, int], Awaitable[list[Any]]]


async def both(one: Store, other: Store, claim: Claim) -> tuple[list[Any], list[Any]]:
    """What one claims, at most one, and what the other claims before the first has committed."""
    holds, goes_on = asyncio.Event(), asyncio.Event()

    async def slowly(tx: Tx) -> list[Any]:
        claimed = await claim(one, tx, 1)
        holds.set()
        await goes_on.wait()
        return claimed

    first = asyncio.create_task(one.write(slowly))
    try:
        async with asyncio.timeout(10):
            await holds.wait()
            theirs = await other.write(lambda tx: claim(other, tx, 10))
    finally:
        goes_on.set()
    return await first, theirs


def test_requests_to_fold(postgres_url: str) -> None:
    async def claim(store: Store, tx: Tx, limit: int) -> list[int]:
        return [work.request_id for work in await fold.claim(tx, now_micros(), limit)]

    async def test() -> None:
        async with telling(postgres_url) as one, telling(postgres_url) as other:
            requests = [await one.receive("main", receipt(part)) for part in "ABC"]
            mine, theirs = await both(one.store, other.store, claim)
            assert (mine, theirs) == (requests[:1], requests[1:])

    run(test())


def test_messages_to_send(postgres_url: str) -> None:
    async def claim(store: Store, tx: Tx, limit: int) -> list[int]:
        due, accounts = now_micros() + SECOND, [store.accounts.by_name["main"].id]
        taken = await outbox.claim(tx, store.accounts, store.ids, due, accounts, limit)
        return [handover.attempt_id for handover in taken]

    async def test() -> None:
        async with telling(postgres_url) as one, telling(postgres_url) as other:
            for _ in range(3):
                await one.submit()
            mine, theirs = await both(one.store, other.store, claim)
            assert (len(mine), len(theirs), len({*mine, *theirs})) == (1, 2, 3)

    run(test())
