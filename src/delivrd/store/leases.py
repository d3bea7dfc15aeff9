"""Leases of work, by the database's clock: those of hosts differ (rule G3).

Work that one process at a time may do has a lease in the table ``lease``. What is claimed row by
row has one in its own row, up to a time that :func:`shared_time` gives.
"""

from delivrd.core.units import SECOND
from delivrd.store.tx import Tx

_TAKE = """
INSERT INTO lease (name, holder, expires_at) VALUES ($1, $2, {now} + $3)
ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, expires_at = excluded.expires_at
WHERE lease.holder = excluded.holder OR lease.expires_at < {now}
RETURNING holder
"""


def shared_time(tx: Tx, now: int) -> int:
    """``now`` by the database's clock, as the leases in rows are given and judged."""
    return now + tx.clock_ahead


async def take_lease(tx: Tx, name: str, holder: str, seconds: float) -> bool:
    """Takes or renews a lease for ``seconds``; returns whether ``holder`` has it now.

    Its row stays locked until the transaction ends, so only the holder does what else is in it.
    An expired lease goes to the first who asks.
    """
    sql = _TAKE.format(now=tx.clock)
    rows = await tx.fetch(sql, name, holder, int(seconds * SECOND))
    return bool(rows)


async def give_lease_back(tx: Tx, name: str, holder: str) -> None:
    """Releases a lease, so that others can take it at once."""
    await tx.execute("DELETE FROM lease WHERE name = $1 AND holder = $2", name, holder)


async def end_all_leases(tx: Tx) -> None:
    """At the start of the only process of a store: whoever held them is dead."""
    await tx.execute("DELETE FROM lease")
