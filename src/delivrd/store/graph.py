"""The rows that determine some messages: locked, loaded, folded and written back (rule G1).

Every writer follows the same pattern:

    graph = await Graph.load(tx, accounts, ids, now, parts=..., attempts=..., messages=...)
    ...change the facts: statements, hand-overs, links between part and attempt...
    await graph.save()

``load`` takes locks in the order that all writers share: first the parts it names, then their
messages by id. Statements and attempts are read only under these locks. ``save`` folds every loaded
message and writes the rows that differ, the changes of counts and the resulting events.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence, Set
from typing import NamedTuple

import msgspec
from msgspec.structs import astuple
from sqlalchemy import Table

from delivrd.core.statement import Kind, Receipt, Status, identity
from delivrd.core.status import Outcome, State, Statement, fold_message
from delivrd.core.units import SECOND
from delivrd.store import schema
from delivrd.store.accounts import Accounts
from delivrd.store.adding import add
from delivrd.store.counts import Move, deltas, first_minute, latency_step, spread
from delivrd.store.endpoints import any_listens
from delivrd.store.event_data import EventData, as_text, merge_data, status_data
from delivrd.store.ids import Ids
from delivrd.store.loading import add_attempts, add_parts, add_statements, parts_of
from delivrd.store.messages import describe
from delivrd.store.rows import (
    ATTEMPT_COLUMNS,
    ATTEMPT_FACTS,
    MESSAGE_COLUMNS,
    MESSAGE_FACTS,
    PART_COLUMNS,
    STATEMENT_COLUMNS,
    AttemptRow,
    MessageRow,
    PartRow,
    StatementRow,
    write_statement,
)
from delivrd.store.tally import attempt_place, message_place
from delivrd.store.tx import Tx

_PARTS = (
    f"SELECT {', '.join(PART_COLUMNS)} FROM part WHERE key = ANY($1::text[]) "
    "ORDER BY key FOR UPDATE"
)
_MESSAGES_OF = "SELECT id, message_id FROM attempt WHERE id = ANY($1::bigint[])"
_MESSAGES = (
    f"SELECT {', '.join(MESSAGE_COLUMNS)} FROM message WHERE id = ANY($1::bigint[]) "
    "ORDER BY id FOR UPDATE"
)

_COUNTRY, _SENDER = MESSAGE_COLUMNS.index("country"), MESSAGE_COLUMNS.index("sender")


class Moved(Exception):
    """Another writer moved an attempt to another message between our two locks: begin again."""


class PartName(NamedTuple):
    """How receipts and answers refer to a part."""

    key: str
    ns: int
    provider_message_id: str | None


class Link(NamedTuple):
    """The origin of a statement: a position in a reading of a request."""

    request_id: int
    reading_no: int
    position: int
    received_at: int


_LINK_COLUMNS = ("request_id", "reading_no", "position", "statement_id", "received_at")


class Graph:
    """Parts, attempts and messages under lock; see the module's docstring."""

    def __init__(self, tx: Tx, accounts: Accounts, ids: Ids, now: int) -> None:
        self.tx, self.accounts, self.ids, self.now = tx, accounts, ids, now
        self.parts: dict[str, PartRow] = {}
        self.attempts: dict[int, AttemptRow] = {}
        self.messages: dict[int, MessageRow] = {}
        self.buried: Set[str] = frozenset()
        """Keys of parts whose message was pruned: a receipt for one creates no message."""
        self._links: list[tuple[int, ...]] = []
        self._moves: Counter[Move] = Counter()
        self.events: list[tuple[int, int, str, str, int]] = []

    # --- reading, under locks -------------------------------------------------------------------

    @classmethod
    async def load(
        cls,
        tx: Tx,
        accounts: Accounts,
        ids: Ids,
        now: int,
        *,
        parts: Iterable[PartName] = (),
        attempts: Iterable[int] = (),
        messages: Iterable[int] = (),
    ) -> "Graph":
        """Locks and reads; named parts that do not exist are inserted without an attempt.

        Raises:
            Moved: another writer merged messages in between; the transaction must begin again.
        """
        graph = cls(tx, accounts, ids, now)
        named = await graph._load_parts({part.key: part for part in parts})
        wanted = {p.attempt_id for p in named if p.attempt_id is not None} | set(attempts)
        homes = await tx.fetch(_MESSAGES_OF, sorted(wanted)) if wanted else []
        await graph._load_messages(sorted({row[1] for row in homes} | set(messages)))
        if any(attempt_id not in graph.attempts for attempt_id, _ in homes):
            raise Moved
        await graph._load_statements(named)
        return graph

    async def _load_parts(self, names: Mapping[str, PartName]) -> list[PartRow]:
        if not names:
            return []
        keys = sorted(names)
        found = [PartRow(*row) for row in await self.tx.fetch(_PARTS, keys)]
        self.parts = {part.key: part for part in found}
        missing = [key for key in keys if key not in self.parts]
        if missing:
            rows = [
                (
                    self.ids.next(),
                    key,
                    names[key].ns,
                    names[key].provider_message_id,
                    None,
                    self.now,
                )
                for key in missing
            ]
            await self.tx.insert(schema.part, PART_COLUMNS, rows, "ignore")
            new = [PartRow(*row) for row in await self.tx.fetch(_PARTS, missing)]
            self.parts.update((part.key, part) for part in new)
            found += new
        return found

    async def _load_messages(self, message_ids: list[int]) -> None:
        if not message_ids:
            return
        for row in await self.tx.fetch(_MESSAGES, message_ids):
            message = MessageRow(*row)
            message.stored = row
            self.messages[message.id] = message
        self.attempts = await add_attempts(self.tx, self.messages)

    async def _load_statements(self, named: list[PartRow]) -> None:
        by_id = {part.id: part for part in named}
        for part in await parts_of(self.tx, self.attempts):
            by_id.setdefault(part.id, part)
        self.parts.update((part.key, part) for part in by_id.values())
        add_parts(by_id.values(), self.attempts)
        await add_statements(self.tx, by_id.values())

    # --- changing facts -------------------------------------------------------------------------

    def state(
        self, part: PartRow, account_id: int, kind: Kind, receipt: Receipt, link: Link | None
    ) -> StatementRow:
        """Adds a statement, or one more link to it if it exists (rule C1)."""
        digest = identity(kind, receipt)
        received_at = link.received_at if link else self.now
        for row in part.statements:
            if row.statement.hash == digest:
                break
        else:
            row = None
        if row is None:
            statement = Statement(kind, receipt, received_at, digest)
            row = StatementRow(self.ids.next(), account_id, statement, new=True)
            part.statements.append(row)
        elif link:
            old = row.statement
            earliest = min(old.received_at, received_at) if old.count else received_at
            row.statement = msgspec.structs.replace(old, count=old.count + 1, received_at=earliest)
            row.changed = True
        if link:
            self._links.append((*link[:3], row.id, received_at))
        return row

    async def begin_again(self, key: str) -> None:
        """Starts a new part for a reused id; the old part keeps its statements (rule D3)."""
        old = self.parts[key]
        old.key = f"{key}~{old.id}"
        await self.tx.update(schema.part, "id", ("key",), [(old.id, old.key)])
        new = PartRow(self.ids.next(), key, old.ns, old.provider_message_id, None, self.now)
        row = (new.id, new.key, new.ns, new.provider_message_id, None, new.created_at)
        await self.tx.insert(schema.part, PART_COLUMNS, [row])
        self.parts[old.key], self.parts[key] = old, new

    def attach(self, part: PartRow, attempt: AttemptRow) -> None:
        """Assigns a part to an attempt, which matches its receipts with the send (rule D2)."""
        if part.attempt_id == attempt.id:
            return
        if part.attempt_id is not None and part.attempt_id in self.attempts:
            self.attempts[part.attempt_id].parts.remove(part)
        part.attempt_id = attempt.id
        part.moved = True
        attempt.parts.append(part)
        attempt.parts.sort(key=lambda part: part.id)  # the order in which a load reads them

    def add(self, message: MessageRow) -> MessageRow:
        """Adds a new message with its attempts."""
        self.messages[message.id] = message
        self.attempts.update((attempt.id, attempt) for attempt in message.attempts)
        return message

    def status_before(self, message: MessageRow) -> str | None:
        """The status in the store; None for a new message."""
        return None if message.stored is None else message.stored[MESSAGE_FACTS]

    # --- folding and writing back ---------------------------------------------------------------

    async def save(
        self, *, merged: Sequence[MessageRow] = (), into: MessageRow | None = None
    ) -> None:
        """Folds every loaded message and writes what differs.

        For each message in ``merged``, also writes an event that names the message ``into`` which
        it was merged, and its status.
        """
        self.fold()
        if into is not None:
            for gone in merged:
                self._queue_merge_event(gone, into)
        await self._write_parts()
        await _write(
            self.tx, schema.attempt, ATTEMPT_COLUMNS, ATTEMPT_FACTS, self.attempts.values()
        )
        await _write(
            self.tx, schema.message, MESSAGE_COLUMNS, MESSAGE_FACTS, self.messages.values()
        )
        await add(self.tx, deltas(self._moves, first_minute(self.now)))
        await self._write_events()

    def fold(self) -> None:
        """Derives every loaded message from its facts; writes nothing."""
        for message in self.messages.values():
            self._fold(message)

    def _fold(self, message: MessageRow) -> None:
        attempts = message.attempts
        keep = message.text is None or self.accounts.keep_texts
        if not (keep or any(map(_needs_text, attempts))):
            message.text = None
        if message.origin == "received":  # it exists only by its receipts (rule B4)
            message.withdrawn = not describe(message)
        if message.sent_at is None:
            message.sent_at = min((a.handed_at for a in attempts if a.handed_at), default=None)
        cohort, stored = _cohort(message), message.stored
        country, sender = (None, None) if stored is None else (stored[_COUNTRY], stored[_SENDER])
        outcomes = []
        for attempt in attempts:
            before = attempt_place(attempt, country, sender)
            outcome = attempt.outcome()
            outcomes.append(outcome)
            _settle_attempt(attempt, outcome, attempt.handed_at or message.sent_at, cohort)
            after = attempt_place(attempt, message.country, message.sender)
            if before != after:
                self._moves[1, attempt.account_id, before, after] += 1
        outcome, before = fold_message(outcomes), message_place(message, country)
        message.bucket = spread(cohort)
        message.latency = None if cohort is None else latency_step(outcome, message.sent_at)
        if message.merged_into is None:
            self._queue_status_event(message, outcome)
            _settle(message, outcome)
        after = message_place(message, message.country)
        if before != after:
            self._moves[0, 0, before, after] += 1

    def _queue_status_event(self, message: MessageRow, outcome: Outcome) -> None:
        status = outcome.status._value_
        if message.stored is None and outcome.status is Status.PENDING:
            return
        if (message.status, message.final) == (status, outcome.final):
            return
        self.event(
            message, f"message.{status}", status_data(message, self._account_of(message), outcome)
        )

    def _queue_merge_event(self, gone: MessageRow, into: MessageRow) -> None:
        """Writes the event of a merge: the id that the message now has, and the status there."""
        data = merge_data(gone, self._account_of(gone), into)
        self.event(gone, "message.merged", data)

    def _account_of(self, message: MessageRow) -> tuple[str, str | None]:
        """The account's name and, if it is still configured, its provider."""
        account = self.accounts.by_id.get(message.account_id)
        name = self.accounts.name(message.account_id)
        return name, account and account.provider.name

    def event(self, message: MessageRow, kind: str, data: EventData) -> None:
        """Queues an event about a message, to be written by :meth:`save`.

        A message's events are delivered in the order of their ids. The message is locked, and its
        next event gets a greater id than the last one, even if that was made by a host whose clock
        is ahead of ours.
        """
        if message.account_id in self.accounts.simulated_ids:
            data.simulated = True
        self.tx.changed.add(message.id)
        message.last_event = self.ids.next(message.last_event or 0)
        self.events.append((message.last_event, message.id, kind, as_text(data), self.now))

    async def _write_parts(self) -> None:
        moved = [(p.id, p.attempt_id) for p in self.parts.values() if p.moved]
        await self.tx.update(schema.part, "id", ("attempt_id",), moved)
        rows = [(p.id, s) for p in self.parts.values() for s in p.statements]
        new = [write_statement(part_id, s) for part_id, s in rows if s.new]
        await self.tx.insert(schema.statement, STATEMENT_COLUMNS, new)
        changed = [
            (s.id, s.statement.received_at, s.statement.count)
            for _, s in rows
            if s.changed and not s.new
        ]
        await self.tx.update(schema.statement, "id", ("received_at", "count"), changed)
        await self.tx.insert(schema.link, _LINK_COLUMNS, self._links)

    async def _write_events(self) -> None:
        """Writes the events; those that nobody listens for need no fan-out."""
        if self.events:
            unheard = not await any_listens(self.tx)
            rows = [
                (*event, unheard and not self.messages[event[1]].callback_url)
                for event in self.events
            ]
            columns = ("id", "message_id", "type", "data", "created_at", "fanned_out")
            await self.tx.insert(schema.event, columns, rows)


async def _write(
    tx: Tx, table: Table, columns: tuple[str, ...], facts: int,
    rows: Iterable[AttemptRow | MessageRow],
) -> None:  # fmt: skip
    """Inserts new rows; updates the facts and the derived columns of others where they differ."""
    new, corrected, derived = [], [], []
    for row in rows:
        values, stored = astuple(row)[: len(columns)], row.stored
        if stored is None:
            new.append(values)
            continue
        if values[:facts] != stored[:facts]:
            corrected.append(values[:facts])
        if values[facts:] != stored[facts:]:
            derived.append((row.id, *values[facts:]))
    await tx.insert(table, columns, new)
    await tx.update(table, "id", columns[1:facts], corrected)
    await tx.update(table, "id", columns[facts:], derived)


def _cohort(message: MessageRow) -> int | None:
    """The time at which a message is counted (rule F1); None if it is not counted."""
    if message.merged_into is not None or message.withdrawn:
        return None
    if message.sent_at is not None:
        return message.sent_at
    received = (
        s.received_at
        for a in message.attempts
        for p in a.parts
        for s in p.live
        if s.kind is Kind.RECEIPT
    )
    return min(received, default=message.created_at)


def _needs_text(attempt: AttemptRow) -> bool:
    return attempt.state in (State.QUEUED, State.HANDING_OVER) and attempt.timeout_at is None


def _settle_row(row: AttemptRow | MessageRow, outcome: Outcome) -> None:
    row.status, row.final = outcome.status._value_, outcome.final
    row.reason = outcome.reason and outcome.reason._value_
    row.network, row.error_code = outcome.network, outcome.error_code
    row.price, row.currency = outcome.price, outcome.currency


def _settle_attempt(
    attempt: AttemptRow, outcome: Outcome, since: int | None, cohort: int | None
) -> None:
    """Writes the outcome into an attempt, and where it is counted: nowhere without a ``cohort``;
    ``since`` is its hand-over, if that is known."""
    _settle_row(attempt, outcome)
    counted_at = cohort and (since or cohort)
    attempt.bucket = spread(counted_at)
    attempt.latency = None if counted_at is None else latency_step(outcome, since)
    attempt.second = since // SECOND if since and counted_at else None


def _settle(message: MessageRow, outcome: Outcome) -> None:
    _settle_row(message, outcome)
    message.permanent, message.detail = outcome.permanent, outcome.detail
    message.provider_status = outcome.provider_status
    message.finished_at, message.delivered_at = outcome.finished_at, outcome.delivered_at
