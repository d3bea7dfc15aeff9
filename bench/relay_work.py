"""One round of the relay's bench in a process of its own: `python -m bench.relay_work KIND …`.

Prints one JSON object: `events`, `seconds` from the first moment to the last event being durably
delivered, and `late` (seconds from event to call) where events come at a steady rate.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import sys
import time
from collections.abc import Iterator
from contextlib import asynccontextmanager
from ipaddress import ip_network
from typing import Any

import aiohttp
import uvloop

from delivrd.config import Config
from delivrd.relay.client import RelayClient
from delivrd.relay.worker import Relay
from delivrd.store import endpoints, schema
from delivrd.store.base import Store
from delivrd.store.endpoints import Endpoint
from delivrd.store.fan_out import origin
from delivrd.store.ids import now_micros
from delivrd.store.open import open_store
from delivrd.store.tx import Tx

LOOPBACK = (ip_network("127.0.0.0/8"),)
DEAD = ("hang", "error", "refused")
TICK = 0.02  # seconds between the events that come at a steady rate
HEADERS = {
    "content-type": "application/json", "webhook-id": "evt_0000000000000001",
    "webhook-timestamp": "1760000000", "webhook-signature": "v1," + "A" * 44,
}  # fmt: skip


def data_of(number: int) -> str:
    """What an event of a delivered message says, as the fold writes it."""
    return json.dumps(
        {
            "message_id": f"01a21846-80b8-70f7-b114-{number:012x}", "to": "+447911123456",
            "from": "Acme", "country": "GB", "account": "main", "provider": "vonage",
            "reference": f"order-{number}", "metadata": None, "status": "delivered", "final": True,
            "previous_status": "pending", "correction": False, "reason": None, "permanent": None,
            "error_code": "0", "provider_status": "delivered", "network": "23410",
            "price": "0.0333", "currency": "EUR", "sent_at": "2026-11-21T20:50:00Z",
            "finished_at": "2026-11-21T20:50:02Z", "delivered_at": "2026-11-21T20:50:02Z",
        }
    )  # fmt: skip


class Watch:
    """Seconds by the clock, and of this process's time on a core, since it was made."""

    def __init__(self) -> None:
        self._began, self._cpu = time.perf_counter(), time.process_time()

    def read(self) -> dict[str, float]:
        cpu = time.process_time() - self._cpu
        return {"seconds": time.perf_counter() - self._began, "cpu": cpu}


# --- the client alone -----------------------------------------------------------------------------


async def bare(url: str, events: int, at_once: int) -> dict[str, Any]:
    """The same HTTP client in a loop that does nothing else: as many calls, as many at once."""
    body = json.dumps({"id": "evt_0000000000000001", "data": json.loads(data_of(1))}).encode()
    left = iter(range(events))
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

        async def call(numbers: Iterator[int]) -> None:
            for _ in numbers:
                async with session.post(url, data=body, headers=HEADERS) as answer:
                    await answer.read()

        watch = Watch()
        await asyncio.gather(*(call(left) for _ in range(at_once)))
        return {"events": events, **watch.read()}


# --- the relay ------------------------------------------------------------------------------------


@asynccontextmanager
async def relaying(store: Store, config: Config) -> Any:
    """A relay at work, as in a hub that does nothing else."""
    async with RelayClient(allow_http=True, allow_networks=LOOPBACK) as client:
        task = asyncio.create_task(Relay(store, config, client).run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait([task])


async def made(store: Store, url: str, **fields: Any) -> Endpoint:
    given = {"url": url, "origin": origin(url), **fields}
    return await store.write(lambda tx: endpoints.create(tx, store.ids, now_micros(), **given))


async def happened(store: Store, first: int, count: int) -> None:
    """Creates events, each of a message of its own."""
    columns = ("id", "message_id", "type", "data", "created_at")

    async def job(tx: Tx) -> None:
        now = now_micros()
        rows = [
            (store.ids.next(), first + n, "message.delivered", data_of(first + n), now)
            for n in range(count)
        ]
        await tx.insert(schema.event, columns, rows)
        tx.changed.update(range(first, first + count))  # as the fold says it: the relay is woken

    await store.write(job)


async def done(store: Store) -> bool:
    """Whether no deliveries are left."""

    async def job(tx: Tx) -> bool:
        for left in (
            "SELECT 1 FROM event WHERE NOT fanned_out LIMIT 1",
            "SELECT 1 FROM delivery WHERE state = 'waiting' LIMIT 1",
            "SELECT 1 FROM delivery WHERE state = 'in_flight' AND lease_until > 0 LIMIT 1",
        ):
            if await tx.fetch(left):
                return False
        return True

    return await store.read(job)


async def throughput(store: Store, config: Config, url: str, events: int, batch: int) -> Any:
    """Events that are there already, to one endpoint."""
    options = {"batch": "true"} if batch > 1 else {}
    one = await made(store, url, batch_size=batch, options=options)
    for first in range(0, events, 1000):
        await happened(store, first + 1, min(1000, events - first))
    watch = Watch()
    async with relaying(store, config):
        while not await done(store):  # noqa: ASYNC110  (asked, as from outside)
            await asyncio.sleep(0.02)
        found = watch.read()
    rows = await store.read(
        lambda tx: tx.fetch("SELECT count(*) FROM delivery WHERE state = 'delivered'")
    )
    assert rows[0][0] == events, f"{rows[0][0]} of {events} were delivered to {one.id}"
    return {"events": events, **found}


async def isolation(
    store: Store, config: Config, base: str, dead: int, rate: float, seconds: float
) -> Any:
    """Events at a steady rate, to a healthy endpoint and to dead ones; how late the healthy is."""
    await made(store, f"{base}/timed")
    for number in range(dead):
        kind = DEAD[number % len(DEAD)]
        await made(store, "http://127.0.0.1:1/" if kind == "refused" else f"{base}/{kind}")
    async with relaying(store, config):
        sent, began = 0, time.perf_counter()
        while (passed := time.perf_counter() - began) < seconds:
            due = int(passed * rate) - sent
            if due > 0:
                await happened(store, sent + 1, due)
                sent += due
            await asyncio.sleep(TICK)
        await asyncio.sleep(1.0)
    async with aiohttp.ClientSession() as session, session.get(f"{base}/late") as answer:
        return {"events": sent, "seconds": seconds, "late": await answer.json(content_type=None)}


async def run(options: argparse.Namespace) -> dict[str, Any]:
    base = f"http://127.0.0.1:{options.port}"
    if options.kind == "bare":
        return await bare(f"{base}/fast", options.events, options.at_once)
    store = await open_store(options.database, {})
    config = Config(database=options.database)
    try:
        if options.kind == "isolation":
            found = await isolation(
                store, config, base, options.dead, options.rate, options.seconds
            )
        else:
            found = await throughput(store, config, f"{base}/fast", options.events, options.batch)
        return dict(found)
    finally:
        await store.close()


def settle() -> None:
    """The interpreter as `delivrd serve` sets it up, for the bare client too."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 100)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("kind", choices=("bare", "throughput", "isolation"))
    parser.add_argument("--port", type=int, required=True, help="of the sink")
    parser.add_argument("--database", default="")
    parser.add_argument("--events", type=int, default=10_000)
    parser.add_argument("--at-once", type=int, default=32)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--dead", type=int, default=0)
    parser.add_argument("--rate", type=float, default=100.0)
    parser.add_argument("--seconds", type=float, default=10.0)
    settle()
    json.dump(uvloop.run(run(parser.parse_args())), sys.stdout)


if __name__ == "__main__":
    main()
