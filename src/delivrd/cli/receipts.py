"""`delivrd receipts`: watch them come in, and list what has no message or no meaning yet."""

import sys
import time
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import suppress
from itertools import islice, takewhile
from typing import Annotated, Any

import typer

from delivrd.cli import filters
from delivrd.cli.client import ConfigOption, Hub, connect
from delivrd.cli.messages import error_words
from delivrd.cli.output import (
    DOTS,
    UNREACHABLE,
    Column,
    Failure,
    JsonOption,
    clean,
    marked,
    note,
    on_terminal,
    parse_time,
    print_json_line,
    print_rows,
    styled,
)

app = typer.Typer(rich_markup_mode=None)

REMEMBERED = 10_000
"""Receipts known as already shown; more than these cannot come between two looks."""


@app.callback()
def group() -> None:
    """Print receipts as they come in; list those without a message or a meaning."""


@app.command()
def tail(
    account: filters.Account = None,
    status: filters.Status = None,
    last: Annotated[
        int, typer.Option(min=0, max=200, help="Number of earlier receipts to show first.")
    ] = 10,
    limit: Annotated[int | None, typer.Option(min=1, help="Stop after this many receipts.")] = None,
    interval: Annotated[float, typer.Option(min=0.1, help="Seconds between two polls.")] = 1.0,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Print receipts as they come in, one a line, until Ctrl-C.

    With --json: one JSON object a line.

    \b
    delivrd receipts tail --status undelivered
    """
    hub = connect(config)
    wanted = filters.query(None, None, account=account, status=status)
    if on_terminal() and not as_json:
        note(f"Receipts of {hub.url}; Ctrl-C ends.")
    with suppress(KeyboardInterrupt):
        for receipt in islice(follow(hub, wanted, last, interval), limit):
            if as_json:
                print_json_line(receipt)
            else:
                typer.echo(line(receipt))
            sys.stdout.flush()


NONE = (
    "No receipt has come that is asked for; the next one is shown as it comes. Send a message by "
    "`delivrd send`, or see by `delivrd doctor` why none comes."
)


def follow(
    hub: Hub, wanted: Mapping[str, Any], last: int, interval: float
) -> Iterator[Mapping[str, Any]]:
    """The last receipts, then each new one, the oldest first; never ends, also when the hub does.

    Raises:
        Failure: the hub cannot be reached at first, or refuses.
    """
    seen: OrderedDict[str, None] = OrderedDict()
    first = hub.get("/v1/receipts", {**wanted, "limit": max(last, 1)})["items"]
    seen.update((receipt["id"], None) for receipt in first)
    if not first and on_terminal():
        note(NONE)
    yield from reversed(first[:last])
    away = False
    while True:
        time.sleep(interval)
        newest = hub.items("/v1/receipts", wanted, REMEMBERED // 2)
        try:
            fresh = [*takewhile(lambda receipt: receipt["id"] not in seen, newest)]
        except Failure as failure:
            if failure.code != UNREACHABLE and failure.status not in (502, 503, 504):
                raise
            if not away:
                note(f"{failure.what}; it is asked again.")
            away = True
            continue
        away = False
        for receipt in reversed(fresh):
            seen[receipt["id"]] = None
            yield receipt
        while len(seen) > REMEMBERED:
            seen.popitem(last=False)


UNMATCHED = (
    Column("first seen", "first_seen", when=True),
    Column("account", lambda part: marked(part.get("account"), part)),
    Column("gateway's id", "provider_message_id"),
    Column("status", "status"),
    Column("receipts", lambda part: sum(each["count"] for each in part["receipts"]), right=True),
    Column("to", lambda part: next((each["to"] for each in part["receipts"]), None)),
)


@app.command()
def unmatched(
    account: filters.Account = None,
    limit: filters.Limit = 50,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """List ids of gateways that receipts name and no message has, the newest first.

    \b
    delivrd receipts unmatched --account vonage
    """
    wanted = filters.query(None, None, account=account)
    found = list(connect(config).items("/v1/unmatched", wanted, limit))
    print_rows(
        found,
        UNMATCHED,
        as_json,
        none="No id without a message: every receipt has found the one it is about.",
        some="They find their message when it is sent or registered. Which setting would match "
        "them, and what to do with what other programs send: delivrd doctor",
    )


UNMAPPED = (
    Column("last seen", "last_seen", when=True),
    Column("gateway", "provider"),
    Column("accounts", "accounts"),
    Column("word", "provider_status"),
    Column("code", "error_code"),
    Column("receipts", "count", right=True),
    Column("calls", "sample.requests"),
)


@app.command()
def unmapped(
    limit: filters.Limit = 50, as_json: JsonOption = False, config: ConfigOption = None
) -> None:
    """List status words and error codes that no table has, the last seen first.

    \b
    delivrd receipts unmapped
    """
    print_rows(
        list(connect(config).items("/v1/unmapped", limit=limit)),
        UNMAPPED,
        as_json,
        none="No unknown word or code: the tables have a meaning for each that came.",
        some="Give a word its meaning in [overrides.GATEWAY.words] of the settings, a code in "
        "[overrides.GATEWAY.codes], restart the hub, and read the calls again: "
        "delivrd requests replay CALL",
    )


def line(receipt: Mapping[str, Any]) -> str:
    """One receipt for people on a terminal; tab-separated with the whole of it elsewhere."""
    from delivrd.log import mask_number

    status = str(receipt.get("status"))
    at = parse_time(receipt.get("received_at"))
    fields = (
        marked(receipt.get("account"), receipt),
        status,
        receipt.get("to"),
        receipt.get("provider_status"),
        error_words(receipt.get("error")),
        receipt.get("provider_message_id"),
    )
    if not on_terminal():
        return "\t".join(clean(str(f or "")) for f in (receipt.get("received_at"), *fields))
    account, _, to, *rest = (clean(str(field or "")) for field in fields)
    dot, colour = DOTS.get(status, (" ", "white"))
    clock = f"{at:%H:%M:%S}.{at.microsecond // 1000:03}" if at else "--:--:--.---"
    coloured = styled(f"{dot} {status:<11}", colour)
    return f"{clock}  {account:<10}  {coloured}  {mask_number(to):<15}  {'  '.join(rest)}".rstrip()
