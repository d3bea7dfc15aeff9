"""Leases: one holder at a time (rule G3)."""

from delivrd.store.base import Store
from delivrd.store.leases import give_lease_back, take_lease
from tests.store.query_support import opened
from tests.support import run


async def take(store: Store, holder: str, seconds: float = 60) -> bool:
    return await store.write(lambda tx: take_lease(tx, "work", holder, seconds))


def test_only_one_holds_a_lease(database_url: str) -> None:
    async def test() -> None:
        async with opened(database_url) as store:
            assert await take(store, "a")
            assert not await take(store, "b")

    run(test())


def test_its_holder_renews_it(database_url: str) -> None:
    async def test() -> None:
        async with opened(database_url) as store:
            assert await take(store, "a")
            assert await take(store, "a")

    run(test())


def test_it_falls_to_another_after_its_time(database_url: str) -> None:
    async def test() -> None:
        async with opened(database_url) as store:
            assert await take(store, "a", seconds=-1)
            assert await take(store, "b")
            assert not await take(store, "a")

    run(test())


def test_it_can_be_given_back(database_url: str) -> None:
    async def test() -> None:
        async with opened(database_url) as store:
            await take(store, "a")
            await store.write(lambda tx: give_lease_back(tx, "work", "a"))
            assert await take(store, "b")

    run(test())
