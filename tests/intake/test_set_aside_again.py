"""What was set aside is tried again at the start, and then every hour (rule A8)."""

import asyncio
from typing import Any

import pytest

from delivrd.intake import folder as folding
from delivrd.intake.folder import Folder
from delivrd.store import fold
from tests.filled import opened
from tests.support import run, until

HOUR = 3600


class Clock:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.now = 1.0

    def monotonic(self) -> float:
        return self.now


def test_it_is_tried_again_at_the_start_and_every_hour(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, tried, rounds = Clock(), [], []
    monkeypatch.setattr(folding, "time", clock)
    monkeypatch.setattr(folding, "POLL_SECONDS", 0)

    async def retry(*args: Any, **more: Any) -> fold.Retried:
        tried.append(clock.now)
        return fold.Retried(0, None)

    monkeypatch.setattr(fold, "retry_set_aside", retry)

    class Watched(Folder):
        async def _next_works(self) -> None:
            rounds.append(clock.now)
            await super()._next_works()

    async def test() -> None:
        async with opened(sqlite_url) as store:
            running = asyncio.create_task(Watched(store).run())
            for moment in (1, 2, HOUR, HOUR + 2, 2 * HOUR, 2 * HOUR + 3):
                clock.now = float(moment)
                await until(lambda moment=clock.now: rounds.count(moment) > 1)
            running.cancel()
        assert tried == [1, HOUR + 2, 2 * HOUR + 3]

    run(test())
