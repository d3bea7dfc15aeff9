"""The fold of receipts: turns appended readings into statements on parts (rules A4 to A8)."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import msgspec

from delivrd.core.phone import can_be
from delivrd.core.statement import Kind, Reading, Receipt
from delivrd.core.status import State
from delivrd.core.text import short
from delivrd.store import schema
from delivrd.store.accounts import Account, Accounts
from delivrd.store.append import OWNED_MICROS
from delivrd.store.generations import renew
from delivrd.store.graph import Graph, Link, Moved, PartName
from delivrd.store.ids import Ids
from delivrd.store.leases import shared_time
from delivrd.store.messages import attempt_of, sent_elsewhere
from delivrd.store.rows import PartRow
from delivrd.store.tombstones import buried
from delivrd.store.tx import Tx, is_conflict, is_store_error, within_savepoint

_unpack = msgspec.msgpack.Decoder(Reading).decode
_pack_receipt = msgspec.msgpack.Encoder().encode
_unpack_receipt = msgspec.msgpack.Decoder(Receipt).decode


class Item(NamedTuple):
    """One receipt and its position in a request."""

    account_id: int
    receipt: Receipt
    link: Link


class Work(NamedTuple):
    """A request's reading that is to be folded; its first ``done`` receipts are folded already."""

    request_id: int
    reading_no: int
    account_id: int
    received_at: int
    receipts: Sequence[Receipt]
    done: int = 0
    deaths: int = 0

    def items(self, limit: int) -> list[Item]:
        """The next receipts to fold, at most ``limit``."""
        span = range(self.done, min(len(self.receipts), self.done + limit))
        return [
            Item(
                self.account_id,
                self.receipts[position],
                Link(self.request_id, self.reading_no, position, self.received_at),
            )
            for position in span
        ]


async def claim(tx: Tx, now: int, limit: int) -> list[Work]:
    """Claims at most ``limit`` requests without an owner, or a single one whose owner died (A4).

    A request over which a process died is taken alone, so that a second death can only be its fault
    (rule A8).
    """
    rows = await tx.fetch(
        "SELECT id, reading_no, account_id, received_at, data, done, deaths, owner FROM to_fold "
        "WHERE owner IS NULL OR owned_until < $1 ORDER BY id LIMIT $2 FOR UPDATE SKIP LOCKED",
        shared_time(tx, now),
        limit,
    )
    if rows and rows[0][7] is not None:
        rows = rows[:1]
    taken = [
        (*row[:6], row[6] + (row[7] is not None))
        for i, row in enumerate(rows)
        if i == 0 or row[7] is None
    ]
    until = shared_time(tx, now) + OWNED_MICROS
    marks = [(row[0], tx.slot, until, row[6]) for row in taken]
    await tx.update(schema.to_fold, "id", ("owner", "owned_until", "deaths"), marks)
    return [
        Work(row[0], row[1], row[2], row[3], _unpack(row[4]).receipts, row[5], row[6])
        for row in taken
    ]


async def mark(tx: Tx, now: int, works: Sequence[Work]) -> set[int]:
    """Claims those of the works that have no owner; returns the ids of the requests claimed.

    The mark is durable before the fold begins, so that a death during the fold is noticed.
    """
    rows = await tx.fetch(
        "UPDATE to_fold SET owner = $2, owned_until = $3 "
        "WHERE id = ANY($1::bigint[]) AND owner IS NULL RETURNING id",
        [work.request_id for work in works],
        tx.slot,
        shared_time(tx, now) + OWNED_MICROS,
    )
    return {row[0] for row in rows}


async def disown_all(tx: Tx) -> None:
    """Expires every claim: at the start of the only process, all earlier owners are dead."""
    await tx.execute("UPDATE to_fold SET owned_until = 0 WHERE owner IS NOT NULL")


async def fold_slice(
    tx: Tx, accounts: Accounts, ids: Ids, now: int, works: Sequence[Work], limit: int
) -> None:
    """Folds up to ``limit`` receipts of each work that this process owns, and dequeues them.

    A work that this process no longer owns (it was presumed dead) is skipped.
    """
    ours = await _take_off(tx, now, works, limit)
    items = [item for work in works if work.request_id in ours for item in work.items(limit)]
    await fold_items(tx, accounts, ids, now, items)


async def _take_off(tx: Tx, now: int, works: Sequence[Work], limit: int) -> set[int]:
    """Dequeues what is about to be folded; returns the ids of the requests that we still own."""
    whole = [w.request_id for w in works if len(w.receipts) - w.done <= limit]
    rows = await tx.fetch(
        "DELETE FROM to_fold WHERE id = ANY($1::bigint[]) AND owner = $2 RETURNING id",
        whole,
        tx.slot,
    )
    ours = {row[0] for row in rows}
    for work in works:
        if len(work.receipts) - work.done > limit:
            rows = await tx.fetch(
                "UPDATE to_fold SET done = $3, owned_until = $4 "
                "WHERE id = $1 AND owner = $2 AND done = $5 RETURNING id",
                work.request_id,
                tx.slot,
                work.done + limit,
                shared_time(tx, now) + OWNED_MICROS,
                work.done,
            )
            ours |= {row[0] for row in rows}
    return ours


async def fold_items(tx: Tx, accounts: Accounts, ids: Ids, now: int, items: Sequence[Item]) -> None:
    """Folds the receipts; one that cannot be folded is set aside and the others land (rule A8)."""
    if not items:
        return
    try:
        await within_savepoint(tx, lambda: _fold(tx, accounts, ids, now, items))
    except Exception as error:
        if isinstance(error, Moved) or is_store_error(error) or is_conflict(error):
            raise
        if len(items) == 1:
            await set_aside(tx, ids, items[0], f"{type(error).__name__}: {error}")
            return
        middle = len(items) // 2
        await fold_items(tx, accounts, ids, now, items[:middle])
        await fold_items(tx, accounts, ids, now, items[middle:])


async def set_aside(tx: Tx, ids: Ids, item: Item, why: str) -> None:
    """Stores a receipt that could not be folded as a fault, to be retried later."""
    link, raw = item.link, repr(item.receipt)
    columns = ("id", "request_id", "reading_no", "position", "why", "raw", "data", "set_aside")
    row = (ids.next(), *link[:3], short(why, 500), raw[:4000], _pack_receipt(item.receipt), True)
    await tx.insert(schema.fault, columns, [row])


async def set_aside_work(tx: Tx, ids: Ids, now: int, work: Work, why: str) -> None:
    """Sets aside the remaining receipts of a request over which a process died twice."""
    if await _take_off(tx, now, [work], len(work.receipts)):
        for item in work.items(len(work.receipts)):
            await set_aside(tx, ids, item, why)


class Retried(NamedTuple):
    """How many receipts landed, and the id of the last fault tried (None: there was none)."""

    landed: int
    last: int | None


async def retry_set_aside(
    tx: Tx, accounts: Accounts, ids: Ids, now: int, *, after: int = 0, limit: int = 100
) -> Retried:
    """Tries to fold again what was set aside, in order of fault ids greater than ``after``."""
    rows = await tx.fetch(
        "SELECT f.id, r.account_id, f.data, f.request_id, f.reading_no, f.position, r.received_at "
        "FROM fault f JOIN request r ON r.id = f.request_id "
        "WHERE f.set_aside AND f.id > $2 ORDER BY f.id LIMIT $1 FOR UPDATE OF f SKIP LOCKED",
        limit,
        after,
    )
    landed = 0
    for fault_id, account_id, data, *where in rows:
        item = Item(account_id, _unpack_receipt(data), Link(*where))
        try:
            await within_savepoint(tx, lambda item=item: _fold(tx, accounts, ids, now, [item]))  # type: ignore[misc]
        except Exception as error:
            if isinstance(error, Moved) or is_store_error(error) or is_conflict(error):
                raise
            continue
        await tx.execute("DELETE FROM fault WHERE id = $1", fault_id)
        landed += 1
    return Retried(landed, rows[-1][0] if rows else None)


async def _fold(tx: Tx, accounts: Accounts, ids: Ids, now: int, items: Sequence[Item]) -> None:
    names, references = [], set()
    for item in items:
        account, receipt = accounts.by_id[item.account_id], item.receipt
        names.append(name_of(account, receipt))
        attempt_id = attempt_of(receipt.reference)
        if attempt_id is not None:
            references.add(attempt_id)
    graph = await Graph.load(tx, accounts, ids, now, parts=names, attempts=references)
    await find_buried(graph, names)
    for item, name in zip(items, names, strict=True):
        await renew(graph, accounts.by_id[item.account_id], name.key, item.receipt)
        part = graph.parts[name.key]
        graph.state(part, item.account_id, Kind.RECEIPT, item.receipt, item.link)
        if part.attempt_id is None:
            match(graph, part, accounts.by_id[item.account_id], item.receipt, item.link.received_at)
    await graph.save()


async def find_buried(graph: Graph, names: Iterable[PartName]) -> None:
    """Notes which parts without an attempt belong to pruned messages (rule F5)."""
    if any(account.settings.receive_only for account in graph.accounts.by_id.values()):
        loose = [name.key for name in names if graph.parts[name.key].attempt_id is None]
        graph.buried = await buried(graph.tx, loose)


def name_of(account: Account, receipt: Receipt) -> PartName:
    """The name of the part that a receipt is about: by its message id, else by its reference.

    Raises:
        ValueError: it has neither.
    """
    if not receipt.provider_message_id:
        if attempt_of(receipt.reference) is None:
            raise ValueError("the receipt names no message id")
        return PartName(f"{account.ns}/reference/{receipt.reference}", account.ns, None)
    key = account.part_key(receipt.provider_message_id, receipt.to)
    return PartName(key, account.ns, receipt.provider_message_id)


def match(
    graph: Graph, part: PartRow, account: Account, receipt: Receipt, received_at: int
) -> None:
    """Attaches a part without an attempt to the one it belongs to, if that is known (D1, D5)."""
    attempt_id = attempt_of(receipt.reference)
    attempt = graph.attempts.get(attempt_id) if attempt_id is not None else None
    if attempt is not None:
        message = graph.messages[attempt.message_id]
        sender = graph.accounts.by_id.get(attempt.account_id)
        same_ids = sender is not None and sender.ns == account.ns
        if same_ids and can_be(receipt.to, (message.to_number or "").lstrip("+")):
            if attempt.state == State.QUEUED:  # it was sent after all: never send it again
                attempt.state = State.UNSURE.value
            graph.attach(part, attempt)
            return
    if account.settings.receive_only and part.key not in graph.buried:
        message = graph.add(sent_elsewhere(graph.ids, account, "received", received_at))
        graph.attach(part, message.attempts[0])
