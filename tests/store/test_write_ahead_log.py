"""The write-ahead log of SQLite stays short while a busy writer never stands still (rule G4)."""

from pathlib import Path

import pytest

from delivrd.store import schema, sqlite
from delivrd.store.tx import Tx
from tests.filled import opened
from tests.support import run

KIB = 1024


def test_the_log_is_copied_back_and_begun_anew(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "WAL_LIMIT", 512 * KIB)
    monkeypatch.setattr(sqlite, "WAL_KEPT", 256 * KIB)

    async def story() -> int:
        async with opened(sqlite_url) as store:  # with nobody who reads: what is read is not copied

            async def write(tx: Tx) -> None:
                row = (store.ids.next(), 1, "a", "b", "x" * 64 * KIB)
                columns = ("id", "at", "actor", "action", "detail")
                await tx.insert(schema.audit, columns, [row])

            for _ in range(600):  # 37.5 MiB
                await store.write(write)
            return (tmp_path / "delivrd.db-wal").stat().st_size

    assert run(story()) < 16 * 1024 * KIB  # a busy machine copies late
