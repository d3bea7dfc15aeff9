"""A machine that loses its power while connections to it are open, in a network namespace.

Run as ``unshare -n python -m tests.store.power_cut SOCKET ADDRESS SILENCE``: prints, as JSON, after
how many seconds a query and a connection at rest end. The server is reached by its Unix socket,
through a port on the namespace's loopback, which is taken down: packets get no answer any more, as
if the machine was off. Everything that stands on TCP would still be answered by the kernel.
"""

import asyncio
import json
import socket
import struct
import sys
from collections.abc import Awaitable
from contextlib import suppress
from fcntl import ioctl

import uvloop

from delivrd.store import postgres_session

SIOCSIFFLAGS, IFF_UP = 0x8914, 1


def loopback(flags: int) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as some:
        ioctl(some, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", flags))


async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)


async def main(path: str, address: str) -> None:
    async def taken(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner = await asyncio.open_unix_connection(path)
        await asyncio.gather(forward(reader, inner[1]), forward(inner[0], writer))

    loopback(IFF_UP)
    server = await asyncio.start_server(taken, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    url = address.format(f"127.0.0.1:{port}")
    asks, rests = [await postgres_session.connect(url) for _ in range(2)]
    ended = asyncio.Event()
    rests.add_termination_listener(lambda _: ended.set())
    assert await asks.fetchval("SELECT 1") == 1
    clock = asyncio.get_running_loop().time
    loopback(0)
    began = clock()

    async def until(end: Awaitable[object]) -> float:
        with suppress(Exception):
            await end
        return clock() - began

    took = await asyncio.gather(until(asks.fetchval("SELECT 1")), until(ended.wait()))
    print(json.dumps(took), flush=True)


if __name__ == "__main__":
    _, path, address, silence = sys.argv
    postgres_session.SILENCE_SECONDS = int(silence)
    uvloop.run(main(path, address))
