"""Nonces are logged first, and indexed later."""

from alembic import op

from delivrd.store.schema import nonce_log

revision: str = "0006_nonce_log"
down_revision: str | None = "0005_histograms"


def upgrade() -> None:
    """Adds the table to a database that was made without it."""
    nonce_log.create(op.get_bind(), checkfirst=True)
