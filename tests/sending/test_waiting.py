"""Waiting for the end: thousands at once, woken by what happens, few queries for all."""

import asyncio
from typing import Any

import pytest

from delivrd.store.queries.messages import finality
from delivrd.store.tx import Tx
from tests.sending.gateways import Sender, end, sending
from tests.support import run, until

FOR_EVER = 3600.0
"""Longer than the test run has patience."""


@pytest.fixture(autouse=True)
def _no_poll(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is not told by a change is never found."""
    monkeypatch.setattr("delivrd.sending.waiting.POLL_SECONDS", FOR_EVER)


class Looks:
    """Counts what a hub has read from its store."""

    def __init__(self, hub: Sender) -> None:
        self.count, self._read = 0, hub.hub.store.read
        hub.hub.store.read = self._counted

    async def _counted(self, job: Any) -> Any:
        found = await self._read(job)
        self.count += 1
        return found

    async def one_more(self) -> None:
        """Until something was read that was not read before."""
        before = self.count
        await until(lambda: self.count > before)


def test_many_waiters_are_woken_by_few_queries(database_url: str) -> None:
    async def test() -> None:
        async with sending(database_url, "http://127.0.0.1:9") as hub:
            await hub.send()
            uuid = await hub.send()
            looks = Looks(hub)
            until_final = hub.hub.waiting.until_final
            waiting = [asyncio.create_task(until_final(uuid, FOR_EVER)) for _ in range(2000)]
            await looks.one_more()
            assert not any(task.done() for task in waiting)
            await end(hub, uuid)
            await asyncio.gather(*waiting)
            assert looks.count < 50

    run(test())


def test_who_waits_for_what_is_over_already_waits_for_nothing(database_url: str) -> None:
    async def test() -> None:
        async with sending(database_url, "http://127.0.0.1:9") as hub:
            uuid = await hub.send()
            await end(hub, uuid)
            await hub.hub.waiting.until_final(uuid, FOR_EVER)

    run(test())


def test_who_waits_too_long_goes_on_without(sqlite_url: str) -> None:
    async def test() -> None:
        async with sending(sqlite_url, "http://127.0.0.1:9") as hub:
            uuid = await hub.send()
            await hub.hub.waiting.until_final(uuid, 0.1)
            assert await hub.rows("SELECT status FROM message") == [("pending",)]

    run(test())


def test_who_gives_up_leaves_those_who_wait_for_the_same(sqlite_url: str) -> None:
    async def test() -> None:
        async with sending(sqlite_url, "http://127.0.0.1:9") as hub:
            uuid = await hub.send()
            waits = asyncio.create_task(hub.hub.waiting.until_final(uuid, FOR_EVER))
            await hub.hub.waiting.until_final(uuid, 0.05)
            assert not waits.done()
            await end(hub, uuid)
            await waits

    run(test())


def test_nothing_is_asked_of_messages_for_which_nobody_waits_any_more(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Callers give up all day: each query would be longer than the one before."""
    asked: set[str] = set()

    async def noted(tx: Tx, uuids: list[str]) -> Any:
        asked.update(uuids)
        return await finality(tx, uuids)

    async def test() -> None:
        async with sending(sqlite_url, "http://127.0.0.1:9") as hub:
            left, kept = await hub.send(), await hub.send()
            await hub.hub.waiting.until_final(left, 0.05)
            monkeypatch.setattr("delivrd.sending.waiting.finality", noted)
            waits = asyncio.create_task(hub.hub.waiting.until_final(kept, FOR_EVER))
            await end(hub, left)
            await end(hub, kept)
            await waits
            assert asked == {kept}

    run(test())


def test_a_change_that_nobody_was_told_of_is_found_by_and_by(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A notification of another process is lost with the connection that it came by."""
    monkeypatch.setattr("delivrd.sending.waiting.POLL_SECONDS", 0.05)

    async def test() -> None:
        async with sending(sqlite_url, "http://127.0.0.1:9") as hub:
            uuid = await hub.send()
            looks = Looks(hub)
            waits = asyncio.create_task(hub.hub.waiting.until_final(uuid, FOR_EVER))
            await looks.one_more()
            monkeypatch.setattr(hub.hub.store.bell, "ring", lambda *told, **more: None)
            await end(hub, uuid)
            async with asyncio.timeout(20):
                await waits

    run(test())


def test_nobody_waits_for_a_hub_that_stops(sqlite_url: str) -> None:
    async def test() -> None:
        async with sending(sqlite_url, "http://127.0.0.1:9") as hub:
            uuid = await hub.send()
            waits = asyncio.create_task(hub.hub.waiting.until_final(uuid, FOR_EVER))
            await asyncio.sleep(0)
            hub.hub.waiting.close()
            await waits
            await hub.hub.waiting.until_final(uuid, FOR_EVER)

    run(test())


def test_a_waiter_sees_what_another_process_did(postgres_url: str) -> None:
    async def test() -> None:
        async with (
            sending(postgres_url, "http://127.0.0.1:9") as one,
            sending(postgres_url, "http://127.0.0.1:9") as other,
        ):
            uuid = await one.send()
            looks = Looks(one)
            waiting = asyncio.create_task(one.hub.waiting.until_final(uuid, FOR_EVER))
            await looks.one_more()
            await end(other, uuid)
            await waiting

    run(test())


def test_who_waits_for_a_merged_message_hears_of_the_one_it_became(
    database_url: str,
) -> None:
    async def test() -> None:
        async with sending(database_url, "http://127.0.0.1:9") as hub:
            stays, goes = await hub.send(), await hub.send()
            await hub.hub.store.write(lambda tx: tx.execute(
                "UPDATE message SET merged_into = (SELECT id FROM message WHERE uuid = $1) "
                "WHERE uuid = $2", stays, goes
            ))  # fmt: skip
            looks = Looks(hub)
            waiting = asyncio.create_task(hub.hub.waiting.until_final(goes, FOR_EVER))
            await looks.one_more()
            await end(hub, stays)
            await waiting

    run(test())
