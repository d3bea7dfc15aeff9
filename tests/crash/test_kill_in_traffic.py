"""The whole hub is killed in the middle of real traffic, and every status is right in the end."""

import asyncio
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from delivrd.simulator import (
    SCENARIOS,
    Simulation,
    blank_accounts,
    check,
    fetch_messages,
    messages,
    send_traffic,
)
from delivrd.simulator.dialects import vonage
from delivrd.simulator.journal import Submission
from tests.crash.crash_support import ADMIN_KEY, Process
from tests.crash.test_kill import _expire_leases, backlog, look
from tests.support import run, until

SIGNATURE = "vonage-signature-secret"


def accounts(addresses: dict[str, str]) -> str:
    return f"""
[accounts.vonage]
provider = "vonage"
api_key = "abcd1234"
api_secret = "vonage-api-secret"
signature_secret = "{SIGNATURE}"
signature_method = "sha256"
base_url = "{addresses["vonage"]}"
[accounts.ruach]
provider = "ruach"
client_id = "client-1"
api_key = "ruach-api-key-0001"
base_url = "{addresses["ruach"]}"
[accounts.smspm]
provider = "smspm"
hash = "smspm-hash-0001"
token = "smspm-token-0001"
base_url = "{addresses["smspm"]}"
"""


@pytest.mark.parametrize("name", ["reordered", "outage"])
def test_after_a_kill_in_traffic_every_status_follows_from_what_the_gateways_pushed(
    database_url: str, tmp_path: Path, name: str
) -> None:
    """D1 to D5, D11, D24, D26: nothing lost, nothing sent twice, one honest status each."""
    weather = replace(SCENARIOS[name], interim=1.0, retry_every=30.0, off=0.0, spread=0.2)

    async def story() -> None:
        gateways = blank_accounts() | {"vonage": vonage.Account(signature_secret=SIGNATURE)}
        async with Simulation(weather, seed=7, speed=60.0, accounts=gateways) as sim:
            process = Process(tmp_path, database_url, accounts(sim.addresses))
            sim.deliver_to(**{kind: f"{process.url}/webhooks/{kind}" for kind in sim.addresses})
            texts = list(messages(seed=7, number=120))
            async with process.running():
                traffic = asyncio.create_task(
                    send_traffic(process.url, ADMIN_KEY, texts, rate=60.0, run=sim.run, tries=30)
                )
                await until(lambda: len(sim.journal.submissions) > 50, 60)
                process.kill()
                taken = list(sim.journal.submissions)
            await _expire_leases(process)
            async with process.running(), aiohttp.ClientSession() as session:
                sent = await traffic
                assert all(one.accepted for one in sent)
                ids = [one.body["id"] for one in sent]

                async def out() -> bool:
                    found = await fetch_messages(process.url, ADMIN_KEY, ids)
                    states = Counter(a["state"] for m in found.messages for a in m["attempts"])
                    return not states["queued"] + states["handing_over"]

                await until(out, 60, 0.2)
                assert await sim.quiesce(within=60)

                async def folded() -> bool:
                    return await backlog(session, process) == 0

                await until(folded, 60, 0.05)
                found, missing = await fetch_messages(process.url, ADMIN_KEY, ids)
            unheard(found, taken)
            differences = check(found, sim.journal, missing=missing, broken_off=True)
            assert [str(difference) for difference in differences] == []
        await look(process, "SELECT 1")

    run(story(), 240)


def unheard(found: list[dict[str, Any]], taken: list[Submission]) -> None:
    """Notes which answers the dying hub did not hear: a gateway cannot know that.

    Where nothing of ours travels with a text (Ruach), its receipts are nobody's then.
    """
    unsure = {
        message["to"].lstrip("+")
        for message in found
        if any(attempt["state"] == "unsure" for attempt in message["attempts"])
    }
    for submission in taken:
        if submission.to.lstrip("+") in unsure:
            submission.answered = False
