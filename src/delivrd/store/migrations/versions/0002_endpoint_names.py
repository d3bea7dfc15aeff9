"""Endpoints defined in the settings have a name."""

import sqlalchemy as sa
from alembic import op

revision: str = "0002_endpoint_names"
down_revision: str | None = "0002_alerts"


def upgrade() -> None:
    """Adds the column and its index to a database that was made without them."""
    found = sa.inspect(op.get_bind())
    if "name" not in {column["name"] for column in found.get_columns("endpoint")}:
        op.execute("ALTER TABLE endpoint ADD COLUMN name TEXT")
    op.execute(
        "CREATE UNIQUE INDEX IF NOT EXISTS uq_endpoint_name ON endpoint (name) "
        "WHERE name IS NOT NULL AND deleted_at IS NULL"
    )
