"""A copy of a SQLite database, taken in short slices while a hub writes."""

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from delivrd.store.sqlite import connect

PAGES = 256
"""A slice: one megabyte, a few milliseconds."""


class BackupFailed(Exception):
    """There is no good copy; str() says why."""


def backup(source: Path, target: Path, progress: Callable[[float], None]) -> int:
    """Copies the database and checks the copy; its size in bytes.

    The copy is of one moment. It is written beside ``target`` and takes its name at the end, so
    that nothing half done ever bears it.

    Raises:
        BackupFailed: the copy is not whole, or cannot be written.
        FileExistsError: there is a file of that name.
    """
    if target.exists():
        raise FileExistsError(str(target))
    draft = target.with_name(f".{target.name}.part")
    try:
        with closing(connect(source)) as live, closing(sqlite3.connect(draft)) as copy:
            draft.chmod(0o600)
            live.execute("BEGIN")  # one moment: what is written meanwhile starts no copy anew
            live.execute("SELECT 1 FROM sqlite_master").fetchall()
            live.backup(copy, pages=PAGES, progress=_told(progress))
            live.execute("ROLLBACK")
            copy.execute("PRAGMA journal_mode = DELETE")  # one file, without a log beside it
            found = copy.execute("PRAGMA quick_check").fetchone()[0]
        if found != "ok":
            raise BackupFailed(f"the copy is damaged: {found}")
        _sync(draft)
        os.link(draft, target)  # fails where somebody made a file of that name meanwhile
    except sqlite3.Error as error:
        raise BackupFailed(str(error)) from error
    finally:
        draft.unlink(missing_ok=True)
    _sync(target.absolute().parent)
    return target.stat().st_size


def _told(progress: Callable[[float], None]) -> Callable[[int, int, int], None]:
    def tell(status: int, remaining: int, total: int) -> None:
        progress(1 - remaining / total if total else 1.0)

    return tell


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
