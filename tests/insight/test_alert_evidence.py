"""The statistics behind an alert: exact tails, and evidence that piles up."""

from math import comb, exp, factorial, log

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delivrd.insight.alerts.bounds import binomial_tail, poisson_tail
from delivrd.insight.alerts.evidence import bar, more_than_usual, usual_again

shares = st.floats(0.001, 0.999)


@given(st.integers(1, 60), shares, st.data())
def test_the_binomial_tail_is_exact_above_the_mean(n: int, p: float, draw: st.DataObject) -> None:
    k = draw.draw(st.integers(0, n))
    truth = sum(comb(n, i) * p**i * (1 - p) ** (n - i) for i in range(k, n + 1))
    found = binomial_tail(k, n, p)
    assert found == pytest.approx(truth if k > n * p else 1.0, rel=1e-6, abs=1e-12)


@given(st.integers(0, 60), st.floats(0.01, 60))
def test_the_poisson_tail_is_exact_above_the_mean(k: int, mean: float) -> None:
    truth = 1 - sum(exp(-mean) * mean**i / factorial(i) for i in range(k))
    found = poisson_tail(k, mean)
    assert found == pytest.approx(truth if k > mean else 1.0, rel=1e-6, abs=1e-11)


steps = st.lists(st.tuples(st.integers(0, 20), st.floats(0, 5)), max_size=40).map(
    lambda pairs: [(60 * i, 20, k, mean) for i, (k, mean) in enumerate(pairs)]
)


@given(steps)
def test_the_score_is_that_of_the_best_beginning(found: list[tuple[int, int, int, float]]) -> None:

    best = max(
        (
            sum(k * log(ratio) - (ratio - 1) * mean for _, _, k, mean in found[i:])
            for ratio in (2.5, 8.0)
            for i in range(len(found))
        ),
        default=0.0,
    )
    assert more_than_usual(found, {2.5: 0.0, 8.0: 0.0}).score == pytest.approx(
        max(0.0, best), abs=1e-6
    )


@given(steps, st.integers(1, 10))
def test_more_failures_are_never_weaker_evidence(
    found: list[tuple[int, int, int, float]], more: int
) -> None:
    if found:
        at, n, k, mean = found[-1]
        worse = [*found[:-1], (at, n, k + more, mean)]
        assert more_than_usual(worse, {2.5: 0.0}).score >= more_than_usual(found, {2.5: 0.0}).score


@given(steps)
def test_a_whole_shows_no_more_than_its_parts_do_together(
    found: list[tuple[int, int, int, float]],
) -> None:
    """What spares the search its wider places."""
    even, odd = found[::2], found[1::2]
    sums = more_than_usual(even, {2.5: 0.0}).score + more_than_usual(odd, {2.5: 0.0}).score
    assert more_than_usual(found, {2.5: 0.0}).score <= sums + 1e-6


def test_what_is_usual_speaks_for_the_usual() -> None:
    steps = [(60 * i, 20, 1 if i % 2 else 0, 0.6) for i in range(60)]
    assert more_than_usual(steps, {2.5: 0.0}).score < 3
    assert usual_again(steps, 2.5).score > 4.6


@given(st.floats(0, 1e12))
def test_the_bar_rises_with_what_is_expected_and_has_bounds(expected: float) -> None:
    assert 7 <= bar(expected) <= bar(expected * 2) <= 16
