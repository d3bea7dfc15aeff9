"""Endpoints that hang delay nothing else (D45)."""

import asyncio
from pathlib import Path

import aiohttp
import pytest

from tests.crash.crash_support import HEADERS, Process
from tests.crash.test_kill import RECEIVING, receipt
from tests.crash.test_kill_relay import ALLOWED, add_endpoint
from tests.relay.relay_support import Sink, hangs
from tests.sending.gateways import Gateway, at, end, sending
from tests.support import run, until


def test_endpoints_that_hang_hold_up_no_receipt(database_url: str, tmp_path: Path) -> None:
    """Each is acknowledged and folded while not one of the calls has ended."""

    async def test() -> None:
        async with Sink(hangs).listening() as sink:
            process = Process(tmp_path, database_url, RECEIVING + ALLOWED)
            for _ in range(3):
                await add_endpoint(process, sink.url)
            async with process.running(), aiohttp.ClientSession(headers=HEADERS) as session:

                async def take(number: int) -> None:
                    url = f"{process.url}/webhooks/elsewhere"
                    async with session.post(url, json=receipt(number)) as answer:
                        assert answer.status == 200

                async def delivered() -> bool:
                    async with session.get(f"{process.url}/v1/stats/delivery") as answer:
                        (whole,) = (await answer.json())["items"]
                        return bool(whole["counts"].get("delivered") == 100)

                await take(0)
                await until(lambda: len(sink.calls) == 3, 10)
                await asyncio.gather(*(take(number) for number in range(1, 100)))
                await until(delivered, 10)

    run(test())


def test_endpoints_that_hang_hold_up_no_sending(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Texts are handed over while the delivery of another's event hangs."""
    monkeypatch.setattr("delivrd.relay.worker.DRAIN_SECONDS", 0.1)  # nobody waits for it at the end

    async def test() -> None:
        async with Sink(hangs).listening() as sink, Gateway().listening() as gateway:
            relay = {"allow_http": True, "allow_networks": ["127.0.0.0/8"]}
            async with sending(database_url, at(gateway), relay=relay) as hub:
                await end(hub, await hub.send(callback_url=sink.url))
                await until(lambda: len(sink.calls) == 1, 10)
                for _ in range(5):
                    await hub.send(callback_url=sink.url)
                await hub.reaches("refused", *["accepted"] * 5)

    run(test())
