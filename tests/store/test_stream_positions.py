"""Positions of the stream: each event once, in the order of committing (rule G2)."""

import asyncio

import pytest

from delivrd.store import schema, stream
from delivrd.store.base import Store
from delivrd.store.tx import Tx
from tests.store.query_support import opened
from tests.support import run


async def put(store: Store, *names: str) -> None:
    async def job(tx: Tx) -> None:
        rows = [(store.ids.next(), 1, name, "{}", 0) for name in names]
        columns = ("id", "message_id", "type", "data", "created_at")
        await tx.insert(schema.event, columns, rows)

    await store.write(job)


async def number(store: Store) -> list[str]:
    return await store.write(lambda tx: stream.number_if_ours(tx, "us"))


async def after(store: Store, position: int) -> list[stream.Event]:
    return await store.read(lambda tx: stream.events_after(tx, position))


def test_an_event_is_numbered_once(database_url: str) -> None:
    async def test() -> None:
        async with opened(database_url) as store:
            await put(store, "a", "b")
            assert await number(store) == ["a", "b"]
            assert await number(store) == []
            assert [event.type for event in await after(store, 0)] == ["a", "b"]

    run(test())


def test_a_position_is_above_all_before_it(database_url: str) -> None:
    async def test() -> None:
        async with opened(database_url) as store:
            await put(store, "a", "b")
            await number(store)
            top = (await after(store, 0))[-1].position
            await put(store, "c")
            await number(store)
            assert [event.type for event in await after(store, top)] == ["c"]

    run(test())


def test_positions_are_not_given_again_when_all_events_are_pruned(database_url: str) -> None:
    async def test() -> None:
        async with opened(database_url) as store:
            await put(store, "a")
            await number(store)
            old = (await after(store, 0))[0].position
            await store.write(lambda tx: tx.execute("DELETE FROM event"))
            assert not await store.read(lambda tx: stream.is_known(tx, old, kept_since=old + 1))
            await put(store, "b")
            await number(store)
            assert [event.type for event in await after(store, old)] == ["b"]

    run(test())


def test_a_stream_is_resumed_after_a_moment_since_which_nothing_was_pruned(
    database_url: str,
) -> None:
    async def test() -> None:
        async with opened(database_url) as store:
            begin = await store.read(stream.newest)
            assert await store.read(lambda tx: stream.is_known(tx, begin, kept_since=begin))
            assert not await store.read(lambda tx: stream.is_known(tx, begin, kept_since=begin + 1))
            await put(store, "a")
            await number(store)
            assert [event.type for event in await after(store, begin)] == ["a"]

    run(test())


def test_who_does_not_hold_the_lease_numbers_nothing(database_url: str) -> None:
    async def test() -> None:
        async with opened(database_url) as store:
            await put(store, "a")
            await number(store)
            await put(store, "b")
            assert await store.write(lambda tx: stream.number_if_ours(tx, "them")) == []

    run(test())


def test_an_event_committed_late_with_a_lower_id_comes_later_in_the_stream(
    postgres_url: str,
) -> None:
    """Sequence order is not commit order: a reader past a position must still see it."""

    async def test() -> None:
        async with opened(postgres_url) as store:
            inserted, go_on = asyncio.Event(), asyncio.Event()

            async def slow(tx: Tx) -> None:
                row = (store.ids.next(), 1, "slow", "{}", 0)
                columns = ("id", "message_id", "type", "data", "created_at")
                await tx.insert(schema.event, columns, [row])
                inserted.set()
                await go_on.wait()

            writing = asyncio.create_task(store.write(slow))
            await inserted.wait()
            await put(store, "fast")
            await number(store)
            seen = (await after(store, 0))[-1].position
            go_on.set()
            await writing
            await number(store)
            assert [event.type for event in await after(store, seen)] == ["slow"]

    run(test())


def test_two_processes_number_each_event_once(postgres_url: str) -> None:
    async def test() -> None:
        async with opened(postgres_url) as one, opened(postgres_url) as two:
            for round_ in range(5):
                await put(one, *(f"{round_}.{n}" for n in range(20)))
                await asyncio.gather(
                    *(
                        store.write(lambda tx, who=who: stream.number_if_ours(tx, who))
                        for store, who in ((one, "one"), (two, "two")) * 2
                    )
                )
            events = await after(one, 0)
            assert sorted(e.type for e in events) == sorted(
                f"{r}.{n}" for r in range(5) for n in range(20)
            )
            assert len({e.position for e in events}) == 100

    run(test())


@pytest.mark.parametrize("limit", [1, 2])
def test_events_are_read_in_pages(database_url: str, limit: int) -> None:
    async def test() -> None:
        async with opened(database_url) as store:
            await put(store, "a", "b", "c")
            await number(store)
            page = await store.read(lambda tx: stream.events_after(tx, 0, limit))
            assert [event.type for event in page] == ["a", "b", "c"][:limit]

    run(test())
