"""Receives the bodies of calls, within the limits of a public server (rule H3)."""

import asyncio
from collections.abc import Mapping
from typing import Any

from delivrd.config import Limits
from delivrd.intake.call import Call, Receive, Stop
from delivrd.store.base import StoreUnavailable

SHOWN = 2048
"""Bytes of an incomplete body that the ring keeps."""


class Bodies:
    """Bodies in memory: limits the size and time of each, and the total size."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self.in_flight = 0
        """Bytes of bodies received, whole or in part, and not released yet."""

    async def receive(self, call: Call, receive: Receive) -> bytes:
        """Receives the whole body, which counts as in flight until it is released.

        Raises:
            Stop: it is too large or too slow, or the client disconnected.
            StoreUnavailable: too many bodies are in flight.
        """
        if (call.head.length or 0) > self._limits.max_body:
            raise self._too_large()
        message = _connected(await receive())
        body: bytes = message.get("body", b"")
        self.acquire(body, len(body))
        return await self._rest(call, receive, body) if message.get("more_body") else body

    def release(self, body: bytes | bytearray) -> None:
        """Ends the counting of a body as in flight."""
        self.in_flight -= len(body)

    async def _rest(self, call: Call, receive: Receive, first: bytes) -> bytes:
        body, more = bytearray(first), True
        try:
            async with asyncio.timeout(self._limits.receive_seconds):
                while more:
                    call.body = bytes(body[:SHOWN])
                    message = _connected(await receive())
                    chunk, more = message.get("body", b""), message.get("more_body", False)
                    self.acquire(chunk, len(body) + len(chunk))
                    body += chunk
        except BaseException as error:
            self.release(body)
            if isinstance(error, TimeoutError):
                raise Stop(408, "the request was not received in time") from None
            raise
        return bytes(body)

    def acquire(self, chunk: bytes, size: int) -> None:
        """Counts a chunk as in flight; ``size`` is the body's size including it.

        Raises:
            Stop: the body is too large.
            StoreUnavailable: too many bodies are in flight.
        """
        if size > self._limits.max_body:
            raise self._too_large()
        if self.in_flight + len(chunk) > self._limits.body_budget:
            raise StoreUnavailable("too many request bodies are in flight")
        self.in_flight += len(chunk)

    def _too_large(self) -> Stop:
        return Stop(413, f"the body is larger than {int(self._limits.max_body)} bytes")


def _connected(message: Mapping[str, Any]) -> Mapping[str, Any]:
    if message["type"] == "http.disconnect":
        raise Stop(400, "the client disconnected")
    return message
