"""Latencies are kept as histograms, all steps of a key in one row. Days of all routes together have
counts of their own."""

import sqlalchemy as sa
from alembic import op

from delivrd.store import histograms
from delivrd.store.counts import TABLES as COUNTS
from delivrd.store.days import HOURS
from delivrd.store.schema import Steps, metadata

revision: str = "0005_histograms"
down_revision: str | None = "0004_days"

_POSTGRES = f"sum((n || 'e' || {histograms.DIGITS} * (le - ({histograms.FIRST})))::numeric)"

_LATENCY = sa.Table(
    "latency",
    sa.MetaData(naming_convention=metadata.naming_convention),
    sa.Column("unit", sa.SmallInteger, primary_key=True, autoincrement=False),
    sa.Column("bucket", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("account_id", sa.BigInteger, primary_key=True, autoincrement=False),
    *(sa.Column(name, sa.Text, primary_key=True) for name in ("country", "network", "status")),
    sa.Column("slot", sa.SmallInteger, primary_key=True, autoincrement=False),
    sa.Column("steps", Steps, nullable=False),
    sqlite_with_rowid=False,
)
"""The table as of this revision; a later one drops it."""


def upgrade() -> None:
    """Converts rows with one step each to histograms; recomputes those by day and those of all."""
    connection = op.get_bind()
    sqlite = connection.dialect.name == "sqlite"
    if sqlite:
        histograms.teach(connection.connection.driver_connection)  # type: ignore[arg-type]
    there = sa.inspect(connection)
    if there.has_table("latency"):
        columns = {column["name"] for column in there.get_columns("latency")}
        if "steps" not in columns:
            _converted(connection, "steps_of(le, n)" if sqlite else _POSTGRES)
    op.execute("DROP TABLE IF EXISTS le_day")
    for name, of in (("status_day", "route_day"), ("charge_day", "cost_day")):
        _together(connection, name, of)


def _converted(connection: sa.Connection, histogram: str) -> None:
    """Converts the counts by quarter of an hour into a new table of the same name."""
    op.execute("ALTER TABLE latency RENAME TO latency_by_step")
    if connection.dialect.name == "postgresql":  # renaming a table does not rename its key
        op.execute("ALTER INDEX pk_latency RENAME TO pk_latency_by_step")
    _LATENCY.create(connection)
    key = ", ".join(column.name for column in _LATENCY.primary_key)
    op.execute(
        f"INSERT INTO latency ({key}, steps) "
        f"SELECT {key}, {histogram} FROM latency_by_step GROUP BY {key}"
    )
    op.execute("DROP TABLE latency_by_step")


def _together(connection: sa.Connection, name: str, of: str) -> None:
    table = metadata.tables[name]
    metadata.drop_all(connection, [table])
    metadata.create_all(connection, [table])
    key, sums = ", ".join([*COUNTS[name], "slot"]), ("n", *HOURS)
    op.execute(
        f"INSERT INTO {name} ({key}, {', '.join(sums)}) "
        f"SELECT {key}, {', '.join(f'sum({column})' for column in sums)} FROM {of} GROUP BY {key}"
    )
