"""The files beside a SQLite database: a write-ahead log that stays short, and the lock (G4)."""

import asyncio
import sqlite3
from pathlib import Path

import pytest

from delivrd.store import schema, sqlite
from delivrd.store.open import sqlite_path
from delivrd.store.tx import Tx
from tests.filled import opened
from tests.support import run

KIB = 1024


@pytest.mark.parametrize("linked", [False, True])
def test_the_log_is_copied_back_and_begun_anew(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, linked: bool
) -> None:
    """Also where the settings name a symbolic link, which SQLite follows."""
    if linked:
        (tmp_path / "link.db").symlink_to("delivrd.db")
        sqlite_url = sqlite_url.replace("delivrd.db", "link.db")
    monkeypatch.setattr(sqlite, "WAL_LIMIT", 512 * KIB)
    monkeypatch.setattr(sqlite, "WAL_KEPT", 256 * KIB)

    async def story() -> int:
        async with opened(sqlite_url) as store:  # with nobody who reads: what is read is not copied

            async def write(tx: Tx) -> None:
                row = (store.ids.next(), 1, "a", "b", "x" * 64 * KIB)
                columns = ("id", "at", "actor", "action", "detail")
                await tx.insert(schema.audit, columns, [row])

            for _ in range(200):  # 12.5 MiB
                await store.write(write)
                if store._checkpointing:  # on a busy machine, its thread comes late
                    await asyncio.wait([store._checkpointing])
            return (tmp_path / "delivrd.db-wal").stat().st_size

    assert run(story()) < 1024 * KIB


def test_what_is_written_during_a_checkpoint_is_copied_back_by_the_next_pass(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the passes leave is copied between two transactions, and calls wait for it."""
    copy_back, come, passes = sqlite._copy_back, iter([8, 4, 0.1, 0.1, 0.1]), []

    async def story() -> None:
        async with opened(sqlite_url) as store:
            reader = sqlite.connect(store.path)

            def write(mebibytes: float) -> None:
                size = int(mebibytes * 1024 * KIB)
                store._connection.execute("INSERT INTO burst VALUES (zeroblob(?))", (size,))

            def copy_while_calls_come(connection: sqlite3.Connection) -> int:
                if passes:
                    reader.execute("ROLLBACK")
                reader.execute("BEGIN")
                reader.execute("SELECT count(*) FROM burst").fetchone()
                write(next(come))  # after what the reader sees, so that this pass leaves it
                passes.append(copy_back(connection))
                return passes[-1]

            store._connection.execute("CREATE TABLE burst (data)")
            write(8)
            monkeypatch.setattr(sqlite, "_copy_back", copy_while_calls_come)
            store._checkpoint()
            monkeypatch.undo()
            reader.close()

    run(story())
    assert len(passes) == 4
    assert passes == sorted(set(passes))


def test_a_database_has_one_guard_under_all_its_names(sqlite_url: str, tmp_path: Path) -> None:
    link = tmp_path / "link.db"
    link.symlink_to("delivrd.db")
    path, same = sqlite_path(sqlite_url), sqlite_path(f"sqlite:///{link}")
    assert path is not None
    assert same is not None
    guard = sqlite.FileGuard(path)
    with pytest.raises(sqlite.Busy):
        sqlite.FileGuard(same)
    guard.release()
