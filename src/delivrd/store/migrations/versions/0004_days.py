"""Counts by day have a column for each hour; also by route, by sender, by code and by latency."""

from alembic import op

from delivrd.store.counts import TABLES
from delivrd.store.days import BUCKETS_A_DAY, BUCKETS_AN_HOUR, HOURS
from delivrd.store.schema import metadata

revision: str = "0004_days"
down_revision: str | None = "0003_last_events"

_TABLES = {
    "rollup_day": "rollup",
    "route_day": "rollup",
    "status_day": "rollup",
    "cost_day": "cost",
    "charge_day": "cost",
    "rollup_sender_day": "rollup_sender",
    "rollup_code_day": "rollup_code",
}
"""The tables by day, and what each sums."""

_HOUR = f"bucket / {BUCKETS_AN_HOUR} % 24"


def upgrade() -> None:
    """Recomputes them from the counts by quarter of an hour, which do not change."""
    connection = op.get_bind()
    tables = [metadata.tables[name] for name in _TABLES]
    metadata.drop_all(connection, tables)
    metadata.create_all(connection, tables)
    for name, of in _TABLES.items():
        key = [*TABLES[name], "slot"]
        told = [f"bucket / {BUCKETS_A_DAY}" if column == "day" else column for column in key]
        sums = [f"sum(CASE WHEN {_HOUR} = {hour} THEN n END)" for hour in range(24)]
        op.execute(
            f"INSERT INTO {name} ({', '.join([*key, 'n', *HOURS])}) "
            f"SELECT {', '.join([*told, 'sum(n)', *sums])} FROM {of} GROUP BY {', '.join(told)}"
        )
