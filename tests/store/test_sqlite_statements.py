"""SQL is written for PostgreSQL and translated for SQLite."""

import sqlite3

from delivrd.store.tx import for_sqlite


def test_arguments_are_bound_by_position_alone() -> None:
    """From Python 3.14 on, sqlite3 refuses a list of values for numbered placeholders."""
    statement = for_sqlite("SELECT $2::text, $1, $2, id FROM t WHERE id = ANY($3::bigint[])")
    assert statement.sql == "SELECT ?, ?, ?, id FROM t WHERE id IN (SELECT value FROM json_each(?))"
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE t (id INTEGER)")
    connection.execute("INSERT INTO t VALUES (7), (8)")
    found = connection.execute(statement.sql, statement.bound(["one", "two", [8, 9]]))
    assert found.fetchall() == [("two", "one", "two", 8)]
    connection.close()
