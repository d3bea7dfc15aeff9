"""The outcomes of endpoints' calls, and their backlogs."""

from collections.abc import Mapping, Sequence

import msgspec

from delivrd.core.units import HOUR
from delivrd.store.counts import BUCKET
from delivrd.store.tx import Tx

COUNTED = 10_000
"""Waiting and parked deliveries are counted up to this number."""

# Each uses its state's partial index; the + keeps SQLite from using the endpoint's for in_flight.
_WAITING = "FROM delivery d WHERE d.endpoint_id = e.id AND d.state = 'waiting'"
_UNDER_WAY = "FROM delivery d WHERE +d.endpoint_id = e.id AND d.state = 'in_flight'"
_QUEUES = (
    "SELECT e.id, "
    f"(SELECT count(*) FROM (SELECT 1 {_WAITING} ORDER BY d.next_at LIMIT {COUNTED}) AS w), "
    f"(SELECT count(*) {_UNDER_WAY} AND d.lease_until > 0), "
    f"(SELECT min(d.next_at) {_WAITING}), "
    "(SELECT min(created_at) FROM "
    f"(SELECT d.created_at {_WAITING} ORDER BY d.next_at LIMIT {COUNTED}) AS o) "
    "FROM endpoint e WHERE e.id = ANY($1::bigint[])"
)
_PARKED = (
    "SELECT endpoint_id, count(*) FROM (SELECT endpoint_id FROM delivery WHERE state = 'parked' "
    f"ORDER BY id DESC LIMIT {COUNTED}) AS p GROUP BY endpoint_id"
)


class Hour(msgspec.Struct):
    """The tries of the hour that begins at ``at`` (microseconds since 1970)."""

    at: int
    delivered: int = 0
    failed: int = 0


class Figures(msgspec.Struct):
    """``hours`` are the last 24, the oldest first; the backlog is counted up to `COUNTED`."""

    hours: Sequence[Hour]
    waiting: int = 0
    in_flight: int = 0
    next_try_at: int | None = None
    oldest_at: int | None = None
    parked: int = 0

    @property
    def delivered(self) -> int:
        return sum(hour.delivered for hour in self.hours)

    @property
    def failed(self) -> int:
        return sum(hour.failed for hour in self.hours)

    @property
    def success_rate(self) -> float | None:
        """The share of the tries that succeeded; None if there were none."""
        tries = self.delivered + self.failed
        return self.delivered / tries if tries else None


async def figures(tx: Tx, endpoint_ids: Sequence[int], now: int) -> Mapping[int, Figures]:
    """The last 24 hours and the backlog of each of these endpoints."""
    first = now // HOUR - 23
    found = {i: Figures([Hour((first + n) * HOUR) for n in range(24)]) for i in endpoint_ids}
    ids = sorted(found)
    for endpoint_id, waiting, in_flight, next_at, oldest in await tx.fetch(_QUEUES, ids):
        of_it = found[endpoint_id]
        of_it.waiting, of_it.in_flight = waiting, in_flight
        of_it.next_try_at, of_it.oldest_at = next_at, oldest
    for endpoint_id, parked in await tx.fetch(_PARKED):
        if endpoint_id in found:
            found[endpoint_id].parked = parked
    per_hour = HOUR // BUCKET
    rows = await tx.fetch(
        "SELECT endpoint_id, bucket, outcome, sum(n) FROM told "
        "WHERE endpoint_id = ANY($1::bigint[]) AND bucket >= $2 GROUP BY endpoint_id, bucket, "
        "outcome",
        ids,
        first * per_hour,
    )
    for endpoint_id, bucket, outcome, n in rows:
        place = bucket // per_hour - first
        if place < 24:
            _add(found[endpoint_id].hours[place], outcome, int(n))
    return found


def _add(hour: Hour, outcome: str, n: int) -> None:
    if outcome == "delivered":
        hour.delivered += n
    else:
        hour.failed += n


# --- all endpoints together -----------------------------------------------------------------------


class Totals(msgspec.Struct):
    """The sums over all endpoints and processes; ``tries`` by outcome."""

    waiting: int
    oldest_at: int | None
    tries: Mapping[str, int]


async def totals(tx: Tx, since: int) -> Totals:
    """The backlog, and the tries since the quarter of an hour that ``since`` falls into."""
    waiting = await tx.fetch(
        "SELECT count(*), min(created_at) FROM (SELECT created_at FROM delivery "
        "WHERE state = 'waiting' UNION ALL SELECT created_at FROM delivery "
        "WHERE state = 'in_flight' AND lease_until > 0) AS open"
    )
    tries = await tx.fetch(
        "SELECT outcome, sum(n) FROM told WHERE endpoint_id IN (SELECT id FROM endpoint) "
        "AND bucket >= $1 GROUP BY outcome",
        since // BUCKET,
    )
    return Totals(waiting[0][0], waiting[0][1], {row[0]: int(row[1]) for row in tries})
