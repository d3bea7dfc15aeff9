"""Repeated kills on both stores, also with several processes; and how commits are shared."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import aiohttp
import asyncpg

from delivrd.config import load
from delivrd.providers import provider
from tests.crash.crash_support import Process, post_until_refused
from tests.crash.test_kill import RECEIVING, look, receipt
from tests.support import open_hub, run, serving, settings, until

STATUSES = "SELECT p.provider_message_id, m.status FROM part p "
STATUSES += "JOIN attempt a ON a.id = p.attempt_id JOIN message m ON m.id = a.message_id"
ASIDE = "SELECT count(*) FROM fault WHERE set_aside"


def test_receipts_of_a_hub_that_is_killed_several_times_all_arrive(
    database_url: str, tmp_path: Path
) -> None:
    """D11: what was waiting for the fold at one death may still wait at the next."""
    run(_killed(Process(tmp_path, database_url, RECEIVING), kills=3), 240)


def test_receipts_of_two_processes_that_are_killed_all_arrive(
    postgres_url: str, tmp_path: Path
) -> None:
    """D11, D25: on one database, each folding also what the other left."""
    run(_killed(Process(tmp_path, postgres_url, RECEIVING, workers=2), kills=2), 240)


def test_workers_end_with_the_process_that_started_them(postgres_url: str, tmp_path: Path) -> None:
    """They would keep the port from the hub that is started next."""
    process = Process(tmp_path, postgres_url, RECEIVING, workers=2)

    async def refused() -> bool:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", process.port)
        except ConnectionRefusedError:
            return True
        writer.close()
        return False

    async def test() -> None:
        async with process.running():
            process.kill_without_workers()
            await until(refused, 30)

    run(test(), 120)


async def _all_folded(process: Process) -> bool:
    """Read from the store, since a process knows only its own backlog."""
    return await _none(process, "SELECT count(*) FROM to_fold")


async def _none_aside(process: Process) -> bool:
    return await _none(process, ASIDE)


async def _none(process: Process, count: str) -> bool:
    url = load(process.settings, {}).database
    if url.startswith("postgresql"):
        connection = await asyncpg.connect(url)
        try:
            return not await connection.fetchval(count)
        finally:
            await connection.close()
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as file:
        return not file.execute(count).fetchone()[0]


async def _killed(process: Process, kills: int) -> None:
    """Kills it in the middle of intake so many times; then everything acknowledged is there."""
    acknowledged: list[dict[str, str]] = []
    url = f"{process.url}/webhooks/elsewhere"
    for kill in range(kills):
        bodies = [receipt(kill * 100_000 + number) for number in range(20_000)]
        before = len(acknowledged)
        async with process.running():
            posting = asyncio.create_task(post_until_refused(url, bodies, acknowledged))
            await until(
                lambda before=before, posting=posting: (  # type: ignore[misc]
                    len(acknowledged) > before + 500 or posting.done()
                ), 60,
            )  # fmt: skip
            process.kill()
            await posting
    async with process.running():
        await until(lambda: _all_folded(process), 60, 0.2)
    async with process.running():  # what was in hand at two deaths is tried again at a start (A8)
        await until(lambda: _none_aside(process), 60, 0.2)
    statuses = dict(await look(process, STATUSES))
    lost = [b["messageId"] for b in acknowledged if statuses.get(b["messageId"]) != "delivered"]
    assert lost == []


def test_commits_are_shared_and_none_is_answered_before_its_commit(database_url: str) -> None:
    """A2: every answer follows a commit; concurrent calls share one, a single call has its own."""

    async def story() -> None:
        config = settings(
            database_url, accounts={"elsewhere": provider("vonage").Settings(receive_only=True)}
        )
        async with (
            open_hub(config) as hub,
            serving(hub) as base,
            aiohttp.ClientSession() as session,
        ):
            url = f"{base}/webhooks/elsewhere"

            async def post(number: int) -> None:
                async with session.post(url, json=receipt(number)) as answer:
                    assert answer.status == 200

            for number in range(20):
                before = hub.store.commits
                await post(number)
                assert hub.store.commits > before
            assert hub.commit.batches == hub.commit.appended == 20
            await asyncio.gather(*(post(number) for number in range(100, 300)))
            assert hub.commit.appended == 220
            assert hub.commit.batches < 220
            assert hub.store.commits >= hub.commit.batches

    run(story())
