"""Whether more comes in than one thread can take in and fold at the same time."""

import time
from collections.abc import Callable

WINDOW_SECONDS = 0.1
CROWDED = 0.9
"""From this share of the thread's time on, the fold gives way to intake."""


class Load:
    """Measures what requests cost to take in and to fold, and whether there is time for both.

    A server that is busy all the time cannot tell by that alone whether it is overrun: callers that
    wait for their answers slow down with it. So what came in is counted, and priced: taking it in
    by this thread's processor time, folding it by the wall clock, sync to disk and answers of the
    database included, since one slice is folded after the other.
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
        self._price = 0.0
        """Seconds that a receipt takes to fold."""
        self.crowded = False

    def taken_in(self, requests: int) -> None:
        self._taken_in += requests

    def folded(self, receipts: int, wall: float, cpu: float) -> None:
        """A slice is on disk: so many receipts, in seconds by the clock and of the processor."""
        self._folded += receipts
        self._fold_wall += wall
        self._fold_cpu += cpu
        self.judge()

    def judge(self) -> None:
        """Looks at the time since the last look, unless that was just now."""
        wall, cpu = self._clock() - self._began, self._cpu() - self._cpu_began
        if wall < WINDOW_SECONDS:
            return
        if self._folded:
            self._price = self._fold_wall / self._folded
        wanted = cpu - self._fold_cpu + self._taken_in * self._price
        self.crowded = wanted > CROWDED * wall
        self._began, self._cpu_began = self._clock(), self._cpu()
        self._taken_in = self._folded = 0
        self._fold_wall = self._fold_cpu = 0.0
