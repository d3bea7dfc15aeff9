"""The relay worker: fans out events, claims and calls deliveries, stores the results."""

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import structlog

from delivrd.config import Config
from delivrd.core.units import SECOND
from delivrd.relay import rounds
from delivrd.relay.caller import Caller
from delivrd.relay.client import RelayClient
from delivrd.relay.rounds import Claimed, ClaimedCall
from delivrd.store import deliveries, fan_out
from delivrd.store.base import Store, StoreUnavailable, event_or_time
from delivrd.store.endpoints import Endpoint
from delivrd.store.fan_out import FannedOut
from delivrd.store.ids import now_micros
from delivrd.store.tries import Result
from delivrd.store.tx import Tx

log = structlog.get_logger(__name__)

POLL_SECONDS = 1.0
SWEEP_SECONDS = 5.0
SLICE = {"sqlite": 200, "postgresql": 1000}
"""Events fanned out at once: on SQLite the writer is shared with intake."""

AHEAD = 4
"""A healthy endpoint gets this many times its concurrent calls claimed, so that it need not wait
for a commit; a lease lasts longer than they take.
"""

AT_ONCE = 1024
"""The most claims of this process, over all endpoints; from half of that on, none are claimed
ahead.
"""

FAILING_AT_ONCE = 4
"""Concurrent calls to an endpoint whose last call failed: it may hang, and so would each call."""

MAX_RESULTS = 2000
"""With more unstored results than this, no further calls are made."""

DRAIN_SECONDS = 15.0


T = TypeVar("T")
Room = Callable[[Endpoint], int]
"""How many calls an endpoint has room for."""


def no_room(endpoint: Endpoint) -> int:
    """No room at any endpoint."""
    return 0


class Relay:
    """Fans out events, delivers and sweeps, until cancelled. Each endpoint has its own limits.

    Any number of processes may do the same work on one store.
    """

    def __init__(
        self, store: Store, config: Config, client: RelayClient,
        clock: Callable[[], int] = now_micros,
    ) -> None:  # fmt: skip
        self._store, self._clock = store, clock
        secret = config.relay.secret
        self._caller = Caller(client, clock, secret.get_secret_value() if secret else None)
        self._each = config.relay.concurrency
        self._claimed: Counter[int] = Counter()
        self._lanes: dict[int, asyncio.Semaphore] = {}
        self._calls: set[asyncio.Task[None]] = set()
        self._results: list[Result] = []
        self._written, self._due = asyncio.Event(), asyncio.Event()
        self._turn = asyncio.Lock()  # held while claiming: _room must count all claims
        self._wake_at: int | None = None
        self.calls = {"delivered": 0, "failed": 0}
        """Calls that this process made, by outcome."""

    async def run(self) -> None:
        """Works until cancelled; calls under way are then awaited, and their results stored."""
        off = self._store.bell.listen(self._on_change)
        loops = (self._fan_out_forever(), self._deliver_forever(), self._sweep_forever())
        try:
            async with asyncio.TaskGroup() as group:
                for loop in loops:
                    group.create_task(loop)
        finally:
            off()
            if self._calls:
                await asyncio.wait(self._calls, timeout=DRAIN_SECONDS)
            await self._or_log("results", self.round(no_room))

    def _on_change(self, changed: set[int]) -> None:
        self._written.set()
        self._due.set()

    # --- fanning out ----------------------------------------------------------------------------

    async def _fan_out_forever(self) -> None:
        while True:
            self._written.clear()
            done = await self._or_log("fan-out", self.fan_out(eager=True))
            if not done:
                await event_or_time(self._written, POLL_SECONDS)

    async def fan_out(self, *, eager: bool = False) -> int:
        """Fans out the next events, and returns how many.

        With ``eager`` and no call under way, the same transaction claims their deliveries: in quiet
        times an event waits for one commit less.
        """
        if not eager or self._calls or self._turn.locked():
            done, _ = await self._fan_out(no_room)
        else:
            async with self._turn:
                done, _ = await self._claim_and_begin(self._fan_out(self._room))
        if done.deliveries:
            self._due.set()
        return done.events

    async def _fan_out(self, room: Room) -> tuple[FannedOut, Claimed]:
        store, limit = self._store, SLICE[self._store.dialect]

        async def job(tx: Tx) -> tuple[FannedOut, Claimed]:
            now = self._clock()
            done = await fan_out.fan_out(tx, store.ids, now, limit)
            claims = done.deliveries and room is not no_room
            return done, await rounds.claim(tx, now, room) if claims else Claimed([])

        return await store.write(job, background=True)

    # --- delivering -----------------------------------------------------------------------------

    async def _deliver_forever(self) -> None:
        while True:
            self._due.clear()
            taken = await self._or_log("deliveries", self.round())
            if not taken:
                await event_or_time(self._due, self._pause())

    def _pause(self) -> float:
        """Seconds to wait for an event: until a batch that is not full is due, at most a poll."""
        if self._wake_at is None:
            return POLL_SECONDS
        return min(POLL_SECONDS, max(0.005, (self._wake_at - self._clock()) / SECOND))

    async def round(self, room: Room | None = None) -> int:
        """Stores the results of the last calls and begins the next; returns how many it began."""
        async with self._turn:
            _, claimed = await self._claim_and_begin(self._store_and_claim(room or self._room))
        return len(claimed.calls)

    async def _claim_and_begin(
        self, claiming: Coroutine[Any, Any, tuple[T, Claimed]]
    ) -> tuple[T, Claimed]:
        """Begins the claimed calls, even if this task is cancelled: otherwise they would have to
        wait until their lease ends."""
        claim = asyncio.ensure_future(claiming)
        try:
            done = await asyncio.shield(claim)
        except asyncio.CancelledError:
            self._begin((await claim)[1])
            raise
        self._begin(done[1])
        return done

    async def _store_and_claim(self, room: Room) -> tuple[None, Claimed]:
        """Stores results and claims calls in one transaction; forgets them once it is durable."""
        results = self._results[:MAX_RESULTS]

        async def job(tx: Tx) -> Claimed:
            now = self._clock()
            await rounds.store(tx, self._store.ids, now, results)
            return await rounds.claim(tx, now, room)

        claimed = await self._store.write(job)
        del self._results[: len(results)]
        for result in results:
            if result.at is not None:
                self.calls["delivered" if result.succeeded else "failed"] += 1
        return None, claimed

    def _room(self, endpoint: Endpoint) -> int:
        """How many calls to claim for an endpoint: none until half of the most are free."""
        if len(self._results) > MAX_RESULTS or len(self._calls) >= AT_ONCE:
            return 0
        most = self._each if endpoint.failing_since is None else min(self._each, FAILING_AT_ONCE)
        well = endpoint.failing_since is None and endpoint.succeeded_at is not None
        if well and len(self._calls) < AT_ONCE // 2:
            most *= AHEAD
        free = most - self._claimed[endpoint.id]
        return free if free * 2 >= most else 0

    def _begin(self, claimed: Claimed) -> None:
        self._wake_at = claimed.wake_at
        for taken in claimed.calls:
            self._claimed[taken.endpoint.id] += 1
            task = asyncio.create_task(self._call(taken))
            self._calls.add(task)
            task.add_done_callback(self._calls.discard)

    async def _call(self, taken: ClaimedCall) -> None:
        endpoint_id = taken.endpoint.id
        lane = self._lanes.setdefault(endpoint_id, asyncio.Semaphore(self._each))
        try:
            async with lane:
                self._results.append(await self._caller.make(taken))
        except Exception:
            log.exception("a call failed", endpoint=endpoint_id)
        finally:
            self._claimed[endpoint_id] -= 1
            if not self._claimed[endpoint_id]:
                del self._claimed[endpoint_id], self._lanes[endpoint_id]
            self._due.set()

    # --- sweeping -------------------------------------------------------------------------------

    async def _sweep_forever(self) -> None:
        while True:
            swept = await self._or_log("the relay's sweep", self.sweep())
            await asyncio.sleep(0.05 if swept else SWEEP_SECONDS)

    async def sweep(self) -> int:
        """Releases claims of dead workers, and ends deliveries that wait for disabled endpoints."""
        store = self._store
        back = await store.write(
            lambda tx: deliveries.give_back(tx, self._clock()), background=True
        )
        if back:
            self._due.set()
        return back + await store.write(
            lambda tx: deliveries.end_for_disabled(tx, self._clock()), background=True
        )

    async def _or_log(self, what: str, work: Coroutine[Any, Any, int]) -> int:
        """The result of ``work``; if it fails, logs that, pauses and returns 0."""
        try:
            return await work
        except StoreUnavailable as error:
            log.warning(f"{what} wait for the store", error=str(error))
        except Exception:
            log.exception(f"{what} failed")
        await asyncio.sleep(POLL_SECONDS)
        return 0
