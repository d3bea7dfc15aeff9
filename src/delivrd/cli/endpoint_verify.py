"""`delivrd endpoints verify`: the signature of a call that somebody received, checked by hand."""

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from delivrd.cli.output import USAGE, Failure, JsonOption, clean, print_json

app = typer.Typer()


@app.command()
def verify(
    secrets: Annotated[
        list[str],
        typer.Option(
            "--secret", envvar="WEBHOOK_SECRET", help="The endpoint's secret; may be repeated."
        ),
    ],
    headers: Annotated[
        Path | None, typer.Option(help="File of NAME: VALUE lines [default: before the body].")
    ] = None,
    body: Annotated[
        Path | None, typer.Option(help="File with the raw body [default: standard input].")
    ] = None,
    at: Annotated[
        int | None, typer.Option(help="Check as of this time (seconds since 1970) [default: now].")
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
