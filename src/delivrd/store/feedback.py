"""Feedback of applications on messages: whether a code was used or a link opened.

It is kept beside the gateway's claims and changes no status. It is counted by account, country and
the quarter of an hour in which the message was counted at the time of the feedback; the counts
follow from the rows of `feedback` alone (rule F1).
"""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from delivrd.store import schema
from delivrd.store.accounts import Accounts
from delivrd.store.counts import spread
from delivrd.store.queries.filters import Filters, Values, in_quarters, on_routes
from delivrd.store.queries.paging import rendered
from delivrd.store.tx import Tx

OUTCOMES = ("converted", "not_converted")

_COLUMNS = ("message_id", "outcome", "at", "bucket", "account_id", "country")
_COUNTED = ("bucket", "account_id", "country", "outcome", "slot", "n")


class Feedback(NamedTuple):
    """The feedback given now, and the earlier one, if any."""

    uuid: str
    outcome: str
    previous: str | None


async def store_feedback(tx: Tx, now: int, uuid: str, outcome: str) -> Feedback | None:
    """Stores feedback on a message; the latest counts. None: there is no such message."""
    found = await _message(tx, uuid)
    if found is None:
        return None
    message_id, uuid, bucket, account_id, country = found
    old = await tx.fetch(
        "SELECT outcome, bucket, account_id, country FROM feedback WHERE message_id = $1",
        message_id,
    )
    if old and old[0][0] == outcome:
        return Feedback(uuid, outcome, outcome)
    moves: Counter[tuple[int, int, str, str]] = Counter()
    if old:
        previous, *place = old[0]
        moves[(*place, previous)] -= 1
        await tx.execute("DELETE FROM feedback WHERE message_id = $1", message_id)
    moves[bucket, account_id, country, outcome] += 1
    row = (message_id, outcome, now, bucket, account_id, country)
    await tx.insert(schema.feedback, _COLUMNS, [row])
    rows = [(*key, tx.slot, n) for key, n in sorted(moves.items())]
    await tx.insert(schema.conversion, _COUNTED, rows, "add")
    return Feedback(uuid, outcome, old[0][0] if old else None)


async def _message(tx: Tx, uuid: str) -> tuple[int, str, int, int, str] | None:
    """The message of that UUID, locked, and where it is counted: by its delivered attempt, else by
    the last one. A merged message gives the one that it was merged into."""
    rows = await tx.fetch("SELECT id, merged_into FROM message WHERE uuid = $1", uuid)
    if not rows:
        return None
    message_id = rows[0][0] if rows[0][1] is None else rows[0][1]
    rows = await tx.fetch(
        "SELECT uuid, country, account_id, created_at FROM message WHERE id = $1 FOR UPDATE",
        message_id,
    )
    if not rows:
        return None
    uuid, country, account_id, created_at = rows[0]
    attempts = await tx.fetch(
        "SELECT account_id, bucket FROM attempt WHERE message_id = $1 "
        "ORDER BY CASE WHEN status = 'delivered' THEN 0 ELSE 1 END, seq DESC LIMIT 1",
        message_id,
    )
    bucket = attempts[0][1] if attempts else None
    if attempts:
        account_id = attempts[0][0]
    return message_id, uuid, bucket or spread(created_at) or 0, account_id, country or ""


async def forget(tx: Tx, message_ids: Sequence[int], pruned: int) -> None:
    """Deletes the feedback on messages to be pruned, and moves its counts to a slot (rule F5)."""
    rows = await tx.fetch(
        "SELECT bucket, account_id, country, outcome, count(*) FROM feedback "
        "WHERE message_id = ANY($1::bigint[]) GROUP BY 1, 2, 3, 4",
        list(message_ids),
    )
    for slot, sign in ((tx.slot, -1), (pruned, 1)):
        moved = sorted((*row[:4], slot, sign * row[4]) for row in rows)
        await tx.insert(schema.conversion, _COUNTED, moved, "add")
    await tx.execute("DELETE FROM feedback WHERE message_id = ANY($1::bigint[])", list(message_ids))


async def conversions(tx: Tx, accounts: Accounts, filters: Filters) -> dict[Values, dict[str, int]]:
    """The count of each outcome, by account and country."""
    where, args = rendered([*in_quarters(filters), *on_routes(accounts, filters)])
    rows = await tx.fetch(
        "SELECT account_id, country, outcome, CAST(sum(n) AS BIGINT) FROM conversion "
        f"WHERE {where} GROUP BY 1, 2, 3",
        *args,
    )
    found: dict[Values, dict[str, int]] = {}
    for account_id, country, outcome, n in rows:
        if n:
            found.setdefault((accounts.name(account_id), country or None), {})[outcome] = n
    return found
