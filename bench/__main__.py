"""`python -m bench`: measure delivrd's intake, its growth, its relay; or profile a server."""

from __future__ import annotations

import argparse
import shlex
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from bench import (
    alerts,
    insight,
    intake,
    parse,
    processes,
    profiling,
    relay,
    report,
    scale,
    stats,
)
from bench.intake import Plan
from bench.receipts import Messages
from bench.servers import CORES, GENERATOR_CORE, ROOT, NotReady
from bench.stage import NAMES, staged
from delivrd.core.text import noun

WIDTH = 160
BENCHMARKS = ROOT / "docs" / "benchmarks.md"


def main() -> None:
    options = _parser().parse_args()
    console = Console()
    if not console.is_terminal:
        console = Console(width=WIDTH)  # a log gets the whole table
    try:
        options.run(options, console)
    except NotReady as error:
        raise SystemExit(str(error)) from None


def _intake(options: argparse.Namespace, console: Console) -> None:
    plan = Plan(
        tuple(options.connections),
        options.rounds,
        options.seconds,
        options.receipts,
        options.fold_seconds,
    )
    messages = intake.messages_for(plan, datetime.now(UTC))
    names = [name for name in NAMES if name in options.rows]
    with staged(names, messages, console, options.dir, _core(options)) as stage:
        results = intake.run(plan, stage, console)
    lines = report.facts(results, _command(), _pinned(_core(options)))
    report.show(results, console, lines)
    if options.write:
        report.write(BENCHMARKS, "intake", report.markdown(results, lines))


def _scale(options: argparse.Namespace, console: Console) -> None:
    plan = scale.Plan(
        tuple(options.sizes),
        options.row,
        options.rounds,
        options.receipts,
        options.seconds,
        options.dir,
        _core(options),
        options.kept,
    )
    found = scale.run(plan, console)
    facts = report.circumstances(_command(), _pinned(_core(options)))
    columns, lines = scale.columns(found), scale.lines(found)
    report.print_table(console, options.row, columns, lines)
    report.print_lines(console, facts)
    if options.write:
        parts = [report.bullets(facts), *report.section(options.row, columns, lines)]
        report.write(BENCHMARKS, f"scale-{options.row}", "\n\n".join(parts))


def _processes(options: argparse.Namespace, console: Console) -> None:
    plan = processes.Plan(
        options.share,
        options.connections,
        options.rounds,
        options.receipts,
        options.seconds,
        options.dir,
        _core(options),
    )
    lines = processes.run(plan, console)
    facts = report.circumstances(_command(), _pinned(_core(options)))
    facts.append(
        f"medians of {plan.rounds} rounds, interleaved; {plan.connections} connections; each "
        f"process of the hub gets {plan.share:.0%} of a core at most"
    )
    title = "PostgreSQL, processes with a share of a core each"
    report.print_table(console, title, processes.COLUMNS, lines)
    report.print_lines(console, facts)
    if options.write:
        parts = [report.bullets(facts), *report.section(title, processes.COLUMNS, lines)]
        report.write(BENCHMARKS, "processes", "\n\n".join(parts))


def _parse(options: argparse.Namespace, console: Console) -> None:
    found = parse.rows(parse.run(options.lines, options.rounds, console))
    title = "`delivrd parse`, the start of the program included"
    facts = report.circumstances(_command(), f"medians of {options.rounds} rounds")
    facts.append(f"{options.lines:,} lines a round, each one receipt as it comes")
    report.print_table(console, title, parse.COLUMNS, found)
    report.print_lines(console, facts)
    if options.write:
        parts = [report.bullets(facts), *report.section(title, parse.COLUMNS, found)]
        report.write(BENCHMARKS, "parse", "\n\n".join(parts))


def _insight(options: argparse.Namespace, console: Console) -> None:
    facts = report.circumstances(_command(), f"medians over {options.runs} seeded runs")
    parts = [report.bullets([*facts, *insight.FACTS])]
    with console.status("") as status:
        for title, columns, lines in insight.tables(options.runs, status.update):
            report.print_table(console, title, columns, lines)
            parts += report.section(title, columns, lines)
    report.print_lines(console, [*facts, *insight.FACTS])
    if options.write:
        report.write(BENCHMARKS, "insight", "\n\n".join(parts))


def _stats(options: argparse.Namespace, console: Console) -> None:
    plan = stats.Plan(
        options.messages,
        options.days,
        options.rounds,
        tuple(options.stores),
        options.dir,
        options.kept,
    )
    lines = stats.run(plan, console)
    facts = report.circumstances(_command(), f"medians of {plan.rounds} calls")
    facts += stats.facts(plan)
    report.print_table(console, "Statistics", stats.COLUMNS, lines)
    report.print_lines(console, facts)
    if options.write:
        parts = [report.bullets(facts), *report.section("Statistics", stats.COLUMNS, lines)]
        report.write(BENCHMARKS, "stats", "\n\n".join(parts))


def _alerts(options: argparse.Namespace, console: Console) -> None:
    began = time.monotonic()
    incidents, quiet = alerts.run(options.runs, options.days, console, options.seed)
    seeds = f"{options.seed} to {options.seed + options.runs - 1}"
    facts = report.circumstances(_command(), f"medians of {options.runs} runs, seeds {seeds}")
    facts.append(f"took {(time.monotonic() - began) / 60:.0f} minutes in three processes")
    tables = (
        (f"Incidents, {options.runs} runs each", alerts.INCIDENT_COLUMNS, incidents),
        (f"{options.days} days of 50 routes without any incident", alerts.QUIET_COLUMNS, quiet),
    )
    for title, columns, lines in tables:
        report.print_table(console, title, columns, lines)
    report.print_lines(console, facts)
    if options.write:
        parts = [report.bullets(facts)]
        for table in tables:
            parts += report.section(*table)
        report.write(BENCHMARKS, "alerts", "\n\n".join(parts))


def _relay(options: argparse.Namespace, console: Console) -> None:
    plan = relay.Plan(
        options.rounds,
        options.events,
        options.rate,
        options.seconds,
        options.dir,
        _core(options),
    )
    found = relay.run(plan, console)
    facts = report.circumstances(_command(), f"medians of {plan.rounds} rounds, interleaved")
    facts.append(f"{plan.events:,} events a round, all there at its start, each of its own message")
    tables = (
        ("events told to one fast endpoint", relay.COLUMNS, relay.rows(found)),
        ("from event to call, at a healthy endpoint", relay.LATE_COLUMNS, relay.late_rows(found)),
        ("aims", ("aim", "measured", "met"), report.aim_lines(relay.aims(found))),
    )
    for title, columns, lines in tables:
        report.print_table(console, title, columns, lines)
    report.print_lines(console, facts)
    if options.write:
        parts = [part for table in tables for part in report.section(*table)]
        report.write(BENCHMARKS, "relay", "\n\n".join([report.bullets(facts), *parts]))


def _profile(options: argparse.Namespace, console: Console) -> None:
    messages = Messages(options.messages // 2, options.messages // 2, datetime.now(UTC))
    with staged([options.row], messages, console, options.dir, _core(options)) as stage:
        profiling.run(stage, console, options.seconds)


def _command() -> str:
    return shlex.join(["python", "-m", "bench", *sys.argv[1:]])


def _core(options: argparse.Namespace) -> int | None:
    """The generator's core."""
    return GENERATOR_CORE if options.pin else None


def _pinned(core: int | None) -> str:
    if core is None:
        return "nothing is pinned to a core"
    return (
        f"the generator runs on core {core} alone, servers of one process on the other "
        f"{noun(len(CORES) - 1, 'core')}, servers with PostgreSQL on all {len(CORES)}"
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    command = commands.add_parser("intake", help="the comparison, interleaved, with medians")
    command.add_argument("--rows", nargs="+", choices=NAMES, default=NAMES, metavar="ROW")
    command.add_argument("--connections", nargs="+", type=int, default=[64, 256])
    command.add_argument("--rounds", type=int, default=3)
    command.add_argument("--seconds", type=float, default=3.0, help="length of a round, at most")
    command.add_argument("--receipts", type=int, default=40_000, help="in a round, at most")
    command.add_argument("--fold-seconds", type=float, default=8.0, help="of the steady run")
    command.add_argument("--write", action="store_true", help="write docs/benchmarks.md too")
    command.set_defaults(run=_intake)

    command = commands.add_parser("scale", help="delivrd's rates and reads as its store grows")
    command.add_argument("--row", choices=NAMES[-3:], default="delivrd-sqlite")
    command.add_argument("--sizes", nargs="+", type=int, default=[100_000, 1_000_000, 10_000_000])
    command.add_argument("--rounds", type=int, default=3)
    command.add_argument("--seconds", type=float, default=3.0, help="length of a round, at most")
    command.add_argument("--receipts", type=int, default=20_000, help="in a round, at most")
    command.add_argument("--write", action="store_true", help="write docs/benchmarks.md too")
    command.add_argument("--kept", type=Path, help="filled stores are kept there, and taken back")
    command.set_defaults(run=_scale)

    command = commands.add_parser("processes", help="two processes beside one, each held back")
    command.add_argument("--share", type=float, default=0.2, help="of a core, for each process")
    command.add_argument("--connections", type=int, default=256)
    command.add_argument("--rounds", type=int, default=5)
    command.add_argument("--seconds", type=float, default=2.0, help="length of a round, at most")
    command.add_argument("--receipts", type=int, default=8_000, help="in a round, at most")
    command.add_argument("--write", action="store_true", help="write docs/benchmarks.md too")
    command.set_defaults(run=_processes)

    command = commands.add_parser("parse", help="how fast captured requests are read")
    command.add_argument("--lines", type=int, default=30_000)
    command.add_argument("--rounds", type=int, default=3)
    command.add_argument("--write", action="store_true", help="write docs/benchmarks.md too")
    command.set_defaults(run=_parse)

    command = commands.add_parser("insight", help="the settled rate against simulated truth")
    command.add_argument("--runs", type=int, default=100)
    command.add_argument("--write", action="store_true", help="write docs/benchmarks.md too")
    command.set_defaults(run=_insight)

    command = commands.add_parser("stats", help="how long statistics take over months of counts")
    command.add_argument("--messages", type=int, default=10_000_000)
    command.add_argument("--days", type=int, default=90)
    command.add_argument("--rounds", type=int, default=5, help="calls of each question")
    command.add_argument("--kept", type=Path, help="filled stores are kept there, and taken back")
    command.add_argument("--stores", nargs="+", default=["sqlite", "postgresql"])
    command.add_argument("--write", action="store_true", help="write docs/benchmarks.md too")
    command.set_defaults(run=_stats)

    command = commands.add_parser("alerts", help="how soon incidents are seen, and false alarms")
    command.add_argument("--runs", type=int, default=100, help="of each incident")
    command.add_argument("--days", type=int, default=30, help="without any incident")
    command.add_argument("--seed", type=int, default=alerts.SEED, help="of the first run")
    command.add_argument("--write", action="store_true", help="write docs/benchmarks.md too")
    command.set_defaults(run=_alerts)

    command = commands.add_parser("relay", help="events told, beside the HTTP client alone")
    command.add_argument("--rounds", type=int, default=3)
    command.add_argument("--events", type=int, default=10_000)
    command.add_argument("--rate", type=float, default=100.0, help="events a second, steadily")
    command.add_argument("--seconds", type=float, default=10.0, help="of a steady round")
    command.add_argument("--write", action="store_true", help="write docs/benchmarks.md too")
    command.set_defaults(run=_relay)

    command = commands.add_parser("profile", help="the busiest functions of one server (py-spy)")
    command.add_argument("--row", choices=NAMES, default="delivrd-sqlite")
    command.add_argument("--seconds", type=float, default=5.0)
    command.add_argument("--messages", type=int, default=400_000)
    command.set_defaults(run=_profile)

    for name in ("intake", "scale", "processes", "stats", "relay", "profile"):
        command = commands.choices[name]
        command.add_argument("--dir", type=Path, help="where the stores lie (no memory disk)")
        if name != "stats":  # nothing sends to it
            command.add_argument("--no-pin", dest="pin", action="store_false")
    return parser


if __name__ == "__main__":
    main()
