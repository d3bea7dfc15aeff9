"""By which settings the receipts of an account were matched."""

import sqlalchemy as sa
from alembic import op

revision: str = "0010_matched_by"
down_revision: str | None = "0009_process_figures"

_COLUMNS = (
    sa.Column("id_format", sa.Text),
    sa.Column("receive_only", sa.Boolean, nullable=False, server_default=sa.false()),
)


def upgrade() -> None:
    """Adds the columns to a database that was made without them."""
    there = {column["name"] for column in sa.inspect(op.get_bind()).get_columns("account")}
    for column in _COLUMNS:
        if column.name not in there:
            op.add_column("account", column)
