"""The data of a diagnosis: a day of counts, and a bounded number of the newest rows."""

from typing import NamedTuple

from delivrd.core.phone import shown_sender
from delivrd.store.accounts import Accounts
from delivrd.store.counts import BUCKET
from delivrd.store.ids import floor
from delivrd.store.tx import Tx

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
    """Webhook calls of an account: when the last came, how many were refused, and the last of
    those. Microseconds since 1970."""

    last_at: int | None = None
    refused: int = 0
    refused_at: int | None = None
    why: str | None = None


async def traffic(tx: Tx, since: int, until: int) -> list[Traffic]:
    rows = await tx.fetch(
        "SELECT account_id, country, status, CAST(sum(n) AS BIGINT) FROM rollup WHERE unit = 1 "
        "AND bucket >= $1 AND bucket < $2 GROUP BY account_id, country, status HAVING sum(n) > 0",
        since // BUCKET,
        until // BUCKET,
    )
    return [Traffic(*row) for row in rows]


async def calls(tx: Tx, accounts: Accounts, since: int) -> dict[str, Calls]:
    """Account name -> the calls of its gateway since then; accounts without calls are missing."""
    found = await _refused_calls(tx, since)
    for account_id, at in (await _last_calls(tx, since)).items():
        name = accounts.name(account_id)
        found[name] = found.get(name, Calls())._replace(last_at=at)
    return found


async def _last_calls(tx: Tx, since: int) -> dict[int, int]:
    """Account id -> when its last authentic call came, among the newest ones since then."""
    rows = await tx.fetch(
        "SELECT account_id, max(received_at) FROM (SELECT account_id, received_at FROM request "
        f"WHERE id >= $1 ORDER BY id DESC LIMIT {NEWEST:d}) AS r GROUP BY account_id",
        floor(since),
    )
    return {row[0]: row[1] for row in rows}


async def _refused_calls(tx: Tx, since: int) -> dict[str, Calls]:
    """Account name -> refused calls since then, as far as the ring still holds them."""
    rows = await tx.fetch(
        "SELECT account, count(*), max(received_at), max(why) FROM (SELECT account, received_at, "
        f"why FROM ring WHERE id >= $1 AND {NOT_AUTHENTIC} AND account IS NOT NULL "
        f"ORDER BY id DESC LIMIT {NEWEST:d}) AS r GROUP BY account",
        floor(since),
    )
    return {row[0]: Calls(None, row[1], row[2], row[3]) for row in rows}


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
