"""Statements about one segment of a long text whose segments share one id."""

import sqlalchemy as sa
from alembic import op

revision: str = "0002_segments"
down_revision: str | None = "0001"


def upgrade() -> None:
    columns = sa.inspect(op.get_bind()).get_columns("statement")
    if all(column["name"] != "segment" for column in columns):  # not made by 0001 just now
        op.add_column("statement", sa.Column("segment", sa.Text))
