"""The interface of both stores, and what they share."""

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
    """Waits for an event for at most ``seconds``; returns whether it is set.

    (``asyncio.wait_for`` of Python 3.11 swallows a cancellation that arrives together with the
    event, so that a loop around it could not be cancelled.)
    """
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
    return event.is_set()


class StoreUnavailable(Exception):
    """The store cannot be reached or written to at the moment; str() says why."""


class Writes:
    """Whether a store takes writes, as the last one showed; logs when that changes."""

    def __init__(self) -> None:
        self.error: str | None = None
        """Why the store took no write; None if it did."""

    def failed(self, error: StoreUnavailable) -> None:
        if self.error is None:
            log.error("the database takes no writes", error=str(error))
        self.error = str(error)

    def done(self) -> None:
        if self.error is not None:
            log.info("the database takes writes again")
            self.error = None


class Bell:
    """Notifies listeners in this process of changes to the store.

    Listeners get the ids of the messages that changed; an empty set means that something else
    changed, or that another process reported a change.
    """

    def __init__(self) -> None:
        self._listeners: list[Callable[[set[int]], None]] = []
        self.queued = asyncio.Event()

    def listen(self, listener: Callable[[set[int]], None]) -> Callable[[], None]:
        """Registers a listener; returns a function that removes it."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def ring(self, changed: set[int], *, queued: bool = False) -> None:
        if queued:
            self.queued.set()
        for listener in list(self._listeners):
            try:
                listener(changed)
            except Exception:  # must not reach the writer
                log.exception("a listener of the store failed")


class Store(Protocol):
    """An open store. SQLite and PostgreSQL pass the same conformance suite."""

    accounts: Accounts
    ids: Ids
    bell: Bell
    writes: Writes
    parts: Parts
    """The store's own background tasks."""

    dialect: str
    holds_loop: bool
    """Whether jobs run on the event loop's thread and block it until they return."""

    def slice_seconds(self, *, catching_up: bool) -> float:
        """The longest that one slice of the fold may occupy the writer (rule A5); longer to catch
        up, as a receipt takes less time in a larger slice."""
        ...

    async def write(self, job: Job[T], *, background: bool = False) -> T:
        """Runs a job in a write transaction; returns its result once that is durable.

        The job may run more than once (after a deadlock or a concurrent merge), so it must change
        nothing outside the transaction. Background jobs have lower priority.

        Raises:
            StoreUnavailable: nothing was written.
        """
        ...

    async def read(self, job: Job[T]) -> T:
        """Runs a job that only reads; returns its result.

        Raises:
            StoreUnavailable: the store did not answer.
        """
        ...

    async def close(self) -> None: ...
