"""What is usual on a route, and how surely the days tell it."""

from collections.abc import Callable
from math import inf, sqrt

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from delivrd.core.units import SECOND
from delivrd.insight.alerts.data import Normal
from delivrd.insight.alerts.normal import History, Hour, Times, alike, normal, normals, times
from delivrd.store.counts import NO_LATENCY, step
from tests.insight.alert_support import DAY, HOUR, NOON

WEEK = range(NOON // HOUR - 8 * 24, NOON // HOUR)


def history(failed: Callable[[int], int], sent: int = 100) -> History:
    """Eight days up to noon, with so many failures in each hour of the day."""
    return History({h: Hour(sent, failed(h % 24), sent) for h in WEEK})


def usual(of: History, now: int = NOON) -> Normal:
    return normal(of, now, whole=0.03)


def test_hours_that_differ_by_chance_alone_count_as_one() -> None:
    """So the whole week tells what is usual, not the same hours alone."""
    alternating = history(lambda hour: 2 + 2 * (hour % 2))
    assert alike([Hour(700, 21 + hour % 3, 700) for hour in range(24)]) == inf
    assert usual(alternating).typical == pytest.approx(0.03, abs=1e-3)


def test_hours_that_differ_beyond_chance_count_by_themselves() -> None:
    nightly = history(lambda hour: 12 if hour < 6 else 3, sent=1000)
    assert usual(nightly, NOON - 9 * HOUR).typical == pytest.approx(0.012, abs=1e-3)
    assert usual(nightly).typical == pytest.approx(0.003, abs=1e-3)


def test_more_messages_narrow_the_edge_of_what_is_usual() -> None:
    few, many = (usual(history(lambda _, n=n: 3 * n, 100 * n)) for n in (1, 100))
    assert few.typical == pytest.approx(many.typical, abs=1e-3)
    assert few.failing - few.typical > 5 * (many.failing - many.typical) > 0


@given(st.lists(st.integers(0, 50), min_size=24, max_size=24), st.integers(0, 23))
def test_what_is_usual_lies_between_the_best_and_the_worst_hour(
    failed: list[int], hour: int
) -> None:
    told = usual(history(lambda at: failed[at]), NOON + hour * HOUR).typical
    assert min(*failed, 3) / 100 - 1e-9 <= told <= max(*failed, 3) / 100 + 1e-9


def test_hours_to_come_say_nothing() -> None:
    """A preview asks for a moment in the middle of what it knows."""
    known, now = history(lambda hour: hour % 5), NOON - 50 * HOUR
    later = {h: Hour(100, 90, 100) for h in WEEK if h >= now // HOUR}
    key = ("main", "GB", "")
    spoilt = known._replace(hours={**known.hours, **later})
    assert normals({key: spoilt}, now)[key].typical == normals({key: known}, now)[key].typical


def test_usual_are_the_messages_of_this_hour_and_of_the_last_whole_one_by_day() -> None:
    clock = History({h: Hour(sent=10 * (h % 24), failed=0) for h in WEEK})
    found = usual(clock, NOON + HOUR // 2)
    assert (found.same_hours, found.hours_before) == ((120,) * 7, (110,) * 7)


def took(*ends: tuple[float, int]) -> Times:
    """The times of a route so many of whose messages ended after so many seconds."""
    return times(History({}, {step(int(seconds * SECOND)): n for seconds, n in ends}))


def test_late_is_the_age_by_which_99_of_100_messages_that_end_have_ended() -> None:
    found = took((30, 90), (300, 9), (7200, 1))
    assert found.slow == pytest.approx(30, rel=0.1)
    assert found.late == pytest.approx(300, rel=0.1)
    assert (found.by_slow, found.by_late) == (0.90, 0.99)


def test_late_is_between_a_minute_and_a_day() -> None:
    assert took((1, 100)).late == 60
    assert took((3 * DAY, 100)).late == DAY


def test_ends_without_a_time_say_nothing_about_how_long_messages_take() -> None:
    timed = {step(30 * SECOND): 100}
    assert times(History({}, {**timed, NO_LATENCY: 900})) == times(History({}, timed))


def test_a_failure_is_expected_by_when_as_many_were_known() -> None:
    soon, later = step(10 * SECOND), step(600 * SECOND)
    found = Normal(known=times(History({}, {}, {later: 10, soon: 10})).known)
    assert [found.known_by(age) for age in (5, 60, 900)] == [0.0, 0.5, 1.0]
    assert found.known_end == pytest.approx(600, rel=0.1)


def test_of_messages_that_never_end_so_many_are_expected_to_be_open() -> None:
    hours = {h: Hour(1000, 30, 800) for h in WEEK}
    found = usual(History(hours, {step(30 * SECOND): 100}))
    assert found.open_late == pytest.approx(0.2, abs=0.01)


def test_what_failed_in_the_last_day_is_not_usual_yet() -> None:
    bad = {h: Hour(100, 100 if h >= NOON // HOUR - 24 else 3, 100) for h in WEEK}
    assert usual(History(bad)).typical == pytest.approx(0.03, abs=1e-3)


def test_the_edge_of_what_is_usual_is_two_standard_deviations_above_it() -> None:
    n, share = 6 * 24 * 100 + 50, 0.03
    found = usual(history(lambda _: 3))
    assert found.typical == pytest.approx(share)
    assert found.failing == pytest.approx(share + 2 * sqrt(share * (1 - share) / n))


def test_a_short_past_is_lent_fifty_messages_of_the_account() -> None:
    """All of fifty messages failed; of the account's, three in a hundred do."""
    one_hour = History({NOON // HOUR - 48: Hour(50, 50, 50)})
    assert usual(one_hour).typical == pytest.approx((50 + 50 * 0.03) / 100)


def test_a_short_past_is_lent_fifty_messages_that_mostly_end() -> None:
    """Nine in ten of a hundred messages ended within half a minute, if they did at all."""
    ends = {step(30 * SECOND): 90, step(300 * SECOND): 10}
    found = usual(History({NOON // HOUR - 48: Hour(100, 0, 80)}, ends))
    ended = (80 + 50 * 0.95) / (100 + 50)
    for share, edge in ((1 - 0.9 * ended, found.open_slow), (1 - ended, found.open_late)):
        assert edge == pytest.approx(share + 2 * sqrt(share * (1 - share) / 150))


def test_of_a_young_route_the_last_day_counts_up_to_an_hour_ago() -> None:
    """What goes wrong just now is not usual."""
    today = NOON // HOUR
    known = {today - 3: Hour(100, 20, 100), today - 2: Hour(100, 0, 100)}
    spoilt = {**known, today - 1: Hour(100, 100, 100), today: Hour(100, 100, 100)}
    for hours in (known, spoilt):
        found = usual(History(hours))
        assert found.sent == 200
        assert found.typical == pytest.approx((20 + 50 * 0.03) / 250)
    established = {**spoilt, today - 48: Hour(50, 0, 50)}
    assert usual(History(established)).sent == 50


def test_a_route_without_any_past_is_as_its_account_and_that_as_all() -> None:
    hours = {h: Hour(100, 10, 100) for h in WEEK}
    well = {h: Hour(100, 1, 100) for h in WEEK}
    found = normals(
        {
            ("main", "GB", ""): History(hours),
            ("main", "DE", ""): History({}),
            ("other", "GB", ""): History(well),
            ("new", "GB", ""): History({}),
        },
        NOON,
    )
    typical = {account + country: of.typical for (account, country, _), of in found.items()}
    assert typical["mainDE"] == pytest.approx(0.1, abs=1e-3)
    assert typical["newGB"] == pytest.approx(0.055, abs=1e-3)


counts = st.lists(st.tuples(st.integers(1, 5000), st.floats(0, 0.5)), min_size=2, max_size=24)


@given(counts)
def test_other_hours_count_for_as_much_as_the_excess_variance_between_hours_allows(
    some: list[tuple[int, float]],
) -> None:
    """By the weights, Q and tau squared of DerSimonian and Laird, in their notation."""
    clock = [Hour(n, int(n * share), n) for n, share in some]
    total = sum(hour.sent for hour in clock)
    share = sum(hour.failed for hour in clock) / total
    found = alike(clock)
    if not 0 < share < 1:
        assert found == inf
        return
    within = share * (1 - share)
    w = [hour.sent / within for hour in clock]
    q = sum(wi * (hour.failed / hour.sent - share) ** 2 for wi, hour in zip(w, clock, strict=True))
    free = len(clock) - 1
    excess = q - free - sqrt(2 * free)
    assume(abs(excess) > 1e-3)  # nearer to none, rounding decides
    tau2 = excess / (sum(w) - sum(wi * wi for wi in w) / sum(w))
    assert found == (pytest.approx(max(2000, within / tau2), rel=1e-4) if excess > 0 else inf)


def test_the_times_of_a_route_have_limits() -> None:
    assert (took((1, 100)).slow, took((7200, 100)).slow) == (20, 3600)
    unknown = times(History({}))
    assert (unknown.slow, unknown.late) == (200, 600)
    assert (unknown.by_slow, unknown.by_late) == (0.9, 0.99)


def test_few_failures_have_no_distribution_of_their_times() -> None:
    at = step(10 * SECOND)
    assert times(History({}, {}, {at: 19})).known == ()
    assert len(times(History({}, {}, {at: 20})).known) == 1
    assert times(History({}, {}, {at: 19, NO_LATENCY: 50})).known == ()
