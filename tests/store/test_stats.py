"""Counts read from the rollups: whole days by the day, the rest by the quarter of an hour."""

from collections import Counter
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from delivrd.insight.statistics import MAX_BARRED, latency_stats
from delivrd.store.counts import BUCKET
from delivrd.store.days import BUCKETS_A_DAY
from delivrd.store.feedback import conversions, store_feedback
from delivrd.store.ids import now_micros
from delivrd.store.pruning.messages import prune
from delivrd.store.queries.filters import Filters
from delivrd.store.queries.latencies import steps
from delivrd.store.queries.spans import local
from delivrd.store.queries.stats import Silent, counts, unreported
from delivrd.store.verify import verify
from tests.filled import execute, opened, receipt, receive, scalar, send
from tests.store.quarters import CHANGES, SPRING, ZONES, fill
from tests.support import run

FIRST = 20_000 * BUCKETS_A_DAY
quarters = st.integers(FIRST, FIRST + 4 * BUCKETS_A_DAY)


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
            await fill(store, Counter(placed))
            span = Filters(
                since=None if since is None else since * BUCKET,
                until=None if until is None else until * BUCKET,
            )
            found = await store.read(lambda tx: counts(tx, store.accounts, by, span))
            low, high = since or 0, 1 << 40 if until is None else until
            expected = sum(1 for bucket in placed if low <= bucket < high)
            assert sum(sum(counted.values()) for counted in found.values()) == expected
            took = await store.read(lambda tx: steps(tx, store.accounts, by, span, "delivered"))
            assert sum(counted[80] for counted in took.values()) == expected

    run(test())


def labels(bucket, by, zone):
    when = local(bucket, zone)
    hour = when.replace(minute=0).isoformat()
    return tuple(when.date().isoformat() if name == "day" else hour for name in by)


@given(
    st.sampled_from(ZONES),
    st.lists(st.integers(SPRING, SPRING + 20 * BUCKETS_A_DAY), min_size=1, max_size=20),
    st.none() | st.integers(SPRING, SPRING + 20 * BUCKETS_A_DAY),
    st.none() | st.integers(SPRING, SPRING + 20 * BUCKETS_A_DAY),
    st.sampled_from([("day",), ("hour",), ("day", "hour")]),
)
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_days_and_hours_of_every_zone_hold_what_their_quarters_hold(
    database_url, name, placed, since, until, by
):
    zone = ZoneInfo(name)
    low, high = since or 0, 1 << 40 if until is None else until
    expected = Counter(labels(at, by, zone) for at in placed if low <= at < high)
    span = Filters(
        since=None if since is None else since * BUCKET,
        until=None if until is None else until * BUCKET,
    )

    async def test():
        async with opened(database_url) as store:
            await fill(store, Counter(placed))
            ask = (store.accounts, by, span)
            told = await store.read(lambda tx: counts(tx, *ask, zone))
            assert {values: n["delivered"] for values, n in told.items()} == expected
            times = await store.read(lambda tx: steps(tx, *ask, "delivered", zone))
            assert {values: n[80] for values, n in times.items()} == expected
            for some in ((*by, "country"), ("network", *by)):  # by the hour, and by the quarter
                ask = (store.accounts, some, span)
                times = await store.read(lambda tx, a=ask: steps(tx, *a, "delivered", zone))
                assert {values: n[80] for values, n in times.items()} == {
                    (*values, "GB") if some[-1] == "country" else ("23410", *values): n
                    for values, n in expected.items()
                }

    run(test())


SPANS = (
    (None, None),
    (CHANGES[0].start + 37, CHANGES[1].stop - 11),
    (CHANGES[1].start + 99, CHANGES[1].start + 175),
)


@pytest.mark.parametrize("by", [("day",), ("hour",)])
@pytest.mark.parametrize("name", ZONES)
def test_no_quarter_is_counted_in_a_neighbouring_day_or_hour(database_url, name, by):
    """Each quarter holds another number than those around it, so nothing cancels out."""
    zone, placed = ZoneInfo(name), {at: 1 + at * at % 97 for some in CHANGES for at in some}

    async def test():
        async with opened(database_url) as store:
            await fill(store, Counter(placed), together=True)
            for low, high in SPANS:
                expected = Counter()
                for at, n in placed.items():
                    if (low or 0) <= at < (high or 1 << 40):
                        expected[labels(at, by, zone)] += n
                span = Filters(since=low and low * BUCKET, until=high and high * BUCKET)
                ask = (store.accounts, by, span)
                told = await store.read(lambda tx, ask=ask: counts(tx, *ask, zone))
                assert {values: n["delivered"] for values, n in told.items()} == expected
                times = await store.read(lambda tx, ask=ask: steps(tx, *ask, "delivered", zone))
                assert {values: n[80] for values, n in times.items()} == expected

    run(test())


@pytest.mark.parametrize(("hours", "barred"), [(MAX_BARRED, True), (MAX_BARRED + 1, False)])
def test_of_many_items_each_has_its_percentiles_and_the_summary_alone_has_bars(
    sqlite_url, hours, barred
):
    async def test():
        async with opened(sqlite_url) as store:
            await fill(store, Counter(range(FIRST, FIRST + 4 * hours, 4)))
            ask = (store.accounts, ("hour",), Filters())
            told = await store.read(lambda tx: latency_stats(tx, *ask))
            assert len(told["items"]) == hours
            assert all(item["p50"] == told["summary"]["p50"] for item in told["items"])
            assert all((item["histogram"] is not None) == barred for item in told["items"])
            assert [bar.count for bar in told["summary"]["histogram"]] == [hours]

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
                    await unreported(*ask, ("code",), Filters(), silent),
                    await unreported(*ask, ("country",), Filters(), silent),
                    await unreported(*ask, ("country",), Filters(), Silent()),
                )

            attempts, codeless, messages, nothing = await store.read(read)
            assert attempts == {("vonage",): {"pending": 1}}
            assert codeless == {(None,): {"pending": 1}}
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
            told = await store.write(lambda tx: store_feedback(tx, now, message.uuid, outcome))
            assert told.previous is None
            later = now_micros() + 1000
            await store.write(lambda tx: prune(tx, store.accounts, store.ids, later, later, 10))
            assert await scalar(store, "SELECT count(*) FROM feedback") == 0
            found = await store.read(lambda tx: conversions(tx, store.accounts, Filters()))
            assert found == {("vonage", "GB"): {outcome: 1}}
            assert await verify(store) == []

    run(test())


def test_verify_tells_a_wrong_count_of_feedback(database_url):
    async def test():
        async with opened(database_url) as store:
            message = await send(store, "a")
            await store.write(
                lambda tx: store_feedback(tx, now_micros(), message.uuid, "converted")
            )
            await execute(store, "UPDATE conversion SET n = 7")
            assert {d.what for d in await verify(store)} == {"conversion"}

    run(test())
