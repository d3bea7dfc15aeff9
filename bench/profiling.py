"""Where the time goes: py-spy on one row's server while receipts come in."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.intake import WARM
from bench.rounds import Supply
from bench.servers import Row
from bench.stage import Stage

RATE = 200  # samples a second
TOP = 30


def run(stage: Stage, console: Console, seconds: float) -> None:
    """Load the stage's only row and print its busiest functions."""
    (row,) = stage.rows
    sampler = _py_spy()
    if sampler is None:
        raise SystemExit("py-spy is not installed: pip install py-spy")
    numbers = Supply(stage.messages).next("recent", stage.messages.recent)
    raw = stage.folder / "profile.txt"
    with _sampled(sampler, row, raw, seconds) as sampling:
        summary, _ = stage.generator.send(row, WARM, numbers, seconds + 0.5)
        sampling.wait(30)
    console.print(f"{row.title}: {summary.rate:,.0f} requests a second while sampled")
    _show(console, raw)


def _py_spy() -> str | None:
    beside = Path(sys.executable).with_name("py-spy")
    return str(beside) if beside.exists() else shutil.which("py-spy")


def _sampled(sampler: str, row: Row, raw: Path, seconds: float) -> subprocess.Popen[bytes]:
    assert row.process is not None
    command = [sampler, "record", "--pid", str(row.process.pid), "--format", "raw"]
    command += ["--nonblocking", "--rate", str(RATE), "--output", str(raw)]
    command += ["--duration", str(max(1, int(seconds)))]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _show(console: Console, raw: Path) -> None:
    if not raw.exists():
        raise SystemExit("py-spy could not sample the server; it may need more rights.")
    own, whole = counted(raw.read_text())
    total = sum(own.values())
    out = Table("function", "own %", "with callees %")
    for name, count in own.most_common(TOP):
        out.add_row(name, f"{100 * count / total:.1f}", f"{100 * whole[name] / total:.1f}")
    console.print(out)


def counted(raw: str) -> tuple[Counter[str], Counter[str]]:
    """Samples by function from py-spy's collapsed stacks: on top, and anywhere on the stack."""
    own: Counter[str] = Counter()
    whole: Counter[str] = Counter()
    for line in raw.splitlines():
        stack, count = line.rsplit(" ", 1)
        frames = [frame.rsplit(":", 1)[0] + ")" for frame in stack.split(";")]
        own[frames[-1]] += int(count)
        for frame in set(frames):
            whole[frame] += int(count)
    return own, whole
