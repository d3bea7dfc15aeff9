"""Pushes receipts to the hub when they are due, and again if they were not acknowledged."""

import asyncio
import heapq
from itertools import count

import aiohttp
from yarl import URL

from delivrd.simulator.accounts import Account
from delivrd.simulator.clock import ScaledClock
from delivrd.simulator.dialect import Dialect
from delivrd.simulator.journal import Push, Submission
from delivrd.simulator.scenarios import Scenario

PATIENCE = 10.0
"""Real seconds that a gateway waits for the hub's answer (Ruach's documented limit)."""
CONNECTIONS = 64
"""The most calls of a gateway that are under way at once."""


class Pusher:
    """The part of a gateway that pushes receipts. Tries are recorded in the pushes themselves."""

    def __init__(
        self,
        dialect: Dialect,
        account: Account,
        scenario: Scenario,
        clock: ScaledClock,
        client: aiohttp.ClientSession,
    ) -> None:
        self._dialect, self._account, self._scenario = dialect, account, scenario
        self._clock, self._client = clock, client
        self._due: list[tuple[float, int, Push]] = []
        self._order = count()
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._slots = asyncio.Semaphore(CONNECTIONS)
        self._under_way: set[asyncio.Task[None]] = set()
        self._tried: dict[Push, asyncio.Event] = {}
        self._loop: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._loop = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Drop pushes that are still due, and cancel calls in progress."""
        tasks = [*self._under_way, *([self._loop] if self._loop else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._due.clear()

    async def stop_pushing(self) -> None:
        """Drop pushes that are still due, and wait for calls in progress."""
        if self._loop:
            self._loop.cancel()
        self._due.clear()
        while self._under_way:
            await asyncio.wait(self._under_way)

    def schedule(self, submission: Submission) -> None:
        """Push this submission's receipts when each is due."""
        for push in submission.pushes:
            self._add(submission.at + push.after, push)

    def __len__(self) -> int:
        """The number of pushes that are due or in progress."""
        return len(self._due) + len(self._under_way)

    async def idle(self) -> None:
        """Wait until no push is due or in progress."""
        await self._idle.wait()

    async def first_try(self, push: Push) -> None:
        """Wait until the hub was called with this push once."""
        if not push.tries:
            await self._tried.setdefault(push, asyncio.Event()).wait()

    async def push(self, push: Push) -> None:
        """Call the hub once, now, and record its answer."""
        call = push.call or (push.copy_of.call if push.copy_of else None)
        if push.tries and self._dialect.rebuilds_retries:
            call = None
        push.call = call = call or self._dialect.receipt(push, self._account, self._clock.now())
        status, good = None, False
        try:
            async with self._client.request(
                call.method,
                URL(call.url, encoded=True),
                headers=dict(call.headers),
                data=call.body or None,
                allow_redirects=False,
            ) as response:
                status = response.status
                good = self._dialect.acknowledged(status, await response.read())
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
            pass  # also an invalid URL: the sender gave it
        push.answered(status, self._clock.now(), good=good)
        if push in self._tried:
            self._tried.pop(push).set()

    def _add(self, due: float, push: Push) -> None:
        heapq.heappush(self._due, (due, next(self._order), push))
        self._idle.clear()
        self._wake.set()

    async def _run(self) -> None:
        while True:
            self._wake.clear()
            wait = self._due[0][0] - self._clock.elapsed() if self._due else None
            if wait is not None and wait <= 0:
                await self._slots.acquire()
                task = asyncio.create_task(self._try(heapq.heappop(self._due)[2]))
                self._under_way.add(task)
                task.add_done_callback(self._done)
            else:
                await self._until(wait)

    async def _until(self, wait: float | None) -> None:
        """Wait that many simulated seconds, or for a push that may be due before."""
        woken = asyncio.ensure_future(self._wake.wait())
        timer = asyncio.ensure_future(self._clock.sleep(wait)) if wait is not None else None
        both = [woken, timer] if timer else [woken]
        try:
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in both:
                task.cancel()
            await asyncio.gather(*both, return_exceptions=True)

    async def _try(self, push: Push) -> None:
        await self.push(push)
        if push.tries[-1].good or not self._dialect.retries:
            return
        if len(push.tries) >= self._dialect.max_tries:
            return
        since = self._clock.elapsed() - push.submission.at - push.after
        if since + self._scenario.retry_every <= self._scenario.retry_for:
            self._add(self._clock.elapsed() + self._scenario.retry_every, push)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        self._slots.release()
        if not self._due and not self._under_way:
            self._idle.set()
        if not task.cancelled() and task.exception():
            asyncio.get_running_loop().call_exception_handler(
                {"message": "a push failed in the simulator", "exception": task.exception()}
            )
