"""Upgrades a database's tables to this release (Alembic)."""

from functools import cache
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from delivrd.store.base import StoreUnavailable


class LaterRelease(StoreUnavailable):
    """The tables are of a later release than this one."""

    def __init__(self, revision: str) -> None:
        super().__init__(
            f"its tables are of revision {revision}, which this release does not know: "
            "a later delivrd made them"
        )


def config(connection: Connection | None = None) -> Config:
    """Alembic's configuration, without a file."""
    made = Config()
    made.set_main_option("script_location", "delivrd:store/migrations")
    made.set_main_option("path_separator", "os")
    made.attributes["connection"] = connection
    return made


def upgrade(connection: Connection) -> tuple[str | None, str]:
    """Runs the missing migrations; returns the revisions before and after.

    Raises:
        LaterRelease: there is no way back to this one.
    """
    before = current(connection)
    if before is not None and before not in known():
        raise LaterRelease(before)
    if before != head():
        command.upgrade(config(connection), "head")
    return before, head()


def current(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


@cache
def known() -> frozenset[str]:
    """The revisions up to this release."""
    scripts = ScriptDirectory.from_config(config()).walk_revisions()
    return frozenset(script.revision for script in scripts)


@cache
def head() -> str:
    """The revision of this release."""
    revision: Any = ScriptDirectory.from_config(config()).get_current_head()
    return str(revision)
