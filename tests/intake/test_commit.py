"""The group commit: what it does when a run ends, or the store answers nothing (rules A2, A7)."""

import asyncio
from typing import Any

import pytest

from delivrd.core.statement import Reading
from delivrd.intake import commit as group
from delivrd.intake.commit import GroupCommit
from delivrd.intake.folder import Folder
from delivrd.store.append import Entry
from delivrd.store.base import Store, StoreUnavailable
from delivrd.store.ids import now_micros
from tests.filled import opened, receipt, scalar
from tests.support import run


def entry(store: Store, part: str) -> Entry:
    return Entry(
        id=store.ids.next(), account_id=1, received_at=now_micros(), took_us=1,
        source="127.0.0.1", method="POST", path="/webhooks/vonage", query=b"", headers=b"",
        body=b"", auth="none", reading=Reading(receipts=(receipt(part),)),
    )  # fmt: skip


def test_a_call_is_not_acknowledged_for_another_one_with_its_id(database_url: str) -> None:
    """A2: two processes may make the same id if one was paused, and another took its place."""

    async def test() -> None:
        async with opened(database_url) as store:
            commit = GroupCommit(store, Folder(store))
            running = asyncio.create_task(commit.run())
            first = entry(store, "A")
            second = first._replace(body=b"another")
            async with asyncio.timeout(20):
                for call, kept in ((first, True), (second, False)):
                    written = asyncio.get_running_loop().create_future()
                    commit.append(call, 3600, written)
                    await asyncio.wait([written])
                    assert (written.exception() is None) == kept
            running.cancel()

    run(test())


@pytest.mark.parametrize("durable", [False, True], ids=["before its commit", "after its commit"])
def test_what_an_ended_run_was_writing_is_written_once_by_the_next(
    database_url: str, monkeypatch: Any, durable: bool
) -> None:
    """Dropped, it would be answered 503 though the store is there."""

    async def test() -> None:
        async with opened(database_url) as store:
            commit, write = GroupCommit(store, Folder(store)), store.write
            writing = asyncio.Event()

            async def never_return(job: Any, **how: Any) -> None:
                if durable:
                    await write(job, **how)
                writing.set()
                await asyncio.Event().wait()

            monkeypatch.setattr(store, "write", never_return)
            written = asyncio.get_running_loop().create_future()
            commit.append(entry(store, "A"), 3600, written)
            first = asyncio.create_task(commit.run())
            await writing.wait()
            first.cancel()
            monkeypatch.undo()
            second = asyncio.create_task(commit.run())
            async with asyncio.timeout(20):
                await written
            second.cancel()
            assert await scalar(store, "SELECT count(*) FROM request") == 1

    run(test())


def test_who_has_waited_long_enough_is_told_so_even_while_the_batch_is_written(
    sqlite_url: str, monkeypatch: Any
) -> None:
    """A7: a store that hangs fails nothing by itself."""
    monkeypatch.setattr(group, "WATCH_SECONDS", 0)

    async def test() -> None:
        async with opened(sqlite_url) as store:
            commit = GroupCommit(store, Folder(store))

            async def never_return(job: Any, **how: Any) -> None:
                await asyncio.Event().wait()

            monkeypatch.setattr(store, "write", never_return)
            written = asyncio.get_running_loop().create_future()
            commit.append(entry(store, "A"), -1, written)
            tasks = [asyncio.create_task(work) for work in (commit.run(), commit.watch())]
            async with asyncio.timeout(20):
                with pytest.raises(StoreUnavailable):
                    await written
            for task in tasks:
                task.cancel()
            monkeypatch.undo()

    run(test())


def test_who_may_wait_longer_than_another_goes_on_waiting(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A7: each gateway has its own patience."""
    monkeypatch.setattr(group, "WATCH_SECONDS", 0)

    async def test() -> None:
        async with opened(sqlite_url) as store:
            commit, loop = GroupCommit(store, Folder(store)), asyncio.get_running_loop()
            patient, *impatient = (loop.create_future() for _ in range(3))
            commit.append(entry(store, "A"), 3600, patient)
            watching = asyncio.create_task(commit.watch())
            for written in impatient:
                commit.append(entry(store, "B"), -1, written)
                async with asyncio.timeout(20):
                    with pytest.raises(StoreUnavailable):
                        await written
            assert not patient.done()
            watching.cancel()

    run(test())


def test_what_is_read_in_one_round_of_the_loop_and_processed_in_the_next_joins_the_batch(
    sqlite_url: str,
) -> None:
    """Callers that part into two groups wait for two batches, and the slices between them."""

    async def test() -> None:
        async with opened(sqlite_url) as store:
            commit, loop = GroupCommit(store, Folder(store)), asyncio.get_running_loop()
            written = [loop.create_future() for _ in range(2)]
            running = asyncio.create_task(commit.run())
            await asyncio.sleep(0)
            commit.append(entry(store, "A"), 3600, written[0])
            later = entry(store, "B"), 3600, written[1]
            loop.call_soon(loop.call_soon, lambda: commit.append(*later))
            async with asyncio.timeout(20):
                await asyncio.gather(*written)
            running.cancel()
            assert commit.batches == 1

    run(test())


def test_more_requests_than_may_wait_are_refused_at_once(sqlite_url: str, monkeypatch: Any) -> None:
    """Memory has an end; the gateway is told to come again."""
    monkeypatch.setattr(group, "MAX_WAITING", 1)

    async def test() -> None:
        async with opened(sqlite_url) as store:
            commit = GroupCommit(store, Folder(store))
            first, second = (asyncio.get_running_loop().create_future() for _ in range(2))
            commit.append(entry(store, "A"), 3600, first)
            commit.append(entry(store, "B"), 3600, second)
            assert not first.done()
            assert isinstance(second.exception(), StoreUnavailable)

    run(test())


def test_an_entry_that_cannot_be_stored_fails_alone(database_url: str) -> None:
    """A8, D8: its neighbours in the batch are stored and answered."""

    async def test() -> None:
        async with opened(database_url) as store:
            commit, loop = GroupCommit(store, Folder(store)), asyncio.get_running_loop()
            written = [loop.create_future() for _ in range(3)]
            for i, one in enumerate(written):
                told = entry(store, f"A{i}")
                commit.append(told._replace(took_us=1 << 70) if i == 0 else told, 3600, one)
            running = asyncio.create_task(commit.run())
            async with asyncio.timeout(20):
                found = await asyncio.gather(*written, return_exceptions=True)
            running.cancel()
            assert [isinstance(one, Exception) for one in found] == [True, False, False]
            assert await scalar(store, "SELECT count(*) FROM request") == 2

    run(test())


def test_intake_waits_while_the_fold_is_a_minute_behind(sqlite_url: str, monkeypatch: Any) -> None:
    """A5: a backlog that grows without end would never be caught up."""

    async def test() -> None:
        async with opened(sqlite_url) as store:
            folder = Folder(store)
            commit, held, goes_on = GroupCommit(store, folder), asyncio.Event(), asyncio.Event()

            async def brake() -> None:
                held.set()
                await goes_on.wait()

            monkeypatch.setattr(folder, "throttle_intake", brake)
            written = asyncio.get_running_loop().create_future()
            commit.append(entry(store, "A"), 3600, written)
            running = asyncio.create_task(commit.run())
            async with asyncio.timeout(20):
                await held.wait()
                assert not written.done()
                goes_on.set()
                await written
            running.cancel()

    run(test())
