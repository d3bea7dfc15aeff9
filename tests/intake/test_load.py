"""Overload of intake is judged by the demand, not by how busy the thread is."""

import pytest

from delivrd.intake.load import Load


class Thread:
    """A thread's two clocks, moved by hand; ``sync`` seconds a slice are spent on the disk."""

    def __init__(self, sync: float = 0.0) -> None:
        self.sync, self.now, self.cpu = sync, 0.0, 0.0
        self.load = Load(lambda: self.now, lambda: self.cpu)

    def takes_in(self, requests: int, cost: float) -> None:
        self.cpu += requests * cost
        self.now += requests * cost
        self.load.taken_in(requests)

    def folds(self, receipts: int, cost: float) -> None:
        self.cpu += receipts * cost
        self.now += receipts * cost + self.sync
        self.load.folded(receipts, receipts * cost + self.sync, receipts * cost)


INTAKE, FOLD = 50e-6, 80e-6


@pytest.mark.parametrize("sync", [0.0, 0.004], ids=["quick disk", "slow disk"])
def test_a_thread_that_does_both_without_a_rest_is_overrun(sync: float) -> None:
    thread = Thread(sync)
    for _ in range(200):
        thread.takes_in(64, INTAKE)
        thread.folds(64, FOLD)
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


def test_a_burst_that_has_passed_is_forgotten() -> None:
    thread = Thread()
    for _ in range(200):
        thread.takes_in(64, INTAKE)
        thread.folds(64, FOLD)
    for _ in range(100):
        thread.folds(125, FOLD)
    assert not thread.load.overloaded


def test_the_end_of_a_burst_is_seen_while_nothing_is_folded() -> None:
    thread = Thread()
    for _ in range(200):
        thread.takes_in(64, INTAKE)
        thread.folds(64, FOLD)
    for requests, overrun in ((6000, True), (0, False)):
        thread.takes_in(requests, INTAKE)
        thread.now += 0.4 - requests * INTAKE
        thread.load.measure()
        assert thread.load.overloaded is overrun


def test_what_comes_while_nothing_is_folded_is_priced_as_what_was_folded_last() -> None:
    thread = Thread()
    thread.folds(2000, FOLD)
    for requests, overrun in ((400, False), (1000, True)):  # of 0.1 s: half, a third more
        thread.takes_in(requests, INTAKE)
        thread.now += 0.101 - requests * INTAKE
        thread.load.measure()
        assert thread.load.overloaded is overrun
