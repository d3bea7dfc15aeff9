"""Which networks report final statuses: counts by account, country and network."""

from typing import NamedTuple

from delivrd.core.units import DAY, MINUTE
from delivrd.store.counts import BUCKET
from delivrd.store.ids import floor
from delivrd.store.queries.recent import REPORTED
from delivrd.store.tx import Tx

_IN = ", ".join(f"'{status}'" for status in REPORTED)
_SUMS = (
    f"CAST(sum(CASE WHEN status IN ({_IN}) THEN n ELSE 0 END) AS BIGINT), "
    f"CAST(sum(CASE WHEN status IN ({_IN}) THEN 0 ELSE n END) AS BIGINT)"
)
_NETWORK = "account_id, country, network"

NEWEST = 5000
"""The number of an account's newest messages that are examined one by one."""


class Reported(NamedTuple):
    """Attempts to a network (empty if unknown): ``reported`` have a final status from the network,
    ``silent`` have none. ``bucket`` is the quarter of an hour, counted from 1970, from which on
    they were handed over."""

    account_id: int
    country: str
    network: str
    bucket: int
    reported: int
    silent: int


async def by_quarters(tx: Tx, since: int, until: int, width: int = 1) -> list[Reported]:
    """Attempts of the whole quarters between two moments, in groups of ``width`` quarters, the
    oldest first."""
    rows = await tx.fetch(
        f"SELECT {_NETWORK}, bucket / {width:d} * {width:d} AS b, {_SUMS} FROM rollup "
        "WHERE unit = 1 AND bucket >= $1 AND bucket < $2 AND status <> 'rejected' "
        f"GROUP BY {_NETWORK}, bucket / {width:d} ORDER BY b",
        -(-since // BUCKET),
        until // BUCKET,
    )
    return [Reported(*row) for row in rows if row[4] or row[5]]


async def by_days(tx: Tx, since: int, until: int) -> dict[tuple[int, str, str], tuple[int, int]]:
    """By account, country and network: the reported and silent attempts of the days between two
    moments, without the day of the second."""
    rows = await tx.fetch(
        f"SELECT {_NETWORK}, {_SUMS} FROM rollup_day WHERE unit = 1 AND day >= $1 "
        f"AND day < $2 AND status <> 'rejected' GROUP BY {_NETWORK}",
        since // DAY,
        until // DAY,
    )
    return {(row[0], row[1], row[2]): (row[3], row[4]) for row in rows}


async def newest(
    tx: Tx, account_id: int, country: str, until: int
) -> list[tuple[str, int, int, int]]:
    """The account's newest messages to a country before a moment: network, minute of the hand-over
    (counted from 1970), reported and silent ones; the oldest first."""
    rows = await tx.fetch(
        f"SELECT coalesce(network, ''), minute, {_SUMS} FROM (SELECT a.network, a.status, "
        f"a.handed_at / {MINUTE:d} AS minute, 1 AS n FROM (SELECT id, country FROM message "
        f"WHERE account_id = $1 AND id < $3 ORDER BY id DESC LIMIT {NEWEST:d}) AS m "
        "JOIN attempt a ON a.message_id = m.id WHERE m.country = $2 AND a.account_id = $1 "
        "AND a.handed_at IS NOT NULL AND a.status <> 'rejected') AS one "
        "GROUP BY coalesce(network, ''), minute ORDER BY minute",
        account_id,
        country,
        floor(until),
    )
    return [(row[0], row[1], row[2], row[3]) for row in rows]
