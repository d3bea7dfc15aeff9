"""What a second process on PostgreSQL adds, where each has a set share of a core.

On a machine whose cores PostgreSQL and the generator fill, a second process has nothing to run on.
Held to a small share of a core each, one and two processes show whether the store lets them add up.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from rich.console import Console

from bench.held import held
from bench.receipts import Messages
from bench.rounds import Case, Measure, Supply, play
from bench.servers import Row, processes
from bench.stage import staged

ROWS = ["delivrd-postgresql-1", "delivrd-postgresql-2"]
COLUMNS = ("processes", "req/s", "of one", "p99 ms", "lacking")


@dataclass(frozen=True)
class Plan:
    share: float
    connections: int
    rounds: int
    limit: int
    seconds: float
    folder: Path | None
    core: int | None


def run(plan: Plan, console: Console) -> list[list[str]]:
    """The lines of the table."""
    case = Case("recent", signed=False, connections=plan.connections)
    messages = Messages(2_000, plan.limit * (plan.rounds + 1), datetime.now(UTC))
    with staged(ROWS, messages, console, plan.folder, plan.core) as stage:
        supplies = {row.name: Supply(messages) for row in stage.rows}
        found: dict[str, list[Measure]] = {row.name: [] for row in stage.rows}
        for number in range(plan.rounds + 1):
            for row in stage.rows[:: 1 if number % 2 else -1]:
                with held(processes(row), plan.share):
                    measure = play(
                        row, case, supplies[row.name], stage.generator, plan.seconds, plan.limit
                    )
                if number:  # the first round warms up
                    found[row.name].append(measure)
        return _lines(stage.rows, found)


def _lines(rows: list[Row], found: dict[str, list[Measure]]) -> list[list[str]]:
    rates = {row.name: median(one.rate for one in found[row.name]) for row in rows}
    return [
        [
            str(row.processes),
            f"{rates[row.name]:,.0f}",
            f"{rates[row.name] / rates[ROWS[0]]:.2f}",
            f"{1000 * median(one.p99 for one in found[row.name]):.1f}",
            str(sum(one.lacking or 0 for one in found[row.name])),
        ]
        for row in rows
    ]
