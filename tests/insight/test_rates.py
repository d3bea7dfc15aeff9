"""Delivery rates: no data is no rate, and small numbers prove little."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delivrd.insight import statistics
from delivrd.insight.rates import Thresholds, cost, delivery, rate
from delivrd.insight.statistics import ordered

numbers = st.integers(0, 10**9)


def test_no_data_is_no_rate() -> None:
    assert rate(0, 0) is None
    assert delivery({"pending": 5}).rate is None


def test_a_rate_is_delivered_of_all_that_ended() -> None:
    told = delivery({"delivered": 90, "undelivered": 9, "unknown": 1, "pending": 400})
    assert told.total == 500
    assert told.rate is not None
    assert told.rate.rate == pytest.approx(0.9)


def test_what_failed_on_a_route_without_receipts_is_counted_and_in_no_rate() -> None:
    told = delivery({"delivered": 90, "rejected": 30, "pending": 5}, {"rejected": 20, "pending": 5})
    assert told.failure is not None
    assert (told.failed, told.ended, told.unreported) == (30, 100, 25)
    assert told.failure.rate == pytest.approx(0.1)


def test_a_failure_rate_is_of_all_that_ended_and_knows_nothing_of_the_unknown() -> None:
    told = delivery({"delivered": 90, "expired": 4, "rejected": 1, "unknown": 5, "pending": 400})
    assert told.failure is not None
    assert (told.failed, told.failure.rate) == (5, pytest.approx(0.05))


def test_what_stands_on_routes_without_receipts_is_counted_and_in_no_rate() -> None:
    told = delivery({"delivered": 90, "unknown": 110}, {"unknown": 100})
    assert told.rate is not None
    assert (told.total, told.unreported, told.rate.rate) == (200, 100, 0.9)


@pytest.mark.parametrize(
    ("delivered", "word"), [(95, "healthy"), (94, "watch"), (85, "watch"), (84, "investigate")]
)
def test_a_word_sums_up_a_rate(delivered: int, word: str) -> None:
    assert Thresholds().word(rate(delivered, 100), 100) == word
    assert Thresholds().word(None, 0) is None


@pytest.mark.parametrize(
    ("delivered", "of", "word"),
    [(1, 1, "too_few"), (21, 21, "too_few"), (22, 22, "healthy"), (9, 10, "too_few"),
     (0, 9, "too_few"), (0, 10, "investigate"), (90, 100, "watch")],
)  # fmt: skip
def test_a_word_is_kept_back_while_the_rate_may_still_be_good_or_bad(
    delivered: int, of: int, word: str
) -> None:
    assert Thresholds().word(rate(delivered, of), of) == word


def test_nothing_delivered_has_no_cost_per_delivered() -> None:
    assert cost("EUR", 2_500_000, 50, 40).per_delivered == pytest.approx(0.0625)
    assert cost("EUR", 2_500_000, 50, 0).per_delivered is None


def test_what_has_hardly_any_prices_has_no_cost_per_delivered() -> None:
    assert cost("EUR", 2_500_000, 20, 80).per_delivered is None
    both = cost("EUR", 2_500_000, 40, 80, priced_at_all=80), cost("USD", 1, 40, 80, 80)
    assert both[0].per_delivered == pytest.approx(0.03125)


def test_the_interval_is_wilsons() -> None:
    """Against the worked example of 81 in 263 in Newcombe (1998), method 3."""
    found = rate(81, 263)
    assert found is not None
    assert found.low == pytest.approx(0.2553, abs=1e-4)
    assert found.high == pytest.approx(0.3662, abs=1e-4)


def test_one_of_one_proves_little() -> None:
    found = rate(1, 1)
    assert found is not None
    assert found.high == 1
    assert found.low < 0.25


@given(numbers, numbers)
def test_the_interval_holds_the_rate_and_stays_a_share(delivered: int, failed: int) -> None:
    found = rate(delivered, delivered + failed)
    if found is None:
        assert delivered + failed == 0
    else:
        assert 0 <= found.low <= found.rate <= found.high <= 1


@given(st.dictionaries(st.sampled_from(["delivered", "pending", "expired"]), numbers))
def test_a_status_that_nothing_has_is_not_named(counts: dict[str, int]) -> None:
    told = delivery(counts)
    assert all(told.counts.values())
    assert told.total == sum(counts.values())


def sized(*items: tuple[str, int]) -> list[tuple[tuple[str], str, int]]:
    return [((value,), value, size) for value, size in items]


def test_of_too_many_items_the_largest_are_kept_and_of_too_many_times_the_last(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(statistics, "MAX_ITEMS", 2)
    places = ordered(["country"], sized(("DE", 2), ("FR", 1), ("GB", 3)))
    assert [one for _, one in places] == ["GB", "DE"]
    days = ordered(["day"], sized(("2026-11-03", 1), ("2026-11-01", 9), ("2026-11-02", 2)))
    assert [one for _, one in days] == ["2026-11-02", "2026-11-03"]


def test_the_two_hours_of_a_change_of_clocks_are_in_their_order() -> None:
    before, after = "2026-10-25T02:00:00+02:00", "2026-10-25T02:00:00+01:00"
    hours = ordered(["hour"], sized((after, 1), (before, 1)))
    assert [one for _, one in hours] == [before, after]
