"""Writes that fail: what is left of them, and of others in the same commit (rules A4, G5)."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from delivrd.store.base import StoreUnavailable
from delivrd.store.tx import Tx
from tests.filled import opened, scalar
from tests.support import run, until

NOTED = "INSERT INTO audit (id, at, actor, action) VALUES ($1, 1, 'a', 'b')"
BROKEN_DISK = """
CREATE FUNCTION broken() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'could not write' USING ERRCODE = 'io_error'; END $$;
CREATE CONSTRAINT TRIGGER broken AFTER INSERT ON audit DEFERRABLE INITIALLY DEFERRED
FOR EACH ROW EXECUTE FUNCTION broken();
"""


def test_a_job_that_fails_takes_no_other_along(database_url: str) -> None:
    """On SQLite all three share one commit, as all do that callers wait for."""

    async def test() -> None:
        async with opened(database_url) as store:
            commits = getattr(store, "commits")  # noqa: B009 - of both stores

            async def job(tx: Tx, number: int) -> None:
                await tx.execute(NOTED, number)
                if number == 2:
                    raise ValueError(number)

            done = await asyncio.gather(
                store.write(lambda tx: job(tx, 1)),
                store.write(lambda tx: job(tx, 2)),
                store.write(lambda tx: job(tx, 3)),
                return_exceptions=True,
            )
            assert [type(result) for result in done] == [type(None), ValueError, type(None)]
            assert await scalar(store, "SELECT sum(id) FROM audit") == 1 + 3
            if store.dialect == "sqlite":
                assert getattr(store, "commits") == commits + 1  # noqa: B009

    run(test())


@pytest.mark.parametrize("instead", [None, "another file"])
def test_nothing_is_written_into_a_file_that_its_path_names_no_longer(
    sqlite_url: str, tmp_path: Path, instead: str | None
) -> None:
    """It would be lost when the process ends; put back, it goes on."""
    path, away = tmp_path / "delivrd.db", tmp_path / "away.db"

    async def test() -> None:
        async with opened(sqlite_url) as store:
            path.rename(away)
            if instead:
                path.write_text(instead)
            with pytest.raises(StoreUnavailable, match="was moved, deleted or replaced"):
                await store.write(lambda tx: tx.execute(NOTED, 1))
            away.replace(path)
            await store.write(lambda tx: tx.execute(NOTED, 1))

    run(test())


def test_after_an_io_error_at_commit_its_connection_is_used_no_more(postgres_url: str) -> None:
    async def test() -> None:
        async with opened(postgres_url) as store:
            pool = getattr(store, "pool")  # noqa: B009 - of this store alone
            await pool.execute(BROKEN_DISK)
            used: list[Any] = []

            async def job(tx: Tx) -> None:
                used.append((await tx.fetch("SELECT pg_backend_pid()"))[0][0])
                await tx.execute(
                    "INSERT INTO audit (id, at, actor, action) VALUES (1, 1, 'a', 'b')"
                )

            with pytest.raises(StoreUnavailable, match="could not write"):
                await store.write(job)
            assert await scalar(store, "SELECT count(*) FROM audit") == 0

            async def gone() -> bool:
                left = "SELECT count(*) FROM pg_stat_activity WHERE pid = $1"
                return await scalar(store, left, used[0]) == 0

            await until(gone)
            await pool.execute("DROP TRIGGER broken ON audit")
            await store.write(job)
            assert used[1] != used[0]

    run(test())
