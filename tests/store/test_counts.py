"""Where a message is counted, and what a price adds to the sums (rule F1)."""

from collections import Counter
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delivrd.store.counts import (
    NOWHERE,
    OPEN,
    SECONDS,
    TABLES,
    deltas,
    first_minute,
    micro_units,
    rows_of,
)
from delivrd.store.days import BUCKETS_A_DAY
from delivrd.store.days import TABLES as DAYS
from delivrd.store.latencies import TABLES as LATENCIES

NOW = 1_800_000_000 * 1_000_000
SECOND = NOW // 1_000_000


def place(status="pending", *, step=None, second=SECOND, price=None, code=None, network=None):
    bucket = second // 900
    return (bucket, "GB", network, status, None, step, price, "EUR", "Acme", code, second)


places = st.one_of(
    st.just(NOWHERE),
    st.builds(place, second=st.integers(SECOND - 3600, SECOND)),
    st.builds(
        place, st.sampled_from(["delivered", "expired"]), step=st.integers(-1, 200),
        second=st.integers(SECOND - 3600, SECOND), price=st.sampled_from([None, "0.05", "1"]),
        code=st.sampled_from([None, "2"]), network=st.sampled_from([None, "23410"]),
    ),
)  # fmt: skip


def total(moves, table):
    found = deltas(moves, first_minute(NOW))[table]
    return {key: n for key, n in found.items() if n}


@given(st.lists(places, min_size=1, max_size=6))
def test_whatever_way_a_message_went_it_is_counted_where_it_is_and_nowhere_else(way):
    there = [NOWHERE, *way]
    moves = Counter((1, 7, old, new) for old, new in zip(there, way, strict=False))
    direct = Counter({(1, 7, NOWHERE, way[-1]): 1})
    for table in TABLES:
        assert total(moves, table) == total(direct, table)


@given(st.lists(places, max_size=8))
def test_the_counts_by_the_day_add_up_to_those_by_the_quarter_of_an_hour(some):
    moves = Counter((1, 7, NOWHERE, one) for one in some)
    for name, (of, key) in DAYS.items():
        days: Counter[tuple[object, ...]] = Counter()
        for quarter, n in total(moves, of).items():
            told = dict(zip(TABLES[of], quarter, strict=True))
            day, within = divmod(told["bucket"], BUCKETS_A_DAY)
            told["day"] = day
            days[*(told[column] for column in key), within // 4] += n
        assert total(moves, name) == dict(days)


def test_a_row_by_the_day_adds_its_hours_and_their_sum():
    route = (1, 20_000, 7, "GB", "delivered")
    columns, rows = rows_of("route_day", {(*route, 5): 3, (*route, 7): -1}, 4)
    key = ("unit", "day", "account_id", "country", "status")
    assert columns == (*key, "slot", "n", "h05", "h07")
    assert rows == [(*route, 4, 2, 3, -1)]


def test_a_row_of_latencies_adds_all_steps_of_its_key():
    counted = {(0, "delivered", 1_920_000, 80): 3, (0, "delivered", 1_920_000, 96): -1}
    columns, rows = rows_of("latency_whole", counted, 4)
    assert columns == ("unit", "status", "bucket", "slot", "steps")
    assert rows == [(0, "delivered", 1_920_000, 4, {80: 3, 96: -1})]


@given(st.lists(places, max_size=8))
def test_latencies_by_the_day_and_of_all_add_up_to_those_by_the_quarter_of_an_hour(some):
    moves = Counter((1, 7, NOWHERE, one) for one in some)
    for name, key in LATENCIES.items():
        added: Counter[tuple[object, ...]] = Counter()
        for (*quarter, step), n in total(moves, "latency").items():
            told = dict(zip(LATENCIES["latency"], quarter, strict=True))
            told["day"] = told["bucket"] // BUCKETS_A_DAY
            added[*(told[column] for column in key), step] += n
        assert total(moves, name) == {key: n for key, n in added.items() if n}


def test_an_open_message_leaves_its_second_and_an_ended_one_its_step():
    opened = Counter({(1, 7, NOWHERE, place(second=SECOND - SECOND % 60 + 12)): 3})
    assert {key[4]: n for key, n in total(opened, "recent").items()} == {OPEN: 3, SECONDS: 36}
    ended = Counter({(1, 7, NOWHERE, place("delivered", step=81)): 3})
    assert {key[4]: n for key, n in total(ended, "recent").items()} == {40: 3}


def test_minutes_that_are_kept_no_more_are_counted_no_more():
    old = Counter({(1, 7, NOWHERE, place(second=SECOND - 7 * 3600)): 1})
    assert total(old, "recent") == {}
    assert total(old, "rollup") != {}


@given(st.decimals("0", "9999", places=6))
def test_a_price_is_exact_to_a_millionth(price):
    assert micro_units(str(price)) == int(price * 1_000_000)
    assert Decimal(micro_units(f"-{price}")) == price * 1_000_000


@pytest.mark.parametrize("text", ["", "free", "NaN", "Infinity", "1e99", "0,05"])
def test_what_is_no_amount_adds_nothing(text):
    assert micro_units(text) is None
