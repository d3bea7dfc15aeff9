"""The first tables."""

from alembic import op

from delivrd.store.schema import metadata

revision: str = "0001"
down_revision: str | None = None


def upgrade() -> None:
    metadata.create_all(op.get_bind())
