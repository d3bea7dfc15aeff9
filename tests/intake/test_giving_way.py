"""Intake goes before the fold and before readers (rule A5)."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from delivrd.core.units import SECOND
from delivrd.intake import folder as folding
from delivrd.intake.folder import BRAKE_SECONDS, Folder
from delivrd.intake.slices import BEHIND, FIRST
from delivrd.store.fold import Work
from delivrd.store.postgres import READERS
from delivrd.store.tx import Tx
from tests.filled import opened, receipt
from tests.intake.calls import calling
from tests.support import run, until


def test_readers_that_hang_leave_connections_to_intake(postgres_url: str) -> None:
    """Many wide pages at once, or a lock: each reader holds a connection until it is done."""

    async def test() -> None:
        async with calling(postgres_url) as hub:
            begun, done = [], asyncio.Event()

            async def reads(tx: Tx) -> None:
                begun.append(await tx.fetch("SELECT 1"))
                await done.wait()

            async with asyncio.TaskGroup() as readers:
                for _ in range(40):
                    readers.create_task(hub.hub.store.read(reads))
                await until(lambda: len(begun) >= READERS)
                for number in range(5):
                    call = {"messageId": f"M{number}", "mobile": "447700900123"}
                    path = "/webhooks/ruach"
                    assert await hub.status("GET", path, params=call | {"status": "DELIVRD"}) == 200
                assert len(begun) == READERS
                done.set()

    run(test())


class Looks:
    """Intake that is overrun until it was looked at so many times."""

    def __init__(self, times: int, *, rest_needed: bool = False) -> None:
        self.left, self.rest_needed = times, rest_needed

    @property
    def overloaded(self) -> bool:
        return self.left > 0

    def measure(self) -> None:
        self.left -= 1


@asynccontextmanager
async def behind(url: str, receipts: int, seconds: float = 0.0) -> AsyncGenerator[Any]:
    """A folder for which so many receipts wait, the oldest for so long."""
    async with opened(url) as store:
        folder: Any = Folder(store, lambda: int(seconds * SECOND))
        works = [Work(n, 0, 1, 0, (receipt(f"p{n}"),)) for n in range(receipts)]
        folder._more = False
        folder.offer(works, own=False)
        yield folder


@pytest.mark.parametrize(
    ("waiting", "came", "long"),
    [
        (BEHIND * FIRST + 1, FIRST - 1, True),
        (BEHIND * FIRST + 1, FIRST, False),
        (BEHIND * FIRST, 0, False),
    ],
)
def test_slices_are_long_only_while_it_is_behind_and_few_receipts_come(
    sqlite_url: str, waiting: int, came: int, long: bool
) -> None:
    """Whoever calls waits for a slice."""

    async def test() -> None:
        async with behind(sqlite_url, waiting - came) as folder:
            folder._came = 0
            folder.offer([Work(n, 0, 1, 0, (receipt(f"c{n}"),)) for n in range(came)], own=False)
            folder._choose_length()
            assert folder._slices.catching_up is long

    run(test())


def test_slices_stay_short_for_a_while_after_many_receipts_came(sqlite_url: str) -> None:
    """Two slices may follow each other before the next calls are taken in."""

    async def test() -> None:
        async with behind(sqlite_url, BEHIND * FIRST + 1) as folder:
            chosen = []
            for _ in range(5):
                folder._choose_length()
                chosen.append(folder._slices.catching_up)
            assert chosen == [False, False, False, True, True]

    run(test())


@pytest.mark.parametrize(("held", "long"), [(FIRST, True), (FIRST - 1, False)])
def test_it_is_behind_while_the_store_holds_a_slice_or_more_that_is_not_in_memory(
    sqlite_url: str, held: int, long: bool
) -> None:
    async def test() -> None:
        async with behind(sqlite_url, 0) as folder:
            folder._take([], [Work(n, 0, 1, 0, (receipt(f"p{n}"),)) for n in range(held)])
            folder._choose_length()
            assert folder._slices.catching_up is long

    run(test())


def test_what_comes_to_an_idle_fold_is_one_slice_at_most(sqlite_url: str) -> None:
    """256 calls that come together would else be folded together, and the next ones wait."""

    async def test() -> None:
        async with behind(sqlite_url, 0) as folder:
            assert folder.is_next(FIRST)
            assert not folder.is_next(FIRST + 1)

    run(test())


async def looks(folder: Any) -> int:
    """How often it looks whether intake is still overrun, where that ends with the third look."""
    folder._load = Looks(3)
    async with asyncio.timeout(10):
        await folder._yield_to_intake(spent=3600)
    return 3 - int(folder._load.left)


@pytest.fixture(autouse=True)
def _short_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folding, "LOOK_SECONDS", 0.001)


def test_it_waits_until_intake_is_overrun_no_more(database_url: str) -> None:
    async def test() -> None:
        async with behind(database_url, 500) as folder:
            assert await looks(folder) == 3

    run(test())


def test_a_lone_caller_waits_for_no_slice_where_slices_hold_the_loop(sqlite_url: str) -> None:
    """Its next call comes while its last receipt is the only one that waits."""

    async def test() -> None:
        async with behind(sqlite_url, 1) as folder:
            assert await looks(folder) == 3

    run(test())


@pytest.mark.parametrize("rest_needed", [True, False])
def test_it_rests_for_a_look_at_the_demand_where_that_cannot_be_seen_beside_a_slice(
    database_url: str, *, rest_needed: bool
) -> None:
    async def test() -> None:
        async with behind(database_url, 500) as folder:
            folder._load = Looks(1, rest_needed=rest_needed)
            await folder._yield_to_intake(spent=0.0)
            assert folder._load.overloaded is not rest_needed

    run(test())


@pytest.mark.parametrize(("waiting", "pauses"), [(FIRST - 1, True), (FIRST, False)])
def test_calls_that_follow_each_other_are_gathered_to_a_slice_where_slices_hold_the_loop(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch, waiting: int, *, pauses: bool
) -> None:
    monkeypatch.setattr(folding, "GATHER_SECONDS", 3600)

    async def test() -> None:
        async with behind(sqlite_url, waiting) as folder:
            folder._load = Looks(0)
            giving_way = asyncio.create_task(folder._yield_to_intake(spent=0.0))
            await asyncio.sleep(0)
            assert giving_way.done() is not pauses
            giving_way.cancel()

    run(test())


def test_it_waits_no_more_once_the_backlog_is_a_minute_old(database_url: str) -> None:
    async def test() -> None:
        async with behind(database_url, 500, BRAKE_SECONDS) as folder:
            assert await looks(folder) == 0

    run(test())


@pytest.mark.parametrize(("age", "waits"), [(60, False), (61, True)])
def test_from_a_backlog_of_a_minute_on_intake_waits_until_some_of_it_is_taken_off(
    sqlite_url: str, age: int, waits: bool
) -> None:
    async def test() -> None:
        async with behind(sqlite_url, 1, age) as folder:
            intake = asyncio.create_task(folder.throttle_intake())
            await asyncio.sleep(0)
            assert intake.done() is not waits
            works = folder._next_slice()
            folder._take(works, works)
            folder._finish(works, 1)
            async with asyncio.timeout(10):
                await intake

    run(test())
