"""`delivrd tunnel`: gateways reach the webhooks of this machine, for development (rule H2).

In front of the hub stands a small proxy that passes calls of `/webhooks/` alone, and only to
accounts that can tell who calls: everything else of the hub stays unreachable from outside.
"""

import asyncio
import os
import re
import signal
from collections.abc import AsyncGenerator, Collection
from contextlib import asynccontextmanager
from importlib import import_module
from typing import Annotated, Any

import aiohttp
import typer
from aiohttp import web
from yarl import URL

from delivrd.cli.client import ConfigOption
from delivrd.cli.output import UNREACHABLE, USAGE, Failure, note
from delivrd.config import ACCOUNT_NAME, Config, load, proofs

WORTHLESS = "allow_from"
"""What proves nothing here: through a tunnel every call comes from the tunnel."""

HOP_BY_HOP = frozenset(
    {"connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection",
     "te", "trailer", "transfer-encoding", "upgrade", "expect", "content-length"}
)  # fmt: skip
_PATH = re.compile(rf"/webhooks/({ACCOUNT_NAME.pattern})(/[^?#]*)?")
TIMEOUT_SECONDS = 30.0


def command(
    domain: Annotated[str | None, typer.Option(help="Your ngrok domain.")] = None,
    config: ConfigOption = None,
) -> None:
    """Open a tunnel (ngrok) to the webhooks of the hub on this machine; Ctrl-C closes it.

    Needs `pip install 'delivrd[tunnel]'` and NGROK_AUTHTOKEN. Start the hub beside it.

    \b
    delivrd tunnel --domain sms.ngrok.app
    """
    loaded = load(config, os.environ)
    names = passed(loaded)
    if not names:
        raise Failure(
            "no account may be reached through a tunnel",
            "nothing proves where a call comes from",
            "set webhook_secret (or what the gateway signs with) in [accounts.NAME]",
            USAGE,
        )
    try:
        ngrok = import_module("pyngrok.ngrok")
    except ImportError:
        what = "the tunnel needs pyngrok"
        raise Failure(what, "", "pip install 'delivrd[tunnel]'", USAGE) from None
    asyncio.run(_keep_open(loaded, names, ngrok, {"domain": domain} if domain else {}))


def passed(config: Config) -> frozenset[str]:
    """The accounts that may be reached."""
    return frozenset(
        name
        for name, account in config.accounts.items()
        if any(proof != WORTHLESS for proof in proofs(account))
    )


async def _keep_open(
    config: Config, names: Collection[str], ngrok: Any, options: dict[str, Any]
) -> None:
    async with proxy(config.local_url, names) as port:
        try:
            tunnel = await asyncio.to_thread(ngrok.connect, str(port), "http", **options)
        except Exception as error:  # whatever ngrok has to say
            hint = "set NGROK_AUTHTOKEN (https://dashboard.ngrok.com)"
            raise Failure("ngrok opened no tunnel", str(error)[:500], hint, UNREACHABLE) from None
        try:
            _welcome(config, names, tunnel.public_url)
            await _interrupted()
        finally:
            await asyncio.to_thread(ngrok.kill)


def _welcome(config: Config, names: Collection[str], public: str) -> None:
    note(f"{public} passes webhooks to {config.local_url}:")
    for name in sorted(names):
        secret = "/SECRET" if config.accounts[name].webhook_secret else ""
        note(f"  {public}/webhooks/{name}{secret}")
    for name in sorted(config.accounts.keys() - names):
        note(f"  not {name}: it has no secret")
    note(f'For gateways that take an address with each send: public_url = "{public}"')


async def _interrupted() -> None:
    ended = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    await ended.wait()


# --- the proxy ----------------------------------------------------------------------------------


@asynccontextmanager
async def proxy(hub: str, names: Collection[str]) -> AsyncGenerator[int]:
    """Listens on loopback and passes webhooks of these accounts on; its port."""
    timeout = aiohttp.ClientTimeout(total=TIMEOUT_SECONDS)
    async with aiohttp.ClientSession(timeout=timeout, auto_decompress=False) as client:

        async def take(request: web.Request) -> web.StreamResponse:
            found = _PATH.fullmatch(request.rel_url.raw_path)
            if not found or found[1] not in names or _climbs(found[2] or ""):
                return web.Response(status=404)
            try:
                return await _pass_on(client, hub, request)
            except (aiohttp.ClientError, TimeoutError, OSError):
                return web.Response(status=503, headers={"Retry-After": "5"})

        app = web.Application(client_max_size=8 * 1024**2)
        app.router.add_route("*", "/{path:.*}", take)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            yield int(runner.addresses[0][1])
        finally:
            await runner.cleanup()


def _climbs(path: str) -> bool:
    """Whether a path could mean another one to somebody who tidies it up."""
    plain = path.lower().replace("%2e", ".").replace("%2f", "/").replace("%5c", "/")
    return "\\" in plain or any(part in (".", "..") for part in plain.split("/"))


async def _pass_on(
    client: aiohttp.ClientSession, hub: str, request: web.Request
) -> web.StreamResponse:
    headers = [(k, v) for k, v in request.headers.items() if k.lower() not in HOP_BY_HOP]
    async with client.request(
        request.method,
        URL(hub + request.raw_path, encoded=True),
        headers=headers,
        data=await request.read(),
        allow_redirects=False,
        skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
    ) as answer:
        body = await answer.read()
        kept = [(k, v) for k, v in answer.headers.items() if k.lower() not in HOP_BY_HOP]
        made = web.Response(status=answer.status, body=body)
        for name, value in kept:
            made.headers[name] = value
        return made
