"""The load generator: a process of its own that sends finished requests and times the answers.

Closed loop: every connection sends its next request when the last one is answered.
Open loop (`--rate`): requests fall due at a fixed rate, whatever the server does, and are timed
from when they were due, so that a stalled server cannot hide its queue.

It prints one JSON object (times in seconds, `last` by the system's monotonic clock) and writes the
positions of the acknowledged requests (unsigned 32-bit integers) to `--acknowledged`. It shares a
small machine with the server, so it does as little as it can: no HTTP library, no garbage
collector, one slice of a mapped file for each request.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import mmap
import os
import sys
from array import array
from collections import Counter, deque
from pathlib import Path
from time import perf_counter
from typing import cast

import uvloop

from delivrd.core.percentile import percentile

GRACE = 30.0  # seconds that the last answers may take after the end of the round


class Connection(asyncio.Protocol):
    """One keep-alive connection with at most one request under way."""

    def __init__(self, load: Load) -> None:
        self.load = load
        self.buffer = b""
        self.position = -1
        self.started = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.write = cast(asyncio.Transport, transport).write

    def send(self, position: int, started: float) -> None:
        self.position, self.started = position, started
        self.write(self.load.request(position))

    def data_received(self, data: bytes) -> None:
        if self.buffer:
            data = self.buffer + data
        status = complete_status(data)
        if status is None:
            self.buffer = data
            return
        self.buffer = b""
        position, self.position = self.position, -1
        self.load.answered(self, position, status)

    def connection_lost(self, exc: Exception | None) -> None:
        self.load.lost(self)


def complete_status(data: bytes) -> bytes | None:
    """The status of a response that has fully come, else None."""
    end = data.find(b"\r\n\r\n")
    if end < 0:
        return None
    head = data[:end].lower()
    at = head.find(b"\r\ncontent-length:")
    if at < 0:
        if b"transfer-encoding" in head:
            raise ValueError("the generator reads no chunked responses")
        length = 0
    else:
        length = int(head[at + 17 :].split(b"\r\n", 1)[0])
    return data[9:12] if len(data) >= end + 4 + length else None


class Load:
    """One round. `rate` is requests a second, or None for a closed loop."""

    def __init__(
        self,
        requests: mmap.mmap,
        size: int,
        seconds: float,
        *,
        rate: float | None = None,
        repeat: bool = False,
    ) -> None:
        self.requests, self.size, self.count = requests, size, len(requests) // size
        self.seconds, self.rate = seconds, rate
        self.limit = sys.maxsize if repeat else self.count
        self.sent = self.under_way = self.open = 0
        self.idle: deque[Connection] = deque()
        self.latencies = array("d")
        self.acknowledged = array("I")
        self.failures: Counter[str] = Counter()
        self.begin = self.end = self.last = 0.0

    def request(self, position: int) -> bytes:
        begin = position % self.count * self.size
        return self.requests[begin : begin + self.size]

    async def run(self, port: int, connections: int) -> None:
        loop = asyncio.get_running_loop()
        self.done = loop.create_future()
        opened = [
            await loop.create_connection(lambda: Connection(self), "127.0.0.1", port)
            for _ in range(connections)
        ]
        self.open = len(opened)
        self.begin = self.last = perf_counter()
        self.end = self.begin + self.seconds
        loop.call_later(self.seconds + GRACE, self._finish)
        self.idle.extend(protocol for _, protocol in opened)
        if self.rate is None:
            while self.idle:
                self._next(self.idle.popleft(), self.begin)
        else:
            self._tick(loop)
        await self.done
        for transport, _ in opened:
            transport.abort()

    def answered(self, connection: Connection, position: int, status: bytes) -> None:
        now = self.last = perf_counter()
        self.latencies.append(now - connection.started)
        if status[0] == 50:  # b"2"
            self.acknowledged.append(position)
        else:
            self.failures[status.decode()] += 1
        self.under_way -= 1
        self._next(connection, now)

    def lost(self, connection: Connection) -> None:
        self.open -= 1
        if connection.position >= 0:
            self.failures["connection lost"] += 1
            self.under_way -= 1
        if not self.open:
            self._finish()

    def _next(self, connection: Connection, now: float) -> None:
        """Give the connection its next request, if one is due."""
        if self._over(now):
            if not self.under_way:
                self._finish()
            return
        due = self._due(now)
        if due > now:
            self.idle.append(connection)
            return
        self.under_way += 1
        connection.send(self.sent, due)
        self.sent += 1

    def _over(self, now: float) -> bool:
        return now >= self.end or self.sent >= self.limit

    def _due(self, now: float) -> float:
        return now if self.rate is None else self.begin + self.sent / self.rate

    def _tick(self, loop: asyncio.AbstractEventLoop) -> None:
        """Open loop: send what fell due while connections were idle."""
        now = perf_counter()
        while self.idle and (self._over(now) or self._due(now) <= now):
            self._next(self.idle.popleft(), now)
        if not self.done.done():
            loop.call_later(0.001, self._tick, loop)

    def _finish(self) -> None:
        if not self.done.done():
            self.done.set_result(None)

    def summary(self) -> dict[str, object]:
        elapsed = self.last - self.begin
        ordered = sorted(self.latencies) or [0.0]
        return {
            "sent": self.sent,
            "acknowledged": len(self.acknowledged),
            "failures": dict(self.failures) | self._unanswered(),
            "seconds": elapsed,
            "rate": len(self.acknowledged) / elapsed if elapsed else 0.0,
            "p50": percentile(ordered, 50),
            "p99": percentile(ordered, 99),
            "max": ordered[-1],
            "last": self.last,
        }

    def _unanswered(self) -> dict[str, int]:
        return {"unanswered": self.under_way} if self.under_way else {}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.load", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--requests", type=Path, required=True)
    parser.add_argument("--size", type=int, required=True, help="length of each request, bytes")
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--rate", type=float, help="open loop: requests a second")
    parser.add_argument("--repeat", action="store_true", help="begin again after the last one")
    parser.add_argument("--core", type=int, help="run on this core only")
    parser.add_argument("--acknowledged", type=Path, required=True)
    options = parser.parse_args()
    if options.core is not None:
        os.sched_setaffinity(0, {options.core})
    with options.requests.open("rb") as file:
        requests = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    load = Load(requests, options.size, options.seconds, rate=options.rate, repeat=options.repeat)
    gc.disable()
    uvloop.run(load.run(options.port, options.connections))
    options.acknowledged.write_bytes(load.acknowledged.tobytes())
    print(json.dumps(load.summary()))


if __name__ == "__main__":
    main()
