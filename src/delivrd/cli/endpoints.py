"""`delivrd endpoints`: your systems that are told what became of messages."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from delivrd.cli import endpoint_acts, endpoint_verify
from delivrd.cli.client import ConfigOption, connect, segment
from delivrd.cli.endpoint_options import (
    Accounts,
    BatchMs,
    BatchSize,
    Countries,
    Description,
    FinalOnly,
    Format,
    Id,
    Operational,
    Options,
    Ordered,
    RateLimit,
    Statuses,
    given,
    pairs,
)
from delivrd.cli.output import Column, JsonOption, note, print_fields, print_json, print_rows

app = typer.Typer(rich_markup_mode=None)
app.add_typer(endpoint_acts.app)
app.add_typer(endpoint_verify.app)

COLUMNS = (
    Column("id", "id"),
    Column("url", "url"),
    Column("format", "format"),
    Column("state", "state"),
    Column("24 h", lambda row: rate(row["last_24h"]), right=True),
    Column("waiting", "waiting", right=True),
    Column("parked", "parked", right=True),
    Column("next try", "next_try_at", due=True),
    Column("name", "name"),
    Column("description", "description"),
)


def rate(day: Mapping[str, Any]) -> str | None:
    """The share of tries that succeeded."""
    share = day["success_rate"]
    return None if share is None else f"{share * 100:.1f}%"


@app.command()
def create(
    url: Annotated[str, typer.Argument(help="Where events go.")],
    description: Description = None,
    format: Format = None,
    options: Options = None,
    statuses: Statuses = None,
    accounts: Accounts = None,
    countries: Countries = None,
    final_only: FinalOnly = None,
    ordered: Ordered = None,
    operational: Operational = None,
    rate_limit: RateLimit = None,
    batch_size: BatchSize = None,
    batch_ms: BatchMs = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Create an endpoint and print its id and, only this once, its secret.

    \b
    delivrd endpoints create https://app.example.org/sms --status delivered --final-only
    """
    asked = given(
        url=url, description=description, format=format, options=pairs(options),
        statuses=statuses, accounts=accounts, countries=countries, final_only=final_only,
        ordered=ordered, operational=operational, rate_limit=rate_limit, batch_size=batch_size,
        batch_ms=batch_ms,
    )  # fmt: skip
    made = connect(config).post("/v1/endpoints", asked)
    if as_json:
        print_json(made)
        return
    note("Keep this secret; it is not shown again:")
    print_fields((("id", made["id"]), ("secret", made["secret"])))


@app.command()
def update(
    endpoint_id: Id,
    url: Annotated[str | None, typer.Option(help="Where events go.")] = None,
    description: Description = None,
    format: Format = None,
    options: Options = None,
    statuses: Statuses = None,
    accounts: Accounts = None,
    countries: Countries = None,
    final_only: FinalOnly = None,
    ordered: Ordered = None,
    operational: Operational = None,
    rate_limit: RateLimit = None,
    batch_size: BatchSize = None,
    batch_ms: BatchMs = None,
    clear: Annotated[
        list[str] | None,
        typer.Option(help="Remove statuses, accounts, countries, rate_limit or description."),
    ] = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Change the given fields of an endpoint.

    \b
    delivrd endpoints update ep_… --clear statuses --rate-limit 20
    """
    asked = dict.fromkeys(clear or ()) | given(
        url=url, description=description, format=format, options=pairs(options),
        statuses=statuses, accounts=accounts, countries=countries, final_only=final_only,
        ordered=ordered, operational=operational, rate_limit=rate_limit, batch_size=batch_size,
        batch_ms=batch_ms,
    )  # fmt: skip
    path = f"/v1/endpoints/{segment(endpoint_id)}"
    _print(connect(config).call("PATCH", path, body=asked), as_json)


@app.command("list")
def list_(
    callbacks: Annotated[
        bool, typer.Option("--callbacks", help="Also the origins of callback_urls.")
    ] = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """List the endpoints, with their last 24 hours and waiting deliveries.

    \b
    delivrd endpoints list --json
    """
    found = list(connect(config).items("/v1/endpoints", {"callbacks": callbacks}))
    none = "No endpoints. Create one: delivrd endpoints create https://app.example.org/sms-events"
    print_rows(found, COLUMNS, as_json, none)


@app.command()
def show(endpoint_id: Id, as_json: JsonOption = False, config: ConfigOption = None) -> None:
    """Show one endpoint: its filters, and how its calls go.

    \b
    delivrd endpoints show ep_0c62e1495a525000
    """
    _print(connect(config).get(f"/v1/endpoints/{segment(endpoint_id)}"), as_json)


def _print(endpoint: Mapping[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(endpoint)
        return
    day = endpoint["last_24h"]
    options = [f"{name}={value}" for name, value in endpoint["options"].items()]
    print_fields(
        [
            *((n, v) for n, v in endpoint.items() if n not in ("last_24h", "options")),
            ("options", options),
            ("last 24 h", f"{day['delivered']} delivered, {day['failed']} failed"),
            ("success rate", rate(day)),
        ]
    )
