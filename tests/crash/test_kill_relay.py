"""SIGKILL while events are delivered: none is lost, at worst one is delivered twice."""

from collections import Counter
from pathlib import Path

import aiohttp
import asyncpg

from delivrd.config import load
from delivrd.providers import provider
from delivrd.store import endpoints
from delivrd.store.fan_out import origin
from delivrd.store.names import event_id
from delivrd.store.open import open_store
from tests.crash.crash_support import HEADERS, Process, post_until_refused
from tests.crash.test_kill import RECEIVING, look, receipt
from tests.relay.relay_support import Sink, says
from tests.support import run, until

ALLOWED = '[relay]\nallow_http = true\nallow_networks = ["127.0.0.0/8"]\n'
MESSAGES = 600


async def add_endpoint(process: Process, url: str) -> None:
    config = load(process.settings, {})
    accounts = {name: (provider(a.provider), a) for name, a in config.accounts.items()}
    store = await open_store(config.database, accounts)
    fields = {"url": url, "origin": origin(url), "ordered": True}
    await store.write(lambda tx: endpoints.create(tx, store.ids, 0, **fields))
    await store.close()


async def bring_leases_back(process: Process) -> None:
    """On PostgreSQL, which processes share, the leases of the dead one must expire first."""
    config = load(process.settings, {})
    if config.database.startswith("sqlite:"):
        return

    connection = await asyncpg.connect(config.database)
    await connection.execute("UPDATE delivery SET lease_until = 1 WHERE state = 'in_flight'")
    await connection.close()


def test_no_event_is_lost_by_a_kill(database_url: str, tmp_path: Path) -> None:
    async def story() -> None:
        async with Sink(says(200)).listening() as sink:
            process = Process(tmp_path, database_url, RECEIVING + ALLOWED)
            await add_endpoint(process, sink.url)
            taken: list[dict[str, str]] = []
            async with process.running():
                url = f"{process.url}/webhooks/elsewhere"
                bodies = [receipt(number) for number in range(MESSAGES)]
                await post_until_refused(url, bodies, taken)
                await until(lambda: len(sink.calls) > MESSAGES // 4, 60)
                process.kill()
            assert len(taken) == MESSAGES
            before = len(sink.calls)
            assert before < MESSAGES, "the process was to die in the middle of it"
            held = await look(process, "SELECT event_id FROM delivery WHERE state = 'in_flight'")
            await bring_leases_back(process)
            async with process.running(), aiohttp.ClientSession(headers=HEADERS):
                await until(lambda: len(_told(sink)) == MESSAGES, 60)
            times = _told(sink)
            twice = {name for name, n in times.items() if n > 1}
            assert twice <= {event_id(row_id) for (row_id,) in held}, "only what the dead one held"
            assert max(times.values()) <= 2
            assert await look(process, "SELECT count(*) FROM delivery") == [(MESSAGES,)]

    run(story(), 240)


def test_two_processes_tell_nothing_twice_but_what_a_killed_one_held(
    postgres_url: str, tmp_path: Path
) -> None:
    async def story() -> None:
        async with Sink(says(200)).listening() as sink:
            folders = [tmp_path / name for name in ("one", "two")]
            for folder in folders:
                folder.mkdir()
            dies, lives = (Process(f, postgres_url, RECEIVING + ALLOWED) for f in folders)
            await add_endpoint(dies, sink.url)
            taken: list[dict[str, str]] = []
            async with dies.running(), lives.running():
                url = f"{dies.url}/webhooks/elsewhere"
                bodies = [receipt(number) for number in range(MESSAGES)]
                await post_until_refused(url, bodies, taken)
                await until(lambda: len(sink.calls) > MESSAGES // 4, 60)
                dies.kill()
                held = await look(lives, "SELECT event_id FROM delivery WHERE state = 'in_flight'")
                await until(lambda: nothing_waits(lives), 60, 0.2)
                await bring_leases_back(lives)  # what is under way yet was the dead one's
                await until(lambda: len(_told(sink)) == len(taken), 60)
                await until(lambda: all_delivered(lives, len(taken)), 60, 0.2)
            times = _told(sink)
            twice = {name for name, n in times.items() if n > 1}
            assert twice <= {event_id(row_id) for (row_id,) in held}
            assert max(times.values()) <= 2

    run(story(), 240)


async def nothing_waits(process: Process) -> bool:
    """Whether all that happened was fanned out and claimed by somebody."""
    waits = await look(
        process,
        "SELECT (SELECT count(*) FROM to_fold) + (SELECT count(*) FROM event WHERE NOT fanned_out) "
        "+ (SELECT count(*) FROM delivery WHERE state = 'waiting')",
    )
    return bool(waits == [(0,)])


async def all_delivered(process: Process, count: int) -> bool:
    found = await look(process, "SELECT count(*) FROM delivery WHERE state = 'delivered'")
    return bool(found == [(count,)])


def _told(sink: Sink) -> Counter[str]:
    return Counter(call.headers["webhook-id"] for call in sink.calls)
