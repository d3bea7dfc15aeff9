"""`delivrd deliveries`: what was told to whom, every try of it, and telling it again."""

import sys
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import typer

from delivrd.cli import filters
from delivrd.cli.client import ConfigOption, Hub, connect, segment
from delivrd.cli.output import (
    USAGE,
    Column,
    Failure,
    JsonOption,
    clean,
    counting,
    marked,
    note,
    print_fields,
    print_json,
    print_rows,
)
from delivrd.core.text import counted, noun

app = typer.Typer(rich_markup_mode=None)

Endpoint = Annotated[str | None, typer.Option(help="Endpoint's id.")]
State = Annotated[
    str | None,
    typer.Option(help="waiting, in_flight, delivered, parked, superseded, skipped or cancelled."),
]

COLUMNS = (
    Column("created", "created_at", when=True),
    Column("event", lambda delivery: marked(delivery["type"], delivery)),
    Column("state", "state"),
    Column("tries", "tries", right=True),
    Column("answer", "last_status", right=True),
    Column("next try", "next_try_at", due=True),
    Column("why", "why"),
    Column("message", "message_id"),
    Column("endpoint", "endpoint_id"),
    Column("id", "id"),
)


@app.command("list")
def list_(
    endpoint: Endpoint = None,
    state: State = None,
    message: Annotated[str | None, typer.Option(help="Message's id.")] = None,
    since: filters.Since = None,
    until: filters.Until = None,
    limit: filters.Limit = 50,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """List deliveries, the newest first.

    \b
    delivrd deliveries list --state parked
    """
    wanted = filters.query(since, until, endpoint=endpoint, state=state, message=message)
    found = list(connect(config).items("/v1/deliveries", wanted, limit))
    print_rows(found, COLUMNS, as_json, "No deliveries. Who gets them: delivrd endpoints list")


@app.command()
def show(
    delivery_id: Annotated[str, typer.Argument(metavar="ID")],
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Show one delivery, with every try and its answer.

    \b
    delivrd deliveries show dlv_005f0c2a9d1e5001
    """
    found = connect(config).get(f"/v1/deliveries/{segment(delivery_id)}")
    if as_json:
        print_json(found)
    else:
        print_delivery(found)


def print_delivery(found: Mapping[str, Any]) -> None:
    """A delivery for people: its state, its call, its tries."""
    print_fields(found["delivery"].items())
    if request := found["request"]:
        typer.echo(f"\n{clean(request['method'])} {clean(request['url'])}")
        for line in _headers(request["headers"]):
            typer.echo(line)
        typer.echo(clean(request["body"], lines=True))
    for tried in found["tries"]:
        typer.echo(f"\ntry {tried['number']}, {tried['at']}: {_outcome(tried)}")
        for line in _headers(tried["response_headers"]):
            typer.echo(line)
        if tried["response"]:
            typer.echo(clean(tried["response"], lines=True))


def _outcome(tried: Mapping[str, Any]) -> str:
    """What came of a try, and where its time went."""
    words = clean(str(tried["error"] or f"it answered {tried['status']}"))
    named = (("connect", "connect_ms"), ("first byte", "first_byte_ms"), ("whole", "total_ms"))
    times = [f"{n} {tried[key]:.1f} ms" for n, key in named if tried[key] is not None]
    return f"{words} ({', '.join(times)})" if times else words


def _headers(pairs: Any) -> Iterator[str]:
    for name, value in pairs:
        yield f"  {clean(name)}: {clean(value)}"


@app.command()
def replay(
    delivery_ids: Annotated[list[str] | None, typer.Argument(metavar="[ID...]")] = None,
    endpoint: Endpoint = None,
    since: filters.Since = None,
    state: State = None,
    missed: Annotated[
        bool, typer.Option("--missed", help="With --since: only events it never accepted.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count the deliveries.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation.")] = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Replay deliveries: the given ones, those in a state, or all since a time.

    Many are counted first, and on a terminal you are asked.

    \b
    delivrd deliveries replay --endpoint ep_… --since 6h --missed
    """
    asked = _asked(delivery_ids, endpoint, since, state, missed)
    hub = connect(config)
    count = None
    if dry_run or not yes:
        count = _all_steps(hub, {**asked, "dry_run": True}, "counting deliveries")
    if not dry_run:
        if count is not None and not _agreed(count, as_json):
            raise typer.Exit(1)
        count = _all_steps(hub, asked, "replaying deliveries", count)
        if delivery_ids and not count:
            why = "they do not exist, are under way, or their endpoints are disabled or deleted"
            raise Failure("nothing is sent again", why, "delivrd deliveries show ID")
    if as_json:
        print_json({"count": count, "dry_run": dry_run})
    else:
        are = "would be" if dry_run else noun(count or 0, "is being", "are being")
        typer.echo(f"{count} {are} sent again")


def _asked(
    ids: list[str] | None, endpoint: str | None, since: str | None, state: str | None, missed: bool
) -> dict[str, Any]:
    if not ids and not state and not (endpoint and since):
        raise Failure(
            "nothing says which deliveries",
            "",
            "name ids, --state, or --endpoint and --since",
            USAGE,
        )
    if missed and (not since or state or ids):
        raise Failure("--missed goes with --endpoint and --since", code=USAGE)
    wanted = filters.query(since, None, ids=ids or None, endpoint=endpoint, state=state)
    return {**wanted, "missed_only": True} if missed else wanted


def _all_steps(hub: Hub, asked: Mapping[str, Any], what: str, total: int | None = None) -> int:
    """How many all calls took, until there are no more."""
    count: int = 0
    cursor = None
    with counting(what, total) as more:
        while True:
            found = hub.post("/v1/deliveries/replay", {**asked, "cursor": cursor})
            count += found["count"]
            more(found["count"])
            cursor = found["next_cursor"]
            if cursor is None:
                return count


def _agreed(count: int, as_json: bool) -> bool:
    if as_json or count < 2 or not sys.stdin.isatty():
        return True
    note(f"{counted(count, 'delivery', 'deliveries')} will be sent again.")
    return typer.confirm("Go on?", err=True)
