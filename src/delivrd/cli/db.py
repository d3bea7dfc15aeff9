"""`delivrd db`: keep the database: verify, back up, prune, upgrade."""

import asyncio
import os
from collections import Counter
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from delivrd.cli.client import ConfigOption
from delivrd.cli.output import (
    FAILED,
    UNREACHABLE,
    USAGE,
    Failure,
    JsonOption,
    note,
    print_json,
    working,
)
from delivrd.config import hide_password, load
from delivrd.core.text import counted
from delivrd.store.verify import Difference

T = TypeVar("T")

app = typer.Typer(rich_markup_mode=None)

SHOWN = 50
"""So many differences are printed for people; programs get all."""


@app.callback()
def group() -> None:
    """Maintain the database: verify, back up, prune, upgrade."""


def database_errors(job: Coroutine[Any, Any, T]) -> T:
    """Runs a job on the database, and turns its errors into messages for people.

    Raises:
        Failure: the database cannot be reached, is in use, or of another release.
    """
    from delivrd.jobs import JobFailed
    from delivrd.store.base import StoreUnavailable
    from delivrd.store.open import advice
    from delivrd.store.reader import NotUpgraded
    from delivrd.store.sqlite import Busy

    try:
        return asyncio.run(job)
    except StoreUnavailable as error:
        hint = advice(error) or "check `database` in the settings: delivrd doctor"
        raise Failure("the database cannot be reached", str(error), hint, UNREACHABLE) from None
    except NotUpgraded as error:
        raise Failure("the database is not upgraded", str(error), "delivrd db upgrade") from None
    except Busy as error:
        raise Failure("the database is in use", str(error)) from None
    except JobFailed as error:
        raise Failure("nothing was done", str(error)) from None


# --- verify -------------------------------------------------------------------------------------


async def verify_all(
    database: str, progress: Callable[[str, float], None] = lambda what, done: None
) -> list[Difference]:
    """Every difference in that database; read beside a running hub."""
    from delivrd.store.reader import open_reader
    from delivrd.store.verify import verify

    async with open_reader(database) as reader:
        return await verify(reader, progress)


@app.command("verify")
def verify_command(as_json: JsonOption = False, config: ConfigOption = None) -> None:
    """Recompute every status and every count, and print each difference from the stored ones.

    Only reads; a hub may be running. Exits with 1 if there is a difference.

    \b
    delivrd db verify --json
    """
    loaded = load(config, os.environ)
    with working("verifying") as progress:
        found = database_errors(verify_all(loaded.database, progress))
    if as_json:
        print_json({"differences": [_as_object(difference) for difference in found]})
    else:
        for difference in found[:SHOWN]:
            typer.echo(str(difference))
        _verdict(found)
    raise typer.Exit(FAILED if found else 0)


def _as_object(difference: Difference) -> dict[str, Any]:
    plain = (str, int, float, bool, type(None))
    return {
        name: value if isinstance(value, plain) else str(value)
        for name, value in difference._asdict().items()
    }


def _verdict(found: list[Difference]) -> None:
    if not found:
        note("✓ no difference: every status and every count follows from the stored receipts")
        return
    of = ", ".join(f"{n} of {what}" for what, n in Counter(d.what for d in found).most_common())
    more = " (--json for all)" if len(found) > SHOWN else ""
    note(f"✗ {counted(len(found), 'difference')}: {of}{more}")


# --- prune, upgrade -----------------------------------------------------------------------------


@app.command()
def prune(as_json: JsonOption = False, config: ConfigOption = None) -> None:
    """Delete what is older than [retention] says, in small steps. A running hub does so by itself.

    \b
    delivrd db prune
    """
    from delivrd.jobs import hand_over

    loaded = load(config, os.environ)
    _must_be_there(loaded.database)
    with working("pruning") as progress:

        def tell(taken: dict[str, int]) -> None:
            for what, count in taken.items():
                progress(f"{count} {what.replace('_', ' ')}", None)

        taken = database_errors(hand_over(loaded, "db.prune", {}, tell))
    if as_json:
        print_json(taken)
    elif not taken:
        note("nothing is past its time")
    else:
        for what, count in taken.items():
            typer.echo(f"{count} {what.replace('_', ' ')}")


def _must_be_there(database: str) -> None:
    """Refuses a SQLite file that does not exist; opening it would create it.

    Raises:
        Failure: there is no such file.
    """
    from delivrd.store.open import sqlite_path

    path = sqlite_path(database)
    if path is not None and not path.is_file():
        raise _no_database(path)


def _no_database(path: Path) -> Failure:
    return Failure(
        f"there is no database {path}",
        f"the settings name it, seen from {Path.cwd()}",
        "go to the hub's folder, or name its settings by --config",
        UNREACHABLE,
    )


@app.command()
def upgrade(config: ConfigOption = None) -> None:
    """Upgrade the tables to this release. `serve` also does so.

    \b
    delivrd db upgrade --config /etc/delivrd.toml
    """
    loaded = load(config, os.environ)
    before, after = database_errors(_upgrade(loaded.database))
    if before == after:
        note(f"the tables are up to date ({after})")
    else:
        note(f"{hide_password(loaded.database)}: upgraded from {before or 'nothing'} to {after}")


async def _upgrade(database: str) -> tuple[str | None, str]:
    from delivrd.store.migrations import HEAD
    from delivrd.store.open import sqlite_path, upgrade_postgres, upgrade_sqlite
    from delivrd.store.reader import NotUpgraded, open_reader
    from delivrd.store.sqlite import Busy, FileGuard

    path = sqlite_path(database)
    if path is None:
        return await upgrade_postgres(database)
    try:
        guard = FileGuard(path)
    except Busy as busy:  # by a hub, which upgraded them at its start
        try:
            async with open_reader(database):
                return HEAD, HEAD
        except NotUpgraded:
            raise busy from None
    try:
        return upgrade_sqlite(path)
    finally:
        guard.release()


# --- backup -------------------------------------------------------------------------------------


@app.command()
def backup(
    file: Annotated[Path, typer.Argument(help="File to write; it must not exist yet.")],
    config: ConfigOption = None,
) -> None:
    """Copy a SQLite database, also while a hub runs, and check the copy.

    \b
    delivrd db backup /backups/delivrd-$(date +%F).db
    """
    from delivrd.store.open import sqlite_path

    loaded = load(config, os.environ)
    source = sqlite_path(loaded.database)
    if source is None:
        url = hide_password(loaded.database)
        raise Failure(
            "PostgreSQL is backed up by its own tools", "", f"pg_dump -Fc -f {file} '{url}'", USAGE
        )
    if not source.is_file():
        raise _no_database(source)
    if not file.absolute().parent.is_dir():
        folder = file.parent
        raise Failure(f"there is no folder {folder}", "", f"make it: mkdir -p {folder}", USAGE)
    size = _backup(source, file)
    note(f"✓ {file}: {size / 1e6:.1f} MB, checked")


def _backup(source: Path, file: Path) -> int:
    from delivrd.store.backup import BackupFailed, backup

    try:
        with working("copying") as progress:
            return backup(source, file, lambda done: progress(source.name, done))
    except FileExistsError:
        raise Failure(f"{file} exists", "a backup overwrites nothing", "name another") from None
    except (BackupFailed, OSError) as error:
        raise Failure("there is no backup", str(error)) from None
