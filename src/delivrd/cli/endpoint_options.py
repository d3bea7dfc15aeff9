"""What `delivrd endpoints create` and `update` take."""

from collections.abc import Sequence
from typing import Annotated, Any

import typer

Id = Annotated[str, typer.Argument(metavar="ID")]
Description = Annotated[str | None, typer.Option(help="A note for people.")]
Format = Annotated[
    str | None, typer.Option(help="delivrd, vonage-json, twilio, kannel, … [default: delivrd].")
]
Options = Annotated[
    list[str] | None, typer.Option("--option", help="NAME=VALUE for the format; may be repeated.")
]
Statuses = Annotated[
    list[str] | None, typer.Option("--status", help="Only this status; may be repeated.")
]
Accounts = Annotated[
    list[str] | None, typer.Option("--account", help="Only this account; may be repeated.")
]
Countries = Annotated[
    list[str] | None, typer.Option("--country", help="Only this country; may be repeated.")
]
FinalOnly = Annotated[
    bool | None, typer.Option("--final-only/--not-final-only", help="Only final statuses.")
]
Ordered = Annotated[
    bool | None, typer.Option("--ordered/--unordered", help="Send a message's events in order.")
]
Operational = Annotated[
    bool | None, typer.Option("--operational/--not-operational", help="Also events of the hub.")
]
RateLimit = Annotated[int | None, typer.Option(min=1, help="Maximum calls per second.")]
BatchSize = Annotated[int | None, typer.Option(min=1, help="Maximum events per call.")]
BatchMs = Annotated[int | None, typer.Option(min=10, help="Milliseconds to collect a batch.")]


def given(**fields: Any) -> dict[str, Any]:
    """What was named, as the API takes it."""
    return {name: value for name, value in fields.items() if value not in (None, [], {})}


def pairs(options: Sequence[str] | None) -> dict[str, str | None]:
    """NAME=VALUE; NAME alone takes the option out."""
    found: dict[str, str | None] = {}
    for option in options or ():
        name, equals, value = option.partition("=")
        found[name] = value if equals else None
    return found
