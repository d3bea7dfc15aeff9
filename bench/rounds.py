"""One round against one row: send, collect, and ask the store what became of the receipts."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from array import array
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

from bench import receipts, servers
from bench.quiet import wait_quiet
from bench.receipts import Messages
from bench.servers import ROOT, Row

SHOWN_WITHIN = 60.0  # seconds until a round's receipts must all show


@dataclass(frozen=True)
class Case:
    """What is sent: to which messages, signed or not, over how many connections."""

    locality: str
    signed: bool
    connections: int

    def __str__(self) -> str:
        kind = "signed" if self.signed else "unsigned"
        where = "messages of the last hour" if self.locality == "recent" else "the whole store"
        plural = "s" * (self.connections > 1)
        return f"{self.connections} connection{plural}, {kind}, {where}"


@dataclass(frozen=True)
class Summary:
    """What the generator reports of a round. Times in seconds, `last` by the monotonic clock."""

    sent: int
    acknowledged: int
    failures: dict[str, int]
    seconds: float
    rate: float
    p50: float
    p99: float
    max: float
    last: float


@dataclass(frozen=True)
class Measure(Summary):
    """A round with what became of its receipts; all None for a row without a store."""

    shown_after: float | None = None
    lacking: int | None = None
    commits: int | None = None


@dataclass
class Supply:
    """Messages whose receipt was not sent yet, for one row: each gets one and only one."""

    messages: Messages
    used: dict[str, int] = field(default_factory=dict)

    def next(self, locality: str, count: int) -> list[int]:
        numbers = self.messages.scattered(locality, self.used.get(locality, 0), count)
        if not numbers:
            raise SystemExit("The run needs more messages than it made.")
        return numbers

    def sent(self, locality: str, count: int) -> None:
        self.used[locality] = self.used.get(locality, 0) + count


@dataclass(frozen=True)
class Generator:
    """How rounds are sent: from which core, through which files."""

    folder: Path
    core: int | None

    def send(
        self,
        row: Row,
        case: Case,
        numbers: list[int],
        seconds: float,
        *,
        rate: float | None = None,
        meanwhile: Callable[[], None] | None = None,
    ) -> tuple[Summary, list[int]]:
        """Run one round; return its summary and the messages whose receipt was acknowledged.

        It begins when the machine has finished with what came before.
        """
        requests, acknowledged = self.folder / "requests.bin", self.folder / "acknowledged.bin"
        path = row.webhook(signed=case.signed)
        size = receipts.write_requests(requests, numbers, path, signed=case.signed)
        command = [sys.executable, "-m", "bench.load", "--port", str(row.port)]
        command += ["--requests", str(requests), "--size", str(size)]
        command += ["--connections", str(case.connections), "--seconds", str(seconds)]
        command += ["--acknowledged", str(acknowledged)]
        command += ["--rate", str(rate)] if rate else []
        command += ["--core", str(self.core)] if self.core is not None else []
        command += [] if row.store else ["--repeat"]
        wait_quiet()
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as process:
            while meanwhile and process.poll() is None:
                meanwhile()
                time.sleep(0.25)
            output = process.communicate()[0]
        if process.returncode:
            raise SystemExit(f"The load generator failed with {process.returncode}.")
        positions = array("I", acknowledged.read_bytes())
        return Summary(**json.loads(output)), [numbers[at % len(numbers)] for at in positions]


def play(
    row: Row, case: Case, supply: Supply, generator: Generator, seconds: float, limit: int
) -> Measure:
    """One closed-loop round of at most so many seconds and receipts."""
    numbers = supply.next(case.locality, limit)
    before = servers.commits(row)
    summary, acknowledged = generator.send(row, case, numbers, seconds)
    shown_after, lacking = wait_shown(row, acknowledged, summary.last)
    after = servers.commits(row)
    if row.store:
        supply.sent(case.locality, summary.sent)
    committed = None if before is None or after is None else after - before
    return Measure(**asdict(summary), shown_after=shown_after, lacking=lacking, commits=committed)


def wait_shown(row: Row, acknowledged: list[int], since: float) -> tuple[float | None, int | None]:
    """Seconds from the last answer until every acknowledged receipt shows, and how many never did.

    An upper bound: it includes the generator's end and the last question itself. The longer it
    takes, the rarer are the questions, as each counts all that wait.
    """
    if row.store is None:
        return None, None
    ids = [receipts.provider_id(number) for number in acknowledged]
    while True:
        lacking = row.store.backlog() or row.store.lacking(ids)
        waited = time.perf_counter() - since
        if not lacking or waited > SHOWN_WITHIN:
            return waited, row.store.lacking(ids) if lacking else 0
        time.sleep(max(0.02, waited / 50))
