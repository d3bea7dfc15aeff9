"""Merges messages that turn out to be one, by moving their parts to one of them (rule D5)."""

from collections.abc import Iterable, Sequence
from typing import Any

from delivrd.store.graph import Graph, Moved, PartName
from delivrd.store.rows import MessageRow, PartRow
from delivrd.store.tx import Tx

_SIBLINGS = (
    "SELECT s.key, s.ns, s.provider_message_id FROM part p "
    "JOIN attempt a ON a.id = p.attempt_id JOIN attempt b ON b.message_id = a.message_id "
    "JOIN part s ON s.attempt_id = b.id WHERE p.key = ANY($1::text[])"
)


async def load_with_siblings(
    tx: Tx, *parts_of: Any, parts: Sequence[PartName], attempts: Iterable[int] = ()
) -> Graph:
    """Like :meth:`Graph.load`, but also locks all other parts of the parts' messages.

    A part may move to another message only under its own lock; otherwise a fold that read it before
    would write to the message that it left.

    Raises:
        Moved: one of those messages got a part meanwhile; the transaction must begin again.
    """
    siblings = await tx.fetch(_SIBLINGS, [part.key for part in parts])
    graph = await Graph.load(
        tx, *parts_of, parts=[*parts, *(PartName(*row) for row in siblings)], attempts=attempts
    )
    locked = {part.key for part in parts} | {row[0] for row in siblings}
    for message in messages_of(graph, [graph.parts[part.key] for part in parts]):
        if not locked.issuperset(p.key for a in message.attempts for p in a.parts):
            raise Moved
    return graph


def messages_of(graph: Graph, parts: Iterable[PartRow]) -> list[MessageRow]:
    """The messages of the parts: those that we sent first, then by age, oldest first."""
    found = {
        graph.attempts[part.attempt_id].message_id for part in parts if part.attempt_id is not None
    }
    return sorted((graph.messages[i] for i in found), key=lambda m: (m.origin != "api", m.id))


async def merge(graph: Graph, message: MessageRow, others: Sequence[MessageRow]) -> None:
    """Moves all parts of the others to one message, with what was registered, and saves."""
    attempt = message.attempts[-1]
    for other in others:
        _inherit(message, other)
        for part in [part for gone in other.attempts for part in gone.parts]:
            graph.attach(part, attempt)
        other.merged_into = message.id
    await graph.save(merged=others, into=message)
    if others:
        await graph.tx.execute(
            "UPDATE message SET merged_into = $1 WHERE merged_into = ANY($2::bigint[])",
            message.id,
            [other.id for other in others],
        )


def _inherit(message: MessageRow, other: MessageRow) -> None:
    """Takes over what was registered of a message that merges into this one, if that lacks it."""
    if message.origin == "api" or other.origin != "registered":
        return
    if message.origin == "received":  # receipts know these less well
        message.origin, message.withdrawn = "registered", False
        message.sender = other.sender or message.sender
        message.to_number, message.country = other.to_number, other.country
    for field in ("sender", "preview", "reference", "sent_at"):
        if getattr(message, field) is None:
            setattr(message, field, getattr(other, field))
    message.segments = max(message.segments, other.segments)
    mine, others = message.attempts[-1], other.attempts[-1]
    mine.parts_expected = max(mine.parts_expected, others.parts_expected)
    for field in ("handed_at", "expires_at"):
        if getattr(mine, field) is None:
            setattr(mine, field, getattr(others, field))
