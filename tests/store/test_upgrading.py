"""A database of an earlier release is brought up to this one, with what it holds."""

import asyncio

from filled import execute, opened, receipt, receive, scalar, send
from support import run

from delivrd.store.days import TABLES as DAYS
from delivrd.store.latencies import TABLES as LATENCIES
from delivrd.store.open import upgrade_postgres, upgrade_sqlite
from delivrd.store.verify import verify

TABLES = ("cost", "rollup_sender", "rollup_code", "recent", *DAYS)
SUMMED = (*TABLES, *LATENCIES)
COLUMNS = ("error_code", "price", "currency", "second")


async def fill(store):
    await send(store)
    await send(store, "a")
    await receive(store, receipt("a", price="0.035", currency="EUR", network="23410"))
    await send(store, "b", "c")
    await receive(store, receipt("b", "undelivered", price="0.1"), receipt("c"))
    await receive(store, receipt("z", "rejected", to="447400000001", sender="Acme"), by="smspm")


OLD_LATENCY = (
    "CREATE TABLE latency (unit SMALLINT NOT NULL, bucket BIGINT NOT NULL, account_id BIGINT NOT "
    "NULL, country TEXT NOT NULL, network TEXT NOT NULL, status TEXT NOT NULL, le SMALLINT NOT "
    "NULL, slot SMALLINT NOT NULL, n BIGINT NOT NULL, CONSTRAINT pk_latency PRIMARY KEY "
    "(unit, bucket, account_id, country, network, status, le, slot))"
)


async def unpacked(store):
    """Keeps times as they were kept before histograms: a row for each step."""
    key = "unit, bucket, account_id, country, network, status, slot"

    async def job(tx):
        rows = [
            (*row[:-1], le, n)
            for row in await tx.fetch(f"SELECT {key}, steps FROM latency")
            for le, n in tx.steps(row[-1]).items()
        ]
        for table in LATENCIES:
            await tx.execute(f"DROP TABLE {table}")
        await tx.execute(OLD_LATENCY)
        await tx.execute("CREATE TABLE le_day (le SMALLINT)")
        for row in rows:
            marks = ", ".join(f"${number}" for number in range(1, 10))
            await tx.execute(f"INSERT INTO latency ({key}, le, n) VALUES ({marks})", *row)

    await store.write(job)


async def age(store):
    """Makes the store what the first release left behind."""
    await unpacked(store)
    for table in (*TABLES, "feedback", "conversion"):
        await execute(store, f"DROP TABLE {table}")
    for column in COLUMNS:
        await execute(store, f"ALTER TABLE attempt DROP COLUMN {column}")
    await execute(store, "UPDATE alembic_version SET version_num = '0001'")


def upgrade(url):
    if url.startswith("sqlite"):
        upgrade_sqlite(url.removeprefix("sqlite:///"))
    else:
        asyncio.run(upgrade_postgres(url))


def test_what_an_older_release_stored_is_counted_by_sender_code_minute_and_price(database_url):
    async def before():
        async with opened(database_url, smspm={"receive_only": True}) as store:
            await fill(store)
            await age(store)

    async def after():
        async with opened(database_url, smspm={"receive_only": True}) as store:
            assert await verify(store) == []
            for table in SUMMED:
                assert await scalar(store, f"SELECT count(*) FROM {table}") > 0, table
            await receive(store, receipt("a", price="0.04", currency="EUR", occurred_at=None))
            await receive(store, receipt("c", "undelivered"))
            assert await verify(store) == []

    run(before())
    upgrade(database_url)
    run(after())
