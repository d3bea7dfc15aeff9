"""Questions of one kind that come at once share a read, on both stores."""

import asyncio
from typing import Any

import pytest

from delivrd.store.base import StoreUnavailable
from delivrd.store.gathered import AT_ONCE, Gathered
from delivrd.store.tx import Tx
from tests.store.story import telling
from tests.support import run


def doubling(seen: list[list[int]]) -> Any:
    async def read(tx: Tx, keys: list[int]) -> dict[int, int]:
        seen.append(keys)
        rows = await tx.fetch("SELECT 2")
        return {key: key * rows[0][0] for key in keys if key >= 0}

    return read


def test_while_one_read_is_under_way_the_next_gathers(database_url: str) -> None:
    async def test() -> None:
        async with telling(database_url) as story:
            seen: list[list[int]] = []
            doubled = Gathered(story.store, doubling(seen))
            first = asyncio.create_task(doubled.ask(7))
            await asyncio.sleep(0)
            told = await asyncio.gather(first, *(doubled.ask(i % 100) for i in range(AT_ONCE)))
            assert told == [14, *(2 * (i % 100) for i in range(AT_ONCE))]
            assert [len(keys) for keys in seen][-1] == 100
            assert len(seen) <= 3
            assert await doubled.ask(-1) is None

    run(test())


def test_a_question_that_cannot_be_answered_harms_no_other(database_url: str) -> None:
    async def test() -> None:
        async def read(tx: Tx, keys: list[int]) -> dict[int, int]:
            return {key: 100 // key for key in keys}

        async with telling(database_url) as story:
            divided = Gathered(story.store, read)
            told = await asyncio.gather(*map(divided.ask, (1, 0, 4)), return_exceptions=True)
            assert (told[0], told[2]) == (100, 25)
            assert isinstance(told[1], ZeroDivisionError)

    run(test())


def test_while_the_store_is_away_every_caller_gets_an_error_and_later_calls_try_again(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def test() -> None:
        async with telling(sqlite_url) as story:
            doubled = Gathered(story.store, doubling([]))

            async def away(job: object) -> None:
                raise StoreUnavailable("away")

            monkeypatch.setattr(story.store, "read", away)
            told = await asyncio.gather(*map(doubled.ask, (1, 2)), return_exceptions=True)
            assert [type(each) for each in told] == [StoreUnavailable] * 2
            monkeypatch.undo()
            assert await doubled.ask(1) == 2

    run(test())


def test_who_gives_up_takes_nobody_along(sqlite_url: str) -> None:
    async def test() -> None:
        async with telling(sqlite_url) as story:
            doubled = Gathered(story.store, doubling([]))
            asking = [asyncio.create_task(doubled.ask(3)) for _ in range(3)]
            await asyncio.sleep(0)
            asking[0].cancel()
            assert await asyncio.gather(*asking[1:]) == [6, 6]

    run(test())
