"""A gateway on loopback that answers as it is told."""

import asyncio
from contextlib import asynccontextmanager

from aiohttp import web

from delivrd.sending.http import GatewayClient


class Seen(tuple):
    """(method, path, content) of a request, and its ``query`` and ``headers``."""

    def __new__(cls, request, content):
        seen = super().__new__(cls, (request.method, request.path, content))
        seen.query, seen.headers = dict(request.query), request.headers
        return seen


class Gateway:
    """Answers every request in the same way; ``seen`` holds what it was asked."""

    def __init__(self, status, body, headers):
        self.status, self.body, self.headers = status, body, headers
        self.seen = []
        self.url = ""

    async def answer(self, request):
        is_json = request.content_type == "application/json"
        content = await request.json() if is_json else dict(await request.post())
        self.seen.append(Seen(request, content))
        if self.status == "hangs":
            await asyncio.Event().wait()
        if self.status == "breaks":
            request.transport.abort()
        answer = web.StreamResponse(status=self.status, headers=self.headers)
        await answer.prepare(request)
        half = len(self.body) // 2
        await answer.write(self.body[:half])
        await asyncio.sleep(0.01)  # so that the two halves come apart
        await answer.write(self.body[half:])
        return answer


@asynccontextmanager
async def running(status=200, body=b"", headers=None):
    gateway = Gateway(status, body, headers)
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", gateway.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0]
    gateway.url = f"http://{host}:{port}"
    try:
        yield gateway
    finally:
        await runner.cleanup()


async def asked(function, settings, about, **answer):
    """What a send (or a look-up) answers, and what the gateway saw of it."""
    async with running(**answer) as gateway, GatewayClient() as client:
        account = settings.model_copy(update={"base_url": gateway.url})
        return await function(about, account, client), gateway.seen
