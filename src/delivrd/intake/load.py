"""Whether more comes in than one thread can take in and fold at the same time."""

import time
from collections.abc import Callable

WINDOW_SECONDS = 0.1
CROWDED = 0.9
"""From this share of the thread's time on, the fold gives way to intake."""


class Load:
    """Measures what a request costs to take in and to fold, and how much of both is asked for.

    A server that is busy all the time cannot tell by that alone whether it is overrun: callers that
    wait for their answers slow down with it. So what came in is counted, and priced: taking it in
    by this thread's processor time, folding it by the wall clock, sync to disk included, since
    nothing else can be written meanwhile.
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
        self.crowded = False

    def taken_in(self, requests: int) -> None:
        self._taken_in += requests

    def folded(self, receipts: int, wall: float, cpu: float) -> None:
        """A slice is on disk: so many receipts, in seconds by the clock and of the processor."""
        self._folded += receipts
        self._fold_wall += wall
        self._fold_cpu += cpu
        if self._clock() - self._began >= WINDOW_SECONDS:
            self._judge()

    def _judge(self) -> None:
        wall, cpu = self._clock() - self._began, self._cpu() - self._cpu_began
        a_fold = self._fold_wall / max(1, self._folded)
        wanted = cpu - self._fold_cpu + self._taken_in * a_fold
        self.crowded = wanted > CROWDED * wall
        self._began, self._cpu_began = self._clock(), self._cpu()
        self._taken_in = self._folded = 0
        self._fold_wall = self._fold_cpu = 0.0
