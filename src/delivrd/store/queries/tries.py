"""How an endpoint answered recently, from its tries."""

from collections.abc import Sequence
from typing import NamedTuple

from delivrd.store.tx import Tx

RECENT = 200


class Lately(NamedTuple):
    """The last tries, newest first; times in microseconds.

    ``why`` is the error of the last failed try of a delivery that still waits.
    """

    answers: Sequence[tuple[int | None, str | None, int | None]]
    """Status, error and total time of each."""
    why: str | None


async def lately(tx: Tx, endpoint_id: int) -> Lately:
    """The tries of an endpoint's newest :data:`RECENT` deliveries, and of as many that wait.

    While calls are held back there are only newer deliveries that nobody tried. Of those that wait,
    the ones that were tried have the latest next try.
    """
    rows = await tx.fetch(
        "SELECT t.status, t.error, t.total_us FROM ("
        "SELECT id FROM (SELECT id FROM delivery WHERE endpoint_id = $1 "
        "ORDER BY id DESC LIMIT $2) AS newest UNION "
        "SELECT id FROM (SELECT id FROM delivery WHERE endpoint_id = $1 AND state = 'waiting' "
        "ORDER BY next_at DESC LIMIT $2) AS waiting"
        ") AS d JOIN try t ON t.delivery_id = d.id ORDER BY t.at DESC LIMIT $2",
        endpoint_id,
        RECENT,
    )
    return Lately([(row[0], row[1], row[2]) for row in rows], await why_failing(tx, endpoint_id))


async def why_failing(tx: Tx, endpoint_id: int) -> str | None:
    """The error of the waiting delivery whose next try is the latest, of those that were tried."""
    rows = await tx.fetch(
        "SELECT why FROM (SELECT why, next_at FROM delivery WHERE endpoint_id = $1 "
        "AND state = 'waiting' ORDER BY next_at DESC LIMIT $2) AS latest "
        "WHERE why IS NOT NULL ORDER BY next_at DESC LIMIT 1",
        endpoint_id,
        RECENT,
    )
    return rows[0][0] if rows else None
