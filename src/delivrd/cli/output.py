"""What commands print: tables for people, tab-separated values for pipes, JSON for programs.

Data goes to standard output, words about it to standard error.
"""

import json
import os
import re
import sys
import time
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from threading import Timer
from typing import Annotated, Any, Literal, NamedTuple, TextIO

import typer

FAILED, USAGE, UNREACHABLE = range(1, 4)

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]

DOTS = {
    "delivered": ("✓", "green"),
    "undelivered": ("✗", "red"),
    "rejected": ("✗", "red"),
    "expired": ("✗", "yellow"),
    "unknown": ("?", "magenta"),
    "pending": ("…", "cyan"),
}


WHOLE = {"id", "status", "to"}
"""Columns that are not broken into lines: ids and numbers are copied by a double click."""


quiet = False
"""Whether to say nothing but data and errors."""


class Failure(Exception):
    """A command that cannot go on: what is wrong, why, and what to do next.

    ``status`` is what the hub answered with, where it did.
    """

    def __init__(
        self, what: str, why: str = "", next: str = "", code: int = FAILED,
        status: int | None = None,
    ) -> None:  # fmt: skip
        super().__init__(what)
        self.what, self.why, self.next, self.code, self.status = what, why, next, code, status


def fail(failure: Failure) -> None:
    """Says on standard error what went wrong."""
    typer.echo(f"error: {clean(failure.what, lines=True)}", err=True)
    for label, words in (("why", failure.why), ("next", failure.next)):
        if words:
            told = clean(words, lines=True).replace("\n", "\n    ")
            typer.echo(f"  {label}: {told}", err=True)


def note(words: str) -> None:
    """Says something about the data on standard error."""
    if not quiet:
        typer.echo(clean(words), err=True)


class Column(NamedTuple):
    """A column: its title, how to get a row's value, and how that is shown.

    ``get`` is a key (dots go into inner objects) or a function of the row. ``when`` marks a time:
    people see how long ago, pipes the whole of it. ``due`` marks a time to come: people see in how
    long, and `now` once it has come.
    """

    title: str
    get: str | Callable[[Mapping[str, Any]], Any]
    right: bool = False
    when: bool = False
    due: bool = False

    def value(self, row: Mapping[str, Any]) -> Any:
        return dig(row, self.get) if isinstance(self.get, str) else self.get(row)


def dig(row: Any, dotted: str) -> Any:
    """The value under a dotted key of nested objects; None where one is missing."""
    for key in dotted.split("."):
        row = row.get(key) if isinstance(row, Mapping) else None
    return row


def on_terminal() -> bool:
    return sys.stdout.isatty()


@contextmanager
def working(what: str) -> Generator[Callable[[str, float | None], None]]:
    """Shows a bar with the time on a terminal while the body runs, once that takes a second.

    Yields a function to call with words on what is done, and how far it is: 0 to 1, or None where
    that is not known.
    """
    if quiet or not sys.stderr.isatty():
        yield lambda words, done: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    words = TextColumn("{task.description}", markup=False)
    bar = Progress(
        *(words, BarColumn(), TimeElapsedColumn()),
        console=Console(stderr=True),
        transient=True,
        redirect_stdout=on_terminal(),  # lines go above the bar; into a pipe, as without one
    )
    task = bar.add_task(what, total=None)

    def tell(words: str, done: float | None) -> None:
        total = None if done is None else 1.0
        bar.update(task, description=f"{what}: {words}", completed=done, total=total)

    later = Timer(1.0, bar.start)
    later.start()
    try:
        yield tell
    finally:
        later.cancel()
        later.join()
        bar.stop()


@contextmanager
def counting(what: str, total: int | None = None) -> Generator[Callable[[int], None]]:
    """As :func:`working`, of ``total`` things, or of a number that nobody knows.

    Yields a function to call with how many more are done.
    """
    done, began = 0, time.monotonic()
    with working(what) as tell:

        def more(count: int) -> None:
            nonlocal done
            done += count
            rate = done / max(time.monotonic() - began, 1.0)
            of = f" of {total}" if total else ""
            tell(f"{done}{of}, {rate:.0f} a second", done / total if total else None)

        yield more


def styled(text: str, colour: str) -> str:
    """The text in a colour, on a terminal that has any for people who want them (NO_COLOR)."""
    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb" or not on_terminal()
    return text if plain else typer.style(text, fg=colour)


def print_json(value: Any) -> None:
    typer.echo(json.dumps(value, indent=2, ensure_ascii=not writes_anything(sys.stdout)))


def print_json_line(value: Any) -> None:
    typer.echo(as_json_line(value, sys.stdout))


def as_json_line(value: Any, file: TextIO) -> str:
    """A value as JSON on one line, in letters that the file can take."""
    return json.dumps(value, ensure_ascii=not writes_anything(file), separators=(",", ":"))


def writes_anything(file: TextIO) -> bool:
    """Whether the file takes every letter; where it escapes some, JSON must not have them."""
    return (file.encoding or "utf-8").lower().replace("-", "").startswith("utf")


def print_table(rows: Iterable[Mapping[str, Any]], columns: Sequence[Column]) -> None:
    """A table on a terminal; elsewhere tab-separated values under a line of titles."""
    if on_terminal():
        _print_rich(rows, columns)
        return
    typer.echo("\t".join(column.title for column in columns))
    for row in rows:
        typer.echo("\t".join(_cell(column.value(row)) for column in columns))


def print_rows(
    rows: Sequence[Mapping[str, Any]],
    columns: Sequence[Column],
    as_json: bool,
    none: str = "",
    some: str = "",
) -> None:
    """What a reading command found: a list as JSON, or a table.

    On a terminal, ``none`` is said where there is nothing, ``some`` where there is something: with
    the command to go on with.
    """
    if as_json:
        print_json(rows)
        return
    print_table(rows, columns)
    words = some if rows else none
    if words and on_terminal():
        note(words)


def _print_rich(rows: Iterable[Mapping[str, Any]], columns: Sequence[Column]) -> None:
    from rich.console import Console
    from rich.table import Table

    table, rows = Table(box=None, pad_edge=False, header_style="bold"), list(rows)
    told = [c for c in columns if not rows or any(c.value(row) not in (None, "") for row in rows)]
    for column in told:
        justify: Literal["left", "right"] = "right" if column.right else "left"
        table.add_column(
            column.title, justify=justify, overflow="fold", no_wrap=column.title in WHOLE
        )
    now = datetime.now(UTC)
    for row in rows:
        table.add_row(*(_rich_cell(column, row, now) for column in told))
    Console().print(table)


def _rich_cell(column: Column, row: Mapping[str, Any], now: datetime) -> Any:
    from rich.text import Text

    value = column.value(row)
    if column.when or column.due:
        return Text((until if column.due else ago)(value, now), style="dim")
    words = _cell(value)
    if column.title == "status" and words in DOTS:
        dot, colour = DOTS[words]
        return Text(f"{dot} {words}", style=colour)
    return Text(words)


def print_fields(fields: Iterable[tuple[str, Any]]) -> None:
    """Names and values, one a line, the empty ones left out."""
    shown = [(name, _cell(value)) for name, value in fields if value not in (None, "", [], {})]
    width = max((len(name) for name, _ in shown), default=0)
    for name, value in shown:
        typer.echo(f"{name:<{width}}  {value}" if on_terminal() else f"{name}\t{value}")


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(map(_cell, value))
    return clean(value if isinstance(value, str) else str(value))


def clean(text: str, *, lines: bool = False) -> str:
    """The text without control characters: what a gateway sent must not steer a terminal."""
    kept = "\n" if lines else ""
    return re.sub(
        r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]",
        lambda found: found[0] if found[0] in kept else " ",
        text,
    )


def marked(text: str | None, of: Mapping[str, Any]) -> str:
    """What names a row, as its account, with a mark where a simulator is behind it."""
    return f"{text or ''} (simulated)" if of.get("simulated") else text or ""


def parse_time(text: Any) -> datetime | None:
    """An aware time from the API's text, None where there is none."""
    try:
        return datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return None


def ago(text: Any, now: datetime) -> str:
    """How long ago, in one unit: 4s, 12m, 3h, 5d; the date for what is older than 30 days."""
    moment = parse_time(text)
    if moment is None:
        return ""
    seconds = int((now - moment).total_seconds())
    if abs(seconds) >= 30 * 86400:
        return moment.date().isoformat()
    return f"{span(seconds)} ago" if seconds >= 0 else f"in {span(-seconds)}"


def until(text: Any, now: datetime) -> str:
    """How long until then, in one unit: in 4s, in 12m; `now` for what is due or overdue."""
    moment = parse_time(text)
    return "now" if moment is not None and moment <= now else ago(text, now)


def span(seconds: float) -> str:
    """A length of time in one unit."""
    for size, unit in ((86400, "d"), (3600, "h"), (60, "m")):
        if seconds >= 2 * size or (seconds >= size and seconds % size == 0):
            return f"{int(seconds // size)}{unit}"
    return f"{seconds:.0f}s" if seconds >= 10 or seconds == int(seconds) else f"{seconds:.1f}s"
