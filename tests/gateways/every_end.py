"""Texts out through a real gateway to a centre that gives each another end, and what comes back."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from delivrd import app
from delivrd.providers.base import AccountSettings
from delivrd.sending.submit import Order, submit
from delivrd.store.verify import verify
from tests.gateways.smsc import NO_SUCH_NUMBER, STATS, Smsc
from tests.ports import free_ports
from tests.support import open_hub, serving, settings, until

NUMBER = "+44740012345"
EXPECTED = {
    "0": ("delivered", True, None),
    "1": ("undelivered", True, "other"),
    "2": ("expired", True, "expired"),
    "3": ("rejected", True, "other"),
    "4": ("undelivered", True, "deleted"),
    "5": ("pending", False, None),  # UNKNOWN: the centre may still say more
    "9": ("rejected", True, "unknown_number"),
}
"""By the last digit of the recipient, which tells the SMS centre what to say."""

Gateway = Callable[[], AbstractAsyncContextManager[tuple[str, Smsc]]]


async def each_end_comes_back(
    gateway: Gateway, account: Callable[[str], AccountSettings], database_url: str
) -> None:
    """Sends to each end through the gateway; ``account`` is made of its address."""
    assert set(EXPECTED) == {*STATS, "9"}
    assert NO_SUCH_NUMBER == 0x0B
    (port,) = free_ports(1)
    async with gateway() as (address, smsc):
        config = settings(database_url, port=port, accounts={"main": account(address)})
        async with open_hub(config) as hub, serving(hub):
            for digit in EXPECTED:
                order = Order(f"{NUMBER}{digit}", "Acme", "Hello", ("main",))
                await submit(hub.store, config, order)
            await until(lambda: heard(hub), 60)
            assert await told(hub) == EXPECTED
            assert sorted(smsc.taken) == [f"{NUMBER}{digit}"[1:] for digit in EXPECTED]
            assert await verify(hub.store) == []


async def heard(hub: app.Hub) -> bool:
    """Whether both receipts of each text that was taken have come, and the one refusal."""
    rows = await hub.store.read(lambda tx: tx.fetch("SELECT count(*) FROM link"))
    return bool(rows[0][0] == 2 * len(STATS) + 1)


async def told(hub: app.Hub) -> dict[str, tuple[str, bool, str | None]]:
    rows = await hub.store.read(
        lambda tx: tx.fetch("SELECT to_number, status, final, reason FROM message")
    )
    return {row[0][-1]: (row[1], bool(row[2]), row[3]) for row in rows}
