"""The data of a diagnosis: a day of counts, and a bounded number of the newest rows."""

from typing import NamedTuple

from delivrd.core.phone import shown_sender
from delivrd.store.accounts import Accounts
from delivrd.store.counts import BUCKET
from delivrd.store.ids import floor
from delivrd.store.tx import Row, Tx

NEWEST = 20_000
REJECTED = 1000
"""The numbers of newest rows that are read."""


NOT_AUTHENTIC = "(status = 401 OR (status = 404 AND account IS NOT NULL))"
"""Refused calls that prove nothing: a 404 with an account had a wrong secret in its path."""


class Traffic(NamedTuple):
    """The attempts of a day, old enough to have ended, by account and country."""

    account_id: int
    country: str
    status: str
    n: int


class Calls(NamedTuple):
    """Webhook calls of an account: when the last came, how many were refused, when and why the
    last of those was, and how many were accepted. Microseconds since 1970."""

    last_at: int | None = None
    refused: int = 0
    refused_at: int | None = None
    why: str | None = None
    accepted: int = 0


class Strays(NamedTuple):
    """Webhook calls for accounts that do not exist: how many, and when and to which path the last
    came, without what follows the name there: it may be a secret."""

    n: int
    last_at: int
    path: str


async def traffic(tx: Tx, since: int, until: int) -> list[Traffic]:
    rows = await tx.fetch(
        "SELECT account_id, country, status, CAST(sum(n) AS BIGINT) FROM rollup WHERE unit = 1 "
        "AND bucket >= $1 AND bucket < $2 GROUP BY account_id, country, status HAVING sum(n) > 0",
        since // BUCKET,
        until // BUCKET,
    )
    return [Traffic(*row) for row in rows]


async def calls(tx: Tx, accounts: Accounts, since: int) -> dict[str, Calls]:
    """Account name -> the calls of its gateway since then, those among the `NEWEST`; accounts
    without calls are missing."""
    found = await _refused_calls(tx, since)
    for account_id, at, n in await _accepted_calls(tx, since):
        name = accounts.name(account_id)
        found[name] = found.get(name, Calls())._replace(last_at=at, accepted=n)
    return found


async def _accepted_calls(tx: Tx, since: int) -> list[Row]:
    """Account id, when its last authentic call came, and their number."""
    return await tx.fetch(
        "SELECT account_id, max(received_at), count(*) FROM (SELECT account_id, received_at "
        f"FROM request WHERE id >= $1 ORDER BY id DESC LIMIT {NEWEST:d}) AS r GROUP BY account_id",
        floor(since),
    )


async def _refused_calls(tx: Tx, since: int) -> dict[str, Calls]:
    """Account name -> refused calls since then, as far as the ring still holds them."""
    rows = await tx.fetch(
        "SELECT ring.account, n, ring.received_at, ring.why FROM (SELECT max(id) AS last, "
        "count(*) AS n FROM (SELECT id, account FROM ring "
        f"WHERE id >= $1 AND {NOT_AUTHENTIC} AND account IS NOT NULL "
        f"ORDER BY id DESC LIMIT {NEWEST:d}) AS newest GROUP BY account) AS r "
        "JOIN ring ON ring.id = r.last",
        floor(since),
    )
    return {row[0]: Calls(None, row[1], row[2], row[3]) for row in rows}


async def strays(tx: Tx, since: int) -> Strays | None:
    """Those since then, as far as the ring still holds them; None without any."""
    rows = await tx.fetch(
        "SELECT n, ring.received_at, ring.path FROM (SELECT max(id) AS last, count(*) AS n "
        "FROM ring WHERE id >= $1 AND account IS NULL) AS r JOIN ring ON ring.id = r.last",
        floor(since),
    )
    for n, at, path in rows:
        return Strays(n, at, "/".join(path.split("/")[:3]))
    return None


async def rejected(tx: Tx, since: int) -> list[tuple[str, str, str, int]]:
    """The newest rejected messages by sender, country and reason, the most frequent first."""
    rows = await tx.fetch(
        "SELECT sender, country, reason, count(*) AS n FROM (SELECT sender, country, reason "
        "FROM message WHERE id >= $1 AND final AND status <> 'delivered' AND status = 'rejected' "
        f"ORDER BY id DESC LIMIT {REJECTED:d}) AS m GROUP BY sender, country, reason "
        "ORDER BY n DESC",
        floor(since),
    )
    return [(shown_sender(row[0] or ""), row[1] or "", row[2] or "", row[3]) for row in rows]


async def repeated(tx: Tx, since: int) -> dict[int, tuple[int, int]]:
    """Account id -> the number of receipts and of repeats, among the newest since then."""
    rows = await tx.fetch(
        "SELECT account_id, count(*), CAST(sum(count - 1) AS BIGINT) FROM (SELECT account_id, "
        "count FROM statement WHERE id >= $1 AND kind = 'receipt' AND count > 0 "
        f"ORDER BY id DESC LIMIT {NEWEST:d}) AS s GROUP BY account_id",
        floor(since),
    )
    return {row[0]: (row[1], row[2]) for row in rows}
