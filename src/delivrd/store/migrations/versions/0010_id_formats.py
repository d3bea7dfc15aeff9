"""By which setting the keys of an account's parts are made."""

import sqlalchemy as sa
from alembic import op

revision: str = "0010_id_formats"
down_revision: str | None = "0009_process_figures"


def upgrade() -> None:
    """Adds the column to a database that was made without it."""
    columns = {column["name"] for column in sa.inspect(op.get_bind()).get_columns("account")}
    if "id_format" not in columns:
        op.add_column("account", sa.Column("id_format", sa.Text))
