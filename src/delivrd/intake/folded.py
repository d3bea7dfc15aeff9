"""Read your writes: a read waits for everything acknowledged before it began (rule A6)."""

import asyncio
from typing import NamedTuple

from delivrd.store.base import Store
from delivrd.store.gathered import Gathered
from delivrd.store.tx import Tx, ends

PAUSE = 0.01


class _Span(NamedTuple):
    """The ids of the oldest and the newest request waiting for the fold; None if none is."""

    oldest: int | None
    newest: int | None


class Folded:
    """Waits for the fold; concurrent callers share one query."""

    def __init__(self, store: Store) -> None:
        self._spans: Gathered[None, _Span] = Gathered(store, _span)

    async def __call__(self, seconds: float = 1.0) -> bool:
        """Waits until all requests appended before this call are folded; False on time-out."""
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        newest = (await self._span()).newest
        while newest is not None:
            oldest = (await self._span()).oldest
            if oldest is None or oldest > newest:
                break
            if loop.time() > until:
                return False
            await asyncio.sleep(PAUSE)
        return True

    async def _span(self) -> _Span:
        return await self._spans.ask(None) or _Span(None, None)


async def _span(tx: Tx, keys: list[None]) -> dict[None, _Span]:
    span = await ends(tx, "to_fold")
    return {} if span is None else {None: _Span(*span)}
