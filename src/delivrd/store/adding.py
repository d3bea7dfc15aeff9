"""Adds to the tables of counts."""

from collections.abc import Callable, Mapping
from typing import Any

from delivrd.store import schema
from delivrd.store.counts import TABLES, Count, addends
from delivrd.store.tx import Tx


async def add(
    tx: Tx, counted: Mapping[str, Mapping[Count, int]], slot: int | None = None, sign: int = 1
) -> None:
    """Adds counts, given by table, to the rows of a slot, by default the transaction's own.

    Transactions of one process share the rows of its slot, so all touch rows in the same order, to
    avoid deadlocks: by hash, which takes a tenth of the time of comparing keys.
    """
    slot = tx.slot if slot is None else slot
    for name, some in counted.items():
        for columns, rows in addends(name, some, slot, sign, once=tx.locks_rows):
            rows.sort(key=_by_hash(len(TABLES[name])))
            await tx.insert(schema.metadata.tables[name], columns, rows, "add")


def _by_hash(width: int) -> Callable[[tuple[Any, ...]], int]:
    return lambda row: hash(row[:width])
