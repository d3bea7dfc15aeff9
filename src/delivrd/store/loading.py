"""Reads what belongs to messages, parts and attempts in memory from the store; takes no locks."""

from collections.abc import Iterable, Mapping

from delivrd.store.rows import (
    ATTEMPT_COLUMNS,
    PART_COLUMNS,
    STATEMENT_COLUMNS,
    AttemptRow,
    MessageRow,
    PartRow,
    read_statement,
)
from delivrd.store.tx import Tx

_ATTEMPTS = (
    f"SELECT {', '.join(ATTEMPT_COLUMNS)} FROM attempt WHERE message_id = ANY($1::bigint[]) "
    "ORDER BY message_id, seq"
)
_PARTS = f"SELECT {', '.join(PART_COLUMNS)} FROM part WHERE attempt_id = ANY($1::bigint[])"
_STATEMENTS = (
    f"SELECT {', '.join(STATEMENT_COLUMNS)} FROM statement WHERE part_id = ANY($1::bigint[])"
)


async def complete(tx: Tx, messages: Mapping[int, MessageRow]) -> dict[int, AttemptRow]:
    """Adds attempts, parts and statements to the messages; returns the attempts by id."""
    attempts = await add_attempts(tx, messages)
    parts = await parts_of(tx, attempts)
    add_parts(parts, attempts)
    await add_statements(tx, parts)
    return attempts


async def add_attempts(tx: Tx, messages: Mapping[int, MessageRow]) -> dict[int, AttemptRow]:
    """Adds to the messages, given by id, their attempts in order; returns these by id."""
    attempts = {}
    for row in await tx.fetch(_ATTEMPTS, list(messages)) if messages else ():
        attempt = AttemptRow(*row)
        attempt.stored = row
        attempts[attempt.id] = attempt
        messages[attempt.message_id].attempts.append(attempt)
    return attempts


async def parts_of(tx: Tx, attempts: Iterable[int]) -> list[PartRow]:
    """The parts of the attempts with these ids."""
    ids = list(attempts)
    return [PartRow(*row) for row in await tx.fetch(_PARTS, ids)] if ids else []


def add_parts(parts: Iterable[PartRow], attempts: Mapping[int, AttemptRow]) -> None:
    """Adds to the attempts, given by id, their parts in order of ids."""
    for part in sorted(parts, key=lambda part: part.id):
        if part.attempt_id is not None:
            attempts[part.attempt_id].parts.append(part)


async def add_statements(tx: Tx, parts: Iterable[PartRow]) -> None:
    """Adds to the parts their statements."""
    by_id = {part.id: part for part in parts}
    for row in await tx.fetch(_STATEMENTS, list(by_id)) if by_id else ():
        part_id, statement = read_statement(row)
        by_id[part_id].statements.append(statement)
