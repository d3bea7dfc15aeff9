"""The figures as a table on the terminal and as Markdown in docs/benchmarks.md."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.intake import LONE, WARM, Results
from bench.rounds import Case, Measure

COLUMNS = ("server", "req/s", "of empty", "p50 ms", "p99 ms", "max ms", "failures")
STORED = ("s/round", "commits", "mean batch", "shown after s", "lacking")
NEVER = "–"
STEADY = "steady at a third of the empty app's rate"


@dataclass(frozen=True)
class Aim:
    what: str
    measured: str
    met: bool


def table(results: Results, case: Case) -> list[list[str]]:
    """The lines of one case, in the order of the rows; rows not measured in it are left out."""
    limit = results.middle(case, "empty")
    lines = []
    for row in results.plan.rows_of(case, results.stage.rows):
        found = results.middle(case, row.name)
        if found:
            lines.append([row.title, *_speed(found, limit), *_stored(found)])
    return lines


def _speed(found: Measure, limit: Measure | None) -> list[str]:
    return [
        f"{found.rate:,.0f}",
        f"{found.rate / limit.rate:.2f}" if limit else NEVER,
        *(f"{value * 1000:.2f}" for value in (found.p50, found.p99, found.max)),
        ", ".join(f"{count} × {what}" for what, count in found.failures.items()) or "0",
    ]


def _stored(found: Measure) -> list[str]:
    commits = found.commits
    return [
        f"{found.seconds:.2f}",
        f"{commits:,.0f}" if commits else NEVER,
        f"{found.acknowledged / commits:.1f}" if commits else NEVER,
        NEVER if found.shown_after is None else f"{found.shown_after:.2f}",
        NEVER if found.lacking is None else str(found.lacking),
    ]


def fold_lines(results: Results) -> list[list[str]]:
    return [
        [
            run.row.title,
            f"{run.rate:,.0f}",
            f"{run.measure.rate:,.0f}",
            f"{run.measure.p99 * 1000:.2f}",
            f"{run.measure.seconds:.1f}",
            f"{run.worst_backlog:,}",
            f"{run.measure.shown_after:.2f}",
            str(run.measure.lacking),
        ]
        for run in results.folds
    ]


FOLD_COLUMNS = (
    "server",
    "due/s",
    "answered/s",
    "p99 ms",
    "seconds",
    "worst backlog",
    "shown after s",
    "lacking",
)


def aims(results: Results) -> list[Aim]:
    """The project's aims for these figures, beside what was measured."""
    found: list[Aim] = []
    limit, own = results.middle(WARM, "empty"), results.middle(WARM, "delivrd-sqlite")
    if limit and own:
        share = own.rate / limit.rate
        found.append(Aim("SQLite: half the empty app's rate", f"{share:.2f}", share >= 0.5))
        p99 = own.p99 * 1000
        found.append(Aim("SQLite: p99 at 64 connections within 50 ms", f"{p99:.1f} ms", p99 <= 50))
    lone = results.middle(LONE, "delivrd-sqlite")
    if lone:
        bound = 0.002 + results.sync
        text = f"{lone.p50 * 1000:.2f} of {bound * 1000:.2f} ms"
        found.append(Aim("a lone request within 2 ms plus one sync", text, lone.p50 <= bound))
    one, two = (results.middle(WARM, f"delivrd-postgresql-{n}") for n in (1, 2))
    if one and two:
        gain = two.rate / one.rate
        found.append(Aim("PostgreSQL: two processes 1.3 times one", f"{gain:.2f}", gain >= 1.3))
    found += _fold_aims(results)
    return [*found, *_nothing_lost(results)]


def _fold_aims(results: Results) -> list[Aim]:
    return [
        Aim(
            "SQLite: the fold keeps up at a third of the empty app's rate",
            f"{run.measure.rate:,.0f}/s, all shown {run.measure.shown_after:.2f} s after the end",
            (run.measure.shown_after or 0) < 1 and run.measure.rate > 0.95 * run.rate,
        )
        for run in results.folds
        if run.row.name == "delivrd-sqlite"
    ]


def _nothing_lost(results: Results) -> list[Aim]:
    own = {row.name for row in results.stage.rows if row.is_delivrd}
    rounds = [one for (_, name), all_ in results.rounds.items() if name in own for one in all_]
    rounds += [run.measure for run in results.folds]
    if not rounds:
        return []
    lacking = sum(one.lacking or 0 for one in rounds)
    return [Aim("acknowledged receipts that the store lacks: 0", str(lacking), lacking == 0)]


def machine() -> str:
    cpu = platform.processor() or "unknown processor"
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            cpu = line.split(":", 1)[1].strip()
            break
    system = f"{platform.system()} {platform.release()}"
    return f"{cpu}, {os.cpu_count()} cores, {system}, Python {platform.python_version()}"


def circumstances(command: str, pinned: str) -> list[str]:
    return [f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, `{command}`", machine(), pinned]


def facts(results: Results, command: str, pinned: str) -> list[str]:
    plan = results.plan
    return [
        *circumstances(command, pinned),
        f"medians of {plan.rounds} rounds, interleaved, each up to {plan.seconds:g} s; a row that "
        f"stores gets at most {plan.limit:,} receipts a round, each for a message of its own out "
        f"of {results.stage.messages.total:,} stored ones",
        f"one fsync of 4 KiB on the file system of the stores: {results.sync * 1000:.3f} ms",
        *results.stage.notes,
    ]


def show(results: Results, console: Console, lines: list[str]) -> None:
    for case in results.plan.cases():
        print_table(console, str(case), (*COLUMNS, *STORED), table(results, case))
    if results.folds:
        print_table(
            console, "steady at a third of the empty app", FOLD_COLUMNS, fold_lines(results)
        )
    print_table(console, "aims", ("aim", "measured", "met"), aim_lines(aims(results)))
    print_lines(console, lines)


def print_lines(console: Console, lines: list[str]) -> None:
    for line in lines:
        console.print(line, highlight=False)


def aim_lines(found: list[Aim]) -> list[list[str]]:
    return [[aim.what, aim.measured, "yes" if aim.met else "no"] for aim in found]


def print_table(
    console: Console, title: str, columns: tuple[str, ...], lines: list[list[str]]
) -> None:
    if not lines:
        return
    out = Table(title=title, title_justify="left")
    for number, column in enumerate(columns):
        out.add_column(column, justify="right" if number else "left", no_wrap=number == 0)
    for line in lines:
        out.add_row(*line)
    console.print(out)


def markdown(results: Results, lines: list[str]) -> str:
    parts = [bullets(lines)]
    for case in results.plan.cases():
        parts += section(str(case), (*COLUMNS, *STORED), table(results, case))
    parts += section(STEADY, FOLD_COLUMNS, fold_lines(results))
    parts += section("Aims", ("aim", "measured", "met"), aim_lines(aims(results)))
    return "\n\n".join(parts)


def bullets(lines: list[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)


def section(title: str, columns: tuple[str, ...], lines: list[list[str]]) -> list[str]:
    if not lines:
        return []
    rules = [":--", *("--:" for _ in columns[1:])]
    body = "\n".join(f"| {' | '.join(line)} |" for line in [list(columns), rules, *lines])
    return [f"### {title[0].upper()}{title[1:]}", body]


def write(file: Path, name: str, text: str) -> None:
    """Put the text between the file's markers of that name; append them when they are missing."""
    begin, end = f"<!-- bench:{name} -->", f"<!-- /bench:{name} -->"
    old = file.read_text() if file.exists() else "# Benchmarks\n"
    if begin not in old:
        old = f"{old.rstrip()}\n\n{begin}\n{end}\n"
    head, rest = old.split(begin, 1)
    tail = rest.split(end, 1)[1]
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"{head}{begin}\n{text}\n{end}{tail}")
