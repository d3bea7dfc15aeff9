"""`delivrd requests`: the calls on the webhooks as they came, and reading them again."""

import base64
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any

import typer

from delivrd.cli import filters
from delivrd.cli.client import ConfigOption, connect, segment
from delivrd.cli.output import (
    FAILED,
    Column,
    Failure,
    JsonOption,
    clean,
    counting,
    fail,
    marked,
    print_fields,
    print_json,
    print_rows,
)
from delivrd.core.differences import paired

app = typer.Typer(rich_markup_mode=None)

COLUMNS = (
    Column("received", "received_at", when=True),
    Column("account", lambda request: marked(request.get("account"), request)),
    Column("method", "method"),
    Column("source", "source"),
    Column("answer", "status", right=True),
    Column("verdict", "verdict"),
    Column("receipts", "receipts", right=True),
    Column("faults", "faults", right=True),
    Column("id", "id"),
)


@app.command("list")
def list_(
    account: filters.Account = None,
    verdict: Annotated[str | None, typer.Option(help="What was made of it.")] = None,
    since: filters.Since = None,
    until: filters.Until = None,
    limit: filters.Limit = 50,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """List the calls on the webhooks, the newest first.

    \b
    delivrd requests list --verdict refused --since 24h
    """
    wanted = filters.query(since, until, account=account, verdict=verdict)
    requests = list(connect(config).items("/v1/requests", wanted, limit))
    rows = requests if as_json else [_counted(request) for request in requests]
    print_rows(rows, COLUMNS, as_json, "No calls. Which accounts get none: delivrd doctor")


def _counted(request: Mapping[str, Any]) -> dict[str, Any]:
    """The request with numbers in the place of its lists."""
    return {key: len(v) if isinstance(v, list) else v for key, v in request.items()}


@app.command()
def show(
    request_id: Annotated[str, typer.Argument(metavar="ID")],
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Show one call: headers, body, and the receipts read from it.

    \b
    delivrd requests show 4711
    """
    request = connect(config).get(f"/v1/requests/{segment(request_id)}")
    if as_json:
        print_json(request)
        return
    nested = ("headers", "body", "body_base64", "receipts", "faults")
    print_fields((name, value) for name, value in request.items() if name not in nested)
    for name, value in _headers(request.get("headers")):
        typer.echo(f"  {clean(name)}: {clean(value)}")
    if body := _body(request):
        typer.echo()
        typer.echo(clean(body, lines=True))
    for name in nested[3:]:
        if request.get(name):
            typer.echo(f"\n{name}:")
            print_json(request[name])


def _headers(headers: Any) -> Iterator[tuple[str, str]]:
    pairs = headers.items() if isinstance(headers, Mapping) else headers or ()
    for name, value in pairs:
        yield str(name), str(value)


def _body(request: Mapping[str, Any]) -> str:
    if encoded := request.get("body_base64"):
        return base64.b64decode(encoded).decode("utf-8", "backslashreplace")
    return str(request.get("body") or "")


@app.command()
def replay(
    request_ids: Annotated[
        list[str],
        typer.Argument(metavar="ID...", help="Request ids; - reads them from standard input."),
    ],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would change.")] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Apply even if fewer receipts are read than before.")
    ] = False,
    admit: Annotated[
        bool, typer.Option("--admit", help="Accept a call that was refused for its signature.")
    ] = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Read stored calls again with today's adapters.

    \b
    delivrd requests replay 4711 --dry-run
    """
    hub = connect(config)
    body = {"dry_run": dry_run, "force": force, "admit": admit}
    answers, failed, ids = [], False, [*_ids(request_ids)]
    with counting("replaying requests", len(ids)) as more:
        for request_id in ids:
            more(1)
            try:
                answer = hub.post(f"/v1/requests/{segment(request_id)}/replay", body)
            except Failure as failure:
                if failure.code != FAILED:
                    raise
                fail(Failure(f"{request_id}: {failure.what}", failure.why, failure.next))
                failed = True
                continue
            answers.append(answer)
            failed = failed or bool(answer and answer.get("why_not"))
            if not as_json:
                for line in _difference(request_id, answer or {}):
                    typer.echo(clean(line))
    if as_json:
        print_json(answers)
    if failed:
        raise typer.Exit(FAILED)


def _difference(request_id: str, answer: Mapping[str, Any]) -> Iterator[str]:
    """What a replay changed, or would change: of the call, its receipts and their messages."""
    yield f"{request_id}: {_outcome(answer)}"
    before, after = (_statuses(answer.get(name)) for name in ("before", "after"))
    for key, old, new in paired(before, after):
        if old != new:
            yield f"  receipt {key}: {old or 'not read'} → {new or 'not read'}"
    for message in answer.get("messages") or ():
        old, new = message["before"] or "new", message["after"]
        yield f"  message {message['message_id']}: {old} → {new}"
    if answer.get("changed") and before == after:
        yield "  the statuses stay; other fields differ"


def _outcome(answer: Mapping[str, Any]) -> str:
    if answer.get("admitted"):
        return f"accepted, as {answer['request_id']}"
    if not answer.get("changed"):
        return "no difference"
    if answer.get("why_not"):
        return f"not applied: {answer['why_not']}; --force applies it"
    return "read again and corrected" if answer.get("applied") else "would change"


def _statuses(receipts: Any) -> list[tuple[str, str]]:
    return [(r["provider_message_id"] or "without an id", r["status"]) for r in receipts or ()]


def _ids(given: Sequence[str]) -> Iterator[str]:
    for request_id in given:
        if request_id == "-":
            yield from sys.stdin.read().split()
        else:
            yield request_id
