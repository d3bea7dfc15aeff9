"""The queries of `doctor`, cheap at every size of the store."""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any, NamedTuple

from delivrd.core.statement import Kind
from delivrd.core.units import DAY, MINUTE
from delivrd.store.ids import born, floor, now_micros
from delivrd.store.pruning import bodies
from delivrd.store.queries.diagnosis import NOT_AUTHENTIC
from delivrd.store.tx import PostgresTx, Tx

RECENT_REQUESTS = 100_000
UNMATCHED = 500
"""The number of newest receipts without a message that are examined."""
WEEK = 7 * DAY
SETTLING = MINUTE
"""Microseconds by which a receipt may precede the answer to its send."""


class Figures(NamedTuple):
    """The state of a store; times are microseconds since 1970."""

    backlog: int
    oldest_waiting: int | None
    last_calls: Mapping[int, int]
    """Account id -> when its last call came, of those among the last 100,000."""
    unreadable: int
    unmapped: int
    refused: int
    set_aside: int
    """``set_aside`` counts all; the other three count the last seven days; each up to a thousand.
    """
    newest_id: int | None
    oldest_body: int | None
    """When the oldest call arrived whose body is kept."""
    settings: Mapping[str, str]
    """The database's own settings of durability."""
    database_clock: int | None
    read_only: bool
    """PostgreSQL that is a standby, or a user of it that may only read."""


class Loose(NamedTuple):
    """A receipt without a message: its id namespace, and its id there."""

    ns: int
    provider_message_id: str


async def answers(tx: Tx) -> None:
    """Returns if the database answers."""
    await tx.fetch("SELECT 1")


async def backlog(tx: Tx) -> tuple[int, int | None]:
    """How many requests wait for the fold, and when the oldest of them came."""
    ((waiting, oldest_at),) = await tx.fetch("SELECT count(*), min(received_at) FROM to_fold")
    return waiting, oldest_at


async def unmapped(tx: Tx, most: int) -> int:
    """How many receipts have a word or a code that is in no table; at most so many are counted."""
    sql = "SELECT count(*) FROM (SELECT 1 FROM statement WHERE unmapped AND count > 0 LIMIT $1) u"
    return int((await tx.fetch(sql, most))[0][0])


async def figures(tx: Tx) -> Figures:
    since = floor(now_micros() - WEEK)
    waiting = await backlog(tx)
    newest = (await tx.fetch("SELECT max(id) FROM request"))[0][0]
    body = await bodies.oldest(tx)
    return Figures(
        backlog=waiting[0],
        oldest_waiting=waiting[1],
        last_calls=await _last_calls(tx),
        unreadable=await _count(
            tx,
            "request WHERE (kind <> 'receipts' OR faults > 0) "
            "AND (kind = 'unreadable' OR faults > 0) AND id > $1",
            since,
        ),
        unmapped=await _count(tx, "statement WHERE unmapped AND id > $1", since),
        refused=await _count(tx, f"ring WHERE {NOT_AUTHENTIC} AND id > $1", since),
        set_aside=await _count(tx, "fault WHERE set_aside AND id > $1", 0),
        newest_id=newest,
        oldest_body=None if body is None else born(body),
        settings=await _settings(tx),
        database_clock=await _clock(tx),
        read_only=await _read_only(tx),
    )


async def _count(tx: Tx, what: str, since: int) -> int:
    rows = await tx.fetch(f"SELECT count(*) FROM (SELECT 1 FROM {what} LIMIT 1000) found", since)
    return int(rows[0][0])


async def _last_calls(tx: Tx) -> dict[int, int]:
    rows = await tx.fetch(
        "SELECT account_id, max(received_at) FROM (SELECT account_id, received_at FROM request "
        "ORDER BY id DESC LIMIT $1) recent GROUP BY account_id",
        RECENT_REQUESTS,
    )
    return {row[0]: row[1] for row in rows}


async def _settings(tx: Tx) -> dict[str, str]:
    if isinstance(tx, PostgresTx):
        names = ("fsync", "full_page_writes")
        return {name: str((await tx.fetch(f"SHOW {name}"))[0][0]) for name in names}
    return {"journal_mode": str((await tx.fetch("PRAGMA journal_mode"))[0][0])}


async def durability(tx: Tx) -> dict[str, str]:
    """The settings of durability of this transaction's connection."""
    if isinstance(tx, PostgresTx):
        names = ("synchronous_commit", "fsync", "full_page_writes")
        return {name: str((await tx.fetch(f"SHOW {name}"))[0][0]) for name in names}
    words = {0: "off", 1: "normal", 2: "full", 3: "extra"}
    level = int((await tx.fetch("PRAGMA synchronous"))[0][0])
    return {**await _settings(tx), "synchronous": words.get(level, str(level))}


async def _clock(tx: Tx) -> int | None:
    if not isinstance(tx, PostgresTx):
        return None
    rows = await tx.fetch(f"SELECT {tx.clock}")
    return int(rows[0][0])


async def _read_only(tx: Tx) -> bool:
    """Not by transaction_read_only, which is on in every transaction of a reader."""
    if not isinstance(tx, PostgresTx):
        return False
    rows = await tx.fetch(
        "SELECT pg_is_in_recovery() OR current_setting('default_transaction_read_only')::boolean"
    )
    return bool(rows[0][0])


# --- receipts without a message -----------------------------------------------------------------


async def unmatched(tx: Tx) -> list[Loose]:
    """The newest receipts without a message, except those of the last minute."""
    rows = await tx.fetch(
        "SELECT ns, provider_message_id FROM part WHERE attempt_id IS NULL AND id < $1 "
        "ORDER BY id DESC LIMIT $2",
        floor(now_micros() - SETTLING),
        UNMATCHED,
    )
    return [Loose(row[0], row[1]) for row in rows if row[1] is not None]


async def silent(tx: Tx) -> dict[int, list[str]]:
    """By namespace, the newest provider ids of parts that were sent and have no receipt yet."""
    rows = await tx.fetch(
        "SELECT p.ns, p.provider_message_id FROM message m "
        "JOIN attempt a ON a.message_id = m.id JOIN part p ON p.attempt_id = a.id "
        "WHERE NOT m.final AND m.id > $1 AND NOT EXISTS (SELECT 1 FROM statement s "
        "WHERE s.part_id = p.id AND s.kind = $2) ORDER BY m.id DESC LIMIT $3",
        floor(now_micros() - WEEK),
        Kind.RECEIPT.value,
        10 * UNMATCHED,
    )
    found: defaultdict[int, list[str]] = defaultdict(list)
    for ns, provider_message_id in rows:
        if provider_message_id is not None:
            found[ns].append(provider_message_id)
    return found


async def sent_under(tx: Tx, keys: list[str]) -> set[str]:
    """Those of the keys whose part belongs to a message."""
    rows = await tx.fetch(
        "SELECT key FROM part WHERE key = ANY($1::text[]) AND attempt_id IS NOT NULL", keys
    )
    return {row[0] for row in rows}


async def account_rows(tx: Tx) -> list[Any]:
    """Id, name, provider, namespace and id format of every account ever configured."""
    return await tx.fetch("SELECT id, name, provider, ns, id_format FROM account ORDER BY id")
