"""`delivrd parse`: captured requests in, readings out."""

import sys
from typing import Annotated

import typer

from delivrd.cli.output import print_json_line
from delivrd.cli.providers import find


def command(
    provider: Annotated[str, typer.Argument(help="Dialect; `delivrd providers list` names them.")],
) -> None:
    """Read captured receipts on standard input, one request in JSON a line.

    A request is {"method", "query", "content_type", "headers", "body"}, and what is read from it
    {"receipts": [...], "faults": [...]}, with "error" when nothing could be told. No settings are
    needed and no signature is checked; a bad line stops nothing.

    \b
    delivrd parse vonage < captured.jsonl
    """
    from delivrd.providers.parse import parse_line

    find(provider)
    for raw in sys.stdin.buffer:
        line = raw.decode("utf-8", "surrogateescape").strip()
        if line:
            print_json_line(parse_line(provider, line))
            sys.stdout.flush()
