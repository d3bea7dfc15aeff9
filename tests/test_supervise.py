"""Parts that fail are started again, with growing pauses, for everyone to see."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from delivrd.supervise import PAUSES, STEADY_SECONDS, Parts
from tests.support import run, until


class Clock:
    """Time that goes on only in pauses, and as the part under test says."""

    def __init__(self) -> None:
        self.now = 0.0
        self.pauses: list[float] = []
        self.pausing = asyncio.Event()
        self.go_on = asyncio.Event()
        self.go_on.set()

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.pausing.set()
        await self.go_on.wait()
        self.now += seconds


def part(clock: Clock, *lives: float | BaseException) -> Callable[[], Awaitable[None]]:
    """Lives so many seconds, then fails, time after time; at last it runs on."""
    left = list(lives)

    async def runs() -> None:
        if not left:
            await asyncio.Event().wait()
        life = left.pop(0)
        if isinstance(life, BaseException):
            raise life
        clock.now += life
        raise RuntimeError("dead")

    return runs


def watched(clock: Clock) -> Parts:
    return Parts(sleep=clock.sleep, clock=clock)


def test_each_failure_in_a_row_is_followed_by_a_longer_pause() -> None:
    async def test() -> None:
        clock = Clock()
        parts = watched(clock)
        parts.start("fold", part(clock, *[0.1] * 7))
        await until(lambda: parts.restarts["fold"] == 7)
        assert clock.pauses == [1, 2, 5, 10, 30, 30, 30]
        assert not parts.down
        await parts.stop()

    run(test())


def test_a_part_that_ran_for_a_while_is_started_again_at_once() -> None:
    async def test() -> None:
        clock = Clock()
        parts = watched(clock)
        parts.start("fold", part(clock, 0.1, 0.1, STEADY_SECONDS, 0.1))
        await until(lambda: parts.restarts["fold"] == 4)
        assert clock.pauses == [1, 2, 1, 2]
        await parts.stop()

    run(test())


@pytest.mark.parametrize(
    ("error", "why"),
    [(ValueError("x"), "ValueError"), (asyncio.CancelledError(), "CancelledError")],
)
def test_what_is_down_is_told_by_name_until_it_runs_again(error: BaseException, why: str) -> None:
    """A cancellation of something that the part waited for is a failure like any other."""

    async def test() -> None:
        clock = Clock()
        clock.go_on.clear()
        parts = watched(clock)
        parts.start("fold", part(clock, error))
        parts.start("ring", part(clock))
        await clock.pausing.wait()
        assert parts.down == {"fold": why}
        assert parts.restarts == {"fold": 0, "ring": 0}
        clock.go_on.set()
        await until(lambda: not parts.down)
        assert parts.restarts == {"fold": 1, "ring": 0}
        await parts.stop()

    run(test())


def test_a_part_that_returns_has_failed() -> None:
    async def test() -> None:
        clock = Clock()
        clock.go_on.clear()
        parts = watched(clock)

        async def returns() -> None:
            pass

        parts.start("fold", returns)
        await clock.pausing.wait()
        assert parts.down == {"fold": "Ended"}
        await parts.stop()

    run(test())


def test_stopping_ends_what_runs_and_what_pauses_each_to_its_end() -> None:
    async def test() -> None:
        clock = Clock()
        clock.go_on.clear()
        parts = watched(clock)
        ended: list[str] = []

        def end(name: str) -> Callable[[], Awaitable[None]]:
            async def ends() -> None:
                await asyncio.sleep(0)
                ended.append(name)

            return ends

        parts.start("runs", part(clock), end("runs"))
        parts.start("pauses", part(clock, 0.1), end("pauses"))
        await clock.pausing.wait()
        await parts.stop()
        assert sorted(ended) == ["pauses", "runs"]
        assert clock.pauses == [PAUSES[0]]
        assert parts.restarts == {"runs": 0, "pauses": 0}

    run(test())


def test_a_failure_is_logged_with_the_name_of_the_part(caplog: pytest.LogCaptureFixture) -> None:
    from structlog.testing import capture_logs

    async def test() -> None:
        clock = Clock()
        parts = watched(clock)
        with capture_logs() as logs:
            parts.start("fold", part(clock, 0.1))
            await until(lambda: parts.restarts["fold"])
        assert [(line["log_level"], line["part"], line["pause"]) for line in logs] == [
            ("critical", "fold", 1.0)
        ]
        await parts.stop()

    run(test())
