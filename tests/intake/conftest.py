"""What happens to a hub's database from outside."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest

from delivrd.store.open import sqlite_path


@pytest.fixture
def locked(sqlite_url: str) -> Iterator[sqlite3.Connection]:
    """Another process that writes to the database, once it says BEGIN IMMEDIATE."""
    path = sqlite_path(sqlite_url)
    assert path is not None
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        yield other
