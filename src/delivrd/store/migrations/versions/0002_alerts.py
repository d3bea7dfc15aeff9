"""Alert rules, their memory, firings and notices."""

from alembic import op

from delivrd.store.schema import metadata

revision: str = "0002_alerts"
down_revision: str | None = "0002_insight"

TABLES = ("alert_rule", "alert_state", "firing", "notice")


def upgrade() -> None:
    metadata.create_all(op.get_bind(), [metadata.tables[name] for name in TABLES])
