"""Leases: one holder at a time, by the database's clock (rule G3)."""

import time

import pytest

from delivrd.core.units import SECOND
from delivrd.store import fold, outbox, postgres
from delivrd.store.base import Store
from delivrd.store.ids import now_micros
from delivrd.store.leases import give_lease_back, take_lease
from delivrd.store.tx import for_sqlite
from tests import filled
from tests.intake.test_folder import appended
from tests.store.query_support import opened
from tests.support import account, open_hub, run, settings

HOUR = 3600 * SECOND


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


def test_who_does_not_hold_it_gives_back_no_lease_of_another(database_url: str) -> None:
    async def test() -> None:
        async with opened(database_url) as store:
            await take(store, "a")
            await store.write(lambda tx: give_lease_back(tx, "work", "b"))
            await store.write(lambda tx: give_lease_back(tx, "other work", "a"))
            assert not await take(store, "b")

    run(test())


def test_a_lease_that_is_renewed_for_years_is_one_statement(sqlite_url: str) -> None:
    """Translations are remembered for good."""

    async def test() -> None:
        async with opened(sqlite_url) as store:
            await take(store, "a")
            known = for_sqlite.cache_info().currsize
            for _ in range(3):
                await take(store, "a")
            assert for_sqlite.cache_info().currsize == known

    run(test())


def test_the_only_process_waits_for_no_lease_of_the_one_before(sqlite_url: str) -> None:
    async def test() -> None:
        async with opened(sqlite_url) as store:
            assert await take(store, "killed")
        accounts = {"main": account("vonage")}
        async with open_hub(settings(sqlite_url, accounts=accounts), roles=("intake",)) as hub:
            assert await take(hub.store, "next")

    run(test())


@pytest.mark.parametrize("off", [HOUR, -HOUR], ids=["ahead", "behind"])
def test_the_clock_of_a_process_ends_no_lease_and_makes_none_longer(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch, off: int
) -> None:
    async def test() -> None:
        async with opened(postgres_url) as store:
            assert await take(store, "a")
            real = time.time_ns
            monkeypatch.setattr(time, "time_ns", lambda: real() + off * 1000)
            assert not await take(store, "b")
            assert await take(store, "a", seconds=-1)
            assert await take(store, "b")

    run(test())


def test_a_process_whose_clock_is_ahead_takes_over_only_what_the_dead_claimed(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else it would make hand-overs `unsure` that are under way, and set good receipts aside."""

    async def test() -> None:
        async with filled.opened(postgres_url) as one:
            monkeypatch.setattr(postgres, "now_micros", lambda: now_micros() + HOUR)
            async with filled.opened(postgres_url) as ahead:
                await filled.send(one)
                await appended(one, "A")

                async def taken_over(now: int) -> tuple[int, int]:
                    works = await ahead.write(lambda tx: fold.claim(tx, now, 10))
                    unsure = await ahead.write(
                        lambda tx: outbox.abandon(
                            tx, ahead.accounts, ahead.ids, now, grace_seconds=0
                        )
                    )
                    return len(works), unsure

                assert await taken_over(now_micros() + HOUR) == (0, 0)
                assert await taken_over(now_micros() + 2 * HOUR) == (1, 1)

    run(test())
