"""Concurrent queries of the same kind share one read."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Generic, TypeVar

from delivrd.store.base import Store, StoreUnavailable
from delivrd.store.tx import Tx

K = TypeVar("K")
V = TypeVar("V")

AT_ONCE = 500
"""The most keys in one read."""


class Gathered(Generic[K, V]):
    """Collects keys for the next read while one is running; if none is, reads at once.

    ``read`` gets distinct keys and returns what it found by key.
    """

    def __init__(
        self, store: Store, read: Callable[[Tx, list[K]], Awaitable[Mapping[K, V]]]
    ) -> None:
        self._store, self._read = store, read
        self._asked: list[tuple[K, asyncio.Future[V | None]]] = []
        self._reading: asyncio.Task[None] | None = None

    async def ask(self, key: K) -> V | None:
        """The result for the key from a read that begins after this call; None if there is none.

        Raises:
            StoreUnavailable: the store did not answer.
        """
        answer: asyncio.Future[V | None] = asyncio.get_running_loop().create_future()
        self._asked.append((key, answer))
        if self._reading is None:
            self._reading = asyncio.create_task(self._read_all())
        return await answer

    async def _read_all(self) -> None:
        try:
            while self._asked:
                batch = self._asked[:AT_ONCE]
                del self._asked[:AT_ONCE]
                await self._answer(batch)
        finally:
            self._reading = None

    async def _answer(self, batch: "Sequence[tuple[K, asyncio.Future[V | None]]]") -> None:
        keys = list(dict.fromkeys(key for key, answer in batch if not answer.done()))
        if not keys:
            return
        try:
            found = await self._store.read(lambda tx: self._read(tx, keys))
        except Exception as error:
            if len(keys) > 1 and not isinstance(error, StoreUnavailable):
                for one in keys:  # one by one, so that a failing key affects no other
                    await self._answer([asked for asked in batch if asked[0] == one])
                return
            for _, answer in batch:
                if not answer.done():
                    answer.set_exception(error)
            return
        for key, answer in batch:
            if not answer.done():
                answer.set_result(found.get(key))
