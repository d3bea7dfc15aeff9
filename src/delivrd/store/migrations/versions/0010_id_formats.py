"""By which setting the keys of an account's parts are made."""

from alembic import op
from sqlalchemy import inspect

from delivrd.store.schema import account

revision: str = "0010_id_formats"
down_revision: str | None = "0009_process_figures"


def upgrade() -> None:
    """Adds the column to a database that was made without it."""
    columns = {column["name"] for column in inspect(op.get_bind()).get_columns("account")}
    if "id_format" not in columns:
        op.add_column("account", account.c.id_format.copy())
