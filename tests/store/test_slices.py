"""How long a slice of the fold may last on SQLite: the longer, the slower the disk (rule A5)."""

from itertools import count

import pytest

from delivrd.store import sqlite
from tests.filled import opened
from tests.support import run


class Clock:
    """A clock on which a commit takes so many seconds."""

    def __init__(self, seconds: float) -> None:
        self._ticks = count()
        self._seconds = seconds

    def perf_counter(self) -> float:
        return next(self._ticks) * self._seconds


@pytest.mark.parametrize(("commit", "slice_"), [(0.0003, 0.01), (0.018, 0.018), (0.2, 0.025)])
def test_a_slice_lasts_as_long_as_a_commit_within_bounds(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch, commit: float, slice_: float
) -> None:
    monkeypatch.setattr(sqlite, "time", Clock(commit))

    async def story() -> float:
        async with opened(sqlite_url) as store:
            for _ in range(200):
                await store.write(lambda tx: tx.fetch("SELECT 1"))
            return store.slice_seconds(catching_up=False)

    assert run(story()) == pytest.approx(slice_, rel=0.01)


def test_a_slice_lasts_longer_to_catch_up(sqlite_url: str) -> None:
    async def story() -> tuple[float, float]:
        async with opened(sqlite_url) as store:
            return (
                store.slice_seconds(catching_up=False),
                store.slice_seconds(catching_up=True),
            )

    ordinary, long = run(story())
    assert ordinary < long < 0.05
