"""Restarts the parts of a hub that fail, after a pause."""

import asyncio
import time
from collections.abc import Awaitable, Callable

import structlog

log = structlog.get_logger(__name__)

PAUSES = (1.0, 2.0, 5.0, 10.0, 30.0)
"""Seconds before a part is restarted: longer with each failure in a row; the last repeats."""

STEADY_SECONDS = 60.0
"""A part that has run for this long starts again with the first pause."""

Run = Callable[[], Awaitable[None]]


class Parts:
    """Background parts that run until they are stopped; none returns by itself."""

    def __init__(
        self,
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._sleep, self._clock = sleep, clock
        self._tasks: list[asyncio.Task[None]] = []
        self.restarts: dict[str, int] = {}
        """How often each part was restarted; includes every part."""
        self.down: dict[str, str] = {}
        """The parts that are not running now, and why."""

    def start(self, name: str, run: Run, end: Run | None = None) -> None:
        """Runs a part, which must be safe to run again; awaits ``end`` when it is stopped."""
        self.restarts[name] = 0
        self._tasks.append(asyncio.create_task(self._keep(name, run, end), name=name))

    async def stop(self) -> None:
        """Stops all parts, and returns when the last has ended."""
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        for ended in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(ended, Exception):
                log.error("a part of the hub failed while stopping", exc_info=ended)

    async def _keep(self, name: str, run: Run, end: Run | None) -> None:
        try:
            await self._run_again_and_again(name, run)
        finally:
            if end is not None:
                await end()

    async def _run_again_and_again(self, name: str, run: Run) -> None:
        failures = 0
        while True:
            began = self._clock()
            error = await _failure(run)
            if self._clock() - began >= STEADY_SECONDS:
                failures = 0
            pause = PAUSES[min(failures, len(PAUSES) - 1)]
            failures += 1
            self.down[name] = type(error).__name__
            log.critical(
                "a part of the hub failed and will be restarted",
                part=name,
                pause=pause,
                exc_info=error,
            )
            await self._sleep(pause)
            self.restarts[name] += 1
            del self.down[name]


class Ended(Exception):
    """A part returned, which no part should."""


async def _failure(run: Run) -> BaseException:
    """Runs a part and returns its failure; cancellation of the part itself is re-raised."""
    try:
        await run()
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        return error  # something that the part awaited was cancelled, not the part
    except Exception as error:
        return error
    return Ended("it returned")
