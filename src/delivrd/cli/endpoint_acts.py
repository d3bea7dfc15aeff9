"""`delivrd endpoints`: taking one away, letting its calls go out or not, a new secret, a test."""

from pathlib import Path
from typing import Annotated

import typer

from delivrd.cli.client import ConfigOption, connect, segment
from delivrd.cli.endpoint_options import Id
from delivrd.cli.output import FAILED, JsonOption, note, print_json

app = typer.Typer()


@app.command()
def delete(endpoint_id: Id, config: ConfigOption = None) -> None:
    """Delete an endpoint; its waiting deliveries are cancelled.

    \b
    delivrd endpoints delete ep_0c62e1495a525000
    """
    connect(config).delete(f"/v1/endpoints/{segment(endpoint_id)}")
    note(f"{endpoint_id} is deleted.")


@app.command()
def enable(endpoint_id: Id, as_json: JsonOption = False, config: ConfigOption = None) -> None:
    """Enable an endpoint; deliveries parked meanwhile wait for a replay.

    \b
    delivrd endpoints enable ep_0c62e1495a525000
    """
    _switch(endpoint_id, "enable", as_json, config)
    note(f"What it missed: delivrd deliveries replay --endpoint {endpoint_id} --missed --since 1d")


@app.command()
def disable(endpoint_id: Id, as_json: JsonOption = False, config: ConfigOption = None) -> None:
    """Disable an endpoint; its waiting deliveries are parked.

    \b
    delivrd endpoints disable ep_0c62e1495a525000
    """
    _switch(endpoint_id, "disable", as_json, config)


def _switch(endpoint_id: str, verb: str, as_json: bool, config: Path | None) -> None:
    found = connect(config).post(f"/v1/endpoints/{segment(endpoint_id)}/{verb}", None)
    if as_json:
        print_json(found)
    else:
        note(f"{endpoint_id} is {'enabled' if found['enabled'] else 'disabled'}.")


@app.command("rotate-secret")
def rotate_secret(
    endpoint_id: Id,
    keep: Annotated[
        int, typer.Option(min=0, help="Seconds for which the old secret still signs too.")
    ] = 86400,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Make a new secret and print it, only this once. The old one still signs too, for a day.

    \b
    delivrd endpoints rotate-secret ep_0c62e1495a525000
    """
    path = f"/v1/endpoints/{segment(endpoint_id)}/rotate-secret"
    made = connect(config).post(path, {"keep_seconds": keep})
    if as_json:
        print_json(made)
        return
    until = made["old_secret_until"]
    note(f"The old secret signs until {until}." if until else "The old secret signs no more.")
    typer.echo(made["secret"])


@app.command("test")
def try_out(endpoint_id: Id, as_json: JsonOption = False, config: ConfigOption = None) -> None:
    """Call an endpoint with a test event now. Exits with 1 if it does not accept it.

    \b
    delivrd endpoints test ep_0c62e1495a525000
    """
    from delivrd.cli.deliveries import print_delivery

    told = connect(config).post(f"/v1/endpoints/{segment(endpoint_id)}/test", None)
    if as_json:
        print_json(told)
    else:
        print_delivery(told)
    if told["delivery"]["state"] != "delivered":
        raise typer.Exit(FAILED)
