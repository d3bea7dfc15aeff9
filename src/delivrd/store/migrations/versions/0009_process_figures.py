"""What each process counts of itself."""

from alembic import op

from delivrd.store.schema import process_figures

revision: str = "0009_process_figures"
down_revision: str | None = "0008_whole_quarters"


def upgrade() -> None:
    """Adds the table to a database that was made without it."""
    process_figures.create(op.get_bind(), checkfirst=True)
