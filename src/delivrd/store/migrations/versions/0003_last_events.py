"""Messages keep the id of their last event, so that the next one is greater on every host."""

import sqlalchemy as sa
from alembic import op

revision: str = "0003_last_events"
down_revision: str | None = "0002_endpoint_names"


def upgrade() -> None:
    """Adds the column to a database that was made without it."""
    found = sa.inspect(op.get_bind())
    if "last_event" not in {column["name"] for column in found.get_columns("message")}:
        op.execute("ALTER TABLE message ADD COLUMN last_event BIGINT")
