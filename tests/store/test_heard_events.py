"""Events that nobody listens for wait for no fan-out."""

from typing import Any

import pytest

from delivrd.store import endpoints
from delivrd.store.base import Store
from delivrd.store.ids import now_micros
from tests.filled import execute, opened, receipt, receive, scalar, send
from tests.support import run


async def listens(store: Store, **fields: Any) -> None:
    url = "https://shop.example/events"
    await store.write(
        lambda tx: endpoints.create(tx, store.ids, now_micros(), url=url, origin=url, **fields)
    )


async def waiting(store: Store) -> object:
    """How many events the fan-out still has to read."""
    return await scalar(store, "SELECT count(*) FROM event WHERE NOT fanned_out")


@pytest.mark.parametrize(
    ("change", "left"),
    [
        ("enabled = true", 1),
        ("enabled = false", 0),
        ("deleted_at = 1", 0),
        ("kind = 'callback'", 0),
    ],
)
def test_the_fan_out_reads_an_event_only_where_an_endpoint_is_enabled(
    database_url: str, change: str, left: int
) -> None:
    async def test() -> None:
        async with opened(database_url) as store:
            await listens(store)
            await execute(store, f"UPDATE endpoint SET {change}")
            await send(store, "a")
            await receive(store, receipt("a"))
            assert await waiting(store) == left

    run(test())


def test_without_any_endpoint_it_reads_none(database_url: str) -> None:
    async def test() -> None:
        async with opened(database_url) as store:
            await send(store, "a")
            await receive(store, receipt("a"))
            assert await scalar(store, "SELECT count(*) FROM event") == 1
            assert await waiting(store) == 0

    run(test())


def test_it_reads_the_events_of_a_message_with_a_callback_url(database_url: str) -> None:
    async def test() -> None:
        async with opened(database_url) as store:
            message = await send(store, "a")
            await send(store, "b")
            await execute(
                store,
                "UPDATE message SET callback_url = 'https://shop.example/one' WHERE id = $1",
                message.id,
            )
            await receive(store, receipt("a"), receipt("b"))
            assert await waiting(store) == 1

    run(test())
