"""A database that an earlier release made is brought up to this one when it is opened."""

from filled import execute, opened, receipt, receive
from support import run

from delivrd.store.verify import verify


def test_a_database_without_segments_gains_them_and_keeps_what_it_holds(database_url):
    async def test():
        async with opened(database_url) as store:
            await receive(store, receipt("a"))
            await execute(store, "ALTER TABLE statement DROP COLUMN segment")
            await execute(store, "UPDATE alembic_version SET version_num = '0001'")
        async with opened(database_url) as store:
            await receive(store, receipt("b", segment="1/2"))
            assert await verify(store) == []

    run(test())
