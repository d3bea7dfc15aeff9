"""Whether more requests arrive than a process can take in and fold."""

import time
from collections.abc import Callable
from typing import NamedTuple

WINDOW_SECONDS = 0.03
"""Over which demand is measured: a burst is known as an overload only after the first window."""

LOOK_SECONDS = 0.032
"""A pause after which a window is over, also where the timer is a millisecond early."""

MANY = 64
"""From so many requests in a window on, they tell what one costs."""

OVERLOADED = 0.9
"""Above this share of the time, the fold yields to intake."""


class Cost(NamedTuple):
    """Seconds of a slice or a receipt: by the clock, and of the thread's processor time."""

    wall: float = 0.0
    cpu: float = 0.0


class Load:
    """Measures what requests cost to take in and to fold, and whether there is time for both.

    Being busy all the time does not mean being overloaded: clients that wait for answers slow down
    with the server. So the cost of what arrived is computed: taking it in by this thread's
    processor time, as it is when many requests come together; folding it also by the clock,
    including syncs and waiting for the database, because slices are folded one after the other.

    Slices that hold the event loop (``holds_loop``) are part of what is measured. Others run beside
    intake and slow it down, so that clients which wait would ask for no more than is left for them.
    There, demand is measured only while the fold rests.
    """

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        cpu: Callable[[], float] = time.thread_time,
        *,
        holds_loop: bool = True,
    ) -> None:
        self._clock, self._cpu, self._holds_loop = clock, cpu, holds_loop
        self._request = 1.0
        """Seconds that a request took at the least."""
        self._receipt = Cost()
        """What a receipt costs to fold, as the last slice told."""
        self._demand = 0.0
        self.overloaded = False
        self.rest_needed = False
        """Whether requests came beside the last slice, so that only a rest shows the demand."""
        self._begin()

    def taken_in(self, requests: int) -> None:
        """Records requests that were appended."""
        if not self._taken_in and self._clock() - self._began > 2 * WINDOW_SECONDS:
            self._begin()  # a burst is measured from its first requests on
        self._taken_in += requests

    def folded(self, receipts: int, cost: Cost, *, tells: bool = True) -> None:
        """Records a slice on disk. ``tells``: what a receipt cost in it, it costs in others too."""
        if tells:
            self._receipt = Cost(cost.wall / receipts, cost.cpu / receipts)
        if self._holds_loop:
            self._folding += cost.cpu
            self.measure()
            return
        self.rest_needed = self._taken_in > 0
        if not self.rest_needed:
            self._judge(0.0)
        self._begin()

    def measure(self) -> None:
        """Updates ``overloaded``, if the last update is at least a window ago."""
        wall, cpu = self._clock() - self._began, self._cpu() - self._cpu_began
        if wall < WINDOW_SECONDS:
            return
        intake, receipt = self._needed(cpu - self._folding), self._receipt
        if self._holds_loop:
            wanted = intake + self._taken_in * receipt.wall
        else:  # side by side, their seconds need not add up
            wanted = max(intake + self._taken_in * receipt.cpu, self._taken_in * receipt.wall)
        self._judge(wanted / wall)
        self._begin()

    def _needed(self, spent: float) -> float:
        """How many of the seconds spent on taking in were needed. Requests that come one by one
        take four times as long as those that come together, but only while there is time."""
        if self._taken_in >= MANY:
            self._request = min(self._request, spent / self._taken_in)
        return min(spent, self._taken_in * self._request)

    def _judge(self, demand: float) -> None:
        """Less demand is believed by and by: a lull, as in a checkpoint, is not the end of a burst.
        If it were, callers who wait would again send no more than the fold leaves them."""
        self._demand = max(demand, self._demand / 2)
        self.overloaded = self._demand > OVERLOADED

    def _begin(self) -> None:
        self._began, self._cpu_began = self._clock(), self._cpu()
        self._taken_in, self._folding = 0, 0.0
