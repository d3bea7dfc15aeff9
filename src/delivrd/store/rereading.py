"""Replaces the stored reading of a request by a new one (rule B4)."""

from collections.abc import Mapping, Sequence
from typing import cast

import msgspec

from delivrd.core.statement import Kind, Reading, identity
from delivrd.core.text import counted
from delivrd.store import schema
from delivrd.store.accounts import Account, Accounts
from delivrd.store.append import note_faults
from delivrd.store.fold import find_buried, match, name_of
from delivrd.store.generations import keys_before
from delivrd.store.graph import Graph, Link, Moved, PartName
from delivrd.store.ids import Ids
from delivrd.store.messages import attempt_of
from delivrd.store.rows import StatementRow
from delivrd.store.tx import Row, Tx


class MessageChange(msgspec.Struct, frozen=True):
    """A message whose status the re-reading changes; ``before`` is None where it is new."""

    message_id: str
    before: str | None
    after: str


class Difference(msgspec.Struct, frozen=True):
    """What a re-reading changes: statuses by provider message id, before and after."""

    request_id: int
    before: tuple[tuple[str | None, str], ...]
    after: tuple[tuple[str | None, str], ...]
    messages: tuple[MessageChange, ...] = ()
    changed: bool = False
    applied: bool = False
    why_not: str | None = None


class DryRun(Exception):
    """Ends the transaction without effect, and carries what it would have done."""

    def __init__(self, difference: Difference) -> None:
        self.difference = difference


_EARLIER = "SELECT reading_no, kind, why, receipts, faults FROM request WHERE id = $1 FOR UPDATE"
_OLD = (
    "SELECT l.position, l.statement_id, s.hash, s.status, p.key, p.ns, p.provider_message_id, "
    "p.id FROM link l JOIN statement s ON s.id = l.statement_id JOIN part p ON p.id = s.part_id "
    "WHERE l.request_id = $1 AND l.live ORDER BY l.position"
)
_FAULTS = (
    "SELECT position, why FROM fault "
    "WHERE request_id = $1 AND reading_no = $2 AND NOT set_aside ORDER BY id"
)


async def supersede(
    tx: Tx, accounts: Accounts, ids: Ids, now: int, request_id: int, account: Account,
    received_at: int, reading: Reading, *, dry_run: bool, force: bool,
) -> Difference:  # fmt: skip
    """Replaces the request's earlier reading, with all that follows, and returns the difference.

    Nothing is changed where the readings are equal, nor, unless ``force`` is given, where the new
    one is unreadable or names fewer receipts: then ``why_not`` says so. ``received_at`` is in
    microseconds since 1970.

    Raises:
        DryRun: with ``dry_run``, once everything is done, so that the transaction is rolled back.
    """
    rows = await tx.fetch(_EARLIER, request_id)
    reading_no = rows[0][0] + 1
    # a fold of the earlier reading that is under way ends first, or does not begin
    await tx.fetch("SELECT id FROM to_fold WHERE id = $1 FOR UPDATE", request_id)
    old = await tx.fetch(_OLD, request_id)
    difference = Difference(
        request_id,
        tuple((row[6], row[3]) for row in old),
        tuple((r.provider_message_id, r.status.value) for r in reading.receipts),
    )
    same = tuple(rows[0][1:]) == _as_stored(reading) and _same_receipts(account, old, reading)
    if same and await _same_faults(tx, request_id, rows[0][0], reading):
        return difference
    refusal = _refusal(rows[0][3], reading)
    if refusal and not force:
        return msgspec.structs.replace(difference, changed=True, why_not=refusal)
    names = _names(account, old, reading)
    before = [PartName(row[4], row[5], row[6]) for row in old]
    references = {attempt_of(receipt.reference) for receipt in reading.receipts} - {None}
    graph = await Graph.load(
        tx, accounts, ids, now, parts=[*before, *names], attempts=cast("set[int]", references)
    )
    loaded = {row.id for part in graph.parts.values() for row in part.statements}
    if not loaded.issuperset(row[1] for row in old):
        raise Moved  # an id was reused between the two reads, which renamed its old part
    await find_buried(graph, names)
    await _unlink(tx, graph, request_id, [row[1] for row in old])
    _link(graph, account, names, reading, Link(request_id, reading_no, 0, received_at))
    await graph.save()
    await _note(tx, ids, request_id, reading_no, reading)
    difference = msgspec.structs.replace(
        difference, changed=True, applied=not dry_run, messages=_changes(graph)
    )
    if dry_run:
        raise DryRun(difference)
    return difference


def _link(
    graph: Graph, account: Account, names: Sequence[PartName], reading: Reading, first: Link
) -> None:
    """States the receipts on their parts, and matches parts that have no attempt."""
    for position, (receipt, name) in enumerate(zip(reading.receipts, names, strict=True)):
        part = graph.parts[name.key]
        link = first._replace(position=position)
        graph.state(part, account.id, Kind.RECEIPT, receipt, link)
        if part.attempt_id is None:
            match(graph, part, account, receipt, first.received_at)


def _names(account: Account, old: Sequence[Row], reading: Reading) -> list[PartName]:
    before = keys_before(account, ((row[7], row[4]) for row in old))
    names = [name_of(account, receipt) for receipt in reading.receipts]
    return [name._replace(key=before.get(name.key, name.key)) for name in names]


def _same_receipts(account: Account, old: Sequence[Row], reading: Reading) -> bool:
    names = _names(account, old, reading)
    now = [
        (i, name.key, identity(Kind.RECEIPT, r))
        for i, (name, r) in enumerate(zip(names, reading.receipts, strict=True))
    ]
    return now == [(row[0], row[4], bytes(row[2])) for row in old]


async def _same_faults(tx: Tx, request_id: int, reading_no: int, reading: Reading) -> bool:
    old = await tx.fetch(_FAULTS, request_id, reading_no)
    return [tuple(row) for row in old] == [(f.position, f.why) for f in reading.faults]


def _refusal(before: int, reading: Reading) -> str | None:
    """Why it needs force. Receipts that wait for the fold, or were set aside, count as well."""
    now = len(reading.receipts)
    if reading.kind == "unreadable" and before:
        return f"today's adapter cannot read it: {reading.why}"
    if now >= before:
        return None
    return f"it names {counted(now, 'receipt')} now, and named {before} before"


async def _unlink(tx: Tx, graph: Graph, request_id: int, statement_ids: list[int]) -> None:
    """Takes the request's earlier reading out of the fold; it stays, marked."""
    await tx.execute("DELETE FROM to_fold WHERE id = $1", request_id)
    await tx.execute("DELETE FROM fault WHERE request_id = $1 AND set_aside", request_id)
    await tx.execute("UPDATE link SET live = false WHERE request_id = $1", request_id)
    left = await tx.fetch(
        "SELECT statement_id, count(*), min(received_at) FROM link "
        "WHERE statement_id = ANY($1::bigint[]) AND live GROUP BY statement_id",
        statement_ids,
    )
    counts, unlinked = {row[0]: (row[1], row[2]) for row in left}, set(statement_ids)
    for part in graph.parts.values():
        for row in part.statements:
            if row.id in unlinked:
                _recount(row, counts)


def _recount(row: StatementRow, counts: Mapping[int, tuple[int, int]]) -> None:
    count, received_at = counts.get(row.id, (0, row.statement.received_at))
    row.statement = msgspec.structs.replace(row.statement, count=count, received_at=received_at)
    row.changed = True


async def _note(tx: Tx, ids: Ids, request_id: int, reading_no: int, reading: Reading) -> None:
    columns = ("reading_no", "kind", "why", "receipts", "faults")
    await tx.update(schema.request, "id", columns, [(request_id, reading_no, *_as_stored(reading))])
    await note_faults(tx, ids, request_id, reading, reading_no)


def _as_stored(reading: Reading) -> Row:
    """A reading as it stands with its request: kind, why, and how many receipts and faults."""
    return (reading.kind, reading.why, len(reading.receipts), len(reading.faults))


def _changes(graph: Graph) -> tuple[MessageChange, ...]:
    made = []
    for message in graph.messages.values():
        before = graph.status_before(message)
        after = "withdrawn" if message.withdrawn else message.status
        if before != after:
            made.append(MessageChange(message.uuid, before, after))
    return tuple(made)
