"""`delivrd config`: the settings in force."""

import os
from typing import Annotated, Any

import typer
from pydantic import SecretStr

from delivrd.cli.client import ConfigOption
from delivrd.cli.output import Column, JsonOption, print_json, print_table
from delivrd.config import Config, hide_password, load, settings

app = typer.Typer(rich_markup_mode=None)

HIDDEN = "********"


@app.callback()
def group() -> None:
    """Show the settings in force."""


@app.command()
def show(
    source: Annotated[
        bool, typer.Option("--source", help="Show where each value comes from.")
    ] = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Show every setting in force; secrets are hidden.

    \b
    delivrd config show --source
    """
    loaded = load(config, os.environ)
    rows = [
        {"setting": path, "value": shown(path, value), "source": str(loaded.sources[path])}
        for path, value in settings(loaded)
    ]
    if as_json:
        print_json(_as_object(rows, loaded, source))
        return
    columns = [Column("setting", "setting"), Column("value", "value")]
    print_table(rows, [*columns, Column("source", "source")] if source else columns)


def _as_object(rows: list[dict[str, Any]], config: Config, source: bool) -> dict[str, Any]:
    if not source:
        return {row["setting"]: row["value"] for row in rows}
    return {
        row["setting"]: {
            "value": row["value"],
            "source": config.sources[row["setting"]].kind,
            "from": config.sources[row["setting"]].name or None,
        }
        for row in rows
    }


def shown(path: str, value: Any) -> Any:
    """A setting's value as it may be shown."""
    if isinstance(value, SecretStr):
        return HIDDEN
    if isinstance(value, tuple | list):
        return [shown(path, item) for item in value]
    if path == "database":
        return hide_password(value)
    if value is None or isinstance(value, str | bool | int | float):
        return value
    return str(value)
