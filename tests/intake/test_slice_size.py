"""How many receipts a slice of the fold holds (rule A5)."""

from hypothesis import given
from hypothesis import strategies as st

from delivrd.intake.slices import BEHIND, FIRST, MOST, TIMES_LONGER, Slices, SliceSize

ALLOWED = 0.01


def test_it_grows_by_and_by_to_what_fits_the_time() -> None:
    size, grown = SliceSize(), []
    for _ in range(20):
        size.adapt(size.receipts, size.receipts * 0.0001, ALLOWED)
        grown.append(size.receipts)
    assert FIRST < grown[0] < grown[1] < 99 <= grown[-1] <= 100


def test_it_shrinks_at_once_after_a_slice_that_took_too_long() -> None:
    size = SliceSize()
    size.adapt(FIRST, 10 * ALLOWED, ALLOWED)
    assert size.receipts == FIRST / 10


def test_a_slice_in_time_that_was_half_empty_tells_nothing() -> None:
    """A lone receipt takes several milliseconds, and fifty hardly more."""
    size = SliceSize()
    size.adapt(1, 0.009, ALLOWED)
    assert size.receipts == FIRST


def test_a_slice_that_took_too_long_tells_even_when_it_was_half_empty() -> None:
    size = SliceSize()
    size.adapt(10, 2 * ALLOWED, ALLOWED)
    assert size.receipts == 5


def test_a_receipt_that_alone_takes_too_long_is_folded_alone() -> None:
    size = SliceSize()
    size.adapt(1, 2 * ALLOWED, ALLOWED)
    assert size.receipts == 1


@given(st.lists(st.tuples(st.integers(0, MOST), st.floats(0, 10))))
def test_it_holds_a_receipt_at_least_and_a_thousand_at_most(
    slices: list[tuple[int, float]],
) -> None:
    size = SliceSize()
    for folded, spent in slices:
        size.adapt(folded, spent, ALLOWED)
        assert 1 <= size.receipts <= MOST


def test_the_fold_is_behind_when_more_waits_than_some_slices_hold() -> None:
    size = SliceSize()
    assert not size.behind(BEHIND * FIRST)
    assert size.behind(BEHIND * FIRST + 1)


def test_long_slices_begin_with_what_the_short_ones_have_shown() -> None:
    """What was learnt with other messages may be hundreds too many for these."""
    slices = Slices()
    slices.long.receipts, slices.short.receipts = MOST, 10
    slices.choose(long=True)
    assert slices.size.receipts == 10 * TIMES_LONGER


def test_long_slices_grow_beyond_that_by_what_they_show_themselves() -> None:
    slices = Slices()
    slices.choose(long=True)
    slices.size.receipts = MOST
    slices.choose(long=True)
    assert slices.size.receipts == MOST


def test_slices_are_short_unless_they_are_chosen_to_be_long() -> None:
    slices = Slices()
    assert slices.size is slices.short
    slices.choose(long=True)
    assert slices.size is slices.long
    slices.choose(long=False)
    assert slices.size is slices.short
