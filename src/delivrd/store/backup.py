"""Copies a SQLite database in short slices while a hub writes to it."""

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from tempfile import mkstemp

from delivrd.store.sqlite import connect

PAGES = 256
"""Pages copied in a slice: one megabyte, a few milliseconds."""


class BackupFailed(Exception):
    """The backup could not be made; str() says why."""


def backup(source: Path, target: Path, progress: Callable[[float], None]) -> int:
    """Copies the database and checks the copy; returns its size in bytes.

    The copy is a consistent snapshot. It is written beside ``target`` and renamed at the end, so
    that ``target`` is never incomplete.

    Raises:
        BackupFailed: the database cannot be read, or the copy is damaged or cannot be written.
        FileExistsError: ``target`` exists.
    """
    if target.exists():
        raise FileExistsError(str(target))
    draft = _draft(target)
    try:
        with closing(_snapshot(source)) as live, closing(sqlite3.connect(draft)) as copy:
            live.backup(copy, pages=PAGES, progress=_reporting(progress))
            copy.execute("PRAGMA journal_mode = DELETE")  # one file, without a log beside it
            found = copy.execute("PRAGMA quick_check").fetchone()[0]
        if found != "ok":
            raise BackupFailed(f"the copy is damaged: {found}")
        _sync(draft)
        _name(draft, target)
    except sqlite3.Error as error:
        raise BackupFailed(str(error)) from error
    finally:
        draft.unlink(missing_ok=True)
    _sync(target.absolute().parent)
    return target.stat().st_size


def _snapshot(source: Path) -> sqlite3.Connection:
    """A connection that sees the database as it is now: concurrent writes do not restart the copy.

    Raises:
        BackupFailed: it cannot be read.
    """
    try:
        live = connect(source)
        live.execute("BEGIN")
        live.execute("SELECT 1 FROM sqlite_master").fetchall()
    except sqlite3.Error as error:
        raise BackupFailed(f"{source} cannot be read: {error}") from error
    return live


def _draft(target: Path) -> Path:
    """A new file, of this backup alone: another one of the same name may be under way."""
    descriptor, path = mkstemp(".part", f".{target.name}.", target.absolute().parent)
    os.close(descriptor)
    return Path(path)


def _name(draft: Path, target: Path) -> None:
    """Gives the draft its name.

    Raises:
        FileExistsError: a file of that name was made meanwhile.
    """
    try:
        os.link(draft, target)  # unlike a renaming, it never replaces a file
    except FileExistsError:
        raise
    except OSError:  # some network shares have no links
        if target.exists():
            raise FileExistsError(str(target)) from None
        draft.rename(target)


def _reporting(progress: Callable[[float], None]) -> Callable[[int, int, int], None]:
    def report(status: int, remaining: int, total: int) -> None:
        progress(1 - remaining / total if total else 1.0)

    return report


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
