"""The real Jasmin of PyPI, with RabbitMQ and Redis of Debian, between a hub and an SMS centre.

All on loopback, at free ports; nothing outlives the test; their logs do if it fails.
"""

import asyncio
import os
from collections.abc import AsyncGenerator
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path

from tests.gateways.programs import listens, logs, running, up
from tests.gateways.smsc import Smsc
from tests.ports import free_ports
from tests.support import until

ENVIRONMENT = Path(os.environ.get("JASMIN", Path(__file__).parents[2] / ".jasmin"))
"""A virtual environment with what ``jasmin.txt`` lists; ``.ci/run`` makes it."""

JASMIND = ENVIRONMENT / "bin" / "jasmind.py"
RABBITMQ = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
"""What Debian's own rabbitmq-server starts as another user, and in that user's folders."""

USER, PASSWORD = "hub", "password-of-hub"  # Jasmin cuts a password after 16 characters

PORTS = (
    "mapper", "nodes", "amqp", "redis", "console", "http",
    "smpps", "smpps_pb", "router", "clients", "smpp",
)  # fmt: skip
CONFIG = """
[amqp-broker]
port = {amqp}
spec = {spec}
[redis-client]
port = {redis}
[jcli]
port = {console}
authentication = no
[http-api]
bind = 127.0.0.1
port = {http}
[smpp-server]
bind = 127.0.0.1
port = {smpps}
[smpp-server-pb]
bind = 127.0.0.1
port = {smpps_pb}
[router]
bind = 127.0.0.1
port = {router}
[client-management]
bind = 127.0.0.1
port = {clients}
[dlr-thrower]
retry_delay = 1
[dlr]
dlr_lookup_retry_delay = 1
[sm-listener]
dlr_lookup_retry_delay = 1
"""

SET_UP = """
group -a
gid hubs
ok
user -a
uid hub
gid hubs
username {user}
password {password}
ok
smppccm -a
cid SIM
host 127.0.0.1
port {smpp}
username jasmin
password secret
ok
smppccm -1 SIM
mtrouter -a
type DefaultRoute
connector smppc(SIM)
rate 0
ok
"""
"""What an operator types at Jasmin's console."""


@asynccontextmanager
async def jasmin() -> AsyncGenerator[tuple[str, Smsc]]:
    """A Jasmin that is bound to its SMS centre: the address of its HTTP API, and the centre."""
    with logs("jasmin") as folder:
        (folder / "var/log/jasmin").mkdir(parents=True)
        (folder / "etc/jasmin/store").mkdir(parents=True)
        ports = dict(zip(PORTS, free_ports(len(PORTS)), strict=True))
        config = folder / "jasmin.cfg"
        config.write_text(CONFIG.format(**ports, spec=_amqp_spec()))
        async with Smsc(ports["smpp"]) as smsc:
            with ExitStack() as programs:
                erlang = _erlang(folder, ports)
                mapper = programs.enter_context(running("epmd", folder=folder, env=erlang))
                await up(mapper, ports["mapper"], 20)
                rabbit = programs.enter_context(running(str(RABBITMQ), folder=folder, env=erlang))
                redis = programs.enter_context(_redis(folder, ports["redis"]))
                await up(redis, ports["redis"], 20)
                await up(rabbit, ports["amqp"], 60)
                jasmind = programs.enter_context(_jasmind(folder, config))
                await up(jasmind, ports["console"], 30)
                await _operate(ports["console"], ports["smpp"])
                await until(lambda: smsc.bound, 30)
                await until(lambda: listens(ports["http"]), 20)
                yield f"http://127.0.0.1:{ports['http']}", smsc


def _amqp_spec() -> Path:
    """The description of AMQP 0-9-1 that Jasmin's client library brings along."""
    (found,) = ENVIRONMENT.glob("lib/*/site-packages/txamqp/specs/standard/amqp0-9-1*.xml")
    return found


def _erlang(folder: Path, ports: dict[str, int]) -> dict[str, str]:
    """What RabbitMQ is told. Its port mapper is our own: the one it starts itself would stay."""
    (folder / "rabbitmq.conf").write_text(f"listeners.tcp.1 = 127.0.0.1:{ports['amqp']}\n")
    (folder / "plugins").write_text("[].\n")
    return {
        "HOME": str(folder),  # where its cookie is
        "ERL_EPMD_PORT": str(ports["mapper"]),
        "ERL_EPMD_ADDRESS": "127.0.0.1",
        "RABBITMQ_NODENAME": f"jasmin-{ports['amqp']}@localhost",
        "RABBITMQ_DIST_PORT": str(ports["nodes"]),
        "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.conf"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
        "RABBITMQ_MNESIA_BASE": str(folder / "mnesia"),
        "RABBITMQ_LOG_BASE": str(folder / "log"),
        "RABBITMQ_PID_FILE": str(folder / "rabbitmq.pid"),
    }


def _redis(folder: Path, port: int) -> running:
    return running(
        "redis-server", "--bind", "127.0.0.1", "--port", str(port), "--save", "",
        "--dir", str(folder), folder=folder,
    )  # fmt: skip


LAUNCH = """
import lockfile, runpy, sys
own_lock = lockfile.FileLock(sys.argv.pop(1))
lockfile.FileLock = lambda path: own_lock
runpy.run_path(sys.argv.pop(1), run_name="__main__")
"""
"""Jasmin's lock is one for the whole machine, and stays when Jasmin is killed."""


def _jasmind(folder: Path, config: Path) -> running:
    return running(
        str(ENVIRONMENT / "bin/python"), "-c", LAUNCH, str(folder / "jasmind"), str(JASMIND),
        "-c", str(config), "--enable-dlr-thrower", "--enable-dlr-lookup",
        folder=folder, env={"ROOT_PATH": str(folder)},
    )  # fmt: skip


async def _operate(console: int, smpp: int) -> None:
    """Types the set-up at the console, each line when the last one is answered."""
    reader, writer = await asyncio.open_connection("127.0.0.1", console)
    async with asyncio.timeout(30):
        await reader.readuntil(b"Session ref")
        for line in SET_UP.format(user=USER, password=PASSWORD, smpp=smpp).split("\n")[1:-1]:
            writer.write(line.encode() + b"\r\n")
            await _prompt(reader)
    writer.close()


async def _prompt(reader: asyncio.StreamReader) -> None:
    said = b""
    while not said.endswith((b"\n> ", b"jcli : ")):
        said += await reader.readexactly(1)
