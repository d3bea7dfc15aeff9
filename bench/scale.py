"""How delivrd scales: intake, reads, bytes and memory at several numbers of receipts.

Each size gets a store of its own, with messages of 90 days and their receipts; then intake of both
localities is measured, and every named read.
"""

from __future__ import annotations

import http.client
import os
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from time import perf_counter
from urllib.parse import quote

from rich.console import Console

from bench.receipts import HISTORY, Messages, provider_id, recipient
from bench.rounds import Case, Measure, Supply, play
from bench.servers import ADMIN_KEY, Row, processes
from bench.stage import Stage, staged
from delivrd.core.percentile import percentile

CASES = {name: Case(name, signed=False, connections=64) for name in ("recent", "spread")}
CALLS = 100  # of each read
WARM_UP = 1  # rounds that are not measured: the file has just been written or copied


@dataclass
class Size:
    """What was measured with so many receipts in the store. Times in seconds."""

    receipts: int
    messages: int  # those whose receipt comes in the rounds included
    intake: dict[str, float] = field(default_factory=dict)
    folded: dict[str, float] = field(default_factory=dict)
    reads: dict[str, float] = field(default_factory=dict)
    stored_bytes: int = 0
    resident: int = 0


@dataclass(frozen=True)
class Plan:
    sizes: tuple[int, ...]
    row: str
    rounds: int
    limit: int
    seconds: float
    folder: Path | None
    core: int | None
    kept: Path | None


def run(plan: Plan, console: Console) -> list[Size]:
    found = []
    for size in plan.sizes:
        rest = (WARM_UP + plan.rounds) * plan.limit
        messages = Messages(size + rest, rest, datetime.now(UTC), answered=size)
        with ExitStack() as stack:
            stage = stack.enter_context(
                staged([plan.row], messages, console, plan.folder, plan.core, plan.kept)
            )
            status = stack.enter_context(console.status(""))
            found.append(_measure(plan, size, stage, status.update))
    return found


def _measure(plan: Plan, size: int, stage: Stage, say: Callable[[str], None]) -> Size:
    (row,) = stage.rows
    found = Size(size, stage.messages.total)
    generator, supply = stage.generator, Supply(stage.messages)
    supply.sent("spread", size)  # those that are answered already
    found.stored_bytes = _stored_bytes(row)
    rounds: dict[str, list[Measure]] = {name: [] for name in CASES}
    for number in range(WARM_UP + plan.rounds):
        for name, case in CASES.items():
            say(f"{size:,} receipts: {case}")
            measure = play(row, case, supply, generator, plan.seconds, plan.limit)
            if number >= WARM_UP:
                rounds[name].append(measure)
    for name, all_ in rounds.items():
        found.intake[name] = median(one.rate for one in all_)
        found.folded[name] = median(
            one.acknowledged / (one.seconds + (one.shown_after or 0)) for one in all_
        )
    say(f"{size:,} receipts: reads")
    found.reads = {name: _p95(row, paths) for name, paths in _reads(stage.messages).items()}
    found.resident = _resident(row)
    return found


def _stored_bytes(row: Row) -> int:
    assert row.store is not None
    return row.store.bytes()


def _resident(row: Row) -> int:
    """Resident memory of the server's processes together, in bytes."""
    pages = (int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in processes(row))
    return sum(pages) * os.sysconf("SC_PAGE_SIZE")


def _reads(messages: Messages) -> dict[str, list[str]]:
    """The named lists, details and statistics, each with as many different questions as fit."""
    some = range(0, messages.total, max(1, messages.total // CALLS))
    since = quote((messages.now - timedelta(days=1)).isoformat())
    long_since = quote((messages.now - HISTORY).isoformat())
    by = ("day", "account", "country", "network", "reason")
    return {
        "messages": ["/v1/messages"],
        "messages by status": [f"/v1/messages?status={s}" for s in ("delivered", "pending")],
        "messages by account": ["/v1/messages?account=bench"],
        "messages by country": ["/v1/messages?country=GB"],
        "messages by recipient": [f"/v1/messages?to=%2B{recipient(n)}" for n in some],
        "messages since": [f"/v1/messages?since={since}"],
        "message by provider id": [
            f"/v1/messages?provider_message_id={provider_id(n)}" for n in some
        ],
        "receipts": ["/v1/receipts"],
        "requests": ["/v1/requests"],
        "unmatched": ["/v1/unmatched"],
        "delivery, all": [f"/v1/stats/delivery?by={name}" for name in by],
        "delivery, 90 days": [f"/v1/stats/delivery?by={name}&since={long_since}" for name in by],
        "latency": ["/v1/stats/latency"],
    }


def _p95(row: Row, paths: list[str]) -> float:
    """Seconds of a call at the 95th percentile, on one connection that stays open."""
    connection = http.client.HTTPConnection("127.0.0.1", row.port, timeout=60)
    taken = []
    for number in range(CALLS):
        begin = perf_counter()
        path = paths[number % len(paths)]
        connection.request("GET", path, headers={"Authorization": f"Bearer {ADMIN_KEY}"})
        response = connection.getresponse()
        response.read()
        taken.append(perf_counter() - begin)
        if response.status != 200:
            raise SystemExit(f"GET {path} answered {response.status}")
    connection.close()
    return percentile(sorted(taken), 95)


def columns(found: list[Size]) -> tuple[str, ...]:
    return ("", *(f"{size.receipts:,} receipts" for size in found))


def lines(found: list[Size]) -> list[list[str]]:
    """One line for each quantity, one column for each size."""
    table = [
        *([f"intake/s, {name}", *(f"{s.intake[name]:,.0f}" for s in found)] for name in CASES),
        *([f"folded/s, {name}", *(f"{s.folded[name]:,.0f}" for s in found)] for name in CASES),
        [
            "bytes a message",
            *(f"{s.stored_bytes / s.messages:,.0f}" for s in found),
        ],
        ["resident MB", *(f"{s.resident / 1e6:,.0f}" for s in found)],
    ]
    names = found[0].reads if found else {}
    return table + [
        [f"{name}, p95 ms", *(f"{s.reads[name] * 1000:.1f}" for s in found)] for name in names
    ]
