"""Jobs that a command hands to the running hub, or does itself if none runs (rule G4).

A hub on SQLite is the only process that writes to its database, so it listens on a Unix socket
beside the file (``delivrd.db.sock``, accessible to its owner only). A command writes one line of
JSON, ``{"job": name, "args": {…}}``, and reads lines: any number of ``{"progress": …}``, then
``{"result": …}`` or ``{"error": "…"}``. On PostgreSQL, and if no hub runs, the command opens the
store and runs the same function itself.
"""

import asyncio
import json
import os
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import structlog

from delivrd.config import Config
from delivrd.core.text import clean
from delivrd.keeping.sweep import NotOurs, Sweep
from delivrd.store import health
from delivrd.store.audit import note
from delivrd.store.base import Store, StoreUnavailable
from delivrd.store.ids import now_micros
from delivrd.store.keys import Key, Scope, create_key, revoke_key
from delivrd.store.names import number_of
from delivrd.store.open import open_store, sqlite_path
from delivrd.store.queries import views
from delivrd.store.sqlite import Busy, FileGuard
from delivrd.store.tx import Tx

log = structlog.get_logger(__name__)

ACTOR = "command line"
LINE = 1024 * 1024
LONGEST_NAME = 255
TAKE_OVER_SECONDS = 10.0
"""How long a command retries while a hub is starting or stopping."""

OTHERS_SWEEP_SECONDS = 120.0
"""By then the lease of a process that died has expired."""

Report = Callable[[Any], None]
Job = Callable[[Store, Config, Mapping[str, Any], Report], Awaitable[Any]]


class JobFailed(Exception):
    """The job failed; str() says why."""


# --- the jobs -----------------------------------------------------------------------------------


async def _prune(store: Store, config: Config, args: Mapping[str, Any], report: Report) -> Any:
    """Prunes everything that is past its time now; waits for a sweep that is under way."""
    end = asyncio.get_running_loop().time() + OTHERS_SWEEP_SECONDS
    while True:
        try:
            return await Sweep(store, config).once(lambda what, count: report({what: count}))
        except NotOurs:
            if asyncio.get_running_loop().time() > end:
                raise JobFailed("another process is pruning this database") from None
        await asyncio.sleep(0.2)


async def _create_key(store: Store, config: Config, args: Mapping[str, Any], report: Report) -> Any:
    name, scopes = str(args["name"]), {Scope(scope) for scope in args["scopes"]}
    if not 0 < len(name) <= LONGEST_NAME or clean(name) != name:
        raise JobFailed(f"a key's name must have 1 to {LONGEST_NAME} printable characters")

    async def job(tx: Tx) -> tuple[Key, str]:
        key, secret = await create_key(tx, store.ids, name, scopes, now_micros())
        await note(tx, store.ids, ACTOR, "keys.create", f"{key.prefix} {name}")
        return key, secret

    key, secret = await store.write(job)
    return views.plain(views.key(key, secret))


async def _revoke_key(store: Store, config: Config, args: Mapping[str, Any], report: Report) -> Any:
    key_id = number_of(text := str(args["id"]))

    async def job(tx: Tx) -> bool:
        found = key_id is not None and await revoke_key(tx, key_id, now_micros())
        if found:
            await note(tx, store.ids, ACTOR, "keys.revoke", str(key_id))
        return found

    if not await store.write(job):
        raise JobFailed(f"there is no key {text[:50]}; `delivrd keys list` shows their ids")
    return {}


async def _durability(store: Store, config: Config, args: Mapping[str, Any], report: Report) -> Any:
    """The durability settings of the writing connection."""
    return await store.write(health.durability)


JOBS: Mapping[str, Job] = {
    "db.durability": _durability,
    "db.prune": _prune,
    "keys.create": _create_key,
    "keys.revoke": _revoke_key,
}


async def _run(
    store: Store, config: Config, name: str, args: Mapping[str, Any], report: Report
) -> Any:
    job = JOBS.get(name)
    if job is None:
        raise JobFailed(
            f"the hub does not know the job {name!r}: command and hub must be of the same release"
        )
    try:
        return await job(store, config, args, report)
    except (KeyError, ValueError) as error:
        raise JobFailed(f"{type(error).__name__}: {error}") from error


# --- the hub's side -----------------------------------------------------------------------------


def socket_path(database: Path) -> Path:
    return database.with_name(database.name + ".sock")


@asynccontextmanager
async def taking_jobs(store: Store, config: Config) -> AsyncGenerator[None]:
    """Accepts jobs while the context lasts.

    Only for the process that holds the database's :class:`FileGuard`: an existing socket belongs to
    a dead process.
    """
    database = sqlite_path(config.database)
    if database is None:
        yield
        return
    path = socket_path(database)
    path.unlink(missing_ok=True)

    under_way: set[asyncio.Task[Any] | None] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        under_way.add(task := asyncio.current_task())
        try:
            await _serve(store, config, reader, writer)
        except (OSError, asyncio.IncompleteReadError):
            pass  # the client has gone; the job is done all the same
        except Exception:
            log.exception("a job failed")
        finally:
            under_way.discard(task)
            writer.close()

    with _short(path) as address:
        before = os.umask(0o177)
        try:
            server = await asyncio.start_unix_server(serve, address, limit=LINE)
        finally:
            os.umask(before)
    try:
        yield
    finally:
        server.close()
        path.unlink(missing_ok=True)
        tasks = [task for task in under_way if task]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _serve(
    store: Store, config: Config, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    def say(line: Mapping[str, Any]) -> None:
        writer.write(json.dumps(line).encode() + b"\n")

    def report(progress: Any) -> None:
        say({"progress": progress})

    try:
        asked = json.loads(await reader.readline())
        name, args = str(asked["job"]), dict(asked["args"])
    except (ValueError, TypeError, KeyError):
        say({"error": "the request is not a job in JSON"})
    else:
        try:
            say({"result": await _run(store, config, name, args, report)})
        except (JobFailed, StoreUnavailable) as error:
            say({"error": str(error)})
        except Exception as error:
            say({"error": f"{type(error).__name__}: see the hub's log"})
            raise
        finally:
            await writer.drain()


# --- the command's side -------------------------------------------------------------------------


async def hand_over(
    config: Config, name: str, args: Mapping[str, Any], report: Report = lambda progress: None
) -> Any:
    """Runs a job in the hub that runs on this database, or here if none does; returns its result.

    Raises:
        JobFailed: the job was not done.
        StoreUnavailable: the database cannot be reached.
        Busy: another process holds the database and accepts no jobs.
    """
    database = sqlite_path(config.database)
    if database is None:
        return await _here(config, name, args, report)
    end = asyncio.get_running_loop().time() + TAKE_OVER_SECONDS
    while True:
        try:
            return await _ask(socket_path(database), name, args, report)
        except (FileNotFoundError, ConnectionRefusedError):
            pass  # no hub runs, or one is just starting or stopping
        except PermissionError as error:
            raise StoreUnavailable(f"{socket_path(database)}: permission denied") from error
        try:
            guard = FileGuard(database)
        except Busy:  # a hub is just starting or stopping
            if asyncio.get_running_loop().time() > end:
                raise
            await asyncio.sleep(0.05)
            continue
        try:
            return await _here(config, name, args, report)
        finally:
            guard.release()


async def ask_hub(config: Config, name: str, args: Mapping[str, Any]) -> Any:
    """Runs a job that only the hub on this SQLite database can do; returns its result.

    Raises:
        OSError: no hub accepts jobs there.
        JobFailed: the job was not done.
    """
    database = sqlite_path(config.database)
    if database is None:
        raise FileNotFoundError("the database is not a file")
    return await _ask(socket_path(database), name, args, lambda progress: None)


async def _here(config: Config, name: str, args: Mapping[str, Any], report: Report) -> Any:
    store = await open_store(config.database, config.configured)
    try:
        if store.accounts.outdated:
            names = ", ".join(store.accounts.name(i) for i in store.accounts.outdated)
            raise JobFailed(
                f"id_format, ids_with or receive_only of {names} changed since the hub last "
                "started; stop all its processes and start them again: they match stored receipts "
                "anew"
            )
        return await _run(store, config, name, args, report)
    finally:
        await store.close()


async def _ask(path: Path, name: str, args: Mapping[str, Any], report: Report) -> Any:
    with _short(path) as address:
        reader, writer = await asyncio.open_unix_connection(address, limit=LINE)
    try:
        writer.write(json.dumps({"job": name, "args": dict(args)}).encode() + b"\n")
        while line := await reader.readline():
            reply = json.loads(line)
            if "result" in reply:
                return reply["result"]
            if "error" in reply:
                raise JobFailed(reply["error"])
            report(reply.get("progress"))
    except (OSError, ValueError) as error:
        raise JobFailed(f"the connection to the hub failed: {error}") from error
    finally:
        writer.close()
    raise JobFailed("the hub stopped before the job was done: try again")


@contextmanager
def _short(path: Path) -> Generator[str]:
    """A path short enough for a socket address (about 100 bytes), by the folder's descriptor."""
    if len(os.fsencode(path)) < 100 or not Path("/proc/self/fd").is_dir():
        yield str(path)
        return
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)
