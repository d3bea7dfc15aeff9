"""A hub on a real socket, within the process of the tests."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.request import urlopen

from delivrd.web.app import create
from tests.support import run, serving
from tests.web.test_endpoints_api import ALL, LOCAL
from tests.web.web_support import web


class Served:
    """A hub in another thread, which ends and begins again at will."""

    def __init__(self, database_url: str) -> None:
        self._database_url = database_url
        self.url = ""

    def receipt(self, provider_id: str, status: str = "delivered") -> None:
        query = f"messageId={provider_id}&msisdn=12015555522&to=Acme&status={status}&err-code=0"
        urlopen(f"{self.url}/webhooks/inbox?{query}", timeout=10).close()

    @contextmanager
    def running(self, port: int = 0) -> Iterator["Served"]:
        started, ended = threading.Event(), threading.Event()

        async def serve() -> None:
            async with web(self._database_url, ALL, relay=LOCAL, port=port) as hub:
                streams = asyncio.create_task(hub.context.streams.run())
                async with serving(hub.hub, create(hub.context)) as self.url:
                    started.set()
                    await asyncio.to_thread(ended.wait)
                    hub.context.streams.close()
                streams.cancel()

        thread = threading.Thread(target=lambda: run(serve(), 100))
        thread.start()
        try:
            assert started.wait(30)
            yield self
        finally:
            ended.set()
            thread.join(30)
