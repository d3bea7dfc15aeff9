"""Look-ups: which parts without a final receipt to ask their gateway about, and its answers."""

from collections.abc import Mapping
from typing import NamedTuple

from delivrd.core.statement import Kind, Receipt
from delivrd.core.units import SECOND
from delivrd.store.accounts import Accounts
from delivrd.store.graph import Graph
from delivrd.store.ids import Ids
from delivrd.store.messages import reference_of
from delivrd.store.rows import AttemptRow
from delivrd.store.tx import Tx

ASK_AFTER = (3600, 6 * 3600, 24 * 3600)
"""Seconds after the hand-over at which the gateway is asked, until a final receipt comes."""
LAST_CALL = 600
"""Seconds before the time-out at which it is asked for the last time."""

_DUE = (
    "SELECT a.id FROM attempt a JOIN message m ON m.id = a.message_id "
    "WHERE a.state = 'accepted' AND NOT a.final AND a.due_at <= $1 "
    "AND a.account_id = ANY($2::bigint[]) ORDER BY a.due_at LIMIT $3 FOR UPDATE OF m SKIP LOCKED"
)


class Asking(NamedTuple):
    """A part to ask about."""

    account_id: int
    attempt_id: int
    provider_message_id: str
    to: str
    reference: str


def next_look_up(attempt: AttemptRow, now: int) -> int | None:
    """When to ask about an accepted attempt next; None if never again."""
    handed_at, expires_at = attempt.handed_at, attempt.expires_at
    if handed_at is None:
        return None
    moments = [handed_at + seconds * SECOND for seconds in ASK_AFTER]
    if expires_at is not None:
        last = expires_at - LAST_CALL * SECOND
        moments = [moment for moment in moments if moment < last] + [last]
    return min((moment for moment in moments if moment > now), default=None)


async def claim(
    tx: Tx, accounts: Accounts, ids: Ids, now: int, account_ids: list[int], limit: int
) -> list[Asking]:
    """The parts to ask about now; also schedules the next look-up of their attempts."""
    due = [row[0] for row in await tx.fetch(_DUE, now, account_ids, limit)]
    if not due:
        return []
    graph = await Graph.load(tx, accounts, ids, now, attempts=due)
    asking = []
    for attempt_id in due:
        attempt = graph.attempts[attempt_id]
        attempt.due_at = next_look_up(attempt, now)
        to = graph.messages[attempt.message_id].to_number or ""
        asking += [
            Asking(
                attempt.account_id,
                attempt_id,
                part.provider_message_id,
                to,
                reference_of(attempt_id),
            )
            for part in attempt.standing
            if part.provider_message_id and not part.outcome().final
        ]
    await graph.save()
    return asking


async def put_off(
    tx: Tx, accounts: Accounts, ids: Ids, now: int, moments: Mapping[int, int]
) -> None:
    """Schedules the look-ups of attempts that could not be asked about, by their ids."""
    graph = await Graph.load(tx, accounts, ids, now, attempts=sorted(moments))
    for attempt_id, moment in moments.items():
        attempt = graph.attempts.get(attempt_id)
        if attempt is not None and attempt.state == "accepted" and not attempt.final:
            attempt.due_at = moment if attempt.due_at is None else min(moment, attempt.due_at)
    await graph.save()


async def store_look_up(
    tx: Tx, accounts: Accounts, ids: Ids, now: int, asking: Asking, receipt: Receipt
) -> None:
    """Adds the gateway's answer to the part's statements (rule C2), unless the message was pruned
    meanwhile."""
    graph = await Graph.load(tx, accounts, ids, now, attempts=[asking.attempt_id])
    attempt = graph.attempts.get(asking.attempt_id)
    for part in attempt.standing if attempt else ():
        if part.provider_message_id == asking.provider_message_id:
            graph.state(part, asking.account_id, Kind.LOOK_UP, receipt, None)
    await graph.save()
