"""Percentiles from logarithmic steps (rule F3)."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delivrd.insight.latency import latency, middle
from delivrd.store.counts import NO_LATENCY, step
from delivrd.store.histograms import digits, of


def steps_of(*micros: int) -> Counter[int]:
    return Counter(map(step, micros))


def test_without_data_a_percentile_is_none() -> None:
    told = latency(digits(0))
    assert set(told.percentiles.values()) == {None}
    assert (told.total, told.unknown, told.histogram) == (0, 0, [])


def test_what_has_no_known_time_is_counted_apart() -> None:
    told = latency(digits(of({NO_LATENCY: 3, step(1_000_000): 1})))
    assert (told.total, told.unknown) == (1, 3)
    assert told.percentiles[99] == pytest.approx(1.0, rel=0.045)


@given(st.lists(st.integers(1000, 10**12), min_size=1, max_size=50))
def test_a_percentile_is_within_4_5_percent_of_the_truth(times: list[int]) -> None:
    told = latency(digits(of(steps_of(*times))))
    for share, seconds in told.percentiles.items():
        truth = sorted(times)[-(-len(times) * share // 100) - 1] / 1e6
        assert seconds == pytest.approx(truth, rel=0.0452)


@given(st.lists(st.integers(0, 10**12), max_size=50))
def test_the_histogram_holds_each_once_in_rising_bars(times: list[int]) -> None:
    bars = latency(digits(of(steps_of(*times)))).histogram
    assert sum(bar.count for bar in bars) == len(times)
    assert [bar.le for bar in bars] == sorted({bar.le for bar in bars})


@given(st.integers(1000, 10**12))
def test_the_middle_of_a_step_is_near_all_that_fall_into_it(micros: int) -> None:
    assert middle(step(micros)) == pytest.approx(micros / 1e6, rel=0.0452)
