"""What was known of a quarter of an hour at a moment of the past."""

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delivrd.insight.alerts.data import Cell
from delivrd.insight.alerts.timeline import End, Packed, Timeline, ended
from delivrd.store.histograms import of, steps
from tests.insight.alert_support import HOUR

QUARTER = 900
NOON = 1_800_000_000 // HOUR * HOUR
DELIVERED, FAILED, UNKNOWN, PENDING = range(4)

ends = st.lists(
    st.builds(End, st.floats(0, 30 * HOUR), st.sampled_from([0, 1, 2]), st.integers(1, 500)),
    max_size=6,
)


def cells(timeline: Timeline, until: int) -> Iterator[tuple[int, tuple[Cell, ...]]]:
    for now in range(NOON, until, QUARTER):
        yield now, timeline.at(now)


def test_who_takes_ten_minutes_has_ended_by_the_time_the_next_quarter_is_two_thirds_over() -> None:
    timeline = Timeline({NOON: [90, 0, 0, 0]}, {NOON: [End(600, DELIVERED, 90)]})
    (young,) = timeline.at(NOON + QUARTER)
    (older,) = timeline.at(NOON + 2 * QUARTER)
    assert (young.delivered, young.pending) == (30, 60)  # those of the first five minutes
    assert (older.delivered, older.pending) == (90, 0)


def test_what_has_no_time_has_ended_at_once_and_what_is_open_today_was_open_then() -> None:
    timeline = Timeline({NOON: [7, 2, 0, 5]}, {})
    assert timeline.at(NOON + QUARTER) == (Cell(NOON, QUARTER, 7, 2, 0, 5),)


@given(st.dictionaries(st.integers(0, 8), ends, min_size=1), st.integers(0, 50))
def test_each_moment_knows_what_had_ended_by_then_and_takes_the_rest_for_open(
    told: dict[int, list[End]], still_open: int
) -> None:
    ends_of = {NOON + QUARTER * q: some for q, some in told.items()}
    counts = {
        at: [*(sum(e.n for e in some if e.field == kind) for kind in range(3)), still_open]
        for at, some in ends_of.items()
    }
    for now, seen in cells(Timeline(counts, ends_of), NOON + 5 * HOUR):
        begun = {at for at in counts if at < now}
        assert {cell.at for cell in seen} == begun
        for cell in seen:
            gone = [
                sum(ended(e, cell.at, now) for e in ends_of[cell.at] if e.field == kind)
                for kind in range(3)
            ]
            open_then = sum(counts[cell.at]) - sum(gone)
            assert cell[2:] == pytest.approx((*gone, open_then), abs=0.51)


def test_what_is_older_than_six_hours_stands_by_the_hour() -> None:
    counts = {NOON + QUARTER * q: [10, 0, 0, 0] for q in range(8)}
    at_nine_hours = Timeline(counts, {}).at(NOON + 9 * HOUR)
    assert at_nine_hours == (Cell(NOON, HOUR, 40), Cell(NOON + HOUR, HOUR, 40))


def test_what_is_older_than_a_day_is_left_out() -> None:
    timeline = Timeline({NOON: [10, 0, 0, 0], NOON + HOUR: [5, 0, 0, 0]}, {})
    assert timeline.at(NOON + 25 * HOUR) == (Cell(NOON + HOUR, HOUR, 5),)


def test_asking_for_an_earlier_moment_is_an_error() -> None:
    timeline = Timeline({NOON: [1, 0, 0, 0]}, {})
    timeline.at(NOON + HOUR)
    with pytest.raises(ValueError, match="backwards"):
        timeline.at(NOON)


def test_packed_ends_are_unpacked_when_asked_for_and_those_without_a_time_left_out() -> None:
    packed = Packed({NOON: [(DELIVERED, of({-1: 3, 80: 2})), (FAILED, of({96: 1}))]}, steps)
    assert list(packed) == [NOON]
    assert [(end.field, end.n) for end in packed[NOON]] == [(DELIVERED, 2), (FAILED, 1)]
    one, other = packed[NOON]
    assert other.seconds == pytest.approx(4 * one.seconds)  # sixteen steps: two doublings
