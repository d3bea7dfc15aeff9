"""Which counts are read to find networks that report nothing."""

from collections.abc import Iterable
from typing import Any

from delivrd.core.units import DAY, HOUR, MINUTE, QUARTER, QUARTER_SECONDS
from delivrd.insight.network_reports import SETTLING, last_day, silences
from delivrd.store import schema
from delivrd.store.base import Store
from tests.store.query_support import opened
from tests.support import run

NOW = 20_000 * DAY + 13 * HOUR + 40 * MINUTE
QUARTERS = range((NOW - DAY) // QUARTER, NOW // QUARTER)
"""Those of a whole day."""


async def count(store: Store, rows: Iterable[tuple[int, str, str, int]]) -> None:
    """Counts attempts to Great Britain: quarter of an hour, network, status, number."""
    columns = (
        "unit",
        "bucket",
        "account_id",
        "country",
        "network",
        "status",
        "reason",
        "slot",
        "n",
    )
    account_id = store.accounts.by_name["main"].id
    given = [(1, at, account_id, "GB", net, status, "", 0, n) for at, net, status, n in rows]
    await store.write(lambda tx: tx.insert(schema.metadata.tables["rollup"], columns, given, "add"))


async def count_days(store: Store, rows: Iterable[tuple[int, str, str, int]]) -> None:
    """The same by days ago."""
    columns = ("unit", "day", "account_id", "country", "network", "status", "reason", "slot", "n")
    account_id = store.accounts.by_name["main"].id
    given = [
        (1, NOW // DAY - ago, account_id, "GB", net, status, "", 0, n)
        for ago, net, status, n in rows
    ]
    await store.write(
        lambda tx: tx.insert(schema.metadata.tables["rollup_day"], columns, given, "add")
    )


def test_the_last_six_hours_are_read_by_quarters_and_those_before_by_hours(
    database_url: str,
) -> None:
    async def test() -> None:
        async with opened(database_url) as store:
            every = range((NOW - 2 * DAY) // QUARTER, NOW // QUARTER)
            await count(store, ((at, "23410", "delivered", 1) for at in every))
            until = NOW - SETTLING
            rows: list[Any] = await store.read(lambda tx: last_day(tx, until))
            hours, quarters = rows[:18], rows[18:]
            assert [row.reported for row in hours] == [4] * 18
            assert [row.reported for row in quarters] == [1] * len(quarters)
            assert hours[0].bucket == (NOW - DAY) // HOUR * 4
            assert quarters[0].bucket == hours[-1].bucket + 4
            assert quarters[-1].bucket == until // QUARTER - 1

    run(test())


def test_silent_networks_come_by_messages_and_say_whether_they_ever_reported(
    database_url: str,
) -> None:
    async def test() -> None:
        async with opened(database_url) as store:
            for at in QUARTERS:
                await count(store, [
                    (at, "23410", "delivered", 40), (at, "23420", "pending", 2),
                    (at, "23430", "pending", 3),
                ])  # fmt: skip
            newest = NOW // QUARTER
            await count(store, [(newest, "23410", "pending", 9000)])
            await count_days(store, [
                (28, "23420", "delivered", 100), (27, "23430", "pending", 100),
                (29, "23430", "delivered", 100), (0, "23430", "delivered", 100),
            ])  # fmt: skip
            first, second = await store.read(lambda tx: silences(tx, store.accounts, NOW))
            assert (first.account, first.country) == ("main", "GB")
            assert (first.network.network, first.never) == ("23430", True)
            assert (second.network.network, second.never) == ("23420", False)
            assert first.network.since == (NOW - DAY) // HOUR * 4 * QUARTER_SECONDS

    run(test())
