"""Each part of the hub dies where it should not, is started again, and nothing is lost (D43)."""

import asyncio
from typing import Any

import pytest

from delivrd import supervise
from delivrd.core.statement import Reading
from delivrd.sending.worker import Worker
from delivrd.store.append import Entry
from delivrd.store.base import StoreUnavailable
from delivrd.store.ids import now_micros
from tests.filled import receipt, receive
from tests.sending.gateways import Gateway, after, at, end, sending, stopping
from tests.support import appended, run, until


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervise, "PAUSES", (0.05,))


def dies_once(monkeypatch: pytest.MonkeyPatch, owner: Any, method: str) -> None:
    """The next call of that method fails."""
    real = getattr(owner, method)

    async def dying(*args: Any, **more: Any) -> Any:
        monkeypatch.setattr(owner, method, real)
        raise RuntimeError("dead")

    monkeypatch.setattr(owner, method, dying)


def test_a_receipt_that_was_being_written_when_the_append_died_is_answered(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def test() -> None:
        async with sending(database_url, "http://127.0.0.1:9") as hub:
            dies_once(monkeypatch, hub.hub.commit, "_write")
            entry = await _entry(hub)
            await appended(hub.hub.commit, entry, 10)
            assert hub.hub.parts.restarts["append"] == 1
            assert await hub.rows("SELECT count(*) FROM request") == [(1,)]

    run(test())


def test_who_waits_for_the_append_gives_up_in_time_while_it_is_down(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A7: also then the gateway is answered as long as it listens."""

    monkeypatch.setattr(supervise, "PAUSES", (3600.0,))

    async def test() -> None:
        async with sending(sqlite_url, "http://127.0.0.1:9") as hub:
            dies_once(monkeypatch, hub.hub.commit, "_write")
            with pytest.raises(StoreUnavailable):
                await appended(hub.hub.commit, await _entry(hub), 0.2)

    run(test())


async def _entry(hub: Any) -> Any:

    store = hub.hub.store
    return Entry(
        id=store.ids.next(), account_id=store.accounts.by_name["main"].id,
        received_at=now_micros(), took_us=1, source="127.0.0.1", method="POST",
        path="/webhooks/main", query=b"", headers=b"", body=b"x", auth="none",
        reading=Reading(receipts=(receipt("A"),)),
    )  # fmt: skip


def test_what_waits_for_the_fold_is_folded_when_the_folder_lives_again(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def test() -> None:
        async with sending(database_url, "http://127.0.0.1:9") as hub:
            dies_once(monkeypatch, hub.hub.folder, "_next_works")
            await until(lambda: hub.hub.parts.restarts["fold"] == 1)
            await appended(hub.hub.commit, await _entry(hub), 10)

            async def folded() -> bool:
                return not await hub.rows("SELECT 1 FROM to_fold")

            await until(folded)

    run(test())


def test_who_waits_for_a_message_hears_of_what_happened_meanwhile(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervise, "PAUSES", (1.0,))
    monkeypatch.setattr("delivrd.sending.waiting.POLL_SECONDS", 3600.0)

    async def test() -> None:
        async with sending(database_url, "http://127.0.0.1:9") as hub:
            uuid = await hub.send()
            dies_once(monkeypatch, hub.hub.waiting, "_query_due")
            waiting = asyncio.create_task(hub.hub.waiting.until_final(uuid, 3600))
            await until(lambda: hub.hub.parts.down)
            await end(hub, uuid)
            await waiting

    run(test())


def test_the_worker_sends_on_and_what_was_under_way_is_sent_once(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:

    async def test() -> None:
        answer = asyncio.Event()
        async with (
            Gateway(after(answer)).listening() as gateway,
            sending(database_url, at(gateway)) as hub,
        ):
            await hub.send()
            await until(lambda: gateway.calls)
            dies_once(monkeypatch, Worker, "_round")
            await until(lambda: hub.hub.parts.restarts["sending"] == 1)
            await hub.send()
            answer.set()
            await hub.reaches("accepted", "accepted")
            assert len(set(gateway.references)) == len(gateway.calls) == 2

    run(test())


def test_hand_overs_under_way_are_awaited_though_the_worker_is_down_when_the_hub_ends(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:

    monkeypatch.setattr(supervise, "PAUSES", (60.0,))

    async def test() -> None:
        async with Gateway(after(stopping(monkeypatch))).listening() as gateway:
            async with sending(sqlite_url, at(gateway)) as hub:
                await hub.send()
                await until(lambda: gateway.calls)
                dies_once(monkeypatch, Worker, "_round")
                await until(lambda: hub.hub.parts.down)
            async with sending(sqlite_url, at(gateway)) as hub:
                assert await hub.states() == ["accepted"]

    run(test())


def test_the_writer_of_the_database_lives_again_and_writes_what_came_meanwhile(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def test() -> None:
        async with sending(sqlite_url, "http://127.0.0.1:9") as hub:
            dies_once(monkeypatch, hub.hub.store, "_checkpoint_if_due")
            await hub.send()
            await until(lambda: hub.hub.store.parts.restarts["database writer"] == 1)
            await receive(hub.hub.store, receipt("A"), by="main")
            assert await hub.rows("SELECT count(*) FROM statement") == [(1,)]

    run(test())
