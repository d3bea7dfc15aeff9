"""`delivrd send`: one text to one number."""

import sys
import time
from typing import Annotated, Any
from uuid import uuid4

import typer

from delivrd.cli.client import ConfigOption, Hub, connect
from delivrd.cli.messages import print_message
from delivrd.cli.output import FAILED, USAGE, Failure, JsonOption, note, print_json

WAIT_STEP = 60
"""Seconds for which the hub is asked to hold one answer back."""


def command(
    to: Annotated[str, typer.Argument(help="Number with country code: +447700900123.")],
    text: Annotated[str, typer.Argument(help="The text; - reads it from standard input.")],
    sender: Annotated[
        str | None,
        typer.Option("--from", help="Number, or name of up to 11 letters and digits; required."),
    ] = None,
    via: Annotated[list[str] | None, typer.Option(help="Account to send through.")] = None,
    reference: Annotated[str | None, typer.Option(help="Your own id for the message.")] = None,
    wait: Annotated[
        float | None, typer.Option(min=0, help="Wait up to this many seconds for the final status.")
    ] = None,
    deadline: Annotated[
        int | None, typer.Option(min=1, help="Give up after this many seconds without sending.")
    ] = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Send a text message.

    With --wait the exit code is 0 only when the message was delivered.

    \b
    delivrd send +447700900123 "Your code is 4711" --from Acme --wait 60
    """
    hub = connect(config)
    body = {
        "to": to,
        "from": sender,
        "text": _piped() if text == "-" else text,
        "via": via or None,
        "reference": reference,
        "deadline_seconds": deadline,
    }
    given = {name: value for name, value in body.items() if value is not None}
    message = hub.post("/v1/messages", given, {"Idempotency-Key": str(uuid4())})
    if wait is not None:
        if not as_json:
            note(f"{message['id']} accepted; waiting for its final status …")
        message = _wait(hub, message, wait)
    if as_json:
        print_json(message)
    elif wait is None:
        typer.echo(message["id"])
    else:
        print_message(message)
    if wait is not None and message["status"] != "delivered":
        if not message["final"]:
            note(f"Not final yet. Look again: delivrd messages show {message['id']}")
        raise typer.Exit(FAILED)


def _piped() -> str:
    try:
        return sys.stdin.buffer.read().decode().rstrip("\n")
    except UnicodeDecodeError as error:
        why = f"byte {error.start + 1} is none"
        raise Failure("the text is not UTF-8", why, "convert it: iconv -t UTF-8", USAGE) from None


def _wait(hub: Hub, message: dict[str, Any], seconds: float) -> dict[str, Any]:
    """The message when its status is final, or as it is after so many seconds."""
    end = time.monotonic() + seconds
    while not message["final"] and (left := end - time.monotonic()) > 0:
        step = min(left, WAIT_STEP)
        path = f"/v1/messages/{message['id']}/wait"
        message = hub.get(path, {"timeout": round(step, 3)}, timeout=step + 15)
    return message
