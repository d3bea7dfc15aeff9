"""A database of the first release gets the tables of alerts."""

from delivrd.store import alerts as stored
from delivrd.store.tx import Tx
from tests.store.query_support import opened
from tests.support import run

TABLES = ("alert_rule", "alert_state", "firing", "notice")


def test_a_database_of_the_first_release_gets_the_tables_of_alerts(database_url: str) -> None:
    async def old(tx: Tx) -> None:
        for table in TABLES:
            await tx.execute(f"DROP TABLE {table}")
        await tx.execute("UPDATE alembic_version SET version_num = '0001'")

    async def test() -> None:
        async with opened(database_url) as store:
            await store.write(old)
        async with opened(database_url) as store:
            assert await store.read(stored.rules) == []
            assert await store.read(stored.open_firings) == []

    run(test())
