"""Waits until the machine has nothing else to do, so that a round pays for itself alone.

What a server, its database or the kernel still does for the round before would slow the next row.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import NamedTuple

LOOK = 0.2  # seconds over which the processors are watched
BUSY = 0.03  # of all cores: less is quiet
AT_MOST = 15.0  # seconds of waiting


class Ticks(NamedTuple):
    """What the processors have done since the start, in ticks of all cores together."""

    busy: int
    idle: int


def processors() -> Ticks:
    """Waiting for a disk counts as busy (proc_stat(5))."""
    fields = [int(n) for n in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    return Ticks(sum(fields) - fields[3], fields[3])


def wait_quiet() -> None:
    """Returns when it is quiet; after `AT_MOST` it returns, whatever runs beside."""
    until, before = time.monotonic() + AT_MOST, processors()
    while time.monotonic() < until:
        time.sleep(LOOK)
        now = processors()
        busy, idle = now.busy - before.busy, now.idle - before.idle
        if busy <= BUSY * (busy + idle):
            return
        before = now
