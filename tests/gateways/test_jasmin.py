"""The real Jasmin: texts out through it, and what its receipts say of each."""

import pytest
from jasmin import PASSWORD, USER, jasmin
from ports import free_ports
from smsc import NO_SUCH_NUMBER, STATS
from support import open_hub, run, serving, settings, until

from delivrd.providers import jasmin as dialect
from delivrd.sending.submit import Order, submit
from delivrd.store.verify import verify

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


@pytest.mark.usefixtures("needs_jasmin")
def test_each_end_comes_back_through_jasmin(sqlite_url: str) -> None:
    assert set(EXPECTED) == {*STATS, "9"}
    assert NO_SUCH_NUMBER == 0x0B

    async def test() -> None:
        (port,) = free_ports(1)
        async with jasmin() as (address, smsc):
            account = dialect.Settings(
                base_url=address, username=USER, password=PASSWORD, webhook_secret="path-secret-01"
            )
            config = settings(sqlite_url, port=port, accounts={"main": account})
            async with open_hub(config) as hub, serving(hub):
                for digit in EXPECTED:
                    order = Order(f"{NUMBER}{digit}", "Acme", "Hello", ("main",))
                    await submit(hub.store, config, order)

                async def told() -> dict[str, tuple[str, bool, str | None]]:
                    rows = await hub.store.read(
                        lambda tx: tx.fetch("SELECT to_number, status, final, reason FROM message")
                    )
                    return {row[0][-1]: (row[1], bool(row[2]), row[3]) for row in rows}

                async def heard() -> bool:
                    receipts = await hub.store.read(
                        lambda tx: tx.fetch("SELECT count(*) FROM link")
                    )
                    return receipts[0][0] == 2 * len(STATS) + 1

                await until(heard, 60)
                assert await told() == EXPECTED
                assert sorted(smsc.taken) == [f"{NUMBER}{digit}"[1:] for digit in EXPECTED]
                assert await verify(hub.store) == []

    run(test(), 110)
