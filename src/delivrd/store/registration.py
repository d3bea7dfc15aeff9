"""Registers messages that another program sent, and matches their receipts (rule D5)."""

from typing import NamedTuple

from delivrd.core.phone import shown_sender
from delivrd.store.accounts import Account, Accounts
from delivrd.store.generations import renew
from delivrd.store.graph import Graph, PartName
from delivrd.store.ids import Ids
from delivrd.store.merging import load_with_siblings, merge, messages_of
from delivrd.store.messages import sent_elsewhere
from delivrd.store.rows import MessageRow, PartRow
from delivrd.store.tx import Tx


class Registration(NamedTuple):
    """What a caller states about a message that was sent elsewhere."""

    account: Account
    provider_message_ids: tuple[str, ...]
    to: str
    country: str | None
    sender: str | None
    preview: str | None
    sent_at: int | None
    reference: str | None
    expires_at: int | None = None
    """When it becomes `unknown` if it has no final status by then (rule C8)."""

    segments: int = 1
    """The number of SMS that its text takes."""


class Contradiction(Exception):
    """One of the ids belongs to a message of which something else is known.

    ``uuid`` is that message's; ``field`` is ``to``, ``sender`` or ``reference``.
    """

    def __init__(self, uuid: str, field: str) -> None:
        super().__init__(f"message {uuid} has another {field}")
        self.uuid, self.field = uuid, field


async def register_parts(
    tx: Tx, accounts: Accounts, ids: Ids, now: int, given: Registration
) -> str:
    """Gives the parts one message, merging the messages they had; returns its UUID.

    Messages that we sent ourselves are never merged with each other: each keeps its parts. A
    registered message keeps what was registered first, and gains what is new.

    Raises:
        Contradiction: a message sent or registered under one of the ids has another recipient, or
            was registered with another sender or reference than is given, or than another has.
    """
    account = given.account
    named = (
        PartName(account.part_key(i, given.to.lstrip("+")), account.ns, i)
        for i in given.provider_message_ids
    )
    names = list({name.key: name for name in named}.values())  # by `id_format` two may be equal
    graph = await load_with_siblings(tx, accounts, ids, now, parts=names)
    for name in names:
        if _is_later(graph, graph.parts[name.key], given):
            await renew(graph, account, name.key)
    parts = [graph.parts[name.key] for name in names]
    found = messages_of(graph, parts)
    for known in found:
        if field := _contradicted(known, given):
            raise Contradiction(known.uuid, field)
        given = _with_facts_of(known, given)
    new = sent_elsewhere(
        ids, account, "registered", now, parts_expected=len(names), sent_at=given.sent_at
    )
    message = found[0] if found else graph.add(new)
    others = [other for other in found[1:] if other.origin != "api"]
    elsewhere = {other.id for other in found[1:]} - {other.id for other in others}
    # what was registered first stays, also where it merges into an older message
    _fill_in(next((known for known in found if known.origin == "registered"), message), given)
    attempt = message.attempts[-1]
    ours = [part for part in parts if _home(graph, part) not in elsewhere]
    attempt.parts_expected = max(attempt.parts_expected, len(ours))
    for part in ours:
        graph.attach(part, attempt)
    await merge(graph, message, others)
    return message.uuid


def _is_later(graph: Graph, part: PartRow, given: Registration) -> bool:
    """Whether this registers a later message than the one that a reusable id has now."""
    ended, home = part.outcome().finished_at, _home(graph, part)
    if ended is not None and given.sent_at is not None and given.sent_at > ended:
        return True
    return home is not None and graph.messages[home].to_number != given.to


def _home(graph: Graph, part: PartRow) -> int | None:
    return None if part.attempt_id is None else graph.attempts[part.attempt_id].message_id


def _contradicted(known: MessageRow, given: Registration) -> str | None:
    """The field in which a registration contradicts what is known; None if it does not."""
    if known.origin != "received" and known.to_number != given.to:
        return "to"
    if known.origin != "registered":
        return None
    for field, form in (("sender", shown_sender), ("reference", str)):
        was, said = getattr(known, field), getattr(given, field)
        if was and said is not None and form(was) != form(said):
            return field
    return None


def _with_facts_of(known: MessageRow, given: Registration) -> Registration:
    """What is stated, with what was registered before: two earlier ones may contradict, too."""
    if known.origin != "registered":
        return given
    sender, reference = given.sender or known.sender, given.reference or known.reference
    return given._replace(sender=sender, reference=reference)


def _fill_in(message: MessageRow, given: Registration) -> None:
    """Fills in what the message lacks, or knows from receipts alone."""
    if message.origin == "api":
        return
    if message.origin == "received":
        message.sender = given.sender or message.sender
    message.origin, message.withdrawn = "registered", False
    message.to_number, message.country = given.to, given.country or message.country
    message.sender = message.sender or given.sender
    message.preview = message.preview or given.preview
    message.reference = message.reference or given.reference
    message.sent_at = message.sent_at or given.sent_at
    message.segments = max(message.segments, given.segments)
    attempt = message.attempts[-1]
    if attempt.expires_at is None:
        attempt.expires_at = given.expires_at
