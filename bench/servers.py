"""The rows of the table: how each server is started, found ready and stopped."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.receipts import SIGNATURE_METHOD, SIGNATURE_SECRET
from bench.stores import DELIVRD, TUTORIAL, Store

ADMIN_KEY = "bench-admin-key-of-more-than-24-characters"
ROOT = Path(__file__).parent.parent
COMMITS = ("delivrd_append_batches_total ", "delivrd_append_batches_total{")
READY_WITHIN = 30.0  # seconds
CORES = os.sched_getaffinity(0)
GENERATOR_CORE = max(CORES) if len(CORES) > 1 else None
DURABLE: Mapping[str, Mapping[str, Any]] = {
    "sqlite": {"journal_mode": "wal", "synchronous": 2},
    "postgres": {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"},
}


class NotReady(Exception):
    """A server did not come up in time; the text holds the end of its log."""


@dataclass
class Row:
    """One server of the comparison, with what it stores (nothing, for the empty app)."""

    name: str
    title: str
    command: list[str]
    environment: dict[str, str] = field(default_factory=dict)
    store: Store | None = None
    processes: int = 1
    ready_path: str = "/durability"
    port: int = 0
    process: subprocess.Popen[bytes] | None = None

    @property
    def is_delivrd(self) -> bool:
        return self.name.startswith("delivrd")

    @property
    def is_one_process(self) -> bool:
        """Whether one process does all the work, without a database server."""
        return self.processes == 1 and (self.store is None or self.store.url.startswith("sqlite"))

    def webhook(self, *, signed: bool) -> str:
        return "/webhooks/signed" if signed and self.is_delivrd else "/webhooks/bench"


def processes(row: Row) -> list[int]:
    """The ids of all processes of a row that runs."""
    assert row.process is not None
    return [row.process.pid, *_children(row.process.pid)]


def _children(pid: int) -> list[int]:
    listed = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [found for child in map(int, listed) for found in (child, *_children(child))]


def empty(port: int) -> Row:
    return Row("empty", "empty ASGI app", _uvicorn("empty", port), ready_path="/", port=port)


def tutorial_sqlite(port: int, file: Path) -> Row:
    return Row(
        "tutorial-sqlite",
        "FastAPI + SQLAlchemy, SQLite",
        _uvicorn("tutorial_sqlite", port),
        {"DATABASE_URL": f"sqlite:///{file}"},
        Store(f"sqlite:///{file}", TUTORIAL),
        port=port,
    )


def tutorial_postgres(port: int, url: str) -> Row:
    return Row(
        "tutorial-postgres",
        "FastAPI + SQLAlchemy, PostgreSQL",
        _uvicorn("tutorial_postgres", port),
        {"DATABASE_URL": url.replace("postgresql://", "postgresql+asyncpg://", 1)},
        Store(url, TUTORIAL),
        port=port,
    )


def node(port: int, url: str, host: str, modules: Path) -> Row:
    database = url.split("?")[0].rsplit("/", 1)[1]
    return Row(
        "node-postgres",
        "Express + pg, PostgreSQL",
        ["node", str(ROOT / "bench/rivals/node/server.js")],
        {"NODE_PATH": str(modules), "PORT": str(port), "PGHOST": host, "PGDATABASE": database},
        Store(url, TUTORIAL),
        port=port,
    )


def delivrd(name: str, port: int, config: Path, url: str, workers: int = 1) -> Row:
    command = [sys.executable, "-m", "delivrd", "serve", "--config", str(config)]
    kind = "SQLite" if url.startswith("sqlite") else "PostgreSQL"
    crowd = f", {workers} worker{'s' * (workers > 1)}" if kind == "PostgreSQL" else ""
    return Row(
        name,
        f"delivrd, {kind}{crowd}",
        [*command, "--workers", str(workers)] if workers > 1 else command,
        {"DELIVRD_ADMIN_KEY": ADMIN_KEY},
        Store(url, DELIVRD),
        processes=workers,
        ready_path="/healthz",
        port=port,
    )


def write_config(file: Path, url: str, port: int) -> Path:
    file.write_text(CONFIG.format(url=url, port=port))
    return file


CONFIG = f"""\
database = "{{url}}"
host = "127.0.0.1"
port = {{port}}

[accounts.bench]
provider = "vonage"
api_key = "bench001"
api_secret = "bench-api-secret-0001"

[accounts.signed]
provider = "vonage"
ids_with = "bench"
api_key = "bench001"
api_secret = "bench-api-secret-0001"
signature_secret = "{SIGNATURE_SECRET}"
signature_method = "{SIGNATURE_METHOD}"
"""


def _uvicorn(rival: str, port: int) -> list[str]:
    options = "--loop uvloop --http httptools --no-access-log --log-level warning --backlog 2048"
    app = f"bench.rivals.{rival}:app"
    return [sys.executable, "-m", "uvicorn", app, *options.split(), "--port", str(port)]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(rows: list[Row], folder: Path, core: int | None) -> Iterator[None]:
    """All rows up and ready; stopped at the end, whatever happens.

    Servers of one process keep off the generator's ``core``. After waiting for the disk a process
    may find itself there, and each answer then wakes the generator, which takes the core away.
    """
    try:
        for row in rows:
            _start(row, folder, core)
        for row in rows:
            _wait_ready(row, folder)
        yield
    finally:
        for row in rows:
            _stop(row)


def _start(row: Row, folder: Path, core: int | None) -> None:
    with (folder / f"{row.name}.log").open("wb") as log:
        row.process = subprocess.Popen(
            row.command,
            cwd=ROOT,
            env=os.environ | row.environment,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    if core is not None and row.is_one_process:
        os.sched_setaffinity(row.process.pid, CORES - {core})


def _wait_ready(row: Row, folder: Path) -> None:
    assert row.process is not None
    end = time.monotonic() + READY_WITHIN
    while time.monotonic() < end and row.process.poll() is None:
        try:
            get(row, row.ready_path)
        except OSError:
            time.sleep(0.1)
        else:
            return
    log = (folder / f"{row.name}.log").read_text(errors="replace")
    raise NotReady(f"{row.title} is not ready; the end of its log:\n{log[-2000:]}")


def _stop(row: Row) -> None:
    """Ask the whole process group to end, then insist."""
    if row.process is None:
        return
    for number, patience in ((signal.SIGTERM, 10), (signal.SIGKILL, 5)):
        try:
            os.killpg(row.process.pid, number)
            row.process.wait(patience)
        except (ProcessLookupError, subprocess.TimeoutExpired):
            continue


def get(row: Row, path: str) -> bytes:
    """The body of a page of the row's server; raises OSError when it is not served."""
    call = urllib.request.Request(f"http://127.0.0.1:{row.port}{path}")
    if row.is_delivrd:
        call.add_header("Authorization", f"Bearer {ADMIN_KEY}")
    with urllib.request.urlopen(call, timeout=5) as response:
        return bytes(response.read())


def commits(row: Row) -> int | None:
    """How many times delivrd's server has committed appended requests; None for other rows.

    None for several processes too: the figures of those not asked may be ten seconds old.
    """
    if not row.is_delivrd or row.processes > 1:
        return None
    for line in get(row, "/metrics").decode().splitlines():
        if line.startswith(COMMITS):
            return int(float(line.rsplit(" ", 1)[1]))
    return None


def check_durable(row: Row) -> None:
    """Refuse a rival whose own connections do not sync at commit: its rate would mean nothing."""
    if row.store is None or row.is_delivrd:
        return
    found = json.loads(get(row, "/durability"))
    wanted = DURABLE["sqlite" if row.store.url.startswith("sqlite") else "postgres"]
    if found != dict(wanted):
        raise NotReady(f"{row.title} does not commit durably: {found}")


def node_modules(folder: Path) -> Path | str:
    """Express and pg, installed into the run's own folder; else the reason why not."""
    if not (shutil.which("node") and shutil.which("npm")):
        return "node or npm is not installed"
    command = "npm install --no-package-lock --no-audit --no-fund --silent express pg"
    (folder / "package.json").write_text('{"private": true}')
    done = subprocess.run(command.split(), cwd=folder, capture_output=True, check=False)
    return folder / "node_modules" if done.returncode == 0 else "npm could not install express, pg"
