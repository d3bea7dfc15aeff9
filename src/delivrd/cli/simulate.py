"""`delivrd simulate`: gateways on loopback and traffic through a hub that is running."""

import asyncio
import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Annotated

import typer

from delivrd.cli import figures, filters, traffic
from delivrd.cli.client import ConfigOption, connect, problem
from delivrd.cli.output import FAILED, UNREACHABLE, USAGE, Column, Failure, JsonOption, print_rows
from delivrd.config import load
from delivrd.simulator import SCENARIOS, names

BLOCK = """
[accounts.demo-vonage]
provider = "vonage"
simulated = true
base_url = "http://127.0.0.1:9101"
api_key = "demo1234"
api_secret = "a-secret-of-the-demo"
signature_secret = "a-secret-of-the-demo"
signature_method = "sha256"
"""


def command(
    scenario: Annotated[str, typer.Option(help="How the gateways behave; see --list.")] = "happy",
    rate: Annotated[float, typer.Option(min=0.1, max=2000, help="Messages per second.")] = 10.0,
    messages: Annotated[
        int | None,
        typer.Option(min=1, help="Number of messages [default: 200; with --for, any number]."),
    ] = None,
    time: traffic.For = None,
    seed: Annotated[int, typer.Option(help="The same seed gives the same outcomes.")] = 1,
    speed: traffic.Speed = 10.0,
    hub: Annotated[
        str | None, typer.Option(help="Address of the hub [default: from the settings].")
    ] = None,
    key: Annotated[str | None, typer.Option(help="API key [default: from the settings].")] = None,
    within: Annotated[
        float, typer.Option(min=0, help="Maximum wait for the last receipts, in seconds.")
    ] = 300.0,
    list_: Annotated[bool, typer.Option("--list", help="List the scenarios.")] = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Simulate the gateways of accounts with `simulated = true`, and send traffic through them.

    The hub must be running with these settings.

    \b
    delivrd simulate --messages 500
    delivrd simulate --scenario outage --rate 50 --for 2m
    """
    if list_:
        rows = [{"name": each.name, "about": each.about} for each in SCENARIOS.values()]
        print_rows(rows, [Column("name", "name"), Column("about", "about")], as_json)
        return
    traffic.known(scenario)
    seconds = None if time is None else filters.seconds(time, "--for")
    environ = dict(os.environ)
    environ.update({k: v for k, v in (("DELIVRD_URL", hub), ("DELIVRD_KEY", key)) if v})
    client = connect(config, environ)
    client.get("/healthz")
    stage = traffic.stage(load(config, os.environ), client.url, client.key)
    if not stage.names:
        why = f"nothing real is called; there are simulated gateways of {', '.join(names())}"
        write = f"write this into the settings, and restart the hub:\n{BLOCK.strip()}"
        raise Failure("no account is simulated", why, write, USAGE)
    number = 200 if messages is None and seconds is None else messages
    plan = traffic.Plan(scenario, rate, number, seconds, seed, speed)
    outcome = asyncio.run(_play(stage, plan, within))
    raise typer.Exit(0 if figures.report(outcome, plan, as_json) else FAILED)


@asynccontextmanager
async def _ended_after(seconds: float | None, run: traffic.Run) -> AsyncGenerator[None]:
    """Ends the run as Ctrl-C does, if it has not come to its end by then."""
    if seconds is None:
        yield
        return
    ending = asyncio.get_running_loop().call_later(seconds, run.interrupt)
    try:
        yield
    finally:
        ending.cancel()


async def _play(stage: traffic.Stage, plan: traffic.Plan, within: float) -> traffic.Outcome:
    import aiohttp

    try:
        async with traffic.gateways(stage, plan) as simulation:
            run = traffic.Run(stage, plan, simulation)
            async with figures.showing(run, plan), _ended_after(plan.seconds, run):
                return await run.to_end(within)
    except aiohttp.ClientResponseError as error:
        raise problem(error.status, None) from None
    except aiohttp.ClientError as error:
        raise Failure(f"the hub at {stage.hub} is away", str(error), "", UNREACHABLE) from None
    except OSError as error:
        why = "the simulated gateways listen on the ports in their accounts' base_url"
        raise Failure(f"a port is taken: {error}", why) from None
