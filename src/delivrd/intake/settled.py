"""Read your writes: what was acknowledged before a read began shows in it (rule A6)."""

import asyncio

from delivrd.store.base import Store
from delivrd.store.tx import Tx

PAUSE = 0.01


async def settled(store: Store, seconds: float = 1.0) -> bool:
    """Waits until what waited for the fold just now is folded; False after ``seconds``."""
    loop = asyncio.get_running_loop()
    until = loop.time() + seconds
    newest = await store.read(_newest)
    if newest is None:
        return True

    async def left(tx: Tx) -> bool:
        return bool(await tx.fetch("SELECT 1 FROM to_fold WHERE id <= $1 LIMIT 1", newest))

    while await store.read(left):
        if loop.time() > until:
            return False
        await asyncio.sleep(PAUSE)
    return True


async def _newest(tx: Tx) -> int | None:
    rows = await tx.fetch("SELECT max(id) FROM to_fold")
    newest: int | None = rows[0][0]
    return newest
