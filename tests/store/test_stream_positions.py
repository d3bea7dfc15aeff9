"""Positions of the stream: each event once, in the order of committing (rule G2)."""

import asyncio

import pytest

from delivrd.core.units import HOUR, SECOND
from delivrd.store import schema, stream
from delivrd.store.base import Store
from delivrd.store.ids import now_micros
from delivrd.store.tx import Tx
from tests.store.query_support import opened
from tests.support import run


async def put(store: Store, *names: str) -> None:
    await put_rows(store, *((store.ids.next(), name, None) for name in names))


async def put_rows(store: Store, *rows: tuple[int, str, int | None]) -> None:
    """Events, each with its id, its name, and its position."""

    async def job(tx: Tx) -> None:
        columns = ("id", "type", "position", "message_id", "data", "created_at")
        await tx.insert(schema.event, columns, [(*row, 1, "{}", 0) for row in rows])

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


@pytest.mark.parametrize("off", [HOUR, -HOUR], ids=["ahead", "behind"])
def test_a_position_is_a_time_unless_that_is_given_already(
    database_url: str, monkeypatch: pytest.MonkeyPatch, off: int
) -> None:
    """A clock that goes back gives none a second time, nor below those that were read."""

    async def test() -> None:
        async with opened(database_url) as store:
            await put(store, "a")
            await number(store)
            ((_, first, *_),) = await after(store, 0)
            now = now_micros() + off
            monkeypatch.setattr(stream, "now_micros", lambda: now)
            await put(store, "b")
            await number(store)
            assert (await after(store, 0))[-1].position == max(first + 1, now)

    run(test())


def test_events_get_positions_in_the_order_of_their_ids(database_url: str) -> None:
    """A message's changes are told in the order in which they happened."""

    async def test() -> None:
        async with opened(database_url) as store:
            first, second = store.ids.next(), store.ids.next()
            await put_rows(store, (second, "second", None), (first, "first", None))
            await number(store)
            assert [event.type for event in await after(store, 0)] == ["first", "second"]

    run(test())


def test_a_stream_that_begins_before_any_event_misses_none_of_a_slower_clock(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def test() -> None:
        async with opened(database_url) as store:
            begin = await store.read(stream.newest)
            monkeypatch.setattr(stream, "now_micros", lambda: now_micros() - 30 * SECOND)
            await put(store, "a")
            await number(store)
            assert [event.type for event in await after(store, begin)] == ["a"]

    run(test())


def test_a_test_event_alone_is_no_place_to_begin(database_url: str) -> None:
    """Test events have positions below zero, and are in no stream."""

    async def test() -> None:
        async with opened(database_url) as store:
            await put_rows(store, (store.ids.next(), "test", -1))
            begin = await store.read(stream.newest)
            assert begin > 0
            assert await after(store, begin) == []

    run(test())


def test_a_place_in_the_future_is_known_only_by_its_event(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a host whose clock was ahead, or of another hub: nothing would come until then."""

    async def test() -> None:
        async with opened(database_url) as store:
            monkeypatch.setattr(stream, "now_micros", lambda: now_micros() + HOUR)
            await put(store, "a")
            await number(store)
            monkeypatch.undo()
            ((_, position, *_),) = await after(store, 0)
            assert await store.read(lambda tx: stream.is_known(tx, position, kept_since=0))
            assert not await store.read(lambda tx: stream.is_known(tx, position + 1, kept_since=0))

    run(test())


def test_where_nothing_is_to_be_numbered_no_lease_is_taken(database_url: str) -> None:
    """Every process looks several times a second; each lease taken is a write."""

    async def test() -> None:
        async with opened(database_url) as store:
            assert await number(store) == []
            taken = "SELECT name FROM lease WHERE name = $1"
            assert await store.read(lambda tx: tx.fetch(taken, stream.LEASE)) == []

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
