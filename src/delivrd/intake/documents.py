"""Fetches the documents that dialects need to authenticate calls: certificates and keys."""

import asyncio
import time

from delivrd.providers.base import Http, NotSent, Provider, Unauthentic

MAX_BYTES = 64 * 1024
AT_ONCE = 4
"""Concurrent fetches; a call that needs a further one is answered 503."""
PAUSE_SECONDS = 30.0
"""How long a document is not fetched again after a failure."""


class Unavailable(Exception):
    """The document is not available at the moment; str() is the reason."""


class Documents:
    """Fetches a document once for all calls that wait for it, and passes it to its dialect."""

    def __init__(self, http: Http) -> None:
        self._http = http
        self._under_way: dict[str, asyncio.Task[None]] = {}
        self._failed: dict[str, float] = {}

    async def learn(self, provider: Provider, url: str) -> None:
        """Returns when the dialect has learned the document.

        Raises:
            Unavailable: it could not be fetched, or the dialect rejects it.
        """
        now = time.monotonic()
        self._failed = {u: at for u, at in self._failed.items() if at > now - PAUSE_SECONDS}
        if url in self._failed:
            raise Unavailable("the document could not be fetched a moment ago")
        task = self._under_way.get(url)
        if task is None:
            if len(self._under_way) >= AT_ONCE:
                raise Unavailable("too many documents are being fetched")
            task = self._under_way[url] = asyncio.create_task(self._fetch(provider, url))
            task.add_done_callback(lambda done: self._ended(url, done))
        await asyncio.shield(task)

    def _ended(self, url: str, done: "asyncio.Task[None]") -> None:
        del self._under_way[url]
        if done.cancelled() or done.exception():
            self._failed[url] = time.monotonic()

    async def _fetch(self, provider: Provider, url: str) -> None:
        assert provider.learn is not None
        try:
            answer = await self._http.request("GET", url)
        except (NotSent, OSError) as error:
            raise Unavailable(f"{url}: {error}") from None
        if answer.status != 200 or len(answer.body) > MAX_BYTES:
            raise Unavailable(f"{url}: HTTP {answer.status}, {len(answer.body)} bytes")
        try:
            provider.learn(url, answer.body)
        except (ValueError, Unauthentic) as error:
            raise Unavailable(f"{url}: {error}") from None
