"""The figures that each process publishes of itself for monitoring; dead processes' expire."""

from delivrd.core.units import SECOND
from delivrd.store.tx import Tx

FRESH_SECONDS = 30
"""How long figures are shown after they were published."""

_PUBLISH = """
INSERT INTO process_figures (slot, published_at, figures) VALUES ($1, {now}, $2)
ON CONFLICT (slot) DO UPDATE SET published_at = excluded.published_at, figures = excluded.figures
"""


async def publish(tx: Tx, figures: bytes) -> None:
    """Replaces this process's figures."""
    await tx.execute(_PUBLISH.format(now=tx.clock), tx.slot, figures)


async def others(tx: Tx, own: int) -> dict[int, bytes]:
    """The figures of the processes that are alive, by slot, but for the slot ``own``."""
    rows = await tx.fetch(
        "SELECT slot, figures FROM process_figures "
        f"WHERE slot <> $1 AND published_at > {tx.clock} - $2",
        own,
        FRESH_SECONDS * SECOND,
    )
    return {slot: bytes(figures) for slot, figures in rows}


async def withdraw(tx: Tx) -> None:
    """Removes this process's figures, as it ends."""
    await tx.execute("DELETE FROM process_figures WHERE slot = $1", tx.slot)
