"""Processes of one hub: those that die are started again, and a signal ends them all."""

import signal
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from delivrd import server
from delivrd.server import Plan, serve_many

PLAN = Plan(None, {}, {}, ("intake",), lambda link: None)


class Process:
    """A process that dies when it is told to, or once somebody has seen it alive."""

    pid = 1
    exitcode = 1

    def __init__(self, machine: "Machine") -> None:
        self._machine = machine
        self.alive = False
        self.dies_when_seen = False
        self.terminated = False

    @property
    def sentinel(self) -> int:
        return id(self)

    def start(self) -> None:
        self.alive = True
        self._machine.processes.append(self)
        self._machine.on_start()

    def is_alive(self) -> bool:
        seen = self.alive
        if self.dies_when_seen:
            self.alive = False
        return seen

    def terminate(self) -> None:
        self.alive, self.terminated = False, True

    def join(self, timeout: float) -> None:
        assert not self.alive, "it would run on"


class Machine:
    """Makes processes; ``then`` happens in turn, each time the hub waits for one to end."""

    def __init__(self, *then: Callable[["Machine"], None]) -> None:
        self.processes: list[Process] = []
        self.on_start: Callable[[], Any] = lambda: None
        self._then = iter(then)

    def Process(self, **given: Any) -> Process:
        return Process(self)

    def wait(self, sentinels: Any, timeout: float) -> None:
        next(self._then)(self)


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Machine], int]]:
    """Serves with two processes of a machine, until the signal that it gets."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def serves(machine: Machine) -> int:
        monkeypatch.setattr(server.multiprocessing, "get_context", lambda kind: machine)
        monkeypatch.setattr(server.multiprocessing.connection, "wait", machine.wait)
        return serve_many(PLAN, None, 2)  # type: ignore[arg-type]

    yield serves
    for number, handler in before.items():
        signal.signal(number, handler)


def ended(machine: Machine) -> None:
    signal.raise_signal(signal.SIGTERM)


def test_a_process_that_dies_while_another_is_replaced_is_replaced_too(served: Any) -> None:
    def both_die(machine: Machine) -> None:
        first, second = machine.processes
        first.alive, second.dies_when_seen = False, True

    machine = Machine(both_die, lambda machine: None, ended)
    assert served(machine) == 0
    assert len(machine.processes) == 4


def test_a_process_that_is_being_started_when_the_signal_comes_is_ended(served: Any) -> None:
    def one_dies(machine: Machine) -> None:
        machine.processes[0].alive = False
        machine.on_start = lambda: ended(machine)

    machine = Machine(one_dies)
    assert served(machine) == 0
    assert machine.processes[-1].terminated
