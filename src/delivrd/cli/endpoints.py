"""`delivrd endpoints`: your systems that are told what became of messages."""

import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from delivrd.cli.client import ConfigOption, connect, segment
from delivrd.cli.output import (
    FAILED,
    USAGE,
    Column,
    Failure,
    JsonOption,
    clean,
    note,
    print_fields,
    print_json,
    print_table,
)

app = typer.Typer(rich_markup_mode=None)

Id = Annotated[str, typer.Argument(metavar="ID")]
Description = Annotated[str | None, typer.Option(help="For people.")]
Format = Annotated[
    str | None, typer.Option(help="delivrd, vonage-json, twilio, kannel, … [default: delivrd].")
]
Options = Annotated[
    list[str] | None, typer.Option("--option", help="NAME=VALUE for the format; may be repeated.")
]
Statuses = Annotated[
    list[str] | None, typer.Option("--status", help="Only this status; may be repeated.")
]
Accounts = Annotated[
    list[str] | None, typer.Option("--account", help="Only this account; may be repeated.")
]
Countries = Annotated[
    list[str] | None, typer.Option("--country", help="Only this country; may be repeated.")
]
FinalOnly = Annotated[
    bool | None, typer.Option("--final-only/--not-final-only", help="Only final statuses.")
]
Ordered = Annotated[
    bool | None, typer.Option("--ordered/--unordered", help="A message's events one by one.")
]
Operational = Annotated[
    bool | None, typer.Option("--operational/--not-operational", help="Also of the hub itself.")
]
RateLimit = Annotated[int | None, typer.Option(min=1, help="Calls a second.")]
BatchSize = Annotated[int | None, typer.Option(min=1, help="Events a call, in an array.")]
BatchMs = Annotated[int | None, typer.Option(min=10, help="For so long a batch is waited for.")]

COLUMNS = (
    Column("id", "id"),
    Column("url", "url"),
    Column("format", "format"),
    Column("state", "state"),
    Column("24 h", lambda row: rate(row["last_24h"]), right=True),
    Column("waiting", "waiting", right=True),
    Column("parked", "parked", right=True),
    Column("next try", "next_try_at", when=True),
    Column("description", "description"),
)


def rate(day: Mapping[str, Any]) -> str | None:
    """The share of tries that succeeded."""
    share = day["success_rate"]
    return None if share is None else f"{share * 100:.1f}%"


@app.command()
def create(
    url: Annotated[str, typer.Argument(help="Where events go.")],
    description: Description = None,
    format: Format = None,
    options: Options = None,
    statuses: Statuses = None,
    accounts: Accounts = None,
    countries: Countries = None,
    final_only: FinalOnly = None,
    ordered: Ordered = None,
    operational: Operational = None,
    rate_limit: RateLimit = None,
    batch_size: BatchSize = None,
    batch_ms: BatchMs = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Make an endpoint and print its id and its secret, this once.

    \b
    delivrd endpoints create https://app.example.org/sms --status delivered --final-only
    """
    asked = _given(
        url=url, description=description, format=format, options=_pairs(options),
        statuses=statuses, accounts=accounts, countries=countries, final_only=final_only,
        ordered=ordered, operational=operational, rate_limit=rate_limit, batch_size=batch_size,
        batch_ms=batch_ms,
    )  # fmt: skip
    made = connect(config).post("/v1/endpoints", asked)
    if as_json:
        print_json(made)
        return
    note("Keep this secret; it is not shown again:")
    print_fields((("id", made["id"]), ("secret", made["secret"])))


@app.command()
def update(
    endpoint_id: Id,
    url: Annotated[str | None, typer.Option(help="Where events go.")] = None,
    description: Description = None,
    format: Format = None,
    options: Options = None,
    statuses: Statuses = None,
    accounts: Accounts = None,
    countries: Countries = None,
    final_only: FinalOnly = None,
    ordered: Ordered = None,
    operational: Operational = None,
    rate_limit: RateLimit = None,
    batch_size: BatchSize = None,
    batch_ms: BatchMs = None,
    clear: Annotated[
        list[str] | None,
        typer.Option(help="Take out statuses, accounts, countries, rate_limit or description."),
    ] = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Change what is named; the rest stays as it is.

    \b
    delivrd endpoints update ep_… --clear statuses --rate-limit 20
    """
    asked = dict.fromkeys(clear or ()) | _given(
        url=url, description=description, format=format, options=_pairs(options),
        statuses=statuses, accounts=accounts, countries=countries, final_only=final_only,
        ordered=ordered, operational=operational, rate_limit=rate_limit, batch_size=batch_size,
        batch_ms=batch_ms,
    )  # fmt: skip
    path = f"/v1/endpoints/{segment(endpoint_id)}"
    _print(connect(config).call("PATCH", path, body=asked), as_json)


def _given(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value not in (None, [], {})}


def _pairs(options: Sequence[str] | None) -> dict[str, str | None]:
    """NAME=VALUE; NAME alone takes the option out."""
    found: dict[str, str | None] = {}
    for option in options or ():
        name, equals, value = option.partition("=")
        found[name] = value if equals else None
    return found


@app.command("list")
def list_(
    callbacks: Annotated[
        bool, typer.Option("--callbacks", help="Also the origins of callback_urls.")
    ] = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """List the endpoints, each with its last 24 hours and what waits for it."""
    found = list(connect(config).items("/v1/endpoints", {"callbacks": callbacks}))
    if as_json:
        print_json(found)
    else:
        print_table(found, COLUMNS)


@app.command()
def show(endpoint_id: Id, as_json: JsonOption = False, config: ConfigOption = None) -> None:
    """Show one endpoint: what it is told, and how its calls go."""
    _print(connect(config).get(f"/v1/endpoints/{segment(endpoint_id)}"), as_json)


def _print(endpoint: Mapping[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(endpoint)
        return
    day = endpoint["last_24h"]
    options = [f"{name}={value}" for name, value in endpoint["options"].items()]
    print_fields(
        [
            *((n, v) for n, v in endpoint.items() if n not in ("last_24h", "options")),
            ("options", options),
            ("last 24 h", f"{day['delivered']} delivered, {day['failed']} failed"),
            ("success rate", rate(day)),
        ]
    )


@app.command()
def delete(endpoint_id: Id, config: ConfigOption = None) -> None:
    """Take an endpoint away; what waits for it is cancelled."""
    connect(config).delete(f"/v1/endpoints/{segment(endpoint_id)}")
    note(f"{endpoint_id} is deleted.")


@app.command()
def enable(endpoint_id: Id, as_json: JsonOption = False, config: ConfigOption = None) -> None:
    """Let calls go out again; what was parked meanwhile waits for a replay."""
    _switch(endpoint_id, "enable", as_json, config)
    note(f"What it missed: delivrd deliveries replay --endpoint {endpoint_id} --missed --since 1d")


@app.command()
def disable(endpoint_id: Id, as_json: JsonOption = False, config: ConfigOption = None) -> None:
    """Let no call go out any more; what waits is parked."""
    _switch(endpoint_id, "disable", as_json, config)


def _switch(endpoint_id: str, verb: str, as_json: bool, config: Path | None) -> None:
    found = connect(config).post(f"/v1/endpoints/{segment(endpoint_id)}/{verb}", None)
    if as_json:
        print_json(found)
    else:
        note(f"{endpoint_id} is {'enabled' if found['enabled'] else 'disabled'}.")


@app.command("rotate-secret")
def rotate_secret(
    endpoint_id: Id,
    keep: Annotated[
        int, typer.Option(min=0, help="Seconds for which the old one signs beside it.")
    ] = 86400,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Make a new secret and print it, this once; the old one signs beside it for a day."""
    path = f"/v1/endpoints/{segment(endpoint_id)}/rotate-secret"
    made = connect(config).post(path, {"keep_seconds": keep})
    if as_json:
        print_json(made)
        return
    until = made["old_secret_until"]
    note(f"The old secret signs until {until}." if until else "The old secret signs no more.")
    typer.echo(made["secret"])


@app.command("test")
def try_out(endpoint_id: Id, as_json: JsonOption = False, config: ConfigOption = None) -> None:
    """Call an endpoint with a made-up event, once and now; 1 where it does not take it."""
    from delivrd.cli.deliveries import print_delivery

    told = connect(config).post(f"/v1/endpoints/{segment(endpoint_id)}/test", None)
    if as_json:
        print_json(told)
    else:
        print_delivery(told)
    if told["delivery"]["state"] != "delivered":
        raise typer.Exit(FAILED)


# --- checking a signature -------------------------------------------------------------------------


@app.command()
def verify(
    secrets: Annotated[
        list[str], typer.Option("--secret", envvar="WEBHOOK_SECRET", help="May be repeated.")
    ],
    headers: Annotated[
        Path | None, typer.Option(help="File of lines NAME: VALUE [default: before the body].")
    ] = None,
    body: Annotated[
        Path | None, typer.Option(help="File of the body's bytes [default: standard input].")
    ] = None,
    at: Annotated[
        int | None, typer.Option(help="As at this time (seconds since 1970) [default: now].")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Check the signature of a call that you received, and say what is wrong with it.

    Without --headers, standard input (or --body) is the whole call: headers, an empty line, body.

    \b
    delivrd endpoints verify --secret whsec_… --headers headers.txt --body body.json
    """
    from delivrd.relay.formats.check import Unverified
    from delivrd.relay.formats.check import verify as check

    raw = _bytes(body)
    head, raw = (_bytes(headers), raw) if headers else _parted(raw)
    now = time.time_ns() // 1000 if at is None else at * 1_000_000
    try:
        found = check(dict(_lines(head)), raw, secrets, now)
    except Unverified as error:
        what = "the call cannot prove where it comes from"
        raise Failure(what, str(error), "docs/webhooks.md tells how calls are signed") from None
    if as_json:
        print_json(found._asdict())
    else:
        which = f" (secret {found.secret + 1})" if len(secrets) > 1 else ""
        typer.echo(f"{clean(found.id)} is ours{which}, signed {_age(now, found.signed_at)}")


def _age(now: int, signed_at: int) -> str:
    seconds = now // 1_000_000 - signed_at
    return f"{seconds} s ago" if seconds >= 0 else f"{-seconds} s ahead of this clock"


def _bytes(path: Path | None) -> bytes:
    if path is None or str(path) == "-":
        return sys.stdin.buffer.read()
    try:
        return path.read_bytes()
    except OSError as error:
        raise Failure(f"{path} cannot be read", error.strerror or str(error), code=USAGE) from None


def _parted(call: bytes) -> tuple[bytes, bytes]:
    """Headers and body of a whole call."""
    ends = [(call.find(end), len(end)) for end in (b"\r\n\r\n", b"\n\n") if end in call]
    if not ends:
        why = "there is no empty line between headers and body"
        raise Failure("this is no whole call", why, "name them: --headers FILE --body FILE", USAGE)
    at, length = min(ends)
    return call[:at], call[at + length :]


def _lines(head: bytes) -> Iterator[tuple[str, str]]:
    """Names and values; other lines, such as the request's first, are left out."""
    for line in head.decode("latin-1").splitlines():
        name, colon, value = line.partition(":")
        if colon and " " not in name.strip():
            yield name.strip(), value.strip()
