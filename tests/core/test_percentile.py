import pytest
from hypothesis import given
from hypothesis import strategies as st

from delivrd.core.percentile import percentile


@pytest.mark.parametrize(
    ("count", "share", "rank"),
    [(100, 99, 99), (100, 95, 95), (100, 7, 7), (100, 100, 100), (100, 0, 1), (101, 99, 100),
     (4, 50, 2), (5, 50, 3), (1, 50, 1), (1, 99, 1)],
)  # fmt: skip
def test_it_is_the_value_of_the_nearest_rank(count: int, share: int, rank: int) -> None:
    assert percentile(range(1, count + 1), share) == rank


@given(st.lists(st.integers(), min_size=1).map(sorted), st.integers(1, 100))
def test_it_is_the_least_value_that_so_many_do_not_exceed(ordered: list[int], share: int) -> None:
    def within(value: float) -> bool:
        return sum(each <= value for each in ordered) * 100 >= share * len(ordered)

    assert percentile(ordered, share) == min(filter(within, ordered))
