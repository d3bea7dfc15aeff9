"""The HTTP client for endpoints: checked addresses, limits on time and size, readable errors."""

import asyncio
import time
from collections.abc import Iterable, Mapping
from contextvars import ContextVar
from functools import lru_cache
from typing import Any, Self

import aiohttp
import msgspec
from aiohttp.abc import AbstractResolver
from yarl import URL

from delivrd import __version__
from delivrd.core import os_error
from delivrd.core.addresses import BadUrl, Network, check_url
from delivrd.core.text import clean, short
from delivrd.core.units import SECOND
from delivrd.relay.call import Call
from delivrd.relay.safety import Forbidden, guarded

TIMEOUT_SECONDS = 10.0
BODY_SECONDS = 2.0
"""How long to wait for an answer's body; only its status matters."""

MAX_RESPONSE = 16 * 1024
_OURS = {"user-agent": f"delivrd/{__version__}", "accept": "*/*", "accept-encoding": "identity"}


class Answered(msgspec.Struct, frozen=True):
    """The result of a call: a status, or why there is none. Times are in microseconds."""

    total_us: int
    status: int | None = None
    error: str | None = None
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    connect_us: int | None = None
    """None if an open connection was used."""
    first_byte_us: int | None = None


class _Timing:
    """Filled in while a connection is made: DNS, TCP and TLS."""

    began = connect = 0.0


_timing: ContextVar[_Timing] = ContextVar("timing")


class _Connector(aiohttp.TCPConnector):
    """Times how long a connection takes; aiohttp's own tracing would slow down every call."""

    async def _create_connection(self, *args: Any, **named: Any) -> Any:
        timing = _timing.get()
        timing.began = time.perf_counter()
        made = await super()._create_connection(*args, **named)
        timing.connect = time.perf_counter() - timing.began
        return made


class RelayClient:
    """Calls endpoints, without redirects, cookies and proxies."""

    def __init__(
        self, *, allow_http: bool = False, allow_networks: Iterable[Network] = (),
        timeout: float = TIMEOUT_SECONDS, resolver: AbstractResolver | None = None,
        ssl: Any = True,
    ) -> None:  # fmt: skip
        self._allow_http, self._networks = allow_http, tuple(allow_networks)
        self._timeout = timeout
        self._session = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=None),
            connector=_Connector(
                limit=0, ssl=ssl, resolver=resolver, socket_factory=guarded(self._networks)
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            max_line_size=16 * 1024,
            max_field_size=64 * 1024,
        )
        # aiohttp repeats a GET by itself when the connection breaks; each try must be recorded
        self._session._retry_connection = False

    async def call(self, call: Call) -> Answered:
        """Makes the call; errors are part of the result."""
        began, timing = time.perf_counter(), _Timing()
        _timing.set(timing)
        try:
            _check(call.url, self._allow_http, self._networks)
            return await self._call(call, began, timing)
        except Exception as error:
            why = in_words(error, self._timeout)
            return Answered(_since(began), error=why, connect_us=_connect(timing))

    async def _call(self, call: Call, began: float, timing: _Timing) -> Answered:
        url = URL(call.url, encoded=call.url.isascii())
        async with asyncio.timeout(self._timeout):
            answer = await self._session.request(
                call.method, url, data=call.body or None, headers=[*_OURS.items(), *call.headers],
                allow_redirects=False,
            )  # fmt: skip
        first = _since(began)
        body = await _read(answer)
        # bytes that are not UTF-8 come as lone surrogates, which cannot be stored
        headers = tuple((str(name), clean(value)) for name, value in answer.headers.items())
        return Answered(_since(began), answer.status, None, headers, body, _connect(timing), first)

    async def close(self) -> None:
        await self._session.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.close()


@lru_cache(maxsize=1024)
def _check(url: str, allow_http: bool, networks: tuple[Network, ...]) -> None:
    """:func:`check_url`, cached: the same URLs are called again and again."""
    check_url(url, allow_http=allow_http, allow_networks=networks)


async def _read(answer: aiohttp.ClientResponse) -> bytes:
    """The start of the body, as far as it is stored and arrives in time; errors only end it."""
    if answer.content.at_eof():
        answer.release()
        return b""
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for chunk in answer.content.iter_any():
                body += chunk
                if len(body) >= MAX_RESPONSE:
                    break
    except (aiohttp.ClientError, TimeoutError, OSError):
        pass
    finally:
        if answer.content.at_eof():
            answer.release()
        else:
            answer.close()
    return bytes(body[:MAX_RESPONSE])


def _since(began: float) -> int:
    return int((time.perf_counter() - began) * SECOND)


def _connect(timing: _Timing) -> int | None:
    return int(timing.connect * SECOND) if timing.connect else None


_WORDS: Mapping[type[BaseException], str] = {
    aiohttp.ClientConnectorCertificateError: "its TLS certificate is not valid: {}",
    aiohttp.ClientSSLError: "TLS could not be agreed on: {}",
    aiohttp.ClientConnectorDNSError: "its name cannot be resolved: {}",
    aiohttp.ClientConnectorError: "no connection could be made: {}",
    aiohttp.ServerDisconnectedError: "it closed the connection without an answer",
    aiohttp.ClientPayloadError: "it broke off its answer",
    aiohttp.ClientResponseError: "it did not answer in HTTP: {}",
    aiohttp.InvalidURL: "it is not a URL",
    aiohttp.ClientOSError: "the connection broke: {}",
    aiohttp.ClientError: "the call failed: {}",
    BadUrl: "it may not be called: {}",
    Forbidden: "it may not be called: {}",
}


def in_words(error: BaseException, timeout: float) -> str:
    """Why there was no answer, as a sentence without a subject, which is the endpoint."""
    forbidden = _forbidden(error)
    if forbidden is not None:
        return f"it may not be called: {forbidden}"
    if isinstance(error, TimeoutError):
        return f"no answer within {timeout:g} seconds"
    kind = next((kind for kind in _WORDS if isinstance(error, kind)), None)
    if kind is None:
        return short(f"the call failed: {type(error).__name__}: {error}", 300)
    cause = getattr(error, "os_error", None) or error
    return short(_WORDS[kind].format(os_error.in_words(cause)), 300)


def _forbidden(error: BaseException | None) -> Forbidden | None:
    """The refusal among the causes of a failed connection."""
    while error is not None:
        if isinstance(error, Forbidden):
            return error
        error = getattr(error, "os_error", None) or error.__cause__
    return None
