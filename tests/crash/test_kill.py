"""SIGKILL under load: nothing acknowledged is lost, nothing is sent twice."""

import asyncio
import time
from collections import Counter
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
import pytest
from aiohttp import web

from delivrd.config import load
from delivrd.providers import provider, vonage
from delivrd.store.open import open_store
from delivrd.store.tx import Tx
from delivrd.store.verify import verify
from tests.crash.crash_support import HEADERS, Process, post_until_refused
from tests.support import run, until

RECEIVING = '[accounts.elsewhere]\nprovider = "vonage"\nreceive_only = true\n'


def receipt(number: int) -> dict[str, str]:
    return {
        "msisdn": f"4475472{number:05d}",
        "to": "Acme",
        "messageId": f"0B{number:014X}",
        "status": "delivered",
        "err-code": "0",
        "network-code": "23410",
        "message-timestamp": "2026-11-21 12:00:00",
    }


SECRET = "vonage-signature-secret"
SIGNING = f'{RECEIVING}signature_secret = "{SECRET}"\nsignature_method = "sha256"\n'


def signed(number: int, **more: str) -> dict[str, str]:
    """A signed receipt, whose nonce is its number."""
    told = {**receipt(number), **more, "timestamp": str(int(time.time())), "nonce": str(number)}
    return {**told, "sig": vonage.signature(told, SECRET, "sha256")}


async def look(process: Process, sql: str) -> list[tuple[Any, ...]]:
    """What stands in the store, seen from outside, and that it is without a contradiction."""
    config = load(process.settings, {})
    accounts = {name: (provider(a.provider), a) for name, a in config.accounts.items()}
    store = await open_store(config.database, accounts)
    try:
        assert [str(difference) for difference in await verify(store)] == []

        async def read(tx: Tx) -> list[tuple[Any, ...]]:
            return [tuple(row) for row in await tx.fetch(sql)]

        return await store.read(read)
    finally:
        await store.close()


async def backlog(session: aiohttp.ClientSession, process: Process) -> float:
    async with session.get(f"{process.url}/metrics", headers=HEADERS) as answer:
        lines = (await answer.text()).splitlines()
    name = "delivrd_fold_backlog_requests "
    return next(float(line.removeprefix(name)) for line in lines if line.startswith(name))


async def killed_in_intake(
    process: Process, bodies: list[dict[str, str]], after: int
) -> list[dict[str, str]]:
    """Those that were acknowledged before the process was killed, more than ``after``."""
    acknowledged: list[dict[str, str]] = []
    async with process.running():
        url = f"{process.url}/webhooks/elsewhere"
        posting = asyncio.create_task(post_until_refused(url, bodies, acknowledged))
        await until(lambda: len(acknowledged) > after or posting.done(), 60)
        assert not posting.done(), "the process was to die in the middle of it"
        process.kill()
        await posting
    return acknowledged


def test_every_acknowledged_receipt_outlives_a_kill(database_url: str, tmp_path: Path) -> None:
    """D10, D11: a 2xx means durable, and what was durable is folded after the next start."""

    async def story() -> None:
        process = Process(tmp_path, database_url, RECEIVING)
        bodies = [receipt(number) for number in range(20_000)]
        acknowledged = await killed_in_intake(process, bodies, after=1500)
        async with process.running(), aiohttp.ClientSession() as session:
            await until(lambda: _folded(session, process), 60, 0.05)
        stored = await look(
            process, "SELECT p.provider_message_id, m.status FROM part p "
            "JOIN attempt a ON a.id = p.attempt_id JOIN message m ON m.id = a.message_id",
        )  # fmt: skip
        statuses = dict(stored)
        lost = [b["messageId"] for b in acknowledged if statuses.get(b["messageId"]) != "delivered"]
        assert lost == []

    run(story(), 240)


def test_no_acknowledged_nonce_is_forgotten_by_a_kill(database_url: str, tmp_path: Path) -> None:
    """B3: with other content each is refused, whether it was logged or indexed at the kill."""

    async def story() -> None:
        process = Process(tmp_path, database_url, SIGNING)
        bodies = [signed(number) for number in range(10_000)]
        acknowledged = await killed_in_intake(process, bodies, after=500)
        forged = [signed(int(body["nonce"]), status="failed") for body in acknowledged]
        believed: list[dict[str, str]] = []
        async with process.running():
            url = f"{process.url}/webhooks/elsewhere"
            await post_until_refused(url, forged, believed)
        assert believed == []

    run(story())


async def _folded(session: aiohttp.ClientSession, process: Process) -> bool:
    return await backlog(session, process) == 0


class Gateway:
    """Takes texts as Vonage does, slowly, and remembers the reference of each."""

    def __init__(self) -> None:
        self.taken: Counter[str] = Counter()

    async def take(self, request: web.Request) -> web.Response:
        form = await request.post()
        reference = str(form["client-ref"])
        self.taken[reference] += 1
        await asyncio.sleep(0.05)
        part = {"to": str(form["to"]), "message-id": f"M{reference}", "status": "0"}
        return web.json_response({"message-count": "1", "messages": [part]})

    async def start(self) -> tuple[web.AppRunner, str]:
        app = web.Application()
        app.router.add_post("/sms/json", self.take)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        return runner, f"http://127.0.0.1:{runner.addresses[0][1]}"


@pytest.mark.parametrize("messages", [150])
def test_no_text_is_sent_twice_or_lost_by_a_kill(
    database_url: str, tmp_path: Path, messages: int
) -> None:
    """D24 to D27: queued ones go out after the restart, those under way are `unsure`."""

    async def story() -> None:
        gateway = Gateway()
        runner, address = await gateway.start()
        process = Process(
            tmp_path,
            database_url,
            f'[accounts.main]\nprovider = "vonage"\napi_key = "abcd1234"\n'
            f'api_secret = "vonage-api-secret"\nbase_url = "{address}"\n',
        )
        accepted: list[str] = []
        async with process.running(), aiohttp.ClientSession(headers=HEADERS) as session:
            for number in range(messages):
                body = {"to": f"+4475472{number:05d}", "from": "Acme", "text": "Hello"}
                async with session.post(f"{process.url}/v1/messages", json=body) as answer:
                    assert answer.status == 202
                    accepted.append((await answer.json())["id"])
                if len(gateway.taken) > messages // 3:
                    break
            process.kill()
        await _expire_leases(process)
        async with process.running():
            await until(lambda: _nothing_under_way(process, HEADERS, len(accepted)), 60, 0.1)
        await runner.cleanup()
        rows = await look(
            process, "SELECT m.uuid, a.state, a.id FROM attempt a JOIN message m "
            "ON m.id = a.message_id",
        )  # fmt: skip
        states = {uuid: (state, f"a{attempt_id:016x}") for uuid, state, attempt_id in rows}
        assert [reference for reference, times in gateway.taken.items() if times > 1] == []
        assert set(accepted) <= set(states)
        for uuid in accepted:
            state, reference = states[uuid]
            assert state in ("accepted", "unsure")
            assert state == "unsure" or gateway.taken[reference] == 1

    run(story(), 240)


async def _expire_leases(process: Process) -> None:
    """On PostgreSQL, which processes share, the leases of the dead one must expire first."""
    config = load(process.settings, {})
    if config.database.startswith("sqlite:"):
        return

    connection = await asyncpg.connect(config.database)
    await connection.execute("UPDATE attempt SET lease_until = 1 WHERE state = 'handing_over'")
    await connection.close()


async def _nothing_under_way(process: Process, headers: dict[str, str], messages: int) -> bool:
    states: Counter[str] = Counter()
    async with aiohttp.ClientSession(headers=headers) as session:
        url: str | None = f"{process.url}/v1/messages?limit=100"
        while url:
            async with session.get(url) as answer:
                page = await answer.json()
            for item in page["items"]:
                states.update(attempt["state"] for attempt in item["attempts"])
            cursor = page["next_cursor"]
            url = f"{process.url}/v1/messages?limit=100&cursor={cursor}" if cursor else None
    done = states["accepted"] + states["unsure"]
    return done >= messages and not states["queued"] + states["handing_over"]
