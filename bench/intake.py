"""The comparison: every row in every case, interleaved, medians over the rounds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields
from statistics import median
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from bench.receipts import Messages
from bench.rounds import Case, Generator, Measure, Supply, play, wait_shown
from bench.servers import Row
from bench.stage import Stage, sync_seconds

LONE = Case("recent", signed=False, connections=1)
WARM = Case("recent", signed=False, connections=64)
WARM_RECEIPTS = 500
STEADY_AT_MOST = 25_000  # requests a second
FOLD_SHARE = 1 / 3  # of the empty app's rate, at which the fold must keep up


@dataclass(frozen=True)
class Plan:
    """How much is measured. `limit`: receipts at most in one round of a row that stores them."""

    connections: tuple[int, ...]
    rounds: int
    seconds: float
    limit: int
    fold_seconds: float

    def cases(self) -> list[Case]:
        full = [
            Case(locality, signed, connections)
            for connections in self.connections
            for signed in (False, True)
            for locality in ("recent", "spread")
        ]
        return [LONE, *full]

    def rows_of(self, case: Case, rows: list[Row]) -> list[Row]:
        """The hand-written handlers check no signature, so they are not measured with one."""
        return [row for row in rows if row.is_delivrd or row.name == "empty" or not case.signed]


@dataclass(frozen=True)
class FoldRun:
    """A steady rate for some time: does the fold keep up?"""

    row: Row
    rate: float
    measure: Measure
    worst_backlog: int


@dataclass
class Results:
    plan: Plan
    stage: Stage
    sync: float = 0.0
    rounds: dict[tuple[Case, str], list[Measure]] = field(default_factory=dict)
    folds: list[FoldRun] = field(default_factory=list)

    def middle(self, case: Case, name: str) -> Measure | None:
        """One row's rounds in one case as one: medians, but the worst maximum and every fault."""
        found = self.rounds.get((case, name))
        return combined(found) if found else None


def combined(rounds: list[Measure]) -> Measure:
    failures: dict[str, int] = {}
    for one in rounds:
        for what, count in one.failures.items():
            failures[what] = failures.get(what, 0) + count
    middle = {
        f.name: _median([getattr(one, f.name) for one in rounds])
        for f in fields(Measure)
        if f.name != "failures"
    }
    lacking = [one.lacking for one in rounds if one.lacking is not None]
    worst = {"max": max(one.max for one in rounds), "lacking": sum(lacking) if lacking else None}
    return Measure(**(middle | worst), failures=failures)


def _median(values: list[Any]) -> Any:
    known = [value for value in values if value is not None]
    return median(known) if known else None


def run(plan: Plan, stage: Stage, console: Console) -> Results:
    """Measure everything of the plan on the rows of the stage."""
    results = Results(plan, stage, sync=sync_seconds(stage.folder))
    supplies = {row.name: Supply(stage.messages) for row in stage.rows}
    generator = stage.generator
    for row in stage.rows:
        play(row, WARM, supplies[row.name], generator, 1.0, WARM_RECEIPTS)
    steps = [
        (case, row)
        for _ in range(plan.rounds)
        for case in plan.cases()
        for row in plan.rows_of(case, stage.rows)
    ]
    with _progress(console, len(steps)) as advance:
        for case, row in steps:
            advance(f"{row.title}: {case}")
            seconds = min(plan.seconds, 1.0) if case is LONE else plan.seconds
            one = play(row, case, supplies[row.name], generator, seconds, plan.limit)
            results.rounds.setdefault((case, row.name), []).append(one)
    _run_folds(results, supplies, console)
    return results


def _run_folds(results: Results, supplies: dict[str, Supply], console: Console) -> None:
    limit = results.middle(WARM, "empty")
    if limit is None or not results.plan.fold_seconds:
        return
    stage = results.stage
    for row in stage.rows:
        if row.is_delivrd:
            with console.status(f"{row.title}: steady at a third of the empty app's rate"):
                run = steady(row, limit.rate * FOLD_SHARE, results.plan, supplies, stage.generator)
            results.folds.append(run)


def steady(
    row: Row, rate: float, plan: Plan, supplies: dict[str, Supply], generator: Generator
) -> FoldRun:
    store = row.store
    assert store is not None
    backlogs = [0]
    numbers = supplies[row.name].next(WARM.locality, int(rate * plan.fold_seconds))
    summary, acknowledged = generator.send(
        row,
        WARM,
        numbers,
        plan.fold_seconds,
        rate=rate,
        meanwhile=lambda: backlogs.append(store.backlog()),
    )
    shown_after, lacking = wait_shown(row, acknowledged, summary.last)
    supplies[row.name].sent(WARM.locality, summary.sent)
    found = Measure(**asdict(summary), shown_after=shown_after, lacking=lacking)
    return FoldRun(row, rate, found, max(backlogs))


@contextmanager
def _progress(console: Console, total: int) -> Iterator[Any]:
    columns = (
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.description}"),
    )
    with Progress(*columns, console=console) as bar:
        task = bar.add_task("", total=total)
        done = -1

        def advance(what: str) -> None:
            nonlocal done
            done += 1
            bar.update(task, completed=done, description=what)

        yield advance
        bar.update(task, completed=total, description="done")


def needed(plan: Plan) -> int:
    """Messages of one locality that a row may use up in the rounds (the fold runs come on top)."""
    return WARM_RECEIPTS + plan.limit * plan.rounds * (2 * len(plan.connections) + 1)


def messages_for(plan: Plan, now: Any) -> Messages:
    """Enough for every round and for the steady run after them."""
    half = needed(plan) + int(STEADY_AT_MOST * plan.fold_seconds)
    return Messages(half, half, now)
