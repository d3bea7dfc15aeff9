"""Whether an account is a simulated one."""

import sqlalchemy as sa
from alembic import op

revision: str = "0013_simulated"
down_revision: str | None = "0012_late"


def upgrade() -> None:
    """Adds the column to a database that was made without it."""
    there = {column["name"] for column in sa.inspect(op.get_bind()).get_columns("account")}
    if "simulated" not in there:
        column = sa.Column("simulated", sa.Boolean, nullable=False, server_default=sa.false())
        op.add_column("account", column)
