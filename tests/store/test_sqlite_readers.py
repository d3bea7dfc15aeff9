"""Readers of SQLite: their connections, a damaged file, and any name of the file (rule A7)."""

from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

import pytest

from delivrd.store.base import StoreUnavailable
from delivrd.store.tx import Tx
from tests.filled import opened, scalar
from tests.support import run


class OneTakenJustNow(SimpleQueue[Any]):
    """Connections of which another reader takes the last one between a look and a step."""

    def empty(self) -> bool:
        return False

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        assert not block
        raise Empty

    def get_nowait(self) -> Any:
        return self.get(block=False)


def test_no_reader_waits_for_the_connection_that_another_one_took(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def test() -> None:
        async with opened(sqlite_url) as store:
            with monkeypatch.context() as patch:
                patch.setattr(store, "_idle", OneTakenJustNow())
                assert await scalar(store, "SELECT 1") == 1

    run(test())


def test_a_damaged_page_is_told_like_any_failure_of_the_store(tmp_path: Path) -> None:
    async def test() -> None:
        url, file = f"sqlite:///{tmp_path}/damaged.db", tmp_path / "damaged.db"
        async with opened(url) as store:
            await store.write(fill)
        pages = bytearray(file.read_bytes())
        page = pages.index(b"https://1500.") // 4096 * 4096
        pages[page : page + 200] = b"\xff" * 200
        file.write_bytes(pages)
        async with opened(url) as store:
            for ask in (store.read, store.write):
                with pytest.raises(StoreUnavailable, match="malformed"):
                    await ask(count_all)

    async def fill(tx: Tx) -> None:
        for number in range(3000):
            url = f"https://{number}.example.org/" + "u" * 80
            await tx.execute("INSERT INTO gone (url, at) VALUES ($1, 1)", url)

    async def count_all(tx: Tx) -> int:
        return len(await tx.fetch("SELECT url, at FROM gone"))

    run(test())


@pytest.mark.parametrize("name", ["what?.db", "b%20c.db", "größer #1.db"])
def test_a_file_may_have_any_name(tmp_path: Path, name: str) -> None:
    async def test() -> None:
        async with opened(f"sqlite:///{tmp_path / name}") as store:
            assert await scalar(store, "SELECT count(*) FROM message") == 0
        assert (tmp_path / name).stat().st_size > 0

    run(test())
