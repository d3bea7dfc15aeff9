"""`delivrd serve`: sockets, processes, signals."""

import asyncio
import gc
import multiprocessing
import multiprocessing.connection
import resource
import signal
import socket
import sys
import time
from collections import deque
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

import structlog
import uvicorn
import uvloop

from delivrd import app, log
from delivrd.config import Config, load, secrets
from delivrd.intake.connection import connection_class
from delivrd.intake.protocol import keep_deadlines
from delivrd.store.base import StoreUnavailable

GRACE_SECONDS = 15

MOST_RESTARTS, WITHIN_SECONDS = 20, 600.0
"""A hub ends whose processes die more often than that, each."""

AWAY, PAUSE_SECONDS = 3, 2.0
"""How a process exits whose database is away, and the pause before it is started again."""


class Plan(NamedTuple):
    """The arguments of one serving process; can be passed to another process."""

    config_path: Path | None
    environ: dict[str, str]
    overrides: dict[str, Any]
    roles: tuple[str, ...]
    started: Callable[[str | None], None]


def settings(plan: Plan) -> Config:
    """The configuration, with overrides from the command line."""
    return load(plan.config_path, plan.environ).model_copy(update=plan.overrides)


def bind(host: str, port: int) -> socket.socket:
    """A listening socket.

    Raises:
        OSError: the address is in use, or is not one of this machine.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    made = socket.socket(family, socket.SOCK_STREAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        made.bind((host, port))
        made.listen(2048)
    except OSError:
        made.close()
        raise
    made.set_inheritable(True)
    return made


def serve(
    config: Config,
    sock: socket.socket,
    roles: tuple[str, ...],
    started: Callable[[str | None], None],
) -> None:
    """Serves until SIGINT or SIGTERM; answers calls in progress before it returns.

    ``started`` is called when it is ready, with a sign-in link if nobody has ever signed in.
    """
    _spare_the_collector()
    _take_all_connections_allowed()
    uvloop.run(_serve(config, sock, roles, started))


def _spare_the_collector() -> None:
    """Requests allocate hundreds of containers, none of them in reference cycles.

    Excluding imported objects from collections, and collecting less often, gave 5 % more requests a
    second.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 100)


def _take_all_connections_allowed() -> None:
    """Raises the soft limit of open files, often 1,024, as thousands of calls may wait at once."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


async def _serve(
    config: Config,
    sock: socket.socket,
    roles: tuple[str, ...],
    started: Callable[[str | None], None],
) -> None:
    async with app.running(config, roles) as hub, _rest(hub, roles) as (rest, before_end):
        link = await _first_link(hub, roles)
        server = _Server(
            uvicorn.Config(
                app.front(hub.webhook, rest),
                http=connection_class(config.limits, hub.lane),
                interface="asgi3",
                loop="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                proxy_headers=False,
                server_header=False,
                timeout_graceful_shutdown=GRACE_SECONDS,
            )
        )
        server.started_hook = lambda: started(link)
        connections = server.server_state.connections
        hub.parts.start("deadlines", lambda: keep_deadlines(connections))

        def stop() -> None:
            before_end()
            hub.waiting.close()
            server.stop()

        with stopping(stop):
            await server.serve(sockets=[sock])


async def _first_link(hub: app.Hub, roles: tuple[str, ...]) -> str | None:
    if "web" not in roles or hub.config.sources["admin_key"].kind == "env":
        return None  # an admin key exists already, or there are no pages to sign in to
    from delivrd.web.signin import first_link

    return await first_link(hub.store, hub.config)


@asynccontextmanager
async def _rest(
    hub: app.Hub, roles: tuple[str, ...]
) -> AsyncGenerator[tuple[app.Asgi, Callable[[], None]]]:
    """The API and the pages, and what to call before the server stops."""
    if "web" not in roles:
        yield _health_alone(hub), lambda: None
        return
    from delivrd.web.app import create
    from delivrd.web.context import Context

    context = Context(
        config=hub.config,
        store=hub.store,
        waiting=hub.waiting,
        folder=hub.folder,
        commit=hub.commit,
        lane=hub.lane,
        ring=hub.ring,
        parts=hub.parts,
        metrics=hub.metrics,
    )
    hub.parts.start("stream", context.streams.run)
    hub.parts.start("estimates", lambda: context.settling.run(hub.store))
    yield create(context), context.streams.close


def _health_alone(hub: app.Hub) -> app.Asgi:
    """A process without the web role only answers health checks: 503 while a part is down."""

    async def tell(scope: Any, receive: Any, send: Any) -> None:
        well = 503 if hub.parts.down or hub.store.parts.down else 200
        status = well if scope["path"] == "/healthz" else 404
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    return tell


class _Server(uvicorn.Server):
    """uvicorn's server, with our signal handling and a callback when it is ready."""

    started_hook: Callable[[], None] = staticmethod(lambda: None)

    @contextmanager
    def capture_signals(self) -> Any:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.started_hook()

    def stop(self) -> None:
        self.should_exit = True


@contextmanager
def stopping(stop: Callable[[], None]) -> Any:
    """Calls ``stop`` on SIGINT and SIGTERM, and when the process that started this one dies.

    Left alone, workers would keep the port from the hub that is started in their place.
    """
    loop = asyncio.get_running_loop()
    parent = multiprocessing.parent_process()

    def orphaned(sentinel: int) -> None:
        loop.remove_reader(sentinel)
        stop()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop)
    if parent is not None:
        loop.add_reader(parent.sentinel, orphaned, parent.sentinel)
    try:
        yield
    finally:
        if parent is not None:
            loop.remove_reader(parent.sentinel)
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)


def serve_many(plan: Plan, sock: socket.socket, workers: int) -> int:
    """Runs that many processes on one socket until a signal; restarts those that die.

    Returns 0, or 1 if processes keep dying. One whose database is away is started until it is back.
    """
    context = multiprocessing.get_context("spawn")
    ended = False

    def spawn(*, first: bool = False) -> Any:
        process = context.Process(target=_worker, args=(plan, sock, first))
        process.start()
        return process

    def stop(number: int, frame: FrameType | None) -> None:
        nonlocal ended
        ended = True
        for process in processes:
            if process.is_alive() and process.pid:
                process.terminate()

    processes = [spawn(first=number == 0) for number in range(workers)]
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    deaths: deque[float] = deque(maxlen=MOST_RESTARTS * workers + 1)
    while not ended:
        dead = _ended(processes)
        deaths.extend(time.monotonic() for p in dead if p.exitcode != AWAY)
        if len(deaths) == deaths.maxlen and deaths[-1] - deaths[0] < WITHIN_SECONDS:
            stop(signal.SIGTERM, None)
            return 1
        if not ended:
            processes = [p for p in processes if p not in dead] + [spawn() for _ in dead]
    stop(signal.SIGTERM, None)  # also those that were just being started
    for process in processes:
        process.join(GRACE_SECONDS + app.DRAIN_SECONDS)
    return 0


def _ended(processes: list[Any]) -> list[Any]:
    """Those that ended within a second; after a pause, if their database is away."""
    multiprocessing.connection.wait([p.sentinel for p in processes], timeout=1.0)
    ended = [p for p in processes if not p.is_alive()]
    if any(p.exitcode == AWAY for p in ended):
        time.sleep(PAUSE_SECONDS)
    return ended


def _worker(plan: Plan, sock: socket.socket, first: bool) -> None:
    config = settings(plan)
    log.configure(secrets(config))
    try:
        serve(config, sock, plan.roles, plan.started if first else lambda link: None)
    except KeyboardInterrupt:
        sys.exit(0)
    except StoreUnavailable as error:
        structlog.get_logger(__name__).error("the database cannot be opened", error=str(error))
        sys.exit(AWAY)
