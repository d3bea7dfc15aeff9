"""Processes held to a share of a core each, by the kernel's control groups (CPU bandwidth)."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

ROOT = Path("/sys/fs/cgroup")
PERIOD = 10_000  # microseconds; short, so that a held process stops often instead of long


@contextmanager
def held(pids: Sequence[int], share: float) -> Iterator[None]:
    """Each of the processes gets at most this share of one core.

    Raises:
        SystemExit: control groups cannot be made here; says what would be needed.
    """
    above = ROOT / "cpu" if (ROOT / "cpu").is_dir() else ROOT
    groups = [above / f"delivrd-bench-{pid}" for pid in pids]
    try:
        for pid, group in zip(pids, groups, strict=True):
            group.mkdir()
            _limit(group, int(share * PERIOD))
            (group / "cgroup.procs").write_text(str(pid))
        yield
    except PermissionError as error:
        raise SystemExit(f"Control groups need root, and a writable {above}: {error}") from None
    finally:
        for pid, group in zip(pids, groups, strict=True):
            if group.is_dir():
                if Path(f"/proc/{pid}").exists():
                    (above / "cgroup.procs").write_text(str(pid))
                os.rmdir(group)


def _limit(group: Path, quota: int) -> None:
    if (group / "cpu.max").exists():  # version 2
        (group / "cpu.max").write_text(f"{quota} {PERIOD}")
        return
    (group / "cpu.cfs_period_us").write_text(str(PERIOD))
    (group / "cpu.cfs_quota_us").write_text(str(quota))
