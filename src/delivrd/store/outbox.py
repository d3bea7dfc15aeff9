"""The outbox: attempts are claimed, answered and timed out (rules C8, E1 and E3)."""

from collections.abc import Sequence
from typing import NamedTuple

from delivrd.core.statement import Kind, Receipt, Status
from delivrd.core.status import State
from delivrd.core.units import SECOND
from delivrd.providers.base import Accepted, Answer, Later, Refused, SentPart, Unsure
from delivrd.store.accounts import Account, Accounts
from delivrd.store.generations import renew
from delivrd.store.graph import Graph, PartName
from delivrd.store.ids import Ids
from delivrd.store.leases import shared_time
from delivrd.store.look_ups import next_look_up
from delivrd.store.merging import load_with_siblings, merge, messages_of
from delivrd.store.rows import AttemptRow, MessageRow
from delivrd.store.tx import Tx

LEASE_MICROS = 120 * SECOND
"""How long a hand-over may take; after that, its process is presumed dead."""

RETRY_SECONDS = (5, 10, 30, 60, 120, 300)
"""Pauses before another hand-over of a message that was surely not sent."""

_DUE = (
    "SELECT a.id FROM attempt a JOIN message m ON m.id = a.message_id "
    "WHERE a.state = 'queued' AND NOT a.final AND a.due_at <= $1 "
    "AND a.account_id = ANY($2::bigint[]) ORDER BY a.due_at LIMIT $3 FOR UPDATE OF m SKIP LOCKED"
)
_EXPIRED = (
    "SELECT id FROM attempt WHERE NOT final AND expires_at <= $1 AND state <> 'handing_over' "
    "ORDER BY expires_at LIMIT $2"
)
_ABANDONED = (
    "SELECT id FROM attempt WHERE state = 'handing_over' AND lease_until <= $1 "
    "ORDER BY lease_until LIMIT $2"
)


class Handover(NamedTuple):
    """An attempt that we claimed to hand over; ``validity`` in seconds, None for the default."""

    attempt_id: int
    account_id: int
    to: str
    sender: str
    text: str
    segments: int
    unicode: bool
    validity: int | None


async def claim(
    tx: Tx, accounts: Accounts, ids: Ids, now: int, account_ids: list[int], limit: int
) -> list[Handover]:
    """Claims queued attempts that are due; to be committed before any gateway is called."""
    due = [row[0] for row in await tx.fetch(_DUE, now, account_ids, limit)]
    if not due:
        return []
    graph = await Graph.load(tx, accounts, ids, now, attempts=due)
    taken = []
    for attempt_id in due:
        attempt = graph.attempts[attempt_id]
        message = graph.messages[attempt.message_id]
        if attempt.state != State.QUEUED or attempt.final:
            continue
        if message.deadline_at is not None and message.deadline_at <= now:
            attempt.timeout_at = now
            continue
        attempt.state = State.HANDING_OVER.value
        attempt.handed_at, attempt.lease_until = now, shared_time(tx, now) + LEASE_MICROS
        attempt.tries += 1
        taken.append(_handover(attempt, message, now))
    await graph.save()
    return taken


def _handover(attempt: AttemptRow, message: MessageRow, now: int) -> Handover:
    left = None if message.deadline_at is None else (message.deadline_at - now) // SECOND
    return Handover(
        attempt.id,
        attempt.account_id,
        message.to_number or "",
        message.sender or "",
        message.text or "",
        message.segments,
        message.encoding == "ucs2",
        None if left is None else max(1, left),
    )


class Answered(NamedTuple):
    """A gateway's answer to a hand-over, when it arrived, and when the attempt will time out."""

    attempt_id: int
    answer: Answer
    answered_at: int
    expires_at: int | None


async def store_answer(tx: Tx, accounts: Accounts, ids: Ids, now: int, answered: Answered) -> None:
    """Stores an answer, and matches receipts that arrived before it (rule D2)."""
    answer = answered.answer
    account_id, to = await _whose(tx, answered.attempt_id)
    account = accounts.by_id[account_id]
    sent = answer.parts if isinstance(answer, Accepted) else ()
    names = [_part_name(account, answered.attempt_id, i, part, to) for i, part in enumerate(sent)]
    graph = await load_with_siblings(
        tx, accounts, ids, now, parts=names, attempts=[answered.attempt_id]
    )
    attempt = graph.attempts[answered.attempt_id]
    if attempt.state not in (State.HANDING_OVER, State.UNSURE):
        return  # already answered: an answer is stored once
    message = graph.messages[attempt.message_id]
    attempt.lease_until = None
    attempt.expires_at = answered.expires_at or attempt.expires_at
    others: list[MessageRow] = []
    match answer:
        case Accepted():
            attempt.answered_at = answered.answered_at
            others = await _accept(graph, account, attempt, names, sent)
        case Refused():
            attempt.state, attempt.answered_at = State.REFUSED.value, answered.answered_at
            attempt.answer_reason = answer.reason.value
            attempt.answer_code, attempt.answer_detail = answer.error_code, answer.detail
        case Later() if attempt.standing:  # receipts show that it was sent after all
            attempt.state, attempt.answer_detail = State.UNSURE.value, answer.detail
        case Later():
            _again(attempt, message, answer, now)
        case Unsure():
            attempt.state, attempt.answer_detail = State.UNSURE.value, answer.detail
    await merge(graph, message, others)
    tx.queued = tx.queued or attempt.state == State.QUEUED


async def _accept(
    graph: Graph, account: Account, attempt: AttemptRow, names: Sequence[PartName],
    sent: Sequence[SentPart],
) -> list[MessageRow]:  # fmt: skip
    """Gives the attempt its parts; returns messages that earlier receipts for them created."""
    attempt.state, attempt.answer_detail = State.ACCEPTED.value, None
    attempt.parts_expected = max(1, len({name.key for name in names}))
    asks = account.provider.look_up is not None
    attempt.due_at = next_look_up(attempt, graph.now) if asks else None
    for name in names:
        await renew(graph, account, name.key)
    rows = [graph.parts[name.key] for name in names]
    others = [
        message
        for message in messages_of(graph, rows)
        if message.id != attempt.message_id and message.origin != "api"
    ]
    for row, part in zip(rows, sent, strict=True):
        if row.attempt_id is None:
            graph.attach(row, attempt)
        graph.state(row, account.id, Kind.ANSWER, _stated(part), None)
    return others


async def _whose(tx: Tx, attempt_id: int) -> tuple[int, str]:
    """The attempt's account, and its recipient in digits."""
    rows = await tx.fetch(
        "SELECT a.account_id, m.to_number FROM attempt a JOIN message m ON m.id = a.message_id "
        "WHERE a.id = $1",
        attempt_id,
    )
    return rows[0][0], str(rows[0][1] or "").lstrip("+")


def _part_name(account: Account, attempt_id: int, i: int, part: SentPart, to: str) -> PartName:
    if part.provider_message_id is None:  # refused: a failed part without an id (rule C4)
        return PartName(f"{account.ns}/refused/{attempt_id}/{i}", account.ns, None)
    key = account.part_key(part.provider_message_id, to)
    return PartName(key, account.ns, part.provider_message_id)


def _stated(part: SentPart) -> Receipt:
    """The statement that an element of an answer makes about its part."""
    permanent = None
    if part.reason is not None:
        refused = part.status is Status.REJECTED
        permanent = part.reason.refused_again if refused else part.reason.permanent
    return Receipt(
        provider_message_id=part.provider_message_id,
        status=part.status,
        final=part.status is not Status.PENDING,
        error_code=part.error_code,
        reason=part.reason,
        permanent=permanent,
        detail=part.detail,
        network=part.network,
        price=part.price,
        currency=part.currency,
    )


def _again(attempt: AttemptRow, message: MessageRow, answer: Later, now: int) -> None:
    """Returns an attempt that was surely not sent to the queue, as if never handed over.

    It waits as long as the gateway said, but ever longer, too: some say 0 for hours.
    """
    pause: float = RETRY_SECONDS[min(attempt.tries - 1, len(RETRY_SECONDS) - 1)]
    if answer.after is not None:
        pause = max(answer.after, pause / 5)
    attempt.state, attempt.due_at = State.QUEUED.value, now + int(pause * SECOND)
    attempt.handed_at, attempt.answer_detail = None, answer.detail
    if all(other.handed_at is None for other in message.attempts):
        message.sent_at = None


async def time_out(tx: Tx, accounts: Accounts, ids: Ids, now: int, limit: int = 200) -> int:
    """Times out attempts; returns how many. Receipts that have just arrived prevail (rule C8)."""
    due = [row[0] for row in await tx.fetch(_EXPIRED, now, limit)]
    if not due:
        return 0
    graph = await Graph.load(tx, accounts, ids, now, attempts=due)
    given_up = 0
    for attempt_id in due:
        attempt = graph.attempts[attempt_id]
        late = attempt.expires_at is not None and attempt.expires_at <= now
        under_way = attempt.state == State.HANDING_OVER  # ends with its answer or its lease
        if late and not (under_way or attempt.final) and attempt.timeout_at is None:
            attempt.timeout_at = now
            given_up += 1
    await graph.save()
    return given_up


async def abandon(
    tx: Tx, accounts: Accounts, ids: Ids, now: int, *, grace_seconds: int,
    all_leases: bool = False, limit: int = 500,
) -> int:  # fmt: skip
    """Makes hand-overs of dead processes `unsure`: whether they were sent is unknown (rule E1).

    Their receipts are awaited until the validity and ``grace_seconds`` have passed. Returns how
    many.
    """
    horizon = (1 << 62) if all_leases else shared_time(tx, now)
    due = [row[0] for row in await tx.fetch(_ABANDONED, horizon, limit)]
    if not due:
        return 0
    graph = await Graph.load(tx, accounts, ids, now, attempts=due)
    for attempt_id in due:
        attempt = graph.attempts[attempt_id]
        if attempt.state == State.HANDING_OVER and (attempt.lease_until or 0) <= horizon:
            attempt.state, attempt.lease_until = State.UNSURE.value, None
            deadline = graph.messages[attempt.message_id].deadline_at
            if deadline is not None:
                attempt.expires_at = deadline + grace_seconds * SECOND
            attempt.answer_detail = "the process that handed it over ended in between"
    await graph.save()
    return len(due)
