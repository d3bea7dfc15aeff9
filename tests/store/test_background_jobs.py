"""On SQLite what callers wait for goes before jobs in the background, which get their turn."""

import asyncio
import sqlite3
import threading

import pytest

from delivrd.store import schema
from delivrd.store.sqlite import SqliteStore
from delivrd.store.tx import Tx
from tests.filled import opened
from tests.support import run


async def write(store: SqliteStore, tx: Tx) -> None:
    row = (store.ids.next(), 1, "a", "b", "c")
    await tx.insert(schema.audit, ("id", "at", "actor", "action", "detail"), [row])


def test_what_callers_wait_for_is_on_disk_before_a_background_job_begins(sqlite_url: str) -> None:
    """A slice of the fold takes longer than the commit that they wait for."""

    async def test() -> None:
        async with opened(sqlite_url) as store:
            seen = []

            async def look(tx: Tx) -> None:
                other = sqlite3.connect(store.path)
                seen.append(other.execute("SELECT count(*) FROM audit").fetchone()[0])
                other.close()

            async with asyncio.TaskGroup() as writers:
                writers.create_task(store.write(look, background=True))
                writers.create_task(store.write(lambda tx: write(store, tx)))
            assert seen == [1]

    run(test())


def test_a_call_that_came_during_a_background_job_is_written_before_the_next(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is processed while the job is committed; it would wait for all of them else."""

    async def test() -> None:
        async with opened(sqlite_url) as store:
            order: list[str] = []
            queued, commit = threading.Event(), store._timed_commit

            def commit_later() -> float:
                queued.wait(5)
                return commit()

            async def note(tx: Tx, name: str) -> None:
                order.append(name)

            async def call() -> None:
                written = asyncio.ensure_future(store.write(lambda tx: note(tx, "call")))
                await asyncio.sleep(0)
                queued.set()
                await written

            async with asyncio.TaskGroup() as writers:

                async def slice_(tx: Tx) -> None:
                    await note(tx, "slice")
                    if order == ["slice"]:
                        writers.create_task(call())

                monkeypatch.setattr(store, "_timed_commit", commit_later)
                for _ in range(3):
                    writers.create_task(store.write(slice_, background=True))
            assert order == ["slice", "call", "slice", "slice"]

    run(test())


def test_a_background_job_gets_its_turn_while_calls_keep_coming(sqlite_url: str) -> None:
    async def test() -> None:
        async with opened(sqlite_url) as store:
            slices = [store.write(lambda tx: write(store, tx), background=True) for _ in range(3)]
            waiting = asyncio.gather(*slices)
            written = 0
            while not waiting.done():
                await store.write(lambda tx: write(store, tx))
                written += 1
            assert written <= 2 * len(slices)

    run(test())
