"""Releases free pages of a SQLite file."""

from delivrd.store.tx import SqliteTx, Tx

FREE_PAGES = 2_000
"""How many free pages stay in the file, for reuse."""


async def vacuum(tx: Tx, pages: int, *, keep: int = FREE_PAGES) -> int:
    """Gives at most ``pages`` free pages back to the disk; returns how many.

    ``keep`` of them stay in the file. Does nothing on PostgreSQL.
    """
    if not isinstance(tx, SqliteTx):
        return 0
    free = int((await tx.fetch("PRAGMA freelist_count"))[0][0])
    spare = min(pages, free - keep)
    if spare <= 0:
        return 0
    for _ in range(spare):  # Python's driver stops after the first page, whatever number is given
        await tx.execute("PRAGMA incremental_vacuum(1)")
    return spare


async def live_bytes(tx: Tx) -> int:
    """The size of a SQLite file without its free pages."""
    pages, free, size = [
        int((await tx.fetch(f"PRAGMA {name}"))[0][0])
        for name in ("page_count", "freelist_count", "page_size")
    ]
    return (pages - free) * size
