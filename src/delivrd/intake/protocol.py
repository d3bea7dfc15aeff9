"""The HTTP protocol with the limits that a public server needs (rule H3).

uvicorn limits neither the time to receive a request's head, nor its size, nor the connections of
one source; a client that sends a byte a second could hold a connection for ever.
"""

import asyncio
from collections import Counter
from collections.abc import Collection
from typing import Any, ClassVar

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from delivrd.config import Limits
from delivrd.core.addresses import is_loopback

MAX_HEAD = 64 * 1024
"""Bytes of a request's head: its line and its headers."""

SWEEP_SECONDS = 1.0
GRACE_SECONDS = 2.0
"""Added to the application's own deadline, since its answer is more helpful than ours."""


class LimitedProtocol(HttpToolsProtocol):
    """A base class; subclasses set the limits and the counter that their connections share."""

    limits: ClassVar[Limits]
    sources: ClassVar[Counter[str]]

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.parser = _Parser(self)
        self.host = ""
        """The peer's address."""
        self._head = 0
        self._whole: object = None  # the scope of the last request received in full
        self._since: float | None = None  # when the current request began to arrive
        self._ended = False  # the last answer is sent; the rest of its request is dropped

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.host = self.client[0] if self.client else ""
        self.sources[self.host] += 1
        crowded = self.sources[self.host] > self.limits.connections_per_source
        if crowded and self.host and not is_loopback(self.host):
            transport.close()
        self._since = self.loop.time()

    def connection_lost(self, exc: Exception | None) -> None:
        self.sources[self.host] -= 1
        if not self.sources[self.host]:
            del self.sources[self.host]
        self._since = None
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._whole is self.scope is not None:
            self._since, self._head = None, 0
            return
        if self._since is None:
            self._since = self.loop.time()
        in_head = self.scope is None or "method" not in self.scope
        self._head = self._head + len(data) if in_head else 0
        if self._head > MAX_HEAD:
            self._refuse(b"431 Request Header Fields Too Large")

    def on_headers_complete(self) -> None:
        if not self._wants_upgrade():
            super().on_headers_complete()
            self.headers = []  # trailers are no headers: nobody checks who wrote them
            if not self.cycle.keep_alive:
                self.cycle.transport = _LastAnswer(self)

    def on_message_complete(self) -> None:
        if not self._wants_upgrade():
            super().on_message_complete()
            self._whole = self.scope
            if self._ended:
                self.transport.close()

    def end(self) -> None:
        """Closes the connection: after a complete answer not before its request was received.

        To close a socket with unread data resets the connection, and clients lose the answer.
        """
        if self._whole is self.scope or not self.cycle.response_complete:
            self.transport.close()
        else:
            self._ended = True

    def _wants_upgrade(self) -> bool:
        return bool(self.parser.should_upgrade()) and self.parser.get_method() != b"CONNECT"

    def without_upgrade(self, rest: bytes) -> None:
        """Parses a request that offers another protocol again, without the offer.

        ``rest`` is what followed its head. The parser reads no body behind an offer, but Java's
        HTTP client offers HTTP/2 with each call, and its calls have bodies.
        """
        version = self.parser.get_http_version().encode()
        head = [b"%b %b HTTP/%b" % (self.parser.get_method(), self.url, version)]
        head += [b"%b: %b" % pair for pair in self.headers if pair[0] != b"upgrade"]
        self.parser = _Parser(self)
        self.parser.feed_data(b"\r\n".join([*head, b"", rest]))

    def send_400_response(self, msg: str) -> None:
        """Refuses an invalid request, but a complete one before it is answered first."""
        cycle = self.cycle
        if cycle is None or cycle.more_body or cycle.response_complete:
            super().send_400_response(msg)
        else:
            cycle.keep_alive = False

    def check_deadline(self, now: float) -> None:
        """Ends the connection if its request has been arriving for too long."""
        if self._since is not None and now - self._since > self.limits.receive_seconds:
            self._refuse(b"408 Request Timeout")

    def _refuse(self, status: bytes) -> None:
        if self.transport.is_closing():
            return
        cycle = self.cycle
        if (
            cycle is None
            or not cycle.response_started
            or (cycle.response_complete and cycle.scope is not self.scope)
        ):
            head = b"HTTP/1.1 %s\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
            self.transport.write(head % status)
        self.transport.close()


class _LastAnswer(asyncio.Transport):
    """What the last answer on a connection is written to: it lets the connection end itself."""

    def __init__(self, connection: LimitedProtocol) -> None:
        self._connection = connection

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self._connection.transport.write(data)

    def is_closing(self) -> bool:
        return self._connection.transport.is_closing()

    def close(self) -> None:
        self._connection.end()


class _Parser(httptools.HttpRequestParser):
    """Hands requests that offer another protocol back to their connection."""

    def __init__(self, connection: LimitedProtocol) -> None:
        super().__init__(connection)
        self._connection = connection
        # as uvicorn sets it: a request may be answered though another follows its last one
        self.set_dangerous_leniencies(lenient_data_after_close=True)

    def feed_data(self, data: Any) -> None:
        try:
            super().feed_data(data)
        except httptools.HttpParserUpgrade as error:
            if self.get_method() == b"CONNECT":
                raise
            self._connection.without_upgrade(data[error.args[0] :])


async def keep_deadlines(connections: Collection[object]) -> None:
    """Checks the deadlines of a server's connections once a second, until cancelled.

    (A timer for each request would cost as much as parsing it.)
    """
    while True:
        await asyncio.sleep(SWEEP_SECONDS)
        now = asyncio.get_running_loop().time()
        for connection in tuple(connections):
            if isinstance(connection, LimitedProtocol):
                connection.check_deadline(now - GRACE_SECONDS)
