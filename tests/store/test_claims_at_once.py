"""Two processes at work at the same moment: neither waits for the other (rules A4, E1, F4)."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from delivrd.core.units import SECOND
from delivrd.store import deliveries, endpoints, fan_out, fold, outbox
from delivrd.store.base import Store
from delivrd.store.ids import now_micros
from delivrd.store.tx import Tx
from delivrd.store.verify import verify
from tests.relay.relay_support import telling as relaying
from tests.store.story import Story, receipt, telling
from tests.support import run

Claim = Callable[[Store, Tx, int], Awaitable[list[Any]]]
Job = Callable[[Tx], Awaitable[list[Any]]]


async def at_once(one: Store, job: Job, other: Store, its: Job) -> tuple[list[Any], list[Any]]:
    """What each job gives; the other's ends before the first has committed."""
    holds, goes_on = asyncio.Event(), asyncio.Event()

    async def slowly(tx: Tx) -> list[Any]:
        result = await job(tx)
        holds.set()
        await goes_on.wait()
        return result

    first = asyncio.create_task(one.write(slowly))
    try:
        async with asyncio.timeout(10):
            await holds.wait()
            theirs = await other.write(its)
    finally:
        goes_on.set()
    return await first, theirs


async def both(one: Store, other: Store, claim: Claim) -> tuple[list[Any], list[Any]]:
    """What one claims, at most one, and what the other claims meanwhile."""
    return await at_once(one, lambda tx: claim(one, tx, 1), other, lambda tx: claim(other, tx, 10))


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


async def three_events(url: str) -> None:
    async with relaying(url) as story:
        await story.endpoint("https://shop.example/events")
        for number in (1, 2, 3):
            await story.happens(message=number)


def test_events_to_fan_out(postgres_url: str) -> None:
    async def claim(store: Store, tx: Tx, limit: int) -> list[int]:
        made = await fan_out.fan_out(tx, store.ids, now_micros(), limit)
        return [1] * made.deliveries

    async def test() -> None:
        await three_events(postgres_url)
        async with telling(postgres_url) as one, telling(postgres_url) as other:
            mine, theirs = await both(one.store, other.store, claim)
            assert (len(mine), len(theirs)) == (1, 2)

    run(test())


def test_deliveries_to_call(postgres_url: str) -> None:
    async def claim(store: Store, tx: Tx, limit: int) -> list[int]:
        (endpoint,) = await endpoints.every(tx)
        taken = await deliveries.claim(tx, endpoint, now_micros(), limit)
        return [due.id for call in taken.calls for due in call]

    async def test() -> None:
        await three_events(postgres_url)
        async with telling(postgres_url) as one, telling(postgres_url) as other:
            ids, now = one.store.ids, now_micros()
            await one.store.write(lambda tx: fan_out.fan_out(tx, ids, now, 10))
            mine, theirs = await both(one.store, other.store, claim)
            assert (len(mine), len(theirs), len({*mine, *theirs})) == (1, 2, 3)

    run(test())


def test_receipts_that_are_counted_under_one_key(postgres_url: str) -> None:
    """F4: each writer adds to rows of its own."""

    async def folding(story: Story, part: str) -> Job:
        request = await story.receive("elsewhere", receipt(part))
        works = await story.store.write(lambda tx: fold.claim(tx, now_micros(), 10))
        assert [work.request_id for work in works] == [request]

        async def job(tx: Tx) -> list[Any]:
            await fold.fold_slice(tx, *story._parts, works, 10)
            return works

        return job

    async def test() -> None:
        async with telling(postgres_url) as one, telling(postgres_url) as other:
            await at_once(
                one.store, await folding(one, "A"), other.store, await folding(other, "B")
            )
            assert await one.rows("SELECT sum(n), count(*) FROM rollup WHERE unit = 0") == [(2, 2)]
            assert await verify(one.store) == []

    run(test())
