"""A copy of the database while somebody writes."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from delivrd.store.backup import BackupFailed, backup
from delivrd.store.sqlite import connect


@pytest.fixture
def source(sqlite_url):
    path = Path(sqlite_url.removeprefix("sqlite:///"))
    with closing(connect(path, write=True)) as connection:
        connection.execute("CREATE TABLE filler (x, y)")
        for _ in range(8):
            connection.execute("INSERT INTO filler VALUES (1, zeroblob(500000))")
    return path


def test_a_copy_is_of_one_moment_although_rows_come_meanwhile(source, tmp_path):
    steps = []
    with closing(connect(source, write=True)) as writer:

        def meanwhile(done):
            steps.append(done)
            writer.execute("INSERT INTO filler VALUES (2, 'late')")

        size = backup(source, tmp_path / "copy.db", meanwhile)
    assert len(steps) > 3
    assert steps == sorted(steps)
    assert steps[-1] == 1.0
    assert size == (tmp_path / "copy.db").stat().st_size
    with closing(sqlite3.connect(tmp_path / "copy.db")) as copy:
        assert copy.execute("SELECT x, count(*) FROM filler GROUP BY x").fetchall() == [(1, 8)]
        assert copy.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_of_two_backups_to_one_file_the_one_that_ends_first_stays(source, tmp_path):
    """A nightly one, if the last is not done yet."""
    target, sizes = tmp_path / "copy.db", []

    def another(done):
        if not sizes:
            sizes.append(backup(source, target, lambda done: None))

    with pytest.raises(FileExistsError):
        backup(source, target, another)
    assert target.stat().st_size == sizes[0]
    with closing(sqlite3.connect(target)) as copy:
        assert copy.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert not list(tmp_path.glob(".copy.db*"))


def test_a_file_that_cannot_be_backed_up_is_named_and_nothing_left_behind(tmp_path):
    (tmp_path / "no.db").write_bytes(b"this is not a database at all" * 100)
    with pytest.raises(BackupFailed, match=r"no\.db cannot be read: file is not a database"):
        backup(tmp_path / "no.db", tmp_path / "copy.db", lambda done: None)
    assert [path.name for path in tmp_path.iterdir()] == ["no.db"]


@pytest.mark.parametrize("meanwhile", [False, True])
def test_a_folder_without_links_gets_its_backup_too_and_no_file_is_replaced(
    source, tmp_path, monkeypatch, meanwhile
):
    target = tmp_path / "copy.db"

    def link(*_):
        if meanwhile:
            target.write_text("another's")
        raise PermissionError("Operation not permitted")

    monkeypatch.setattr(os, "link", link)
    if meanwhile:
        with pytest.raises(FileExistsError):
            backup(source, target, lambda done: None)
        assert target.read_text() == "another's"
    else:
        assert backup(source, target, lambda done: None) == target.stat().st_size
    assert not list(tmp_path.glob(".copy.db*"))
