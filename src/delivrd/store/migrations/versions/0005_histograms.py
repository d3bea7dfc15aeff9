"""How long messages took is kept as histograms: all steps of a key in one row. Days of all routes
together have counts of their own."""

import sqlalchemy as sa
from alembic import op

from delivrd.store import histograms
from delivrd.store.counts import TABLES as COUNTS
from delivrd.store.days import BUCKETS_A_DAY, HOURS
from delivrd.store.latencies import STEPS, TABLES
from delivrd.store.schema import metadata

revision: str = "0005_histograms"
down_revision: str | None = "0004_days"

_POSTGRES = f"sum((n || 'e' || {histograms.DIGITS} * (le - ({histograms.FIRST})))::numeric)"


def upgrade() -> None:
    """The rows of a step each become histograms; those of days and of all are added up anew."""
    connection = op.get_bind()
    sqlite = connection.dialect.name == "sqlite"
    if sqlite:
        histograms.teach(connection.connection.driver_connection)  # type: ignore[arg-type]
    columns = {column["name"] for column in sa.inspect(connection).get_columns("latency")}
    if STEPS not in columns:
        _converted(connection, "steps_of(le, n)" if sqlite else _POSTGRES)
    _summed_up(connection, sqlite=sqlite)
    for name, of in (("status_day", "route_day"), ("charge_day", "cost_day")):
        _together(connection, name, of)


def _summed_up(connection: sa.Connection, *, sqlite: bool) -> None:
    summed = [metadata.tables[name] for name in TABLES if name != "latency"]
    op.execute("DROP TABLE IF EXISTS le_day")
    metadata.drop_all(connection, summed)
    metadata.create_all(connection, summed)
    for name in (table.name for table in summed):
        key = [*TABLES[name], "slot"]
        told = [f"bucket / {BUCKETS_A_DAY}" if column == "day" else column for column in key]
        total = f"steps_sum({STEPS})" if sqlite else f"sum({STEPS})"
        op.execute(
            f"INSERT INTO {name} ({', '.join([*key, STEPS])}) "
            f"SELECT {', '.join([*told, total])} FROM latency GROUP BY {', '.join(told)}"
        )


def _converted(connection: sa.Connection, histogram: str) -> None:
    """The counts by the quarter of an hour, in a table of the same name."""
    op.execute("ALTER TABLE latency RENAME TO latency_by_step")
    if connection.dialect.name == "postgresql":  # the key keeps its name otherwise
        op.execute("ALTER INDEX pk_latency RENAME TO pk_latency_by_step")
    metadata.create_all(connection, [metadata.tables["latency"]])
    key = ", ".join([*TABLES["latency"], "slot"])
    op.execute(
        f"INSERT INTO latency ({key}, {STEPS}) "
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
