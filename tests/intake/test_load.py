"""Overload of intake is judged by the demand, not by how busy the thread is."""

import pytest

from delivrd.intake.load import WINDOW_SECONDS, Cost, Load


class Thread:
    """A thread's two clocks, moved by hand; ``sync`` seconds a slice are spent on the disk."""

    def __init__(self, sync: float = 0.0, *, holds_loop: bool = True) -> None:
        self.sync, self.now, self.cpu = sync, 0.0, 0.0
        self.load = Load(lambda: self.now, lambda: self.cpu, holds_loop=holds_loop)

    def takes_in(self, requests: int, cost: float) -> None:
        self.cpu += requests * cost
        self.now += requests * cost
        self.load.taken_in(requests)

    def folds(self, receipts: int, cost: float) -> None:
        self.cpu += receipts * cost
        self.now += receipts * cost + self.sync
        self.load.folded(receipts, Cost(receipts * cost + self.sync, receipts * cost))

    def works_through_a_burst(self) -> None:
        """Requests come as fast as they are taken in and folded."""
        for _ in range(200):
            self.takes_in(64, INTAKE)
            self.folds(64, FOLD)


INTAKE, FOLD = 50e-6, 80e-6


@pytest.mark.parametrize("holds_loop", [True, False], ids=["in the loop", "beside it"])
def test_the_first_requests_of_a_process_that_has_folded_nothing_yet_do_not_overrun_it(
    holds_loop: bool,
) -> None:
    thread = Thread(holds_loop=holds_loop)
    assert not thread.load.overloaded
    thread.takes_in(1, INTAKE)
    thread.now += WINDOW_SECONDS
    thread.load.measure()
    assert not thread.load.overloaded


@pytest.mark.parametrize("sync", [0.0, 0.004], ids=["quick disk", "slow disk"])
def test_a_thread_that_does_both_without_a_rest_is_overrun(sync: float) -> None:
    thread = Thread(sync)
    thread.works_through_a_burst()
    assert thread.load.overloaded


def test_a_moderate_stream_leaves_room_for_the_fold() -> None:
    thread = Thread()
    for _ in range(200):
        thread.takes_in(50, INTAKE)
        thread.folds(50, FOLD)
        thread.now += 0.005  # nothing to do: 65 % busy
    assert not thread.load.overloaded


def test_catching_up_with_a_backlog_is_not_being_overrun() -> None:
    thread = Thread()
    for _ in range(200):
        thread.takes_in(20, INTAKE)
        thread.folds(125, FOLD)
    assert not thread.load.overloaded


def test_a_burst_is_seen_within_a_few_hundredths_of_a_second() -> None:
    thread = Thread()
    while thread.now < 0.04:
        thread.takes_in(64, INTAKE)
        thread.folds(64, FOLD)
    assert thread.load.overloaded


def test_a_quiet_time_before_it_does_not_hide_a_burst() -> None:
    thread = Thread()
    thread.folds(64, FOLD)
    thread.now += 60
    began = thread.now
    while thread.now - began < 0.03:
        thread.takes_in(64, INTAKE)
        thread.folds(64, FOLD)
    assert thread.load.overloaded


def test_a_checkpoint_that_holds_up_commits_does_not_end_a_burst() -> None:
    """Once slices follow each other, callers who wait for answers send what those leave of it."""
    thread = Thread()
    for _ in range(20):
        thread.takes_in(640, INTAKE)
        thread.folds(64, FOLD)
    overloaded = []
    for _ in range(2):
        thread.takes_in(64, INTAKE)
        thread.now += WINDOW_SECONDS
        thread.load.measure()
        overloaded.append(thread.load.overloaded)
    assert overloaded == [True, False]


def test_a_burst_that_has_passed_is_forgotten() -> None:
    thread = Thread()
    thread.works_through_a_burst()
    for _ in range(100):
        thread.folds(125, FOLD)
    assert not thread.load.overloaded


def test_the_end_of_a_burst_is_seen_while_nothing_is_folded() -> None:
    thread = Thread()
    thread.works_through_a_burst()
    for batches, overrun in ((10, True), (0, True), (0, False)):
        for _ in range(batches):
            thread.takes_in(60, INTAKE)
        thread.now += 0.04 - batches * 60 * INTAKE
        thread.load.measure()
        assert thread.load.overloaded is overrun


def test_requests_that_come_one_by_one_are_priced_as_those_that_come_together() -> None:
    """They take longer, but only as long as there is time for it."""
    thread = Thread()
    thread.folds(1000, FOLD)
    for _ in range(2):
        thread.takes_in(640, INTAKE)
        thread.load.measure()
    assert thread.load.overloaded
    for _ in range(5):  # 4,000 a second: half of what can be taken in and folded
        for _ in range(128):
            thread.takes_in(1, 4 * INTAKE)
        thread.now += 0.032 - 512 * INTAKE
        thread.load.measure()
    assert not thread.load.overloaded


def test_a_slice_that_was_not_full_tells_nothing_where_slices_hold_the_loop_either() -> None:
    thread = Thread()
    thread.folds(1000, FOLD)
    thread.takes_in(100, INTAKE)
    thread.now += WINDOW_SECONDS
    thread.load.folded(3, Cost(0.01, 0.001), tells=False)
    assert not thread.load.overloaded


def test_what_comes_while_nothing_is_folded_is_priced_as_what_was_folded_last() -> None:
    thread = Thread()
    thread.folds(2000, FOLD)
    for requests, overrun in ((400, False), (1000, True)):  # of 0.1 s: half, a third more
        thread.takes_in(requests, INTAKE)
        thread.now += 0.101 - requests * INTAKE
        thread.load.measure()
        assert thread.load.overloaded is overrun


class Beside(Thread):
    """A thread whose fold runs beside intake, mostly in the database."""

    def __init__(self) -> None:
        super().__init__(holds_loop=False)

    def folds_beside(self, receipts: int, wall: float, *, came: int, tells: bool = True) -> None:
        """A slice in which ``came`` requests are taken in too."""
        self.cpu += came * INTAKE + receipts * FOLD
        self.now += wall
        self.load.taken_in(came)
        self.load.folded(receipts, Cost(wall, receipts * FOLD), tells=tells)

    def rests(self, came: int) -> None:
        self.cpu += came * INTAKE
        self.now += WINDOW_SECONDS
        self.load.taken_in(came)
        self.load.measure()


def test_clients_that_slow_down_beside_a_slice_are_asked_while_the_fold_rests() -> None:
    """They wait for answers: what they send in a slice is what the fold has left of the time."""
    thread = Beside()
    thread.folds_beside(1000, 0.2, came=400)
    assert thread.load.rest_needed
    thread.rests(came=300)
    assert thread.load.overloaded


def test_a_steady_stream_beside_the_fold_is_no_overload() -> None:
    thread = Beside()
    for _ in range(20):
        thread.folds_beside(600, 0.12, came=360)
        thread.rests(came=90)  # 3,000 a second, of the 5,000 that can be folded
        assert not thread.load.overloaded


def test_a_lull_of_one_window_does_not_end_a_burst_beside_the_fold() -> None:
    thread = Beside()
    thread.folds_beside(1000, 0.2, came=400)
    overloaded = []
    for came in (300, 0, 0, 0):
        thread.rests(came)
        overloaded.append(thread.load.overloaded)
    assert overloaded == [True, True, False, False]


def test_a_slice_that_was_not_full_tells_nothing_of_the_cost_of_a_receipt() -> None:
    """A slice of three receipts takes nearly as long as one of fifty."""
    thread = Beside()
    thread.folds_beside(1000, 0.2, came=30)
    thread.folds_beside(3, 0.02, came=15, tells=False)
    thread.rests(came=30)
    assert not thread.load.overloaded


def test_no_rest_is_needed_after_a_slice_in_which_nothing_came() -> None:
    thread = Beside()
    thread.folds_beside(1000, 0.2, came=0)
    assert not thread.load.rest_needed
