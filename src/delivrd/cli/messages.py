"""`delivrd messages`: list, show and export."""

import csv
import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from enum import StrEnum
from itertools import chain, islice
from pathlib import Path
from typing import Annotated, Any, NamedTuple, TextIO

import typer

from delivrd.cli import filters
from delivrd.cli.client import ConfigOption, connect, segment
from delivrd.cli.output import (
    Column,
    Failure,
    JsonOption,
    as_json_line,
    clean,
    counting,
    dig,
    marked,
    note,
    on_terminal,
    parse_time,
    print_fields,
    print_json,
    print_rows,
    span,
)
from delivrd.core.text import counted

app = typer.Typer(rich_markup_mode=None)


def last_account(message: Mapping[str, Any]) -> str:
    attempts = message.get("attempts") or [{}]
    return marked(attempts[-1].get("account"), message)


def error_words(error: Mapping[str, Any] | None) -> str | None:
    """ "unreachable (2)": our reason, and the gateway's code."""
    if not error:
        return None
    reason, code = error.get("reason"), error.get("code")
    return f"{reason} ({code})" if reason and code else reason or code


COLUMNS = (
    Column("created", "created_at", when=True),
    Column("status", "status"),
    Column("to", "to"),
    Column("from", "from"),
    Column("account", last_account),
    Column("error", lambda message: error_words(message.get("error"))),
    Column("reference", "reference"),
    Column("id", "id"),
)

EXPORTED = (
    *("id", "status", "final", "to", "from", "country", "text_preview", "parts"),
    *("price.amount", "price.currency", "reference", "created_at", "sent_at", "finished_at"),
    *("delivered_at", "error.code", "error.reason", "error.permanent", "simulated"),
)


class Format(StrEnum):
    CSV = "csv"
    NDJSON = "ndjson"


@app.command("list")
def list_(
    status: filters.StatusOrFailed = None,
    account: filters.Account = None,
    country: filters.Country = None,
    network: filters.Network = None,
    to: filters.To = None,
    sender: filters.From = None,
    reference: filters.Reference = None,
    provider_message_id: filters.ProviderId = None,
    reason: filters.Reason = None,
    code: filters.Code = None,
    since: filters.Since = None,
    until: filters.Until = None,
    limit: filters.Limit = 50,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """List messages, the newest first.

    \b
    delivrd messages list --status undelivered --since 24h
    """
    wanted = filters.query(
        since,
        until,
        status=status,
        account=account,
        country=country,
        network=network,
        to=to,
        sender=sender,
        reference=reference,
        provider_message_id=provider_message_id,
        reason=reason,
        code=code,
    )
    messages = list(connect(config).items("/v1/messages", wanted, limit))
    none = "No messages. Send one: delivrd send +447700900123 Hello --from Acme"
    print_rows(messages, COLUMNS, as_json, none)


@app.command()
def export(
    status: filters.StatusOrFailed = None,
    account: filters.Account = None,
    country: filters.Country = None,
    network: filters.Network = None,
    to: filters.To = None,
    sender: filters.From = None,
    reference: filters.Reference = None,
    provider_message_id: filters.ProviderId = None,
    reason: filters.Reason = None,
    code: filters.Code = None,
    since: filters.Since = None,
    until: filters.Until = None,
    format: Annotated[Format, typer.Option(help="csv or ndjson.")] = Format.CSV,
    as_json: Annotated[bool, typer.Option("--json", help="The same as --format ndjson.")] = False,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="File to write [default: standard output]."),
    ] = None,
    config: ConfigOption = None,
) -> None:
    """Write all messages that match, as CSV or as one JSON object a line.

    \b
    delivrd messages export --since 7d --status undelivered -o failed.csv
    """
    wanted = filters.query(
        since,
        until,
        status=status,
        account=account,
        country=country,
        network=network,
        to=to,
        sender=sender,
        reference=reference,
        provider_message_id=provider_message_id,
        reason=reason,
        code=code,
    )
    found = connect(config).items("/v1/messages", wanted)
    first = list(islice(found, 1))  # before a file is opened: what cannot be asked empties none
    messages = chain(first, found)
    write = _write_ndjson if as_json or format is Format.NDJSON else _write_csv
    if output is None and on_terminal():  # where the messages are all the progress one can see
        write(messages, sys.stdout)
        return
    with counting("exporting messages") as more:
        told = _each(messages, more)
        if output is None:
            write(told, sys.stdout)
            return
        try:
            with output.open("w", encoding="utf-8", newline="") as file:
                count = write(told, file)
        except OSError as error:
            raise Failure(f"{output} cannot be written", error.strerror or "") from None
    note(f"{counted(count, 'message')} in {output}")


def _each(messages: Iterable[Any], more: Callable[[int], None]) -> Iterator[Any]:
    for message in messages:
        yield message
        more(1)


def _write_csv(messages: Iterable[Mapping[str, Any]], file: TextIO) -> int:
    rows = csv.writer(file, lineterminator="\n")
    rows.writerow(EXPORTED)
    count = 0
    for message in messages:
        rows.writerow([_csv_cell(dig(message, field)) for field in EXPORTED])
        count += 1
    return count


def _csv_cell(value: Any) -> Any:
    """A text that a spreadsheet would take for a formula gets a quote in front; numbers do not."""
    if not isinstance(value, str) or not re.match(r"[=+\-@\t\r]", value):
        return value
    return value if re.fullmatch(r"[+-]?\d+(\.\d+)?", value) else f"'{value}"


def _write_ndjson(messages: Iterable[Mapping[str, Any]], file: TextIO) -> int:
    count = 0
    for message in messages:
        file.write(as_json_line(message, file) + "\n")
        count += 1
    return count


@app.command()
def show(
    message_id: Annotated[str, typer.Argument(metavar="ID")],
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Show one message: what became of it, its attempts, and its receipts in order.

    \b
    delivrd messages show 0199a2b4-7c1e-7d3a-9c56-0f2a4c8e1b7d
    """
    message = connect(config).get(f"/v1/messages/{segment(message_id)}")
    if as_json:
        print_json(message)
    else:
        print_message(message)


def print_message(message: Mapping[str, Any]) -> None:
    typer.echo(verdict(message))
    typer.echo()
    price = message.get("price") or {}
    print_fields(
        (
            ("id", message["id"]),
            ("merged into", message.get("merged_into")),
            ("simulated", "no handset received it" if message.get("simulated") else None),
            ("to", message.get("to")),
            ("from", message.get("from")),
            ("country", message.get("country")),
            ("text", message.get("text_preview")),
            ("parts", message.get("parts")),
            ("price", " ".join(filter(None, (price.get("amount"), price.get("currency"))))),
            ("reference", message.get("reference")),
            ("metadata", json.dumps(message["metadata"]) if message.get("metadata") else None),
        )
    )
    typer.echo()
    for line in timeline(message):
        typer.echo(clean(line))


def verdict(message: Mapping[str, Any]) -> str:
    """One sentence on what became of the message."""
    if message.get("withdrawn"):
        return "Withdrawn, not final: no receipt refers to it any more."
    status, error = message["status"], message.get("error") or {}
    last = (message.get("attempts") or [{}])[-1]
    sentence = status.capitalize()
    if status == "expired" and last.get("state") == "queued":
        sentence += ": it was not handed over before its deadline"
    elif status == "pending" and last.get("state") == "queued" and last.get("tries"):
        tries = counted(last["tries"], "try", "tries")
        sentence += f": not handed over after {tries} ({last.get('detail')})"
    elif status == "pending" and last.get("state") == "unsure":
        sentence += f": it is not certain that {last.get('account')} accepted it"
    elif error.get("explanation"):
        sentence += f": {error['explanation'].rstrip('.')}"
    if error.get("code"):
        known = "" if error.get("permanent") is None else _lasting(error["permanent"])
        sentence += f" (the gateway's code {error['code']}{known})"
    return clean(f"{sentence}{_taken(message)}.")


def _lasting(permanent: bool) -> str:
    return ", permanent" if permanent else ", temporary"


def _taken(message: Mapping[str, Any]) -> str:
    """How many receipts and how long it took, where that is known."""
    came = counted(len(message.get("receipts") or ()), "receipt")
    start = parse_time(message.get("sent_at") or message.get("created_at"))
    end = parse_time(message.get("finished_at"))
    if not message.get("final"):
        return f", not final; {came} so far"
    if start is None or end is None or end < start:
        return f", final; {came}"
    return f", final after {came} in {span((end - start).total_seconds())}"


class Moment(NamedTuple):
    at: datetime
    words: str


def timeline(message: Mapping[str, Any]) -> Iterator[str]:
    """What happened, in the order of our clock, each line with the time since the one before."""
    before: datetime | None = None
    for moment in sorted(_moments(message), key=lambda moment: moment.at):
        gap = f"+{span((moment.at - before).total_seconds())}" if before else ""
        yield f"{moment.at:%Y-%m-%d %H:%M:%S}  {gap:>7}  {moment.words}"
        before = moment.at


def _moments(message: Mapping[str, Any]) -> Iterator[Moment]:
    yield from _moment(message.get("created_at"), "created")
    for attempt in message.get("attempts") or ():
        yield from _attempt_moments(attempt)
    for receipt in message.get("receipts") or ():
        yield from _moment(receipt.get("received_at"), _receipt_words(receipt))


def _attempt_moments(attempt: Mapping[str, Any]) -> Iterator[Moment]:
    account, state, detail = (attempt.get(key) for key in ("account", "state", "detail"))
    why = {"refused": error_words(attempt.get("error")), "unsure": detail}.get(str(state))
    words = f"handed to {account}: {state}" + (f" ({why})" if why else "")
    yield from _moment(attempt.get("sent_at"), words)
    late = "no final receipt came in time"
    if state == "queued":
        late = "not handed over before its deadline" + (f" ({detail})" if detail else "")
        if not attempt.get("timeout_at"):
            yield from _moment(attempt.get("due_at"), f"to be handed to {account}")
    yield from _moment(attempt.get("timeout_at"), f"time-out of {account}: {late}")


def _receipt_words(receipt: Mapping[str, Any]) -> str:
    words = [f"{receipt.get('account')} says {receipt.get('status')}"]
    if receipt.get("provider_status"):
        words.append(f'("{receipt["provider_status"]}")')
    if error := error_words(receipt.get("error")):
        words.append(error)
    if (receipt.get("count") or 1) > 1:
        words.append(f"{receipt['count']} times")
    if receipt.get("provider_message_id"):
        words.append(f"id {receipt['provider_message_id']}")
    if receipt.get("unverified") and not receipt.get("simulated"):
        words.append("unverified")
    return " ".join(words)


def _moment(text: Any, words: str) -> Iterator[Moment]:
    at = parse_time(text)
    if at is not None:
        yield Moment(at, words)
