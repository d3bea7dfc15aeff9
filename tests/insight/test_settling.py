"""What messages in flight will settle at: leaning, paces, intervals, silent routes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delivrd.core.units import MINUTE
from delivrd.insight.cohorts import ages, first_hour, groups_of, has_old, past_of, silent_of
from delivrd.insight.comparison import ranks
from delivrd.insight.learnt import DayCounts, Learnt
from delivrd.insight.lifetimes import DELIVERED, FAILED, Group, observe, step_of
from delivrd.insight.rates import rate
from delivrd.insight.routes import Route, reports_nothing, route, usual
from delivrd.insight.settling import Estimate, estimate, settled
from delivrd.store.counts import BUCKET, NO_LATENCY, OPEN, step
from delivrd.store.queries.recent import ByMinute, Ended, Waiting

DAY = 86_400.0
NOTHING = observe([])


def history(delivered: int, failed: int, seconds: float = 5.0):
    """A day in which failures took a hundred times as long as deliveries; one never ended."""
    return observe(
        [
            Group(DAY, delivered, DELIVERED, step_of(seconds)),
            Group(DAY, failed, FAILED, step_of(seconds * 100)),
            Group(DAY, 1),
        ]
    )


def of(tables, key=(1, "EE"), recent=NOTHING) -> Route:
    return route(usual(tables, {1: "vonage", 2: "vonage", 3: "ruach"}).of(key), recent)


def test_an_old_open_message_is_likely_to_fail_and_a_young_one_to_arrive() -> None:
    known = of({(1, "EE"): history(900, 100)})
    young = settled([estimate(known, 0, 0, [(1.0, 100)])])
    old = settled([estimate(known, 0, 0, [(60.0, 100)])])
    assert young.rate == pytest.approx(0.9, abs=0.01)
    assert old.rate is not None
    assert old.rate < 0.05


def test_what_has_ended_counts_as_it_ended() -> None:
    told = settled([estimate(of({(1, "EE"): history(900, 100)}), 80, 100, [])])
    assert (told.rate, told.low, told.high) == (0.8, 0.8, 0.8)


def test_a_new_route_leans_on_its_country_and_its_provider() -> None:
    tables = {
        (2, "EE"): history(500, 500),
        (2, "LV"): history(950, 50),
        (3, "LV"): history(950, 50),
    }
    estonia = settled([estimate(of(tables, (3, "EE")), 0, 0, [(0.5, 100)])]).rate
    latvia = settled([estimate(of(tables, (1, "LV")), 0, 0, [(0.5, 100)])]).rate
    assert estonia is not None
    assert latvia is not None
    assert estonia < 0.8 < latvia


def test_a_route_that_nothing_is_known_of_goes_on_as_it_began_within_a_wide_interval() -> None:
    told = settled([estimate(of({}), 8, 10, [(5.0, 90)])])
    assert told.rate == pytest.approx(0.75, abs=0.05)
    assert told.low is not None
    assert told.high is not None
    assert told.high - told.low > 0.5


def test_a_hub_that_has_just_begun_takes_nobody_for_lost_and_nobody_for_overdue() -> None:
    """It has seen messages for one minute: 80 arrived, 20 are open at that age."""
    minute = observe([Group(60.0, 80, DELIVERED, step_of(10)), Group(60.0, 20)])
    past = usual({(1, "EE"): minute}, {1: "vonage"}, seen=60.0)
    told = settled([estimate(route(past.of((1, "EE")), NOTHING), 80, 80, [(90.0, 20)])])
    assert (told.rate, told.overdue) == (pytest.approx(1.0, abs=0.01), None)
    assert told.low is not None
    assert told.low < 0.9
    grown = usual({(1, "EE"): minute}, {1: "vonage"})
    told = settled([estimate(route(grown.of((1, "EE")), NOTHING), 80, 80, [(90.0, 20)])])
    assert (told.rate, told.overdue) == (pytest.approx(0.8, abs=0.01), 20)


def test_on_a_route_that_just_went_dead_who_is_open_stays_open() -> None:
    silence = observe([Group(float(age), 1) for age in range(1, 240)])
    known = {(1, "EE"): history(950, 50)}
    before = settled([estimate(of(known), 0, 0, [(2.0, 100)])]).rate
    dead = settled([estimate(of(known, recent=silence), 0, 0, [(2.0, 100)])]).rate
    assert before is not None
    assert dead is not None
    assert before > 0.9
    assert dead < 0.3


def test_overdue_is_what_is_open_longer_than_nearly_all_of_its_route() -> None:
    known = of({(1, "EE"): history(995, 5)})
    assert settled([estimate(known, 0, 0, [(5.0, 10), (60.0, 3)])]).overdue == 3


def test_a_route_that_reports_nothing_stands_in_no_rate() -> None:
    silent = of({(1, "EE"): history(900, 100)})._replace(no_receipts=True)
    told = settled([estimate(silent, 0, 5, [(60.0, 95)]), Estimate(100, 90)])
    assert (told.total, told.unreported, told.rate) == (100, 100, 0.9)


@pytest.mark.parametrize(
    ("reported", "total", "silent"),
    [(0, 49, False), (0, 50, True), (1, 100, True), (2, 100, False)],
)
def test_a_carrier_that_reports_nothing_is_known_by_its_old_messages(
    reported: int, total: int, silent: bool
) -> None:
    assert reports_nothing(reported, total) is silent


def test_messages_known_from_their_receipts_alone_tell_nothing_of_how_long_it_takes() -> None:
    now = 2_000_000 * BUCKET
    alone = Ended(1, "EE", "delivered", NO_LATENCY, True, 90)
    asked = Ended(2, "EE", "delivered", NO_LATENCY, True, 3)
    tables = past_of([alone, asked, asked._replace(le=80, n=50)], [], now)
    assert {key: table.at_risk[0] for key, table in tables.items()} == {(2, "EE"): 53}


def test_silent_routes_are_found_in_the_counts() -> None:
    now = 2_000_000 * BUCKET
    old = now // BUCKET - 40
    ended = [Ended(1, "EE", "delivered", step(5_000_000), True, 90)]
    waiting = [Waiting(1, "EE", old, 10), Waiting(2, "CU", old, 200)]
    assert silent_of(ended, waiting, now) == {(2, "CU")}
    assert set(past_of(ended, waiting, now)) == {(1, "EE"), (2, "CU")}


def test_messages_that_are_young_do_not_make_a_route_silent() -> None:
    now = 2_000_000 * BUCKET
    assert silent_of([], [Waiting(1, "EE", now // BUCKET - 4, 500)], now) == set()
    assert silent_of([Ended(1, "EE", "unknown", NO_LATENCY, False, 500)], [], now) == set()


def test_a_route_is_silent_by_all_its_messages_that_are_two_hours_old_on_average() -> None:
    now = 2_000_000 * BUCKET
    eight, nine = (Waiting(1, "EE", now // BUCKET - n, 25) for n in (8, 9))
    ended = [Ended(1, "EE", "unknown", le, True, 8) for le in (NO_LATENCY, 80, 90)]
    assert silent_of(ended, [nine, nine], now) == {(1, "EE")}
    assert silent_of(ended, [eight, nine], now) == set()


def test_a_group_is_seen_from_the_ages_that_its_whole_minute_had_in_the_last_five() -> None:
    now = 1000 * MINUTE
    rows = [
        ByMinute(1, "EE", 990, "delivered", 40, 7), ByMinute(1, "EE", 998, "pending", OPEN, 8),
        ByMinute(1, "EE", 990, "expired", NO_LATENCY, 9),
        ByMinute(1, "EE", 999, "pending", OPEN, 5),
    ]  # fmt: skip
    assert groups_of(rows, now) == [
        Group(540.0, 7, DELIVERED, 40, 300.0),
        Group(60.0, 8, None, OPEN, 0.0),
        Group(540.0, 9, FAILED, step_of(3600.0), 300.0),
    ]


def test_in_the_first_hour_messages_are_seen_up_to_the_age_that_their_whole_minute_has() -> None:
    now = 1000 * MINUTE
    rows = [
        ByMinute(1, "EE", 990, "delivered", 40, 7), ByMinute(1, "EE", 998, "pending", OPEN, 8),
        ByMinute(1, "EE", 999, "pending", OPEN, 5),
    ]  # fmt: skip
    tables, seen = first_hour(rows, now)
    assert seen == 540.0
    assert tables == {(1, "EE"): observe([Group(540.0, 7, DELIVERED, 40), Group(60.0, 8)])}


def test_one_message_of_two_hours_shows_how_messages_end() -> None:
    now = 2_000_000 * BUCKET
    ended, waiting = (
        Ended(1, "EE", "delivered", 80, True, 1),
        Waiting(1, "EE", now // BUCKET - 9, 1),
    )
    assert has_old([ended, ended._replace(old=False)], [], now)
    assert has_old([], [waiting, waiting._replace(bucket=now // BUCKET)], now)
    young = [waiting._replace(bucket=waiting.bucket + 1)]
    assert not has_old([ended._replace(old=False)], young, now)


def test_ends_that_no_network_reported_leave_a_route_silent() -> None:
    now = 2_000_000 * BUCKET
    given_up = [Ended(1, "EE", status, NO_LATENCY, True, 50) for status in ("unknown", "expired")]
    assert silent_of(given_up, [], now) == {(1, "EE")}


def test_a_country_never_reports_only_if_none_of_its_routes_does() -> None:
    reports = Ended(2, "EE", "delivered", step(5_000_000), True, 90)
    waiting = [Waiting(1, country, 0, 200) for country in ("EE", "CU")]
    day = DayCounts([reports], waiting, {(1, "EE"), (1, "CU")}, {}, {})
    never = Learnt(day, None, 0).never
    assert never.routes == ((1, "CU"), (1, "EE"))
    assert never.countries == ("CU",)


def test_a_route_whose_messages_are_all_refused_is_no_silent_one() -> None:
    now = 2_000_000 * BUCKET
    refused = Ended(1, "EE", "rejected", step(200_000), True, 500)
    waiting = [Waiting(2, "CU", now // BUCKET - 40, 200)]
    both = [refused, refused._replace(account_id=2, country="CU")]
    assert silent_of(both, waiting, now) == {(2, "CU")}


numbers = st.floats(0, 5000)


@given(
    st.lists(st.tuples(st.floats(0.01, 1e5), st.floats(0.5, 500)), max_size=6),
    st.integers(0, 500), st.integers(0, 500), st.integers(0, 5000), st.integers(0, 5000),
)  # fmt: skip
def test_the_interval_holds_the_rate_and_stays_within_what_can_be(
    still_open: list[tuple[float, float]], delivered: int, failed: int, good: int, bad: int
) -> None:
    known = of({(1, "EE"): history(good, bad)})
    told = settled([estimate(known, delivered, delivered + failed, still_open)])
    if told.rate is None:
        assert delivered + failed + sum(n for _, n in still_open) == 0
    else:
        assert told.low is not None
        assert told.high is not None
        assert 0 <= told.low <= told.rate + 1e-9
        assert told.rate <= told.high + 1e-9
        assert told.high <= 1


def test_the_interval_of_a_few_open_messages_is_no_narrower_than_that_of_a_share() -> None:
    known = of({(1, "EE"): history(19_000, 1000)})
    told, share = settled([estimate(known, 0, 0, [(0.01, 100)])]), rate(95, 100)
    assert share is not None
    assert told.low is not None
    assert told.high is not None
    assert told.low <= share.low
    assert share.high <= told.high


@pytest.mark.parametrize(("good", "bad", "low"), [(19, 1, 0.8), (20, 0, 0.87)])
def test_many_open_messages_do_not_make_up_for_a_route_of_which_little_is_known(
    good: int, bad: int, low: float
) -> None:
    little = settled([estimate(of({(1, "EE"): history(good, bad)}), 0, 0, [(0.01, 10_000)])])
    much = of({(1, "EE"): history(1000 * good, 1000 * bad)})
    known = settled([estimate(much, 0, 0, [(0.01, 10_000)])])
    assert little.low is not None
    assert known.low is not None
    assert little.low < low < 0.92 < known.low


def test_a_burst_in_a_minute_is_of_one_age_and_steady_traffic_of_all() -> None:
    now = 1000 * MINUTE
    burst = ages(ByMinute(1, "EE", 998, "pending", OPEN, 100, 5500), now)
    steady = ages(ByMinute(1, "EE", 998, "pending", OPEN, 60, 60 * 59 // 2), now)
    assert all(60 < age < 70 for age, _ in burst)
    assert max(age for age, _ in steady) - min(age for age, _ in steady) > 40
    assert sum(n for _, n in steady) == 60


def test_accounts_share_a_rank_unless_they_differ_beyond_chance() -> None:
    rates = [rate(950, 1000), rate(948, 1000), rate(700, 1000)]
    assert ranks([one for one in rates if one]) == [1, 1, 3]


def test_it_is_near_the_truth_two_minutes_after_a_burst_where_the_plain_rate_is_far_off() -> None:
    """One run of `python -m bench insight`, which tells the medians of many."""
    from bench.insight import LATE_FAILURES, burst

    runs = [burst(seed, LATE_FAILURES, 2000, 120, 3000) for seed in range(5)]
    assert sorted(abs(one.error) for one in runs)[2] < 0.015
    assert min(abs(one.plain) for one in runs) > 0.18
