"""Counts read from the rollups: whole days by the day, the rest by the quarter of an hour."""

from collections import Counter

import pytest
from filled import execute, opened, receipt, receive, scalar, send
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support import run

from delivrd.store import prune, schema
from delivrd.store.counts import BUCKET, BUCKETS_A_DAY, TABLES
from delivrd.store.feedback import conversions, tell
from delivrd.store.ids import now_micros
from delivrd.store.queries.stats import Filters, Silent, counts, unreported
from delivrd.store.verify import verify

FIRST = 20_000 * BUCKETS_A_DAY
quarters = st.integers(FIRST, FIRST + 4 * BUCKETS_A_DAY)


async def fill(store, found: Counter[int]) -> None:
    async def job(tx):
        for table, width in (("rollup", 1), ("rollup_day", BUCKETS_A_DAY)):
            rows = [(0, at // width, 0, "GB", "", "delivered", "", 0, n) for at, n in found.items()]
            for row in rows:
                await tx.insert(
                    schema.metadata.tables[table], (*TABLES[table], "slot", "n"), [row], "add"
                )

    await store.write(job)


@given(
    st.lists(quarters, max_size=12), st.none() | quarters, st.none() | quarters,
    st.sampled_from([(), ("day",), ("hour",), ("country",), ("day", "status")]),
)  # fmt: skip
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_any_span_of_time_counts_each_quarter_once(database_url, placed, since, until, by):
    async def test():
        async with opened(database_url) as store:
            await execute(store, "DELETE FROM rollup")
            await execute(store, "DELETE FROM rollup_day")
            await fill(store, Counter(placed))
            span = Filters(
                since=None if since is None else since * BUCKET,
                until=None if until is None else until * BUCKET,
            )
            found = await store.read(lambda tx: counts(tx, store.accounts, by, span))
            low, high = since or 0, 1 << 40 if until is None else until
            expected = sum(1 for bucket in placed if low <= bucket < high)
            assert sum(sum(counted.values()) for counted in found.values()) == expected

    run(test())


def test_what_stands_on_silent_routes_is_known_for_attempts_and_for_messages(database_url):
    async def test():
        async with opened(database_url) as store:
            await send(store, "a", country="CU")
            await send(store, "b", country="GB")
            route = (store.accounts.by_name["vonage"].id, "CU")
            silent = Silent((route,), ("CU",))

            async def read(tx):
                ask = (tx, store.accounts)
                return (
                    await unreported(*ask, ("account",), Filters(), silent),
                    await unreported(*ask, ("country",), Filters(), silent),
                    await unreported(*ask, ("country",), Filters(), Silent()),
                )

            attempts, messages, nothing = await store.read(read)
            assert attempts == {("vonage",): {"pending": 1}}
            assert messages == {("CU",): {"pending": 1}}
            assert nothing == {}

    run(test())


@pytest.mark.parametrize("outcome", ["converted", "not_converted"])
def test_feedback_goes_with_its_message_and_its_count_stays(database_url, outcome):
    async def test():
        async with opened(database_url) as store:
            message = await send(store, "a")
            await receive(store, receipt("a"))
            now = now_micros()
            told = await store.write(lambda tx: tell(tx, now, message.uuid, outcome))
            assert told.previous is None
            later = now_micros() + 1000
            await store.write(
                lambda tx: prune.messages(tx, store.accounts, store.ids, later, later, 10)
            )
            assert await scalar(store, "SELECT count(*) FROM feedback") == 0
            found = await store.read(lambda tx: conversions(tx, store.accounts, Filters()))
            assert found == {("vonage", "GB"): {outcome: 1}}
            assert await verify(store) == []

    run(test())


def test_verify_tells_a_wrong_count_of_feedback(database_url):
    async def test():
        async with opened(database_url) as store:
            message = await send(store, "a")
            await store.write(lambda tx: tell(tx, now_micros(), message.uuid, "converted"))
            await execute(store, "UPDATE conversion SET n = 7")
            assert {d.what for d in await verify(store)} == {"conversion"}

    run(test())
