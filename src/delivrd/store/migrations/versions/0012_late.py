"""Indexes of the rows that were made long after their time."""

from alembic import op

from delivrd.store.schema import LATE

revision: str = "0012_late"
down_revision: str | None = "0011_smaller_tables"


def upgrade() -> None:
    """Adds them to a database that was made without them."""
    for index in LATE:
        index.create(op.get_bind(), checkfirst=True)
