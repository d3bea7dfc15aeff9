"""The simulator's scenario `silent-carrier`, through a whole hub: recognised, shown, alerted on."""

from collections.abc import Iterator
from itertools import islice
from typing import Any

from delivrd.insight.alerts.watch import Watch
from delivrd.simulator import Simulation, blank_accounts, messages, send_traffic
from delivrd.simulator.texts import Text
from tests.ports import free_port
from tests.support import account, run, serving, until
from tests.web.web_support import ADMIN_KEY, Web, web

SILENT = "23420"
"""The network of the scenario that is silent in Great Britain."""


def to_britain(number: int) -> Iterator[Text]:
    return islice((text for text in messages(seed=3) if text.to.startswith("+44")), number)


async def sent_through(hub: Web, sim: Simulation, number: int) -> None:
    """Traffic to the end: everything that the gateways have to say is folded."""
    async with serving(hub.hub, hub.app) as address:
        sim.deliver_to(vonage=f"{address}/webhooks/vonage")
        texts = (text._replace(gateway="vonage") for text in to_britain(number))
        sent = await send_traffic(address, ADMIN_KEY, texts, rate=500, run=sim.run)
        assert all(one.accepted for one in sent)

        async def handed_over() -> bool:
            taken = [one for one in sim.journal.submissions if one.outcome != "later"]
            return len(taken) == number

        await until(handed_over)
        assert await sim.quiesce(within=30)
        await until(hub.folded)


async def an_hour_later(tx: Any) -> None:
    """What was sent is an hour old, and the rules are due again."""
    await tx.execute("UPDATE rollup SET bucket = bucket - 4")
    await tx.execute("UPDATE lease SET expires_at = 0")


def test_a_silent_carrier_is_diagnosed_shown_and_alerted_on(database_url: str) -> None:
    async def test() -> None:
        accounts = blank_accounts(["vonage"])
        async with Simulation("silent-carrier", seed=3, speed=5000, accounts=accounts) as sim:
            vonage = account("vonage", base_url=sim.addresses["vonage"])
            roles = ("intake", "web", "work")
            more = {"accounts": {"vonage": vonage}, "port": free_port()}
            async with web(database_url, roles, **more) as hub:
                await sent_through(hub, sim, 200)
                await hub.store.write(an_hour_later)

                (found,) = [
                    one["what"]
                    for one in (await hub.get("/v1/diagnosis"))["findings"]
                    if one["name"] == "reporting"
                ]
                assert found.startswith(f"vonage → GB: network {SILENT} reports nothing")

                page = (await hub.client.get("/?range=24h")).text
                assert f"Network {SILENT} reports nothing, while others there do" in page

                updates = await Watch(hub.store, hub.hub.config).once()
                assert [dict(update.place) for update in updates] == [
                    {"account": "vonage", "country": "GB", "network": SILENT}
                ]
                (firing,) = await hub.items("/v1/alerts/firings")
                assert f"vonage → GB → {SILENT}: no receipts" in firing["headline"]

    run(test())
