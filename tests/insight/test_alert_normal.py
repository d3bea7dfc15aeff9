"""What is usual on a route, and how surely the days tell it."""

from collections.abc import Callable
from math import inf

import pytest
from hypothesis import given
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
