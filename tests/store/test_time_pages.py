"""Statistics by day or hour come in pages, which together say what one answer would."""

from collections import Counter
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from delivrd.insight.statistics import (
    delivery_page,
    delivery_stats,
    latency_page,
    latency_stats,
)
from delivrd.store.counts import BUCKET
from delivrd.store.days import BUCKETS_A_DAY
from delivrd.store.ids import now_micros
from delivrd.store.queries import time_pages
from delivrd.store.queries.filters import Filters
from tests.filled import opened
from tests.store.quarters import CHANGES, SPRING, ZONES, fill
from tests.support import run

DELIVERED = "delivered"
quarters = st.integers(SPRING, SPRING + 20 * BUCKETS_A_DAY)


async def delivery(tx, accounts, by, filters, zone, before):
    page = await delivery_page(tx, accounts, by, filters, zone, before)
    return await delivery_stats(tx, accounts, by, filters, zone, page=page), page.next_before


async def latency(tx, accounts, by, filters, zone, before):
    page = await latency_page(tx, accounts, by, filters, DELIVERED, zone, before)
    told = await latency_stats(tx, accounts, by, filters, DELIVERED, zone, page)
    return told, page.next_before


async def pages(store, one, by, filters, zone):
    """All pages, the newest first."""
    found, before = [], None
    while True:
        ask = (store.accounts, by, filters, zone, before)
        told, before = await store.read(lambda tx, ask=ask: one(tx, *ask))
        found.append(told)
        if before is None:
            return found


def items_of(found):
    """The items of all pages, the oldest first."""
    return [item for told in reversed(found) for item in told["items"]]


@given(
    st.sampled_from(ZONES),
    st.lists(quarters, min_size=1, max_size=20),
    st.none() | quarters,
    st.none() | quarters,
    st.sampled_from([("day",), ("hour",), ("day", "hour"), ("account", "day"), ("network", "day")]),
    st.sampled_from([1.0, 500.0, 2000.0]),
)
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_the_pages_together_say_what_one_answer_would(
    database_url, name, placed, since, until, by, quick
):
    zone = ZoneInfo(name)
    filters = Filters(
        since=None if since is None else since * BUCKET + 1,
        until=None if until is None else until * BUCKET + 1,
    )

    async def test():
        async with opened(database_url) as store:
            await fill(store, Counter(placed))
            ask = (store.accounts, by, filters)
            whole = await store.read(lambda tx: delivery_stats(tx, *ask, zone))
            times = await store.read(lambda tx: latency_stats(tx, *ask, DELIVERED, zone))
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(time_pages, "QUICK", quick)
                counted = await pages(store, delivery, by, filters, zone)
                took = await pages(store, latency, by, filters, zone)
            assert items_of(counted) == whole["items"]
            assert {str(told["summary"]) for told in counted} == {str(whole["summary"])}
            assert items_of(took) == times["items"]
            assert {str(told["summary"]) for told in took} == {str(times["summary"])}

    run(test())


@pytest.mark.parametrize("by", [("day",), ("hour",), ("day", "country"), ("network", "day")])
@pytest.mark.parametrize("name", ZONES)
@pytest.mark.parametrize("quick", [1.0, 1500.0])
def test_no_quarter_is_lost_or_told_twice_between_two_pages(
    sqlite_url, monkeypatch, quick, name, by
):
    """Each quarter holds another number than those around it, so nothing cancels out."""
    monkeypatch.setattr(time_pages, "QUICK", quick)
    zone, placed = ZoneInfo(name), {at: 1 + at * at % 97 for some in CHANGES for at in some}

    async def test():
        async with opened(sqlite_url) as store:
            await fill(store, Counter(placed), together=True)
            ask = (by, Filters(), zone)
            whole = await store.read(lambda tx: delivery_stats(tx, store.accounts, *ask))
            counted = await pages(store, delivery, *ask)
            took = await pages(store, latency, *ask)
            assert items_of(counted) == whole["items"]
            totals = [item["total"] for item in whole["items"]]
            assert [item["total"] for item in items_of(took)] == totals
            if quick == 1.0:
                assert all(len(told["items"]) <= 1 for told in (*counted, *took))

    run(test())


A_DAY = time_pages.COUNTS.item + time_pages.COUNTS.row
AN_HOUR = time_pages.COUNTS.item + time_pages.COUNTS.row / 24


@pytest.mark.parametrize(
    ("by", "quick", "sizes"),
    [
        (("day", "country"), 7 * A_DAY, [7] * 5 + [5]),
        (("day", "country"), 40 * A_DAY, [40]),
        (("hour", "country"), 2.5 * 24 * AN_HOUR, [2, 3] * 8),
    ],
)
def test_a_page_has_as_many_days_as_are_quick_to_read(sqlite_url, monkeypatch, by, quick, sizes):
    monkeypatch.setattr(time_pages, "QUICK", quick + 1)
    days = range(SPRING, SPRING + 40 * BUCKETS_A_DAY, BUCKETS_A_DAY)

    async def test():
        async with opened(sqlite_url) as store:
            await fill(store, Counter(days), together=True)
            found = await pages(store, delivery, by, Filters(), None)
            assert [len(told["items"]) for told in found] == sizes

    run(test())


def test_a_page_with_a_change_of_clocks_is_short(sqlite_url, monkeypatch):
    """What is not kept by half an hour is read there by the quarter."""
    monkeypatch.setattr(time_pages, "QUICK", 120.0)
    days = range(SPRING, SPRING + 20 * BUCKETS_A_DAY, BUCKETS_A_DAY)

    async def test():
        async with opened(sqlite_url) as store:
            await fill(store, Counter(days), together=True)
            ask = (("network", "day"), Filters(), ZoneInfo("Europe/Vienna"))
            found = [[item["day"] for item in told["items"]]
                     for told in await pages(store, latency, *ask)]  # fmt: skip
            lengths = {len(days) for days in found if "2024-03-31" not in days}
            assert max(lengths) > len(next(days for days in found if "2024-03-31" in days)) == 1

    run(test())


def test_the_first_day_has_pages_too(sqlite_url, monkeypatch):
    monkeypatch.setattr(time_pages, "QUICK", 3 * AN_HOUR + 1)

    async def test():
        async with opened(sqlite_url) as store:
            await fill(store, Counter(range(SPRING, SPRING + BUCKETS_A_DAY)), together=True)
            found = await pages(store, delivery, ("hour", "country"), Filters(), None)
            assert [len(told["items"]) for told in found] == [3] * 8

    run(test())


def test_days_without_traffic_make_no_page_longer(sqlite_url, monkeypatch):
    """Of the days whose rows are counted, the one with the most tells."""
    monkeypatch.setattr(time_pages, "QUICK", 34 * A_DAY + 1)

    async def test():
        async with opened(sqlite_url) as store:
            days = [SPRING + day * BUCKETS_A_DAY for day in range(40) if day not in (38, 10)]
            await fill(store, Counter(days), together=True)
            newest, *_ = await pages(store, delivery, ("day",), Filters(), None)
            assert newest["items"][0]["day"] == "2024-04-01"

    run(test())


def test_the_newest_page_ends_now_and_not_with_the_day(sqlite_url, monkeypatch):
    """It would have nothing but hours to come."""
    monkeypatch.setattr(time_pages, "QUICK", 1.0)

    async def test():
        async with opened(sqlite_url) as store:
            await fill(store, Counter([now_micros() // BUCKET]))
            newest, *_ = await pages(store, delivery, ("hour",), Filters(), None)
            assert newest["items"][0]["total"] == 1

    run(test())


def test_a_page_after_the_last_has_nothing(sqlite_url):
    async def test():
        async with opened(sqlite_url) as store:
            await fill(store, Counter([SPRING]))
            for by in ("day", "hour"):
                for one in (delivery, latency):
                    for before in (0, SPRING * BUCKET):
                        ask = (store.accounts, (by,), Filters(), None, before)
                        told, older = await store.read(lambda tx, o=one, a=ask: o(tx, *a))
                        assert (told["items"], older) == ([], None)
                        assert told["summary"]["total"] == 1

    run(test())
