"""The live stream of events: read once for all listeners (rule G2)."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from uuid import uuid4

import structlog

from delivrd.store import stream
from delivrd.store.base import Store, StoreUnavailable, event_or_time
from delivrd.store.ids import now_micros
from delivrd.store.leases import give_lease_back
from delivrd.store.stream import Event
from delivrd.store.tx import Tx

log = structlog.get_logger(__name__)

GATHER_SECONDS = 0.1
"""Events that arrive within it are numbered and read together."""

POLL_SECONDS = 0.5
"""While there are listeners: another process may number events without notifying this one."""

IDLE_SECONDS = 5.0
ROOM = 5000
"""Events that wait for one listener; one that falls further behind must reconnect."""


class Expired(Exception):
    """The position to resume after does not exist any more, or never did."""


class Behind(Exception):
    """The listener was too slow, or the hub is about to stop: reconnect."""


class Listener:
    """One listener: gets the events after ``position`` up to ``live_from``, then live ones."""

    def __init__(
        self, read: Callable[[int], Awaitable[list[Event]]], position: int, live_from: int
    ) -> None:
        self.position = position
        self._read, self._live_from = read, live_from
        self._missed: deque[Event] = deque()
        self._live: deque[Event] = deque()
        self._more = asyncio.Event()
        self._behind = False

    def close(self) -> None:
        """Ends the stream after the events that are already queued."""
        self._behind = True
        self._more.set()

    def offer(self, events: list[Event]) -> None:
        """Queues live events; those beyond the limit are lost, and :meth:`next` says so."""
        if self._behind or len(self._live) + len(events) > ROOM:
            self._behind = True
        else:
            self._live.extend(events)
        self._more.set()

    async def next(self, seconds: float) -> Event | None:
        """The next event; None if none came for so many seconds.

        Raises:
            Behind: some were lost; resume after ``position``.
        """
        event = await self._next_missed() or await self._next_live(seconds)
        if event is not None:
            self.position = event.position
        return event

    async def _next_missed(self) -> Event | None:
        if not self._missed and self.position < self._live_from:
            found = await self._read(self.position)
            self._missed.extend(e for e in found if e.position <= self._live_from)
            if not self._missed:
                self._live_from = self.position
        return self._missed.popleft() if self._missed else None

    async def _next_live(self, seconds: float) -> Event | None:
        if not self._live:
            self._more.clear()
            if self._behind:
                raise Behind
            await event_or_time(self._more, seconds)
        return self._live.popleft() if self._live else None


class Streams:
    """Numbers events if this process holds the lease, and passes events to its listeners.

    Events are ``kept`` so many microseconds at least.
    """

    def __init__(
        self, store: Store, kept: int, numbered: Callable[[list[str]], None] = lambda types: None
    ) -> None:
        self._store, self._kept, self._numbered = store, kept, numbered
        self._holder = str(uuid4())
        self._listeners: set[Listener] = set()
        self._position = 0
        self._wake = asyncio.Event()
        self._reading = asyncio.Lock()

    @property
    def listeners(self) -> int:
        return len(self._listeners)

    def close(self) -> None:
        """Ends all streams, so that the server can stop; their listeners resume elsewhere."""
        for listener in self._listeners:
            listener.close()

    async def run(self) -> None:
        """Runs until cancelled; waits while the store is away."""
        silence = self._store.bell.listen(lambda changed: self._wake.set())
        try:
            while True:
                pause = POLL_SECONDS if self._listeners else IDLE_SECONDS
                await event_or_time(self._wake, pause)
                self._wake.clear()
                try:
                    await self.step()
                except StoreUnavailable as error:
                    log.warning("the stream waits for the store", error=str(error))
                    await asyncio.sleep(IDLE_SECONDS)
                except Exception:
                    log.exception("the stream failed; it goes on")
                    await asyncio.sleep(IDLE_SECONDS)
                await asyncio.sleep(GATHER_SECONDS)
        finally:
            silence()
            with suppress(StoreUnavailable):  # then the lease expires
                await self._store.write(lambda tx: give_lease_back(tx, stream.LEASE, self._holder))

    async def step(self) -> None:
        """Numbers the new events, and passes them on."""
        while await self._number() == stream.BATCH:
            await self._pass_on()
        await self._pass_on()

    async def _number(self) -> int:
        if not await self._store.read(stream.any_unnumbered):
            return 0
        types = await self._store.write(
            lambda tx: stream.number_if_ours(tx, self._holder), background=True
        )
        self._numbered(types)
        return len(types)

    async def _pass_on(self) -> None:
        async with self._reading:
            while self._listeners:
                events = await self._read(self._position)
                if not events:
                    return
                self._position = events[-1].position
                for listener in self._listeners:
                    listener.offer(events)

    async def _read(self, position: int) -> list[Event]:
        return await self._store.read(lambda tx: stream.events_after(tx, position))

    @asynccontextmanager
    async def listen(self, after: int | None = None) -> AsyncIterator[Listener]:
        """A listener for all events after a position, or from now on.

        Raises:
            Expired: events after that position may have been pruned, or it never was.
        """
        async with self._reading:
            now, known = await self._store.read(lambda tx: self._where(tx, after))
            if not known:
                raise Expired
            if not self._listeners:
                self._position = now
            start = self._position if after is None else after
            listener = Listener(self._read, start, self._position)
            self._listeners.add(listener)
        try:
            yield listener
        finally:
            self._listeners.discard(listener)

    async def _where(self, tx: Tx, after: int | None) -> tuple[int, bool]:
        """The newest position, and whether the stream can be resumed after ``after``."""
        kept_since = now_micros() - self._kept
        known = after is None or await stream.is_known(tx, after, kept_since)
        return await stream.newest(tx), known
