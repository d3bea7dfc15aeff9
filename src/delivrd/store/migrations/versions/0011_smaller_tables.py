"""Costs of routes by the day; reasons, senders and codes of accounts, in tables of their own."""

from alembic import op

from delivrd.store import histograms
from delivrd.store.counts import TABLES, TIMED
from delivrd.store.days import HOURS
from delivrd.store.latencies import STEPS
from delivrd.store.schema import metadata

revision: str = "0011_smaller_tables"
down_revision: str | None = "0010_matched_by"

_SUMS = {
    "route_cost_day": "cost_day",
    "account_reason": "rollup",
    "account_reason_day": "rollup_day",
    "account_sender": "rollup_sender",
    "account_sender_day": "rollup_sender_day",
    "account_code": "rollup_code",
    "account_code_day": "rollup_code_day",
}


def upgrade() -> None:
    """Sums them from the tables with more dimensions, which do not change."""
    connection = op.get_bind()
    steps = f"sum({STEPS})"
    if connection.dialect.name == "sqlite":
        histograms.teach(connection.connection.driver_connection)  # type: ignore[arg-type]
        steps = f"steps_sum({STEPS})"
    for name, of in _SUMS.items():
        table = [metadata.tables[name]]
        metadata.drop_all(connection, table)
        metadata.create_all(connection, table)
        key = ", ".join([*TABLES[name], "slot"])
        numbers = ("n", *HOURS) if "day" in TABLES[name] else ("n",)
        sums = {column: f"sum({column})" for column in numbers}
        if name in TIMED:
            sums[STEPS] = steps
        op.execute(
            f"INSERT INTO {name} ({key}, {', '.join(sums)}) "
            f"SELECT {key}, {', '.join(sums.values())} FROM {of} GROUP BY {key}"
        )
