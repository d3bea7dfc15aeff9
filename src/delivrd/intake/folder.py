"""The folder: folds appended readings, slice by slice (rules A4, A5, A8)."""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import structlog

from delivrd.intake.load import LOOK_SECONDS, Cost, Load
from delivrd.intake.slices import Slices
from delivrd.store import fold
from delivrd.store.base import Store, StoreUnavailable, event_or_time
from delivrd.store.fold import Work
from delivrd.store.ids import now_micros
from delivrd.store.nonces import Key, Nonces
from delivrd.store.tx import Tx

log = structlog.get_logger(__name__)

ROOM = 10_000
"""Receipts that may wait in memory; further ones wait in the store only."""

POLL_SECONDS = 1.0
BRAKE_SECONDS = 60.0
"""From this age of the backlog on, intake is slowed to the fold's rate."""

LEAST_SHARE = 0.05
"""The share of time left to the fold while intake is overloaded and the backlog is young."""

GATHER_SECONDS = 0.01
"""A pause after a slice that calls wait for, unless another slice waits already: a caller would
else wait for a slice after each call, and one of a receipt takes nearly as long as one of twenty.
"""

HOUR = 3600.0


class Folder:
    """Folds the readings appended by this process, and those that no other process folds.

    Before it folds requests, it marks them in the store as its own, so that the requests over which
    a process died are known afterwards.
    """

    def __init__(self, store: Store, clock: Callable[[], int] = now_micros) -> None:
        self._store, self._clock = store, clock
        self.nonces = Nonces(log=store.holds_loop)
        self._queue: deque[Work] = deque()  # in memory, not marked yet
        self._queued = 0  # receipts in it
        self._marked: list[Work] = []  # marked as ours, to be folded next
        self._more = True  # the store may hold rows that are not in memory
        self._many = False  # it holds more than a slice of them
        self._wake = asyncio.Event()
        self._progress = asyncio.Event()
        self._slices = Slices()
        self._came = 0  # receipts offered since the last slice, and half of those before
        self._load = Load(holds_loop=store.holds_loop)
        self.folded = 0
        self.slices = 0

    @property
    def idle(self) -> bool:
        """Whether nothing waits to be folded, as far as this process knows."""
        return not (self._queue or self._marked or self._more)

    def is_next(self, receipts: int) -> bool:
        """Whether requests with so many receipts, appended now, would be the next slice, and may be
        marked at once."""
        return self.idle and receipts <= self._slices.short.receipts

    def offer(self, works: Sequence[Work], *, own: bool) -> None:
        """Queues requests just appended; ``own``: they are marked for this process already."""
        self._load.taken_in(len(works))
        works = [work for work in works if work.receipts]
        self._came += sum(len(work.receipts) for work in works)
        if own:
            self._marked += works
        elif self._more or self._queued > ROOM:
            self._more = True
        else:
            self._queue.extend(works)
            self._queued += sum(len(work.receipts) for work in works)
        self._wake.set()

    @property
    def lag(self) -> float:
        """The age in seconds of the oldest receipt waiting in this process's memory."""
        oldest = self._marked[0] if self._marked else self._queue[0] if self._queue else None
        return (self._clock() - oldest.received_at) / 1e6 if oldest else 0.0

    @property
    def waiting(self) -> int:
        """The number of receipts waiting in this process's memory."""
        return self._queued + sum(len(work.receipts) - work.done for work in self._marked)

    async def throttle_intake(self) -> None:
        """Makes intake wait until some of a backlog over a minute old is taken off (rule A5)."""
        if self.lag > BRAKE_SECONDS:
            self._progress.clear()
            await self._progress.wait()

    async def drain(self, seconds: float) -> None:
        """Waits at most ``seconds`` for the fold to catch up; the next start folds the rest."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self._queue or self._marked:
                    self._progress.clear()
                    await self._progress.wait()

    async def run(self) -> None:
        """Folds until cancelled; what is left is durable, and folded by the next process."""
        retry_at = 0.0
        while True:
            if time.monotonic() > retry_at:
                retry_at = time.monotonic() + HOUR
                await self._persist(self._retry_set_aside)
            if not self._marked:
                await self._next_works()
            if self._marked:
                began = time.monotonic()
                await self._persist(self._fold_slice)
                await self._yield_to_intake(time.monotonic() - began)

    async def _next_works(self) -> None:
        if not (self._queue or self._more):
            self._wake.clear()
            if not await event_or_time(self._wake, POLL_SECONDS):
                self._more = True  # another process may have died, or left rows unowned
        if (self._queue or self._more) and not self._marked:
            await self._persist(self._claim_next)

    async def _yield_to_intake(self, spent: float) -> None:
        """Pauses to leave time to intake while it is overloaded; less, the older the backlog is."""
        share = min(1.0, max(LEAST_SHARE, self.lag / BRAKE_SECONDS))
        until = time.monotonic() + spent * (1 / share - 1)
        if self._load.rest_needed:
            await asyncio.sleep(LOOK_SECONDS)
            self._load.measure()
        elif self._store.holds_loop and self.waiting < self._slices.short.receipts:
            await asyncio.sleep(GATHER_SECONDS)
        while self._load.overloaded:
            left = until - time.monotonic()
            if left <= 0:
                return
            await asyncio.sleep(min(left, LOOK_SECONDS))
            self._load.measure()

    async def _claim_next(self) -> None:
        following = self._next_slice()
        ours = await self._store.write(lambda tx: self._own(tx, following), background=True)
        self._take(following, ours)

    async def _own(self, tx: Tx, following: Sequence[Work]) -> list[Work]:
        """Marks as ours what to fold next: the given works or, if none, rows of the store.

        Works that another process has claimed meanwhile are left out.
        """
        if not following:
            return await fold.claim(tx, self._clock(), self._slices.size.receipts)
        ours = await fold.mark(tx, self._clock(), following)
        return [work for work in following if work.request_id in ours]

    async def _persist(self, step: Callable[[], Any]) -> None:
        """Runs a step until it succeeds, with growing pauses; sets nothing aside."""
        pause = 0.05
        while True:
            try:
                await step()
                return
            except StoreUnavailable as error:
                log.warning("the fold waits for the store", error=str(error))
            except Exception:
                log.exception("the fold failed and will be retried")
            await asyncio.sleep(pause)
            pause = min(pause * 2, 5.0)

    async def _fold_slice(self) -> None:
        """Folds marked works, marks the next ones and settles nonces, in one transaction."""
        works, store = self._together(), self._store
        if works[0].deaths >= 2:
            why = "the process died twice while folding it"
            await store.write(
                lambda tx: fold.set_aside_work(tx, store.ids, self._clock(), works[0], why)
            )
            self._finish(works, len(works[0].receipts))
            return
        limit, following = self._slices.size.receipts, self._next_slice()
        allowed = store.slice_seconds(catching_up=self._slices.catching_up)
        whole = all(len(work.receipts) - work.done <= limit for work in works)
        claims = self._more and whole and not following
        began = spent = worked = 0.0
        settled: list[Key] = []

        async def job(tx: Tx) -> list[Work]:
            nonlocal began, spent, worked, settled
            began, cpu_began = time.perf_counter(), time.thread_time()
            await fold.fold_slice(tx, store.accounts, store.ids, self._clock(), works, limit)
            settled = await self.nonces.settle(tx, limit)
            spent, worked = time.perf_counter() - began, time.thread_time() - cpu_began
            return await self._own(tx, following) if following or claims else []

        ours = await store.write(job, background=True)
        self.nonces.forget(settled)
        folded = self._finish(works, limit)
        cost = Cost(time.perf_counter() - began, worked)
        self._load.folded(folded, cost, tells=self._slices.size.tells(folded))
        self._slices.size.adapt(folded, spent, allowed)
        if following or claims:
            self._take(following, ours)
        self._choose_length()

    def _choose_length(self) -> None:
        """Catches up in long slices while the fold is behind, and few receipts come."""
        behind = self._many or self._slices.short.behind(self.waiting)
        self._slices.choose(long=behind and self._came < self._slices.short.receipts)
        self._came //= 2

    def _together(self) -> list[Work]:
        """The first marked works; one over which a process died is folded alone (rule A8)."""
        end = next((i for i, work in enumerate(self._marked) if work.deaths), len(self._marked))
        return self._marked[: max(1, end)]

    def _next_slice(self) -> list[Work]:
        """The first works in memory that together fit a slice; at least one, if there is any."""
        works: list[Work] = []
        total = 0
        for work in self._queue:
            total += len(work.receipts)
            if works and total > self._slices.size.receipts:
                break
            works.append(work)
        return works

    def _take(self, following: Sequence[Work], ours: Sequence[Work]) -> None:
        """Moves works to the marked ones: from the queue (``following``), or from the store."""
        for work in following:
            self._queue.popleft()
            self._queued -= len(work.receipts)
        self._progress.set()  # other processes may have claimed all of them
        if not following:
            self._more = bool(ours)
            self._many = len(ours) >= self._slices.short.receipts
        self._marked += ours

    def _finish(self, works: list[Work], limit: int) -> int:
        """Removes folded receipts, and returns their number; the rest of a long work is next."""
        left = [w._replace(done=w.done + limit) for w in works if len(w.receipts) - w.done > limit]
        folded = sum(min(len(work.receipts) - work.done, limit) for work in works)
        self._marked = left + self._marked[len(works) :]
        self.folded += folded
        self.slices += 1
        self._progress.set()
        return folded

    async def _retry_set_aside(self) -> None:
        store, landed, after = self._store, 0, 0

        async def job(tx: Tx) -> fold.Retried:
            now = self._clock()
            return await fold.retry_set_aside(tx, store.accounts, store.ids, now, after=after)

        while (retried := await store.write(job, background=True)).last is not None:
            landed, after = landed + retried.landed, retried.last
        if landed:
            log.info("folded receipts that had been set aside", count=landed)
