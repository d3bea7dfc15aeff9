"""``GET /v1/messages/{id}/wait`` by thousands at once, over real sockets."""

import asyncio
from typing import Any

import pytest

from tests.filled import receipt, receive
from tests.support import run, serving, until
from tests.web.web_support import ADMIN_KEY, Web, web

MANY = 2000


class Counted:
    """How often the store was read."""

    def __init__(self, hub: Web) -> None:
        self.reads, self._read = 0, hub.store.read
        hub.store.read = self.read  # type: ignore[method-assign]

    async def read(self, job: Any) -> Any:
        self.reads += 1
        return await self._read(job)


async def told(hub: Web, count: int, status: str) -> None:
    """The gateway says so of that many messages, in one request."""
    said = [receipt(f"id-{i}", status, status != "pending") for i in range(count)]
    await receive(hub.store, *said, by="inbox")


async def pending(hub: Web, count: int) -> list[str]:
    await told(hub, count, "pending")
    await until(hub.folded, 30)
    rows = await hub.store.read(lambda tx: tx.fetch("SELECT uuid FROM message"))
    assert len(rows) == count
    return [row[0] for row in rows]


async def wait(address: str, uuid: str) -> bytes:
    """What the hub answers, over a connection of its own."""
    host, _, port = address.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        writer.write(
            f"GET /v1/messages/{uuid}/wait?timeout=100 HTTP/1.1\r\nHost: {host}\r\n"
            f"Authorization: Bearer {ADMIN_KEY}\r\nConnection: close\r\n\r\n".encode()
        )
        return await reader.read()
    finally:
        writer.close()


def waited_for(hub: Web) -> int:
    return sum(map(len, hub.hub.waiting._waiters.values()))


@pytest.mark.parametrize("same", [False, True], ids=["a message each", "all for one message"])
def test_thousands_wait_with_a_handful_of_reads_and_all_are_answered(
    database_url: str, same: bool
) -> None:
    async def test() -> None:
        async with (
            web(database_url) as hub,
            serving(hub.hub, hub.app) as address,
        ):
            uuids = await pending(hub, MANY)
            wanted = uuids[:1] * MANY if same else uuids
            counted = Counted(hub)
            waiting = [asyncio.create_task(wait(address, uuid)) for uuid in wanted]
            await until(lambda: waited_for(hub) == MANY, 60)
            assert not any(task.done() for task in waiting)
            await told(hub, MANY, "delivered")
            answers = await asyncio.gather(*waiting)
            assert all(a.startswith(b"HTTP/1.1 200") for a in answers)
            assert all(b'"status":"delivered","final":true' in a for a in answers)
            assert waited_for(hub) == 0
            assert counted.reads < MANY / 2  # and most of them while they came in one by one

    run(test(), 200)
