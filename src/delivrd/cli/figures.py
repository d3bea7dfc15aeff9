"""The output of `simulate` and `demo`: progress while they run, and the summary at the end."""

import asyncio
import signal
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

from delivrd.cli.client import problem
from delivrd.cli.output import note, on_terminal, print_fields, print_json
from delivrd.cli.traffic import Figures, Outcome, Plan, Run
from delivrd.core.percentile import percentile
from delivrd.core.text import counted

TICK_SECONDS = 0.25
LINE_SECONDS = 10.0
PROOF = "every message has the status that follows from the gateways' receipts"


def interrupts() -> list[signal.Signals]:
    """What ends a run: also that its terminal is closed, unless it shall outlive that (nohup)."""
    outlives = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    return [signal.SIGINT, signal.SIGTERM, *([] if outlives else [signal.SIGHUP])]


# --- progress ------------------------------------------------------------------------------------


@asynccontextmanager
async def showing(run: Run, plan: Plan) -> AsyncGenerator[None]:
    """Shows progress while the body runs; the first interrupt ends the run, the second the program.

    It is written to standard error, so that standard output holds only the summary.
    """
    loop, numbers = asyncio.get_running_loop(), interrupts()

    def interrupted() -> None:
        _hand_back(loop, numbers)
        run.interrupt()

    for number in numbers:
        loop.add_signal_handler(number, interrupted)
    shown = asyncio.create_task(_watch(run, plan))
    try:
        yield
    finally:
        shown.cancel()
        await asyncio.gather(shown, return_exceptions=True)
        _hand_back(loop, numbers)


def _hand_back(loop: asyncio.AbstractEventLoop, numbers: list[signal.Signals]) -> None:
    for number in numbers:
        loop.remove_signal_handler(number)
        signal.signal(number, signal.default_int_handler)


async def _watch(run: Run, plan: Plan) -> None:
    """Shows progress until cancelled: a bar on a terminal, else lines."""
    if not sys.stderr.isatty():
        while True:
            await asyncio.sleep(LINE_SECONDS)
            note(_words(run.figures))
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (
        SpinnerColumn(),
        BarColumn(24),
        TimeElapsedColumn(),
        TextColumn("{task.description}"),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("starting", total=plan.number)
        while True:
            now = run.figures
            bar.update(task, completed=now.sent, description=_words(now))
            await asyncio.sleep(TICK_SECONDS)


def _words(now: Figures) -> str:
    received = counted(now.acknowledged, "receipt")
    words = f"{now.sent} sent, {received} received, {now.waiting} still to come"
    return f"{words}, {now.failed} not accepted" if now.failed else words


# --- at the end ---------------------------------------------------------------------------------


def report(outcome: Outcome, plan: Plan, as_json: bool) -> bool:
    """Prints the summary and the verdict; returns whether the hub was right."""
    if as_json:
        print_json(_as_object(outcome))
    else:
        _summary(outcome, plan.speed)
    return _verdict(outcome)


def _as_object(outcome: Outcome) -> dict[str, Any]:
    """The summary as JSON."""
    spans = outcome.seconds()
    return {
        "messages": len(outcome.messages),
        "not_accepted": len(outcome.sent) - len(outcome.messages),
        "statuses": dict(outcome.statuses),
        "gateways": outcome.totals,
        "seconds_to_the_end": {
            f"p{share}": percentile(spans, share) if spans else None for share in (50, 95, 99)
        },
        "all_receipts_pushed": outcome.quiet,
        "complaints": outcome.complaints,
        "differences": [str(difference) for difference in outcome.differences],
    }


def _summary(outcome: Outcome, speed: float) -> None:
    """Prints the summary as text."""
    totals, spans = outcome.totals, outcome.seconds()
    shares = (50, 95, 99) if spans else ()
    times = ", ".join(f"p{share} {percentile(spans, share):.1f} s" for share in shares)
    statuses = ", ".join(f"{count} {status}" for status, count in outcome.statuses.most_common())
    print_fields(
        [
            ("messages", f"{len(outcome.messages)}: {statuses}" if outcome.messages else "none"),
            ("not accepted", len(outcome.sent) - len(outcome.messages) or None),
            ("receipts", f"{totals['acknowledged']} of {totals['pushes']} acknowledged by the hub"),
            ("time to final status", f"{times} (at {speed:g} times real time)" if times else None),
            ("dropped", None if outcome.quiet else "receipts that were not sent yet"),
        ]
    )
    if on_terminal():
        print()


def _verdict(outcome: Outcome) -> bool:
    """Prints whether the hub is right, and what is not."""
    for complaint in outcome.complaints[:10]:
        note(f"a real gateway would object: {complaint}")
    for difference in outcome.differences[:20]:
        note(f"✗ {difference}")
    if outcome.differences or outcome.complaints:
        differences = counted(len(outcome.differences), "difference")
        note(f"✗ {differences}, {counted(len(outcome.complaints), 'complaint')}")
        return False
    if not outcome.heard:
        note(f"✗ not proven: {_nothing(outcome)}")
        return False
    note(f"✓ {PROOF} ({counted(len(outcome.messages), 'message')})")
    return True


def _nothing(outcome: Outcome) -> str:
    """Why there was nothing to prove."""
    if outcome.messages or not outcome.sent:
        return "no message reached a gateway"
    status, body = outcome.sent[-1].status, outcome.sent[-1].body
    answer = problem(status, body).why if status else "nothing"
    return f"the hub accepted no message, and answered {answer}"
