"""A database of an earlier release is brought up to this one, with what it holds."""

import asyncio

from alembic.script import ScriptDirectory

from delivrd.store import alerts
from delivrd.store.counts import TIMED
from delivrd.store.days import TABLES as DAYS
from delivrd.store.ids import now_micros
from delivrd.store.latencies import TABLES as LATENCIES
from delivrd.store.migrations import REVISIONS, config
from delivrd.store.open import upgrade_postgres, upgrade_sqlite
from delivrd.store.pruning import messages
from delivrd.store.queries.filters import Filters
from delivrd.store.queries.latencies import steps
from delivrd.store.verify import verify
from tests.filled import execute, opened, receipt, receive, scalar, send
from tests.support import run


def test_the_revisions_are_alembics_in_their_order() -> None:
    scripts = ScriptDirectory.from_config(config()).walk_revisions()
    assert [script.revision for script in scripts][::-1] == [*REVISIONS]


TABLES = (
    "cost", "rollup_sender", "rollup_code", "account_reason", "account_sender", "account_code",
    "recent", *DAYS,
)  # fmt: skip
WHOLE = ("status_quarter", "charge_quarter")
SUMMED = (*TABLES, *WHOLE, *LATENCIES)
OLD = ("unit", "bucket", "account_id", "country", "network", "status", "slot")
COLUMNS = ("error_code", "price", "currency", "second")


async def fill(store):
    await send(store)
    await send(store, "a")
    await receive(store, receipt("a", price="0.035", currency="EUR", network="23410"))
    await send(store, "b", "c")
    await receive(store, receipt("b", "undelivered", price="0.1"), receipt("c"))
    await receive(store, receipt("z", "rejected", to="447400000001", sender="Acme"), by="smspm")


OLD_KEY = (
    "(unit SMALLINT NOT NULL, bucket BIGINT NOT NULL, account_id BIGINT NOT NULL, "
    "country TEXT NOT NULL, network TEXT NOT NULL, status TEXT NOT NULL, slot SMALLINT NOT NULL, "
)
BY_STEP = (
    f"CREATE TABLE latency {OLD_KEY} le SMALLINT NOT NULL, n BIGINT NOT NULL, CONSTRAINT "
    f"pk_latency PRIMARY KEY ({', '.join(OLD[:-1])}, le, slot))"
)


def without_reasons(store):
    """How times were kept before they were told by reason: in a table of their own."""
    kind = "BLOB" if store.dialect == "sqlite" else "NUMERIC"
    return (
        f"CREATE TABLE latency {OLD_KEY} steps {kind} NOT NULL, CONSTRAINT pk_latency "
        f"PRIMARY KEY ({', '.join(OLD)}))"
    )


async def apart(store):
    """Makes the store what the release before times by reason left behind."""
    key = ", ".join(OLD)

    async def job(tx):
        await tx.execute(without_reasons(store))
        await tx.execute("CREATE TABLE latency_day (day BIGINT)")
        await tx.execute(
            f"INSERT INTO latency ({key}, steps) SELECT {key}, sum(steps) FROM rollup "
            f"WHERE steps IS NOT NULL GROUP BY {key}"
        )
        for table in ("latency_half", "latency_part"):
            await tx.execute(f"DROP TABLE {table}")
        for table in WHOLE:
            await tx.execute(f"DROP TABLE {table}")
        await tx.execute("CREATE TABLE latency_whole (bucket BIGINT)")
        for table in TIMED - {*LATENCIES, *WHOLE}:
            await tx.execute(f"ALTER TABLE {table} DROP COLUMN steps")

    await store.write(job)
    await execute(store, "UPDATE alembic_version SET version_num = '0006_nonce_log'")


async def unpacked(store):
    """Keeps times as they were kept before histograms: a row for each step."""
    key = ", ".join(OLD)

    async def job(tx):
        rows = [
            (*row[:-1], le, n)
            for row in await tx.fetch(f"SELECT {key}, steps FROM latency")
            for le, n in tx.steps(row[-1]).items()
        ]
        for table in ("latency", "latency_day", "latency_whole"):
            await tx.execute(f"DROP TABLE {table}")
        await tx.execute(BY_STEP)
        await tx.execute("CREATE TABLE le_day (le SMALLINT)")
        for row in rows:
            marks = ", ".join(f"${number}" for number in range(1, 10))
            await tx.execute(f"INSERT INTO latency ({key}, le, n) VALUES ({marks})", *row)

    await store.write(job)


async def age(store):
    """Makes the store what the first release left behind."""
    await apart(store)
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


BY = (("reason",), ("sender",), ("code",), ("day", "country"))
STATUSES = ("delivered", "undelivered", "rejected")


async def latencies(store):
    """Of every end, how many by reason, by sender, by code, and by day and country."""

    async def read(tx):
        ask = (tx, store.accounts)
        return {
            (by, status): {
                values: sum(counted.values())
                for values, counted in (await steps(*ask, by, Filters(), status)).items()
            }
            for by in BY
            for status in STATUSES
        }

    return await store.read(read)


async def by_an_older_release(url, *, pruned=0):
    """Stores messages as an older release had them; latencies by all dimensions as this one knew
    them."""
    async with opened(url, smspm={"receive_only": True}) as store:
        await fill(store)
        if pruned:
            later = now_micros() + 1000
            await store.write(
                lambda tx: messages.prune(tx, store.accounts, store.ids, later, later, pruned)
            )
        told = await latencies(store)
        await apart(store)
        return told


async def by_this_release(url):
    async with opened(url, smspm={"receive_only": True}) as store:
        assert await verify(store) == []
        return await latencies(store)


def test_what_an_older_release_stored_has_its_latencies_by_reason_sender_and_code(database_url):
    told = run(by_an_older_release(database_url))
    assert all(any(told[by, status].values()) for by in BY for status in STATUSES)
    upgrade(database_url)
    assert run(by_this_release(database_url)) == told


def test_latencies_of_pruned_messages_stay_without_sender_or_code(database_url):
    """Why they failed stays known where all that ended so on their network did for one reason."""

    told = run(by_an_older_release(database_url, pruned=3))
    upgrade(database_url)
    found = run(by_this_release(database_url))
    for by in BY:
        for status in STATUSES:
            counted, expected = found[by, status], told[by, status]
            if by in {("sender",), ("code",)}:  # all are there, some under no name
                assert sum(counted.values()) == sum(expected.values())
                assert all(n <= expected[named] for named, n in counted.items() if any(named))
            else:
                assert counted == expected


def test_statements_without_segments_gain_them(database_url):
    async def test():
        async with opened(database_url) as store:
            await receive(store, receipt("a"))
            await execute(store, "ALTER TABLE statement DROP COLUMN segment")
            await execute(store, "UPDATE alembic_version SET version_num = '0001'")
        async with opened(database_url) as store:
            await receive(store, receipt("b", segment="1/2"))
            assert await verify(store) == []

    run(test())


def test_a_database_of_the_first_release_gets_the_tables_of_alerts(database_url):
    async def test():
        async with opened(database_url) as store:
            for table in ("alert_rule", "alert_state", "firing", "notice"):
                await execute(store, f"DROP TABLE {table}")
            await execute(store, "UPDATE alembic_version SET version_num = '0001'")
        async with opened(database_url) as store:
            assert await store.read(alerts.rules) == []
            assert await store.read(alerts.open_firings) == []

    run(test())


def test_accounts_of_an_earlier_release_are_real_ones_until_they_say_otherwise(database_url):
    async def test():
        async with opened(database_url) as store:
            await execute(store, "ALTER TABLE account DROP COLUMN simulated")
            await execute(store, "UPDATE alembic_version SET version_num = '0012_late'")
        async with opened(database_url, vonage={"simulated": True}) as store:
            assert [store.accounts.name(i) for i in store.accounts.simulated_ids] == ["vonage"]

    run(test())
