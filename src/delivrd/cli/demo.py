"""`delivrd demo`: a hub, three simulated gateways and traffic, in one command."""

import asyncio
import os
import secrets
import signal
import subprocess
import sys
import tempfile
from collections.abc import Coroutine, Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import aiohttp
import typer

from delivrd.cli import figures, filters, traffic
from delivrd.cli.client import Hub
from delivrd.cli.output import FAILED, Failure, JsonOption, note
from delivrd.config import Config, load
from delivrd.core.text import counted, noun

START_SECONDS = 30.0
STOP_SECONDS = 40.0
POLL_SECONDS = 0.5
LAST_RECEIPTS_SECONDS = 180.0
FOLDER = Path("demo")

SETTINGS = """\
# Settings of `delivrd demo`: three accounts with simulated gateways behind them.
database = "sqlite:///{folder}/delivrd.db"
host = "127.0.0.1"
port = {port}
admin_key = "{admin_key}"

[accounts.vonage]
provider = "vonage"
simulated = true
base_url = "http://127.0.0.1:{vonage}"
api_key = "demo1234"
api_secret = "{secret}"
signature_secret = "{secret}"
signature_method = "sha256"

[accounts.ruach]
provider = "ruach"
simulated = true
base_url = "http://127.0.0.1:{ruach}"
api_key = "{secret}"
client_id = "demo"
webhook_secret = "{webhook}"

[accounts.smspm]
provider = "smspm"
simulated = true
base_url = "http://127.0.0.1:{smspm}"
hash = "{secret}"
token = "{secret}"
webhook_secret = "{webhook}"
"""


class Demo(NamedTuple):
    """A folder with settings for a hub on a free port, and for the gateways behind it."""

    folder: Path
    config: Config

    @property
    def settings(self) -> Path:
        return self.folder / "delivrd.toml"

    @property
    def log(self) -> Path:
        return self.folder / "hub.log"

    @property
    def last_words(self) -> str:
        """The end of the hub's log: the log itself may be gone when somebody looks."""
        return self.log.read_text(encoding="utf-8", errors="replace").strip()[-2000:]

    @property
    def hub(self) -> Hub:
        key = self.config.admin_key
        assert key is not None
        return Hub(f"http://127.0.0.1:{self.config.port}", key.get_secret_value())


def command(
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port of the dashboard; another if taken.")
    ] = 8025,
    messages: Annotated[
        int | None, typer.Option(min=1, help="Stop after this many messages.")
    ] = None,
    time: traffic.For = None,
    rate: Annotated[float, typer.Option(min=0.1, max=500, help="Messages per second.")] = 4.0,
    speed: traffic.Speed = 10.0,
    scenario: Annotated[str, typer.Option(help="See `delivrd simulate --list`.")] = "happy",
    seed: Annotated[int, typer.Option(help="The same seed gives the same outcomes.")] = 1,
    keep: Annotated[bool, typer.Option("--keep", help="Keep all files in ./demo.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Run a hub with three simulated gateways and traffic. Nothing leaves this machine.

    Example: delivrd demo --messages 200
    """
    traffic.known(scenario)
    seconds = None if time is None else filters.seconds(time, "--for")
    plan = traffic.Plan(scenario, rate, messages, seconds, seed, speed)
    with orderly(), folder(keep) as place:
        demo = prepare(place, port)
        with child(demo) as hub:
            try:
                outcome = asyncio.run(play(demo, hub, plan))
            except (OSError, aiohttp.ClientError) as error:
                why = f"{error}\n{demo.last_words}"
                raise Failure("the demo cannot go on", why) from None
        right = figures.report(outcome, plan, as_json) and asyncio.run(proven(demo))
    raise typer.Exit(0 if right else FAILED)


# --- the hub ------------------------------------------------------------------------------------


@contextmanager
def orderly() -> Generator[None]:
    """SIGTERM and SIGHUP end the program as Ctrl-C does, and what it started with it."""
    before = {
        number: signal.signal(number, signal.default_int_handler) for number in figures.interrupts()
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def folder(keep: bool) -> Generator[Path]:
    """Where the demo's files are: ./demo, or a temporary folder that is removed afterwards."""
    if keep:
        FOLDER.mkdir(exist_ok=True)
        yield FOLDER.absolute()
        return
    with tempfile.TemporaryDirectory(prefix="delivrd-demo-", ignore_cleanup_errors=True) as made:
        yield Path(made)


def prepare(place: Path, port: int) -> Demo:
    """Writes the settings, with fresh secrets and free ports."""
    from delivrd.server import bind

    sockets = [bind("127.0.0.1", 0) for _ in range(4)]
    free = [sock.getsockname()[1] for sock in sockets]
    for sock in sockets:
        sock.close()
    with suppress(OSError):
        wanted = bind("127.0.0.1", port)
        free[0] = wanted.getsockname()[1]
        wanted.close()
    text = SETTINGS.format(
        folder=place,
        port=free[0],
        vonage=free[1],
        ruach=free[2],
        smspm=free[3],
        admin_key=secrets.token_urlsafe(32),
        secret=secrets.token_urlsafe(24),
        webhook=secrets.token_urlsafe(24),
    )
    path = place / "delivrd.toml"
    path.unlink(missing_ok=True)
    path.touch(mode=0o600)
    path.write_text(text, encoding="utf-8")
    return Demo(place, load(path, {}))


@contextmanager
def child(demo: Demo) -> Generator["subprocess.Popen[bytes]"]:
    """A hub in a process of its own, ended on exit; an interrupt (Ctrl-C) does not reach it."""
    environ = {name: value for name, value in os.environ.items() if name[:8] != "DELIVRD_"}
    arguments = [sys.executable, "-m", "delivrd", "serve", "--config", str(demo.settings)]
    with demo.log.open("wb") as log:
        process = subprocess.Popen(
            arguments, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environ,
            start_new_session=True,
        )  # fmt: skip
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


async def _started(demo: Demo, process: "subprocess.Popen[bytes]") -> None:
    loop = asyncio.get_running_loop()
    end = loop.time() + START_SECONDS
    while True:
        if process.poll() is not None or loop.time() > end:
            raise Failure("the hub did not start", demo.last_words)
        try:
            await asyncio.to_thread(demo.hub.get, "/healthz")
        except Failure:
            await asyncio.sleep(0.1)
        else:
            return


# --- the traffic --------------------------------------------------------------------------------


async def play(
    demo: Demo, process: "subprocess.Popen[bytes]", plan: traffic.Plan
) -> traffic.Outcome:
    """Runs traffic until the plan is done, or until an interrupt."""
    hub = demo.hub
    note("Starting a hub and simulated gateways of Vonage, Ruach and SMSPM …")
    stage = traffic.stage(demo.config, hub.url, hub.key)
    async with traffic.gateways(stage, plan) as simulation:
        await _started(demo, process)
        link = await asyncio.to_thread(hub.post, "/v1/sign-in-links", {})
        _welcome(hub.url, link["url"], plan)
        run = traffic.Run(stage, plan, simulation)
        async with figures.showing(run, plan):
            return await _while_alive(demo, process, run.to_end(LAST_RECEIPTS_SECONDS))


async def _while_alive(
    demo: Demo, process: "subprocess.Popen[bytes]", end: Coroutine[Any, Any, traffic.Outcome]
) -> traffic.Outcome:
    """Waits for the end of the traffic.

    Raises:
        Failure: the hub's process ended before.
    """
    ending = asyncio.create_task(end)
    try:
        while not ending.done():
            if process.poll() is not None:
                raise Failure("the hub ended before the demo did", demo.last_words)
            await asyncio.wait([ending], timeout=POLL_SECONDS)
        return ending.result()
    finally:
        ending.cancel()
        await asyncio.gather(ending, return_exceptions=True)


def _welcome(hub: str, link: str, plan: traffic.Plan) -> None:
    note(f"The demo runs at {hub}. All its messages are simulated; none leaves this machine.")
    note("  Open the dashboard with this link, which signs you in and works once:")
    note(f"  {link}")
    rate = f"{plan.rate:g} {noun(plan.rate, 'message')} a second"
    note(f"  Traffic: {rate}, at {plan.speed:g} times real time")
    if plan.number is None and plan.seconds is None:
        note("  Ctrl-C stops it, and checks every status against what the gateways sent")


async def proven(demo: Demo) -> bool:
    """Whether `db verify` finds no difference in the demo's database."""
    from delivrd.cli.db import verify_all

    differences = await verify_all(demo.config.database)
    for difference in differences[:20]:
        note(f"✗ {difference}")
    if differences:
        note(f"✗ db verify: {counted(len(differences), 'difference')}")
        return False
    note("✓ db verify: every status and every count follows from the stored receipts")
    return True
