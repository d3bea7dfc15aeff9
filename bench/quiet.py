"""Waits until the machine is idle, so that no round is slowed by the one before it.

A server, its database or the kernel may still be busy with the previous round.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import NamedTuple

LOOK = 0.2  # seconds over which the processors are watched
BUSY = 0.03  # of all cores: less is quiet
AT_MOST = 15.0  # seconds of waiting


class Ticks(NamedTuple):
    """The work of the processors since the start, in ticks of all cores together."""

    busy: int
    idle: int


def processors() -> Ticks:
    """Waiting for a disk counts as busy (proc_stat(5))."""
    fields = [int(n) for n in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    return Ticks(sum(fields) - fields[3], fields[3])


def wait_quiet() -> None:
    """Returns when the machine is idle, or after `AT_MOST`."""
    until, before = time.monotonic() + AT_MOST, processors()
    while time.monotonic() < until:
        time.sleep(LOOK)
        now = processors()
        busy, idle = now.busy - before.busy, now.idle - before.idle
        if busy <= BUSY * (busy + idle):
            return
        before = now
