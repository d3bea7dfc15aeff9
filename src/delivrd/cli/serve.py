"""`delivrd serve`: run the hub."""

import asyncio
import errno
import os
from collections.abc import Generator
from contextlib import contextmanager
from typing import Annotated, Any

import typer

from delivrd.cli.client import ConfigOption
from delivrd.cli.output import FAILED, UNREACHABLE, USAGE, Failure, note
from delivrd.config import Config, exposure, secrets

Host = Annotated[
    str | None, typer.Option(help="Address to listen on [default: from the settings].")
]
Port = Annotated[
    int | None,
    typer.Option(
        min=0, max=65535, help="Port to listen on; 0: any free port [default: from the settings]."
    ),
]
Workers = Annotated[int, typer.Option(min=1, max=64, help="Processes on one port (PostgreSQL).")]
Roles = Annotated[str, typer.Option("--role", help="Roles of this process: intake,web,work.")]


def command(
    host: Host = None,
    port: Port = None,
    workers: Workers = 1,
    role: Roles = "intake,web,work",
    config: ConfigOption = None,
) -> None:
    """Run the hub: webhooks, API, dashboard, sending.

    Example: delivrd serve --config delivrd.toml --port 8025
    """
    from delivrd import log, server
    from delivrd.store.open import prepare

    overrides: dict[str, Any] = {
        name: value for name, value in (("host", host), ("port", port)) if value is not None
    }
    plan = server.Plan(config, dict(os.environ), overrides, _roles(role), _say_link)
    loaded = server.settings(plan)
    _refuse(loaded, workers, plan.roles)
    log.configure(secrets(loaded))
    try:
        sock = server.bind(loaded.host, loaded.port)
    except OSError as error:
        raise _cannot_listen(loaded, error) from None
    bound = loaded.model_copy(update={"port": sock.getsockname()[1]})
    if workers > 1:
        with _explained():
            asyncio.run(prepare(bound.database))
        _banner(bound, workers)
        plan = plan._replace(overrides={**overrides, "port": bound.port})
        raise typer.Exit(server.serve_many(plan, sock, workers))
    _serve_here(bound, sock, plan.roles)


def _serve_here(config: Config, sock: Any, roles: tuple[str, ...]) -> None:
    from delivrd import server

    def started(link: str | None) -> None:
        _banner(config, 1)
        _say_link(link)

    with _explained():
        server.serve(config, sock, roles, started)
    note("stopped; everything acknowledged is on disk.")


@contextmanager
def _explained() -> Generator[None]:
    """Turns errors of opening the database into messages for people."""
    from delivrd.store.base import StoreUnavailable
    from delivrd.store.open import advice
    from delivrd.store.sqlite import Busy

    try:
        yield
    except Busy as error:
        raise Failure("the database is in use", str(error), "", FAILED) from None
    except StoreUnavailable as error:
        raise Failure(
            "the database cannot be opened",
            str(error),
            advice(error) or "check `database` in the settings: delivrd doctor",
            UNREACHABLE,
        ) from None


def _cannot_listen(config: Config, error: OSError) -> Failure:
    next = "name an address of this machine: delivrd serve --host 127.0.0.1"
    if error.errno == errno.EADDRINUSE:
        next = "stop what listens there, or choose another port: delivrd serve --port 8026"
    elif error.errno == errno.EACCES:
        next = "ports under 1024 are for root; choose another: delivrd serve --port 8025"
    why = error.strerror or str(error)
    return Failure(f"cannot listen on {config.host}:{config.port}", why, next)


def _roles(text: str) -> tuple[str, ...]:
    from delivrd.app import ROLES

    roles = tuple(part.strip() for part in text.split(",") if part.strip())
    unknown = [role for role in roles if role not in ROLES]
    if unknown or not roles:
        raise Failure(
            f"there is no role {', '.join(unknown) or text!r}",
            "",
            f"name some of {', '.join(ROLES)}: delivrd serve --role intake,web",
            USAGE,
        )
    return roles


def _refuse(config: Config, workers: int, roles: tuple[str, ...]) -> None:
    from delivrd.app import ROLES
    from delivrd.store.open import sqlite_path

    path = sqlite_path(config.database)
    if path is not None:
        if workers > 1 or set(roles) != set(ROLES):
            raise Failure(
                "a SQLite database is served by one process that does everything",
                f"--workers {workers} --role {','.join(roles)} needs PostgreSQL",
                'set database = "postgresql://USER@HOST/NAME" in delivrd.toml',
                USAGE,
            )
        folder = path.absolute().parent
        if not folder.is_dir():
            raise Failure(f"there is no folder {folder}", "", f"make it: mkdir -p {folder}", USAGE)
    problems = exposure(config)
    if problems:
        raise Failure(
            "the hub would be open to the network without proof of origin",
            "\n".join(map(str, problems)),
            "",
            USAGE,
        )


def _banner(config: Config, workers: int) -> None:
    base = config.local_url
    note(f"delivrd serves {base}" + (f" with {workers} processes" if workers > 1 else ""))
    note(f"  dashboard  {base}/")
    note(f"  API docs   {base}/docs")
    for name, account in sorted(config.accounts.items()):
        secret = "/SECRET" if account.webhook_secret else ""
        note(f"  webhook    {config.url}/webhooks/{name}{secret}  ({account.provider})")
    if not config.accounts:
        note("  no account yet: fill one in, in delivrd.toml, which `delivrd init` writes")


def _say_link(link: str | None) -> None:
    """At the first start: the way in (rule H4)."""
    if link is not None:
        note(f"  sign in    {link}  (once, within 15 minutes)")
