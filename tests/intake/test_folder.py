"""What the folder holds in memory, while its slices are written (rule A4)."""

import asyncio
from typing import Any

import pytest

from delivrd.core.statement import Reading
from delivrd.intake.folder import Folder
from delivrd.store.append import Entry, append
from delivrd.store.base import Store
from delivrd.store.fold import Work
from delivrd.store.ids import now_micros
from delivrd.store.nonces import Nonce
from delivrd.store.verify import verify
from tests.filled import opened, receipt, scalar
from tests.support import run


async def appended(store: Store, part: str, *, own: bool = True) -> Work:
    """A request that is marked for this process's folder; without ``own`` for none."""
    entry = Entry(
        id=store.ids.next(), account_id=1, received_at=now_micros(), took_us=1,
        source="127.0.0.1", method="POST", path="/webhooks/vonage", query=b"", headers=b"",
        body=b"", auth="none", reading=Reading(receipts=(receipt(part),)),
    )  # fmt: skip
    await store.write(lambda tx: append(tx, store.ids, [entry], own=own))
    return Work(entry.id, 0, 1, entry.received_at, entry.reading.receipts)


def test_what_is_offered_while_a_slice_is_written_is_folded_next(
    database_url: str, monkeypatch: Any
) -> None:
    """Taken for folded, it would wait until this process is taken for dead over it."""

    async def test() -> None:
        async with opened(database_url) as store:
            folder = Folder(store)
            folder.offer([await appended(store, "A")], own=True)
            late, write = await appended(store, "B"), store.write

            async def write_and_offer(job: Any, **how: Any) -> Any:
                result = await write(job, **how)
                folder.offer([late], own=True)
                return result

            monkeypatch.setattr(store, "write", write_and_offer)
            await folder._fold_slice()
            monkeypatch.undo()
            assert (folder.folded, folder.waiting) == (1, 1)
            await folder._fold_slice()
            assert (folder.folded, folder.waiting) == (2, 0)
            assert await verify(store) == []

    run(test())


@pytest.mark.parametrize("place", [0, 1], ids=["first", "last"])
def test_what_was_there_at_two_deaths_is_set_aside_and_its_neighbour_is_folded(
    database_url: str, place: int
) -> None:
    """A8: taken for done with it, the neighbour would wait until this process is taken for dead."""

    async def test() -> None:
        async with opened(database_url) as store:
            folder = Folder(store)
            works = [await appended(store, "A"), await appended(store, "B")]
            works[place] = works[place]._replace(deaths=2)
            folder.offer(works, own=True)
            await folder._fold_slice()
            assert folder.waiting == 1
            await folder._fold_slice()
            assert folder.waiting == 0
            assert await scalar(store, "SELECT count(*) FROM to_fold") == 0
            assert await scalar(store, "SELECT count(*) FROM link") == 1
            fault = "SELECT request_id FROM fault WHERE set_aside"
            assert await scalar(store, fault) == works[place].request_id
            assert await verify(store) == []

    run(test())


def test_a_backlog_that_other_processes_claimed_is_waited_for_no_more(
    database_url: str, monkeypatch: Any
) -> None:
    """A stop would wait for it as long as it may, and intake for ever (rule A5)."""
    monkeypatch.setattr("delivrd.intake.folder.BRAKE_SECONDS", -1.0)

    async def test() -> None:
        async with opened(database_url) as store:
            folder = Folder(store)
            folder._more = False
            folder.offer([await appended(store, "A")], own=False)
            assert folder.waiting == 1
            async with asyncio.timeout(20), asyncio.TaskGroup() as waiting:
                waiting.create_task(folder.throttle_intake())
                waiting.create_task(folder.drain(3600))
                await asyncio.sleep(0)
                await folder._claim_next()
            assert folder.waiting == 0

    run(test())


def test_what_is_more_than_fits_in_memory_waits_in_the_store(
    database_url: str, monkeypatch: Any
) -> None:
    """A burst may be larger than the memory; all of it is folded."""
    monkeypatch.setattr("delivrd.intake.folder.ROOM", 1)

    async def test() -> None:
        async with opened(database_url) as store:
            folder = Folder(store)
            folder._more = False
            for part in ("A", "B", "C", "D"):
                folder.offer([await appended(store, part, own=False)], own=False)
            assert folder.waiting == 2
            while not folder.idle:
                await folder._claim_next()
                while folder._marked:
                    await folder._fold_slice()
            assert await scalar(store, "SELECT count(*) FROM link") == 4

    run(test())


def test_what_another_process_left_behind_is_looked_for_in_quiet_times(
    database_url: str, monkeypatch: Any
) -> None:
    """A4: nobody offers it, as its process is dead."""
    monkeypatch.setattr("delivrd.intake.folder.POLL_SECONDS", 0)

    async def test() -> None:
        async with opened(database_url) as store:
            folder = Folder(store)
            folder._more = False
            left = await appended(store, "A", own=False)
            await folder._next_works()
            assert [work.request_id for work in folder._marked] == [left.request_id]

    run(test())


def test_what_the_store_holds_is_claimed_until_nothing_is_left(database_url: str) -> None:
    """A burst beyond the memory would else be folded one slice a second."""

    async def test() -> None:
        async with opened(database_url) as store:
            folder = Folder(store)
            left = [await appended(store, part, own=False) for part in ("A", "B")]
            for work in left:
                folder._slices.short.receipts = 1
                await folder._claim_next()
                assert [marked.request_id for marked in folder._marked] == [work.request_id]
                folder._finish(folder._marked, 1)
                assert not folder.idle
            await folder._claim_next()
            assert folder.idle

    run(test())


def test_a_nonce_that_was_moved_to_the_index_is_kept_in_memory_no_more(sqlite_url: str) -> None:
    async def test() -> None:
        async with opened(sqlite_url) as store:
            folder = Folder(store)
            nonce = Nonce("n", b"content".ljust(16), now_micros())
            judged = await store.write(lambda tx: folder.nonces.judge(tx, [(1, 1, nonce)]))
            folder.nonces.remember(judged)
            folder.offer([await appended(store, "A")], own=True)
            await folder._fold_slice()
            assert await store.write(lambda tx: folder.nonces.settle(tx, 10)) == []
            assert await scalar(store, "SELECT count(*) FROM nonce") == 1

    run(test())
