"""The retry schedule, the breaker and the rate limit, as pure functions of moments."""

from hypothesis import example, given
from hypothesis import strategies as st

from delivrd.relay.schedule import (
    DAY,
    GIVE_UP,
    JITTER,
    PROBES,
    RETRIES,
    SECOND,
    Health,
    after_failure,
    after_success,
    allowed,
    may_probe,
    next_try,
    pause_after,
    probing,
    should_give_up,
)

NOW = 1_760_000_000 * SECOND
lucks = st.floats(0, 1)
gaps = st.lists(st.integers(0, 40 * SECOND), max_size=60)


def test_the_schedule_lasts_for_three_days() -> None:
    """D41: as long as the settings say, and no longer."""

    hours = [pause / (3600 * SECOND) for pause in RETRIES]
    assert [round(hour, 4) for hour in hours] == [0.0014, 0.0833, 0.5, 2, 5, 10, 14, 20, 24]
    assert sum(RETRIES) < GIVE_UP, "a delivery is parked before its endpoint is given up"


@given(st.integers(1, 9), lucks, st.none() | st.integers(0, 10 * DAY))
@example(1, 0.0, 10 * DAY)
def test_a_pause_is_never_shorter_and_never_much_longer_than_asked_for(
    failed: int, luck: float, asked: int | None
) -> None:
    at = next_try(failed, NOW, luck, asked)
    assert at is not None
    least = max(RETRIES[failed - 1], min(asked or 0, DAY))
    assert least <= at - NOW <= least * (1 + JITTER) + 1


@given(st.integers(10, 1000), lucks)
def test_after_ten_failures_there_is_no_further_try(failed: int, luck: float) -> None:
    """D41."""

    assert next_try(failed, NOW, luck) is None


@given(st.integers(0, 10 * DAY))
def test_retry_after_holds_other_deliveries_back_for_minutes_at_most(asked: int) -> None:
    until = pause_after(NOW, asked)
    assert until is None or NOW < until <= NOW + 300 * SECOND


def failing(moments: list[int], health: Health | None = None) -> Health:
    health = health or Health()
    for at in moments:
        health = after_failure(health, at)
    return health


def test_nine_failures_leave_it_closed_and_the_tenth_opens_it() -> None:
    moments = [NOW + i * SECOND for i in range(10)]
    assert not failing(moments[:9]).is_open
    assert failing(moments).is_open


def test_ten_failures_in_more_than_thirty_seconds_leave_it_closed() -> None:
    assert not failing([NOW + i * 4 * SECOND for i in range(100)]).is_open


def test_a_success_within_thirty_seconds_keeps_it_closed() -> None:
    health = after_success(Health(), NOW)
    soon = [NOW + SECOND + i for i in range(50)]
    assert not failing(soon, health).is_open
    assert failing([at + 30 * SECOND for at in soon], health).is_open


@given(gaps, st.data())
def test_it_opens_exactly_when_all_of_thirty_seconds_failed_and_these_were_ten(
    pauses: list[int], data: st.DataObject
) -> None:
    health, at, tries = Health(), NOW, list[tuple[int, bool]]()
    for pause in pauses:
        at += pause
        good = data.draw(st.sampled_from([False] * 12 + [True]))
        tries.append((at, good))
        before = health
        health = after_success(health, at) if good else after_failure(health, at)
        if before.is_open:
            assert health.is_open is not good
            continue
        recent = [went for moment, went in tries if moment > at - 30 * SECOND]
        assert health.is_open == (len(recent) >= 10 and not any(recent))


@given(gaps)
def test_one_success_closes_it_and_forgets_all(pauses: list[int]) -> None:
    moments = [NOW + sum(pauses[: i + 1]) for i in range(len(pauses))]
    at = NOW + sum(pauses) + 1
    assert after_success(failing(moments), at) == Health(succeeded_at=at)


def test_probes_come_ten_seconds_apart_at_first_and_never_stop() -> None:
    health, at, pauses = failing([NOW] * 10), NOW, []
    for _ in range(8):
        assert not may_probe(health, (health.probe_at or 0) - 1)
        pauses.append(((health.probe_at or 0) - at) // SECOND)
        at = health.probe_at or 0
        assert may_probe(health, at)
        health = after_failure(probing(health, at), at)
    assert pauses == [10, 20, 40, 80, 160, 300, 300, 300]
    assert PROBES[0] == 10 * SECOND


def test_a_failure_that_began_before_the_last_success_says_nothing() -> None:
    health = after_success(Health(), NOW)
    assert failing([NOW - 1] * 20, health) == health


@given(st.integers(0, 10 * DAY))
@example(5 * DAY)
@example(5 * DAY - 1)
def test_it_is_given_up_after_five_days_of_failures(later: int) -> None:
    health = failing([NOW])
    assert should_give_up(health, NOW + later) == (later >= 5 * DAY)
    assert not should_give_up(after_success(health, NOW + 1), NOW + later)


@given(st.integers(1, 500), st.lists(st.tuples(st.integers(0, 2 * SECOND), st.integers(0, 600))))
def test_never_more_calls_in_any_second_than_twice_the_rate(
    rate: int, steps: list[tuple[int, int]]
) -> None:
    """One second's worth may be saved up; on the long run the rate holds."""
    at, next_at, went = NOW, None, list[tuple[int, int]]()
    for pause, wanted in steps:
        at += pause
        count, next_at = allowed(next_at, rate, wanted, at)
        assert 0 <= count <= wanted
        went.append((at, count))
    assert sum(count for _, count in went) <= rate * ((at - NOW) / SECOND + 1)
    for end, _ in went:
        assert sum(n for t, n in went if end - SECOND < t <= end) <= 2 * rate
