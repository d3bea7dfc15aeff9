"""The real Jasmin: texts out through it, and what its receipts say of each."""

import asyncio
from itertools import product
from urllib.parse import urlencode
from urllib.request import urlopen

import pytest

from delivrd.providers import jasmin as dialect
from delivrd.store.verify import verify
from tests.gateways.every_end import NUMBER, each_end_comes_back
from tests.gateways.jasmin import PASSWORD, USER, jasmin
from tests.ports import free_ports
from tests.support import open_hub, run, serving, settings, until


def account(address: str) -> dialect.Settings:
    return dialect.Settings(
        base_url=address, username=USER, password=PASSWORD, webhook_secret="path-secret-01"
    )


@pytest.mark.usefixtures("needs_jasmin")
def test_each_end_comes_back_through_jasmin(sqlite_url: str) -> None:
    run(each_end_comes_back(jasmin, account, sqlite_url), 110)


SAID = {
    1: {("ESME_ROK", "pending", False)},
    2: {("UNDELIV", "undelivered", True)},
    3: {("ESME_ROK", "pending", False), ("UNDELIV", "undelivered", True)},
}
"""By the level that the sender asks for."""


@pytest.mark.usefixtures("needs_jasmin")
def test_texts_that_others_send_are_told_of_at_each_level_and_by_each_method(
    sqlite_url: str,
) -> None:
    async def test() -> None:
        (port,) = free_ports(1)
        async with jasmin() as (address, _):
            account = dialect.Settings(receive_only=True, webhook_secret="path-secret-01")
            config = settings(sqlite_url, port=port, accounts={"main": account})
            async with open_hub(config) as hub, serving(hub) as base:
                webhook = f"{base}/webhooks/main/path-secret-01"
                sent = {
                    await send(address, webhook, level, method): SAID[level]
                    for level, method in product(SAID, ("GET", "POST"))
                }

                async def told() -> dict[str, set[tuple[str, str, bool]]]:
                    rows = await hub.store.read(
                        lambda tx: tx.fetch(
                            "SELECT provider_message_id, provider_status, status, final"
                            " FROM statement JOIN part ON part.id = part_id"
                        )
                    )
                    said: dict[str, set[tuple[str, str, bool]]] = {}
                    for id_, word, status, final in rows:
                        said.setdefault(id_, set()).add((word, status, bool(final)))
                    return said

                async def heard() -> bool:
                    return sum(map(len, (await told()).values())) == sum(map(len, sent.values()))

                await until(heard, 60)
                assert await told() == sent
                assert await verify(hub.store) == []

    run(test(), 110)


async def send(address: str, webhook: str, level: int, method: str) -> str:
    """Hands a text to Jasmin as any program would; the message's id."""
    query = {
        "username": USER, "password": PASSWORD, "to": f"{NUMBER[1:]}1", "content": "Hello",
        "dlr": "yes", "dlr-url": webhook, "dlr-level": level, "dlr-method": method,
    }  # fmt: skip
    with await asyncio.to_thread(urlopen, f"{address}/send?{urlencode(query)}") as answer:
        said: str = answer.read().decode()
    return said.partition('"')[2].rstrip('"')
