"""The interface of both stores."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Protocol, TypeVar

import structlog

from delivrd.store.accounts import Accounts
from delivrd.store.ids import Ids
from delivrd.store.tx import Tx
from delivrd.supervise import Parts

log = structlog.get_logger(__name__)

T = TypeVar("T")
Job = Callable[[Tx], Awaitable[T]]


async def event_or_time(event: asyncio.Event, seconds: float) -> bool:
    """Waits for an event, at most so long; whether it came.

    (``asyncio.wait_for`` of Python 3.11 swallows a cancellation that comes at the same time as the
    event: whoever waits for ever would then never end.)
    """
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
    return event.is_set()


class StoreUnavailable(Exception):
    """The store cannot be reached or written to right now; str() says why."""


class Bell:
    """Wakes those who wait for something to happen in the store, in this process.

    Listeners are called with the ids of the messages that changed (empty: something else did, or
    another process says that something changed).
    """

    def __init__(self) -> None:
        self._listeners: list[Callable[[set[int]], None]] = []
        self.queued = asyncio.Event()

    def listen(self, listener: Callable[[set[int]], None]) -> Callable[[], None]:
        """Registers a listener; call the returned function to remove it."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def ring(self, changed: set[int], *, queued: bool = False) -> None:
        if queued:
            self.queued.set()
        for listener in list(self._listeners):
            try:
                listener(changed)
            except Exception:  # it would end whoever wrote
                log.exception("a listener of the store failed")


class Store(Protocol):
    """A store that is open. SQLite and PostgreSQL pass the same conformance suite."""

    accounts: Accounts
    ids: Ids
    bell: Bell
    parts: Parts
    """Background work of the store itself."""

    dialect: str
    holds_loop: bool
    """Whether jobs run on the event loop's thread without a pause."""

    @property
    def slice_seconds(self) -> float:
        """How long one slice of the fold may hold the writer (rule A5)."""
        ...

    async def write(self, job: Job[T], *, background: bool = False) -> T:
        """Runs a job in a write transaction; returns once it is durable.

        The job may run more than once (a deadlock, a merge in between): it changes nothing but the
        transaction. Background jobs give way to others.

        Raises:
            StoreUnavailable: nothing was written.
        """
        ...

    async def read(self, job: Job[T]) -> T:
        """Runs a job that only reads.

        Raises:
            StoreUnavailable: the store did not answer.
        """
        ...

    async def close(self) -> None: ...
