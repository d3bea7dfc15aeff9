"""A fast local endpoint: `python -m bench.relay_sink` answers 200 to every call.

/count and /late report how many calls came and how late the timed ones were; /hang never answers,
/error answers 500. Calls are not parsed on arrival, so that the sink itself is not measured.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import time
from datetime import datetime
from typing import Any, ClassVar

import uvloop

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"
ERROR = b"HTTP/1.1 500 Internal Server Error\r\ncontent-length: 0\r\n\r\n"
LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
CREATED = re.compile(rb'"created_at": ?"([^"]+)"')


class Sink(asyncio.Protocol):
    """One connection. Counts are of all connections."""

    timed: ClassVar[list[tuple[float, bytes]]] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: Any = transport  # uvloop's is no asyncio.Transport
        self.buffer = bytearray()

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            length = LENGTH.search(self.buffer, 0, end + 2)
            whole = end + 4 + (int(length[1]) if length else 0)
            if len(self.buffer) < whole:
                return
            call = bytes(self.buffer[:whole])
            del self.buffer[:whole]
            self._answer(call)

    def _answer(self, call: bytes) -> None:
        path = call[call.index(b" ") + 1 :].split(b" ", 1)[0]
        if path == b"/fast":
            self.transport.write(OK)
        elif path == b"/timed":
            Sink.timed.append((time.time(), call))
            self.transport.write(OK)
        elif path == b"/error":
            self.transport.write(ERROR)
        elif path == b"/late":
            body = json.dumps(_late()).encode()
            self.transport.write(
                b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(body) + body
            )


def _late() -> list[float]:
    """Seconds from each event to its call, and nothing is remembered after that."""
    late = []
    for at, call in Sink.timed:
        created = CREATED.search(call)
        if created:
            late.append(at - datetime.fromisoformat(created[1].decode()).timestamp())
    Sink.timed = []
    return late


async def serve(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(Sink, "127.0.0.1", port)
    print("ready", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    uvloop.run(serve(parser.parse_args().port))
