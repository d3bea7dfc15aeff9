"""Matches stored receipts anew when the settings of matching have changed (rules D3 to D5).

A part's key is made with the account's ``ids_with`` and ``id_format``. When one of these changes,
receipts of messages that were sent before would look for keys that no part has. So a hub that
starts with other settings than before makes the keys anew, and two parts with the same key become
one. Parts without a message get one, where the settings now say which, or that receipts create
their message (``receive_only``). In the end all is as if the settings had always been so, except
that tombstones are hashes, and keep their old keys.
"""

from collections import Counter
from collections.abc import Collection, Sequence
from typing import NamedTuple

import msgspec
import structlog

from delivrd.store import schema
from delivrd.store.accounts import UNDER_WAY, Account, mark_current, mark_under_way
from delivrd.store.base import Store
from delivrd.store.fold import match
from delivrd.store.graph import Graph, PartName
from delivrd.store.ids import now_micros
from delivrd.store.merging import load_with_siblings, merge, messages_of
from delivrd.store.messages import attempt_of
from delivrd.store.rows import MessageRow, PartRow
from delivrd.store.tombstones import buried, bury
from delivrd.store.tx import Row, Tx

log = structlog.get_logger(__name__)

SLICE = 500
"""The number of parts in one transaction."""
LOGGED_EVERY = 100_000
_ASIDE = "~"

_ONE_AT_A_TIME = "SELECT id FROM account ORDER BY id FOR UPDATE"  # processes that start together
_PART = (
    "SELECT p.id, p.key, p.ns, p.provider_message_id, p.attempt_id, coalesce(a.account_id, "
    "(SELECT s.account_id FROM statement s WHERE s.part_id = p.id ORDER BY s.id LIMIT 1)) "
    "FROM part p LEFT JOIN attempt a ON a.id = p.attempt_id WHERE"
)
_PARTS = f"{_PART} p.id > $1 AND p.ns = ANY($2::bigint[]) ORDER BY p.id LIMIT $3"
_HOLDERS = f"{_PART} p.key = ANY($1::text[])"
_TAKEN = "SELECT key, ns, provider_message_id FROM part WHERE key = ANY($1::text[])"
_UNMATCHED = (
    "SELECT p.id, p.key, p.ns, p.provider_message_id, s.reference FROM part p "
    "JOIN statement s ON s.part_id = p.id "
    "WHERE p.id = ANY($1::bigint[]) AND p.attempt_id IS NULL"
)


class _Move(NamedTuple):
    """A part, its name, and the name it is to have."""

    part_id: int
    old: PartName
    new: PartName


async def rematch(store: Store) -> None:
    """Matches the receipts of every account anew whose settings of matching have changed.

    An interrupted run is begun again by the next start, which skips what is done.

    Raises:
        StoreUnavailable: the store failed; what was done so far is kept.
    """
    accounts = store.accounts
    changed = [accounts.by_id[account_id] for account_id in accounts.outdated]
    if not changed:
        return
    names = [account.name for account in changed]
    log.info("settings changed: stored receipts are matched with messages anew", accounts=names)
    spaces = {*accounts.outdated.values(), *(account.ns for account in changed)}
    if UNDER_WAY in spaces:  # by settings that nobody knows any more
        spaces = set(accounts.ids)
    await store.write(lambda tx: mark_under_way(tx, changed))
    last: int | None = 0
    done = 0
    while last is not None:
        last, more = await store.write(lambda tx, after=last: _slice(tx, store, spaces, after))  # type: ignore[misc]
        done += more
        if done // LOGGED_EVERY > (done - more) // LOGGED_EVERY:
            log.info("stored receipts are matched anew", ids=done)
    await store.write(lambda tx: mark_current(tx, changed))
    accounts.outdated.clear()
    log.info("stored receipts are matched by the new settings", accounts=names, ids=done)


async def _slice(
    tx: Tx, store: Store, spaces: Collection[int], after: int
) -> tuple[int | None, int]:
    """Matches some parts; returns the last one's id (None: there are no more), and how many."""
    await tx.fetch(_ONE_AT_A_TIME)
    rows = await tx.fetch(_PARTS, after, list(spaces), SLICE)
    unmatched = {row[0]: _not_aside(row[1]) for row in rows if row[4] is None}
    tombstones = await buried(tx, unmatched.values())
    pruned = {part_id for part_id, key in unmatched.items() if key in tombstones}
    moves = [move for row in rows if (move := _move(store, row)) is not None]
    await bury(tx, now_micros(), (move.new.key for move in moves if move.part_id in pruned))
    for move in await _rename_free(tx, await _make_room(tx, store, moves)):
        await _move_to_taken(tx, store, move)
    await _match_unmatched(tx, store, list(unmatched), pruned)
    return (rows[-1][0] if rows else None), len(rows)


def _move(store: Store, row: Row) -> _Move | None:
    """Where a part belongs; None if it is there, or if its account is no longer configured."""
    part_id, old = row[0], PartName(*row[1:4])
    account = store.accounts.by_id.get(row[5])
    if account is None:
        return None
    new = PartName(_key(account, part_id, old), account.ns, old.provider_message_id)
    return None if new == old else _Move(part_id, old, new)


def _key(account: Account, part_id: int, old: PartName) -> str:
    generation = f"~{part_id}" if old.key.endswith(f"~{part_id}") else ""
    key = old.key.removesuffix(generation)
    if old.provider_message_id is None:
        return f"{account.ns}/{key.partition('/')[2]}{generation}"
    to = key.rpartition("|")[2] if account.provider.number_in_key else None
    return account.part_key(old.provider_message_id, to) + generation


async def _make_room(tx: Tx, store: Store, moves: Sequence[_Move]) -> list[_Move]:
    """Puts aside parts that hold a wanted key and are to move themselves: two accounts may have
    swapped their namespaces or formats. Returns the moves with the parts' names as they are now."""
    holders = await tx.fetch(_HOLDERS, [move.new.key for move in moves])
    misplaced = [move for row in holders if (move := _move(store, row)) is not None]
    aside = {move.part_id: move.old._replace(key=_aside(move.old.key)) for move in misplaced}
    await _rename(tx, *aside.items())
    return [move._replace(old=aside.get(move.part_id, move.old)) for move in moves]


def _aside(key: str) -> str:
    """A key for the meantime, in a namespace that no account has."""
    space, _, rest = key.partition("/")
    return f"{space}{_ASIDE}/{rest}"


def _not_aside(key: str) -> str:
    space, _, rest = key.partition("/")
    return f"{space.removesuffix(_ASIDE)}/{rest}"


async def _rename_free(tx: Tx, moves: Sequence[_Move]) -> list[_Move]:
    """Moves the parts to whose keys nothing else lays claim; returns the others."""
    wanted = Counter(move.new.key for move in moves)
    taken = {row[0] for row in await tx.fetch(_TAKEN, list(wanted))}
    free = [m for m in moves if m.new.key not in taken and wanted[m.new.key] == 1]
    await _rename(tx, *((move.part_id, move.new) for move in free))
    return [m for m in moves if m.new.key in taken or wanted[m.new.key] > 1]


async def _rename(tx: Tx, *names: tuple[int, PartName]) -> None:
    """Gives parts, by their ids, new names."""
    rows = [(part_id, name.key, name.ns) for part_id, name in names]
    await tx.update(schema.part, "id", ("key", "ns"), rows)


async def _move_to_taken(tx: Tx, store: Store, move: _Move) -> None:
    """Moves a part whose key another part may have: they become one, where they can be."""
    taken = await tx.fetch(_TAKEN, [move.new.key])
    if not taken:
        await _rename(tx, (move.part_id, move.new))
        return
    names = [move.old, PartName(*taken[0])]
    graph = await load_with_siblings(tx, store.accounts, store.ids, now_micros(), parts=names)
    parts = [graph.parts[name.key] for name in names]
    found = messages_of(graph, parts)
    if _can_be_one(parts, found):
        await _unite(graph, parts, found, move.new)
        return
    older, newer = sorted(parts, key=lambda part: part.id)  # as where an id was reused
    await _rename(tx, (older.id, move.new._replace(key=f"{move.new.key}~{older.id}")))
    await _rename(tx, (newer.id, move.new))


def _can_be_one(parts: Sequence[PartRow], found: Sequence[MessageRow]) -> bool:
    """Whether two parts may be the same one. What we sent twice was two parts (rule D5)."""
    if any(part.attempt_id is None for part in parts):
        return True
    if len(found) < 2:
        return False
    first, second = found
    if second.origin == "api":
        return False
    # as in a registration: receipts know the number less well
    return "received" in (first.origin, second.origin) or first.to_number == second.to_number


async def _unite(
    graph: Graph, parts: Sequence[PartRow], found: Sequence[MessageRow], name: PartName
) -> None:
    """Makes one part of two, and one message of theirs."""
    kept, gone = sorted(parts, key=lambda part: _rank(graph, part, found))
    if gone.attempt_id is not None:
        graph.attempts[gone.attempt_id].parts.remove(gone)
    del graph.parts[gone.key]
    await _move_statements(graph.tx, kept, gone)
    await graph.tx.execute("DELETE FROM part WHERE id = $1", gone.id)
    await _rename(graph.tx, (kept.id, name))
    if found:
        await merge(graph, found[0], found[1:])
    else:
        await graph.save()


def _rank(graph: Graph, part: PartRow, found: Sequence[MessageRow]) -> tuple[int, int]:
    """The place of a part's message among those found, then the part's age."""
    if part.attempt_id is None:
        return len(found), part.id
    home = graph.attempts[part.attempt_id].message_id
    return [message.id for message in found].index(home), part.id


async def _move_statements(tx: Tx, kept: PartRow, gone: PartRow) -> None:
    """Gives one part the statements of another; equal ones become one, with all links (C1)."""
    twins = {row.statement.hash: row for row in kept.statements}
    for row in gone.statements:
        twin = twins.get(row.statement.hash)
        if twin is None:
            kept.statements.append(row)
            await tx.execute("UPDATE statement SET part_id = $2 WHERE id = $1", row.id, kept.id)
            continue
        both = [s for s in (twin.statement, row.statement) if s.count]
        twin.statement = msgspec.structs.replace(
            twin.statement,
            count=sum(s.count for s in both),
            received_at=min((s.received_at for s in both), default=twin.statement.received_at),
        )
        twin.changed = True
        await tx.execute(
            "UPDATE link SET statement_id = $2 WHERE statement_id = $1", row.id, twin.id
        )
        await tx.execute("DELETE FROM statement WHERE id = $1", row.id)


async def _match_unmatched(tx: Tx, store: Store, part_ids: list[int], pruned: set[int]) -> None:
    """Gives parts without a message the one that their receipts refer to or create (D1, D5).

    ``pruned`` are those whose message was deleted: they create none.
    """
    rows = await tx.fetch(_UNMATCHED, part_ids)
    if not rows:
        return
    names = {row[0]: PartName(*row[1:4]) for row in rows}
    attempts = {attempt for row in rows if (attempt := attempt_of(row[4])) is not None}
    graph = await Graph.load(
        tx, store.accounts, store.ids, now_micros(), parts=names.values(), attempts=attempts
    )
    graph.buried = {names[part_id].key for part_id in pruned & names.keys()}
    for name in names.values():
        part = graph.parts[name.key]
        for row in sorted(part.statements, key=lambda row: row.statement.received_at):
            account = store.accounts.by_id.get(row.account_id)
            if part.attempt_id is None and row.statement.count and account is not None:
                match(graph, part, account, row.statement.receipt, row.statement.received_at)
    await graph.save()
