"""Commits are synced to disk, which a test with SIGKILL alone could not show."""

from collections.abc import Callable
from pathlib import Path

from delivrd.store.postgres import PostgresStore
from delivrd.store.sqlite import SqliteStore
from tests.crash.crash_support import Process, post_until_refused
from tests.crash.test_kill import RECEIVING, receipt
from tests.support import open_hub, run, settings


def test_sqlite_syncs_at_every_commit_of_its_live_connection(sqlite_url: str) -> None:
    async def story() -> None:
        async with open_hub(settings(sqlite_url)) as hub:
            assert isinstance(hub.store, SqliteStore)
            assert await hub.store.write(_pragma("synchronous")) == 2  # FULL
            assert await hub.store.write(_pragma("journal_mode")) == "wal"

    run(story())


def _pragma(name: str):  # type: ignore[no-untyped-def]
    async def job(tx):  # type: ignore[no-untyped-def]
        return (await tx.fetch(f"PRAGMA {name}"))[0][0]

    return job


def test_postgresql_is_asked_to_sync_by_every_session(postgres_url: str) -> None:
    async def story() -> None:
        async with open_hub(settings(postgres_url)) as hub:
            assert isinstance(hub.store, PostgresStore)
            async with hub.store.pool.acquire() as connection:
                assert await connection.fetchval("SHOW synchronous_commit") == "on"

    run(story())


def test_each_acknowledged_lone_receipt_was_synced_to_disk(
    sqlite_url: str, tmp_path: Path, need: Callable[..., None]
) -> None:
    """D11: at least one sync per receipt sent one after another, counted by the kernel."""
    need("strace", why="it counts the system calls")
    trace = tmp_path / "syncs"
    watch = ("strace", "-f", "-qq", "-e", "trace=fsync,fdatasync", "-o", str(trace))

    async def story() -> None:
        process = Process(tmp_path, sqlite_url, RECEIVING, before=watch)
        acknowledged: list[dict[str, str]] = []
        async with process.running():
            before = _syncs(trace)
            bodies = [receipt(number) for number in range(30)]
            await post_until_refused(
                f"{process.url}/webhooks/elsewhere", bodies, acknowledged, callers=1
            )
            assert len(acknowledged) == 30
            assert _syncs(trace) - before >= 30

    run(story(), 240)


def _syncs(trace: Path) -> int:
    return sum("sync(" in line for line in trace.read_text().splitlines())
