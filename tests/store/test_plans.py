"""In a burst, PostgreSQL plans by the statistics of the quiet time before it.

A claim that reads all that waits for each thing it takes stops the database in the very hour in
which most is to do. Rows read are counted here, rather than time.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from delivrd.store import deliveries, endpoints, fan_out, schema
from delivrd.store.base import Store
from delivrd.store.tx import Tx
from tests.relay.relay_support import Telling
from tests.relay.relay_support import telling as relaying
from tests.support import run

ENDPOINTS, QUIET, BURST, TAKEN = 7, 3_000, 1_000, 50
FEW = 20
"""Rows that may be read for one that is taken."""

READS = """
SELECT sum(coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0)) FROM pg_stat_xact_user_tables
"""


async def reads(store: Store, job: Callable[[Tx], Awaitable[Any]]) -> tuple[Any, int]:
    """What the job gives, and how many rows of tables it has read."""

    async def counted(tx: Tx) -> tuple[Any, int]:
        before = (await tx.fetch(READS))[0][0] or 0
        return await job(tx), int((await tx.fetch(READS))[0][0] - before)

    return await store.write(counted)


@asynccontextmanager
async def burst(url: str, **endpoint: Any) -> AsyncGenerator[tuple[Telling, list[int]]]:
    """Many events of which none is told, after a quiet time in which all were, and endpoints."""
    async with relaying(url) as story:
        made = [
            await story.endpoint(f"https://shop-{number}.example/events", **endpoint)
            for number in range(ENDPOINTS)
        ]
        await happen(story, QUIET)
        await tell(story)
        await story.write(lambda tx: tx.execute("UPDATE delivery SET state = 'delivered'"))
        await story.write(lambda tx: tx.execute("ANALYZE"))
        await happen(story, BURST)
        yield story, made


async def happen(story: Telling, count: int) -> None:
    """So many events, each of a message of its own."""
    ids = [story.store.ids.next() for _ in range(count)]
    columns = ("id", "message_id", "type", "data", "created_at")
    data = '{"status": "delivered", "final": true}'
    rows = [(i, i, "message.delivered", data, story.clock()) for i in ids]
    await story.write(lambda tx: tx.insert(schema.event, columns, rows))


async def tell(story: Telling) -> None:
    while await story.relay.fan_out():
        pass


def test_the_fan_out_reads_little_more_than_it_takes(postgres_url: str) -> None:
    async def test() -> None:
        async with burst(postgres_url) as (story, _):
            ids, now = story.store.ids, story.clock()
            done, read = await reads(story.store, lambda tx: fan_out.fan_out(tx, ids, now, TAKEN))
            assert done == (TAKEN, TAKEN * ENDPOINTS)
            assert read < FEW * TAKEN * ENDPOINTS

    run(test())


def test_finding_the_endpoints_that_are_due_reads_few_of_their_deliveries(
    postgres_url: str,
) -> None:
    async def test() -> None:
        async with burst(postgres_url) as (story, made):
            await tell(story)
            now = story.clock()
            due, read = await reads(story.store, lambda tx: deliveries.due_endpoints(tx, now))
            assert {endpoint.id for endpoint in due} == set(made)
            assert read < FEW * ENDPOINTS

    run(test())


def test_a_claim_of_an_ordered_endpoint_reads_few_of_its_deliveries(postgres_url: str) -> None:
    async def test() -> None:
        async with burst(postgres_url, ordered=True) as (story, made):
            await tell(story)
            endpoint = await story.store.read(lambda tx: endpoints.get(tx, made[0]))
            assert endpoint is not None
            now = story.clock()
            claim, read = await reads(
                story.store, lambda tx: deliveries.claim(tx, endpoint, now, TAKEN)
            )
            assert len(claim.calls) == TAKEN
            assert read < FEW * TAKEN

    run(test())
