"""Counts of all routes together by quarter of an hour, as their latencies were."""

from alembic import op

from delivrd.store import histograms
from delivrd.store.counts import TABLES
from delivrd.store.schema import metadata

revision: str = "0008_whole_quarters"
down_revision: str | None = "0007_latency_dimensions"


def upgrade() -> None:
    """Recomputes them."""
    connection = op.get_bind()
    steps = "sum(steps)"
    if connection.dialect.name == "sqlite":
        histograms.teach(connection.connection.driver_connection)  # type: ignore[arg-type]
        steps = "steps_sum(steps)"
    for name, of, sums in (
        ("status_quarter", "rollup", {"n": "sum(n)", "steps": steps}),
        ("charge_quarter", "cost", {"n": "sum(n)"}),
    ):
        table = [metadata.tables[name]]
        metadata.drop_all(connection, table)
        metadata.create_all(connection, table)
        key = ", ".join([*TABLES[name], "slot"])
        op.execute(
            f"INSERT INTO {name} ({key}, {', '.join(sums)}) "
            f"SELECT {key}, {', '.join(sums.values())} FROM {of} GROUP BY {key}"
        )
    op.execute("DROP TABLE IF EXISTS latency_whole")
