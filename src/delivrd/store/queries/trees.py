"""Messages with their attempts, parts and statements, and single statements; without locks."""

from collections import defaultdict
from collections.abc import Sequence

from delivrd.store.accounts import Accounts
from delivrd.store.loading import complete
from delivrd.store.queries.views import NOT_BROUGHT, Brought, Receipt, receipt
from delivrd.store.rows import (
    MESSAGE_COLUMNS,
    STATEMENT_COLUMNS,
    MessageRow,
    StatementRow,
    read_statement,
)
from delivrd.store.tx import Tx

REQUESTS_SHOWN = 10
"""The number of requests shown with each receipt: the first that brought it."""

_MESSAGES = f"SELECT {', '.join(MESSAGE_COLUMNS)} FROM message WHERE id = ANY($1::bigint[])"
_STATEMENTS = f"SELECT {', '.join(STATEMENT_COLUMNS)} FROM statement WHERE id = ANY($1::bigint[])"
_LINKS = (
    "SELECT statement_id, request_id FROM link WHERE statement_id = ANY($1::bigint[]) AND live "
    "ORDER BY statement_id, request_id"
)
_UNPROVEN = "SELECT id FROM request WHERE id = ANY($1::bigint[]) AND auth = 'none'"
_OWNERS = (
    "SELECT p.id, p.provider_message_id, m.uuid FROM part p "
    "LEFT JOIN attempt a ON a.id = p.attempt_id LEFT JOIN message m ON m.id = a.message_id "
    "WHERE p.id = ANY($1::bigint[])"
)


async def messages(tx: Tx, ids: Sequence[int]) -> list[MessageRow]:
    """The messages with their attempts, parts and statements, in the order of the ids."""
    if not ids:
        return []
    rows = {row[0]: MessageRow(*row) for row in await tx.fetch(_MESSAGES, list(ids))}
    await complete(tx, rows)
    return [rows[i] for i in ids if i in rows]


async def statements(tx: Tx, ids: Sequence[int]) -> list[tuple[int, StatementRow]]:
    """Part id and statement, in the order of the ids."""
    if not ids:
        return []
    found = {}
    for row in await tx.fetch(_STATEMENTS, list(ids)):
        part_id, said = read_statement(row)
        found[said.id] = (part_id, said)
    return [found[i] for i in ids if i in found]


async def requests_of(tx: Tx, statement_ids: list[int]) -> dict[int, Brought]:
    """The requests that brought each statement, the first of them."""
    found: dict[int, list[int]] = defaultdict(list)
    for statement_id, request_id in await tx.fetch(_LINKS, statement_ids) if statement_ids else ():
        if len(found[statement_id]) < REQUESTS_SHOWN:
            found[statement_id].append(request_id)
    shown = sorted({request_id for requests in found.values() for request_id in requests})
    unproven = {row[0] for row in await tx.fetch(_UNPROVEN, shown)} if shown else set()
    return {
        statement_id: Brought(list(map(str, requests)), unproven.issuperset(requests))
        for statement_id, requests in found.items()
    }


async def receipts(tx: Tx, accounts: Accounts, ids: Sequence[int]) -> list[Receipt]:
    """The statements of these ids as the API shows them, with the message they belong to."""
    said = await statements(tx, ids)
    part_ids = sorted({part_id for part_id, _ in said})
    homes = {row[0]: (row[1], row[2]) for row in await tx.fetch(_OWNERS, part_ids)} if said else {}
    requests = await requests_of(tx, list(ids))
    return [
        receipt(accounts, row, *homes.get(part_id, (None, None)), requests.get(row.id, NOT_BROUGHT))
        for part_id, row in said
    ]
