"""Whether more requests arrive than one thread can take in and fold."""

import time
from collections.abc import Callable

WINDOW_SECONDS = 0.03
"""Over which demand is measured: a burst is known as an overload only after the first window."""

OVERLOADED = 0.9
"""Above this share of the thread's time, the fold yields to intake."""


class Load:
    """Measures what requests cost to take in and to fold, and whether there is time for both.

    Being busy all the time does not mean being overloaded: clients that wait for answers slow down
    with the server. So the cost of what arrived is computed: taking it in by this thread's
    processor time; folding it by the wall clock, including syncs and waiting for the database,
    because slices are folded one after the other.
    """

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        cpu: Callable[[], float] = time.thread_time,
    ) -> None:
        self._clock, self._cpu = clock, cpu
        self._began, self._cpu_began = clock(), cpu()
        self._taken_in = self._folded = 0
        self._fold_wall = self._fold_cpu = 0.0
        self._fold_seconds = 0.0
        """Seconds that the fold takes for a receipt, measured in the last window."""
        self.overloaded = False

    def taken_in(self, requests: int) -> None:
        """Records requests that were appended."""
        self._taken_in += requests

    def folded(self, receipts: int, wall: float, cpu: float) -> None:
        """Records a slice on disk: its receipts, its seconds by the clock and of processor time."""
        self._folded += receipts
        self._fold_wall += wall
        self._fold_cpu += cpu
        self.measure()

    def measure(self) -> None:
        """Updates ``overloaded``, if the last update is at least a window ago."""
        wall, cpu = self._clock() - self._began, self._cpu() - self._cpu_began
        if wall < WINDOW_SECONDS:
            return
        if self._folded:
            self._fold_seconds = self._fold_wall / self._folded
        wanted = cpu - self._fold_cpu + self._taken_in * self._fold_seconds
        self.overloaded = wanted > OVERLOADED * wall
        self._began, self._cpu_began = self._clock(), self._cpu()
        self._taken_in = self._folded = 0
        self._fold_wall = self._fold_cpu = 0.0
