"""Upgrades a database's tables to this release (Alembic, imported only for that: it is slow)."""

from typing import TYPE_CHECKING

from delivrd.store.base import StoreUnavailable

if TYPE_CHECKING:
    from alembic.config import Config
    from sqlalchemy import Connection

REVISIONS = (
    "0001",
    "0002_segments",
    "0002_insight",
    "0002_alerts",
    "0002_endpoint_names",
    "0003_last_events",
    "0004_days",
    "0005_histograms",
    "0006_nonce_log",
    "0007_latency_dimensions",
    "0008_whole_quarters",
    "0009_process_figures",
    "0010_matched_by",
    "0011_smaller_tables",
    "0012_late",
    "0013_simulated",
)
"""The revisions of the tables, in their order."""

HEAD = REVISIONS[-1]
"""The revision of this release."""

CURRENT = "SELECT version_num FROM alembic_version"
"""The revision of a database's tables; before its first upgrade there is no such table."""


class LaterRelease(StoreUnavailable):
    """The tables are of a later release than this one."""

    def __init__(self, revision: str) -> None:
        super().__init__(
            f"its tables are of revision {revision}, which this release does not know: "
            "a later delivrd made them"
        )


def config(connection: "Connection | None" = None) -> "Config":
    """Alembic's configuration, without a file."""
    from alembic.config import Config

    made = Config()
    made.set_main_option("script_location", "delivrd:store/migrations")
    made.set_main_option("path_separator", "os")
    made.attributes["connection"] = connection
    return made


def upgrade(connection: "Connection") -> tuple[str | None, str]:
    """Runs the missing migrations; returns the revisions before and after.

    Raises:
        LaterRelease: there is no way back to this one.
    """
    from alembic import command
    from alembic.runtime.migration import MigrationContext

    before = MigrationContext.configure(connection).get_current_revision()
    if before is not None and before not in REVISIONS:
        raise LaterRelease(before)
    if before != HEAD:
        command.upgrade(config(connection), "head")
    return before, HEAD
