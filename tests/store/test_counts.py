"""Where a message is counted, and what a price adds to the sums (rule F1)."""

from collections import Counter, defaultdict
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delivrd.core.statement import Status
from delivrd.core.status import Outcome
from delivrd.core.units import MINUTE
from delivrd.core.units import SECOND as S
from delivrd.store.counts import (
    NO_LATENCY,
    NOWHERE,
    OPEN,
    SECONDS,
    TABLES,
    TIMED,
    addends,
    deltas,
    first_minute,
    latency_step,
    micro_units,
    single_counts,
    step,
)
from delivrd.store.days import BUCKETS_A_DAY
from delivrd.store.days import TABLES as DAYS
from delivrd.store.histograms import of
from delivrd.store.latencies import STEPS, one, parts
from delivrd.store.latencies import TABLES as LATENCIES

NOW = 1_800_000_000 * 1_000_000
SECOND = NOW // 1_000_000
SUMMED = {name: name for name in ("rollup", "rollup_sender", "rollup_code")} | {
    "account_sender": "rollup_sender", "account_code": "rollup_code",
}  # fmt: skip
"""From which table with quarters of an hour others are summed, if not from the rollup."""


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
    found = single_counts(table, deltas(moves, first_minute(NOW))[table])
    return {key: n for key, n in found.items() if n}


def numbers(moves, table):
    return {key: n for key, n in total(moves, table).items() if STEPS not in key}


def ended(moves, table):
    found: defaultdict[tuple[object, ...], Counter[int]] = defaultdict(Counter)
    for key, n in total(moves, table).items():
        if STEPS in key:
            found[key[:-2]][key[-1]] = n
    return found


@given(st.lists(places, min_size=1, max_size=6))
def test_whatever_way_a_message_went_it_is_counted_where_it_is_and_nowhere_else(way):
    there = [NOWHERE, *way]
    moves = Counter((1, 7, old, new) for old, new in zip(there, way, strict=False))
    direct = Counter({(1, 7, NOWHERE, way[-1]): 1})
    for table in TABLES:
        assert total(moves, table) == total(direct, table)


@given(st.lists(places, max_size=8))
def test_the_counts_by_the_day_add_up_to_those_by_the_quarter_of_an_hour(some):
    moves = Counter((1, 7, NOWHERE, there) for there in some)
    for name, (quarterly, key) in DAYS.items():
        days: Counter[tuple[object, ...]] = Counter()
        for quarter, n in numbers(moves, quarterly).items():
            names = dict(zip(TABLES[quarterly], quarter, strict=True))
            day, within = divmod(names["bucket"], BUCKETS_A_DAY)
            names["day"] = day
            days[*(names[column] for column in key), within // 4] += n
        assert numbers(moves, name) == dict(days)


def test_a_row_by_the_day_adds_its_hours_and_their_sum():
    route = (1, 20_000, 7, "GB", "delivered")
    counted = {(*route, 5): 3, (*route, 7): -1}
    key = ("unit", "day", "account_id", "country", "status", "slot", "n")
    ((columns, rows),) = addends("route_day", counted, 4, once=True)
    assert columns == (*key, "h05", "h07", "steps")
    assert rows == [(*route, 4, 2, 3, -1, None)]
    assert addends("route_day", counted, 4, once=False) == [
        ((*key, "h05", "steps"), [(*route, 4, 3, 3, None)]),
        ((*key, "h07", "steps"), [(*route, 4, -1, -1, None)]),
    ]


def test_a_number_is_how_many_and_how_long_those_took_that_ended():
    number = 3 * one(None) - 2 * one(80) + one(-1)
    assert parts(number) == (2, of({80: -2, -1: 1}))
    assert parts(-number) == (-2, of({80: 2, -1: -1}))


def test_a_row_adds_a_histogram_beside_its_numbers():
    open_, ended = (0, 20_000, "pending"), (0, 20_000, "delivered")
    counted = {(*open_, 5): -3 * one(None), (*ended, 5): 2 * one(80) + one(96)}
    ((columns, rows),) = addends("status_day", counted, 4)
    assert columns == ("unit", "day", "status", "slot", "n", "h05", "steps")
    assert rows == [(*open_, 4, -3, -3, None), (*ended, 4, 3, 3, of({80: 2, 96: 1}))]


@given(st.lists(places, max_size=8))
def test_each_row_holds_as_many_latencies_as_have_ended(some):
    moves = Counter((1, 7, NOWHERE, there) for there in some)
    for name in TIMED - {*LATENCIES}:
        counted: Counter[tuple[object, ...]] = Counter()
        for key, n in numbers(moves, name).items():
            names = dict(zip(TABLES[name], key, strict=False))
            if names["status"] != "pending":
                counted[key[: len(TABLES[name])]] += n
        assert {key: sum(took.values()) for key, took in ended(moves, name).items()} == counted


@given(st.lists(places, max_size=8))
def test_latencies_by_longer_times_and_of_all_add_up_to_those_by_the_quarter(some):
    moves = Counter((1, 7, NOWHERE, there) for there in some)
    for name in TIMED:
        quarters = DAYS[name].of if name in DAYS else SUMMED.get(name, "rollup")
        added: defaultdict[tuple[object, ...], Counter[int]] = defaultdict(Counter)
        for quarter, took in ended(moves, quarters).items():
            of_it = dict(zip(TABLES[quarters], quarter, strict=True))
            for time, width in (("day", BUCKETS_A_DAY), ("part", 24), ("half", 2)):
                of_it[time] = of_it["bucket"] // width
            added[tuple(of_it[column] for column in TABLES[name])] += took
        assert ended(moves, name) == added


def test_an_open_message_leaves_its_second_and_an_ended_one_its_step():
    opened = Counter({(1, 7, NOWHERE, place(second=SECOND - SECOND % 60 + 12)): 3})
    assert {key[4]: n for key, n in total(opened, "recent").items()} == {OPEN: 3, SECONDS: 36}
    ended = Counter({(1, 7, NOWHERE, place("delivered", step=81)): 3})
    assert {key[4]: n for key, n in total(ended, "recent").items()} == {40: 3}


def test_minutes_that_are_kept_no_more_are_counted_no_more():
    old = Counter({(1, 7, NOWHERE, place(second=SECOND - 7 * 3600)): 1})
    assert total(old, "recent") == {}
    assert total(old, "rollup") != {}


@pytest.mark.parametrize(
    ("since", "ended", "asked", "latency"),
    [
        (MINUTE, MINUTE + 10 * S, False, step(10 * S)),
        (MINUTE, MINUTE, False, step(0)),
        (MINUTE, MINUTE - S, False, NO_LATENCY),
        (None, MINUTE, False, NO_LATENCY),
        (MINUTE, None, False, NO_LATENCY),
        (MINUTE, MINUTE + 10 * S, True, NO_LATENCY),
    ],
    ids=["10 s", "at once", "before the hand-over", "no hand-over", "no end", "when we asked"],
)
def test_a_latency_that_is_negative_or_not_known_is_counted_apart(since, ended, asked, latency):
    """F3."""
    end = Outcome(Status.DELIVERED, True, finished_at=ended, asked=asked)
    assert latency_step(end, since) == latency
    assert latency_step(Outcome(Status.PENDING, False), since) is None


@given(st.decimals("0", "9999", places=6))
def test_a_price_is_exact_to_a_millionth(price):
    assert micro_units(str(price)) == int(price * 1_000_000)
    assert Decimal(micro_units(f"-{price}")) == price * 1_000_000


@pytest.mark.parametrize("text", ["", "free", "NaN", "Infinity", "1e99", "0,05"])
def test_what_is_no_amount_adds_nothing(text):
    assert micro_units(text) is None
