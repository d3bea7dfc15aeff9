"""The client by which gateways are called."""

from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

import aiohttp

from delivrd import __version__
from delivrd.core.os_error import in_words
from delivrd.providers.base import HttpAnswer, NotSent

KEPT_SECONDS = 4.0
"""How long an idle connection is kept for reuse: Node's and Apache's servers close theirs after 5
seconds, and a text that is sent on a closing connection becomes ``unsure``.
"""

TIMEOUT = aiohttp.ClientTimeout(total=30, connect=10)
MAX_ANSWER = 1024 * 1024

_NEVER_SENT = (
    aiohttp.ClientConnectorError,  # refused, DNS, TLS: nothing of the request has gone out
    aiohttp.ConnectionTimeoutError,
    aiohttp.InvalidURL,
)


class GatewayClient:
    """An :class:`delivrd.providers.base.Http` over aiohttp. Redirects are not followed."""

    def __init__(self, *, connections: int = 64) -> None:
        self._session = aiohttp.ClientSession(
            timeout=TIMEOUT,
            connector=aiohttp.TCPConnector(
                limit=connections, limit_per_host=connections, keepalive_timeout=KEPT_SECONDS
            ),
            headers={"user-agent": f"delivrd/{__version__}"},
            cookie_jar=aiohttp.DummyCookieJar(),
        )
        # aiohttp repeats a GET or PUT by itself when a connection breaks: texts would go out twice
        self._session._retry_connection = False

    async def request(
        self,
        method: str,
        url: str,
        *,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        form: Mapping[str, str] | None = None,
        json: Any = None,
        auth: tuple[str, str] | None = None,
    ) -> HttpAnswer:
        """Makes one call; see :class:`delivrd.providers.base.Http` for the errors."""
        if auth:
            headers = {**(headers or {}), "authorization": aiohttp.encode_basic_auth(*auth)}
        try:
            async with self._session.request(
                method, url, params=params, headers=headers, data=form, json=json,
                allow_redirects=False,
            ) as answer:  # fmt: skip
                body = await _read(answer.content)
                return HttpAnswer(answer.status, dict(answer.headers), body)
        except _NEVER_SENT as error:
            raise NotSent(_why_not_sent(error)) from error
        except aiohttp.ClientError as error:
            raise ConnectionError(f"the connection broke: {in_words(error)}") from error
        except TimeoutError as error:
            raise TimeoutError("the gateway did not answer in time") from error

    async def close(self) -> None:
        await self._session.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        await self.close()


def _why_not_sent(error: aiohttp.ClientError) -> str:
    if isinstance(error, aiohttp.ClientConnectorError):
        return f"no connection to {error.host}:{error.port}: {in_words(error.os_error)}"
    return in_words(error)


async def _read(content: aiohttp.StreamReader) -> bytes:
    """The whole body, cut at ``MAX_ANSWER`` bytes. (``read`` returns only what has arrived.)"""
    body = bytearray()
    async for chunk in content.iter_any():
        body += chunk
        if len(body) > MAX_ANSWER:
            break
    return bytes(body[:MAX_ANSWER])
