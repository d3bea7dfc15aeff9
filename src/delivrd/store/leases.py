"""Leases: singleton work among processes, by the database's clock (rule G3)."""

from delivrd.core.units import SECOND
from delivrd.store.ids import now_micros
from delivrd.store.tx import PostgresTx, Tx

_POSTGRES_NOW = "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint"

_TAKE = """
INSERT INTO lease (name, holder, expires_at) VALUES ($1, $2, {now} + $3)
ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, expires_at = excluded.expires_at
WHERE lease.holder = excluded.holder OR lease.expires_at < {now}
RETURNING holder
"""


async def take_lease(tx: Tx, name: str, holder: str, seconds: float) -> bool:
    """Takes or renews a lease for so many seconds; returns whether ``holder`` has it now.

    Its row stays locked to the end of the transaction: what else happens in there is done by the
    holder alone. A lease that is not renewed goes, after its time, to the first who asks.
    """
    now = _POSTGRES_NOW if isinstance(tx, PostgresTx) else str(now_micros())
    rows = await tx.fetch(_TAKE.format(now=now), name, holder, int(seconds * SECOND))
    return bool(rows)


async def give_lease_back(tx: Tx, name: str, holder: str) -> None:
    """Releases a lease before its time."""
    await tx.execute("DELETE FROM lease WHERE name = $1 AND holder = $2", name, holder)
