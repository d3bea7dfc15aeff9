"""`delivrd keys`: the API keys of a hub.

With ``--url`` or DELIVRD_URL the hub there is asked. Else the keys are made in the database of the
settings, before the first start of a hub as well as while one runs.
"""

import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from delivrd.cli.client import ConfigOption, Hub, connect, segment
from delivrd.cli.output import Column, JsonOption, note, print_json, print_rows
from delivrd.config import load

app = typer.Typer(rich_markup_mode=None)

COLUMNS = (
    Column("name", "name"),
    Column("scopes", "scopes"),
    Column("created", "created_at", when=True),
    Column("last used", "last_used_at", when=True),
    Column("revoked", "revoked_at", when=True),
    Column("id", "id"),
)

UrlOption = Annotated[
    str | None, typer.Option("--url", help="Address of the hub [default: DELIVRD_URL, if set].")
]


class Scope(StrEnum):
    READ = "read"
    SEND = "send"
    ADMIN = "admin"


def _hub(url: str | None, config: Path | None) -> Hub | None:
    """The hub to ask, where one is named."""
    environ = dict(os.environ)
    if url:
        environ["DELIVRD_URL"] = url
    return connect(config, environ) if environ.get("DELIVRD_URL") else None


def _job(config: Path | None, name: str, args: dict[str, Any]) -> Any:
    from delivrd.cli.db import database_errors
    from delivrd.jobs import hand_over

    return database_errors(hand_over(load(config, os.environ), name, args))


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="What the key is for.")],
    scope: Annotated[list[Scope], typer.Option(help="read, send, admin; may be repeated.")],
    url: UrlOption = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Create a key and print it, only this once.

    \b
    delivrd keys create shop --scope send
    """
    asked = {"name": name, "scopes": [str(wanted) for wanted in scope]}
    hub = _hub(url, config)
    key = hub.post("/v1/keys", asked) if hub else _job(config, "keys.create", asked)
    if as_json:
        print_json(key)
        return
    note("Keep this key; it is not shown again:")
    typer.echo(key["key"])


@app.command("list")
def list_(url: UrlOption = None, as_json: JsonOption = False, config: ConfigOption = None) -> None:
    """List the keys. Their secret values are not kept.

    \b
    delivrd keys list
    """
    hub = _hub(url, config)
    keys = list(hub.items("/v1/keys")) if hub else _stored(config)
    none = "No keys. Create one: delivrd keys create shop --scope send"
    print_rows(keys, COLUMNS, as_json, none)


def _stored(config: Path | None) -> list[dict[str, Any]]:
    from delivrd.cli.db import database_errors
    from delivrd.store.keys import Key, list_keys
    from delivrd.store.queries import views
    from delivrd.store.reader import open_reader

    database = load(config, os.environ).database

    async def read() -> list[Key]:
        async with open_reader(database) as reader:
            return await reader.read(list_keys)

    return [views.plain(views.key(key)) for key in database_errors(read())]


@app.command()
def revoke(
    key_id: Annotated[str, typer.Argument(metavar="ID")],
    url: UrlOption = None,
    config: ConfigOption = None,
) -> None:
    """Revoke a key, with immediate effect.

    \b
    delivrd keys revoke 4711
    """
    hub = _hub(url, config)
    if hub:
        hub.delete(f"/v1/keys/{segment(key_id)}")
    else:
        _job(config, "keys.revoke", {"id": key_id})
    note(f"{key_id} is revoked.")
