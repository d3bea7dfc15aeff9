"""`delivrd listen`: events as they happen, printed and forwarded to a developer's machine."""

import http.client
import json
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, suppress
from itertools import islice
from typing import Annotated, Any, NamedTuple
from urllib.parse import urlsplit

import typer

from delivrd.cli.client import ConfigOption, Hub, connect, connection_to, web_parts
from delivrd.cli.output import (
    DOTS,
    UNREACHABLE,
    USAGE,
    Failure,
    JsonOption,
    clean,
    note,
    on_terminal,
    parse_time,
    print_json_line,
    styled,
)

SILENCE_SECONDS = 45.0
"""After so long without a word the stream is broken: the hub sends something every 15 seconds."""

PAUSES = (0.2, 1.0, 2.0, 5.0, 10.0)
FORWARD_SECONDS = 10.0
PATH = "/v1/events/stream"


class Heard(NamedTuple):
    """One event of the stream."""

    id: str
    type: str
    data: Mapping[str, Any]


def command(
    forward_to: Annotated[
        str | None,
        typer.Option("--forward-to", metavar="URL", help="Forward each event to this address."),
    ] = None,
    secret: Annotated[
        str | None,
        typer.Option(envvar="WEBHOOK_SECRET", help="Secret to sign with [default: a new one]."),
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Stop after this many events.")] = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Print events as they happen, and forward each as an endpoint would get it, until Ctrl-C.

    With --json: one JSON object per line. The hub needs no endpoint for it.

    \b
    delivrd listen --forward-to http://localhost:3000/sms-events
    """
    hub = connect(config)
    forwarder = _forwarder(forward_to, secret) if forward_to else None
    with suppress(KeyboardInterrupt):
        for heard in islice(events(hub), limit):
            outcome = forwarder.send(heard) if forwarder else None
            if as_json:
                shown = {"id": heard.id, "type": heard.type, "data": heard.data}
                print_json_line(shown | ({"forwarded": outcome} if forwarder else {}))
            else:
                typer.echo(line(heard, outcome))
            sys.stdout.flush()


def line(heard: Heard, outcome: str | None) -> str:
    """One event for people."""
    from delivrd.log import mask_number

    data = heard.data
    at = parse_time(data.get("at"))
    clock = f"{at:%H:%M:%S}" if at else "--:--:--"
    status = str(data.get("status") or "")
    to = clean(str(data.get("to") or ""))
    words = [clean(str(data.get("message_id") or "")), mask_number(to) if on_terminal() else to]
    if data.get("simulated"):
        words.append("(simulated)")
    if outcome is not None:
        words.append(f"→ {clean(outcome)}")
    kind = styled(f"{heard.type:<20}", DOTS.get(status, (" ", "white"))[1])
    return f"{clock}  {kind}  {'  '.join(words)}".rstrip()


# --- following the stream -------------------------------------------------------------------------


def events(hub: Hub) -> Iterator[Heard]:
    """Events from now on; where the stream breaks, it goes on after the last one.

    Raises:
        Failure: the hub cannot be reached at first, or refuses.
    """
    last, failed = None, 0
    while True:
        began = False
        try:
            for field, heard in _stream(hub, last):
                if not began:
                    began, failed = True, 0
                    note("Listening; Ctrl-C ends." if last is None else "Listening again.")
                last = field or last
                if heard is not None:
                    yield heard
        except (OSError, http.client.HTTPException) as error:
            if last is None and not began and not failed:
                raise hub.unreachable(error) from None
        if failed == 0:
            note("The stream ended; it is taken up again.")
        time.sleep(PAUSES[min(failed, len(PAUSES) - 1)])
        failed += 1


def _stream(hub: Hub, last: str | None) -> Iterator[tuple[str | None, Heard | None]]:
    """Positions and events of one connection; begins with (None, None) once it stands."""
    connection = hub.connection(SILENCE_SECONDS)
    headers = {"Authorization": f"Bearer {hub.key}", "Accept": "text/event-stream"}
    with closing(connection):
        connection.request(
            "GET", urlsplit(hub.url).path + PATH,
            headers=headers | ({"Last-Event-ID": last} if last else {}),
        )  # fmt: skip
        answer = connection.getresponse()
        if answer.status != 200:
            _refused(hub, answer)
        yield None, None
        yield from _parsed(answer)


def _refused(hub: Hub, answer: http.client.HTTPResponse) -> None:
    """A hub that is starting or away is waited for; one that refuses is not.

    Raises:
        Failure, http.client.HTTPException: always.
    """
    if answer.status >= 500:
        raise http.client.HTTPException(f"HTTP {answer.status}")
    hub.read(answer.status, answer.read())
    raise Failure(f"{hub.url} did not answer as a hub does", code=UNREACHABLE)


def _parsed(answer: http.client.HTTPResponse) -> Iterator[tuple[str | None, Heard | None]]:
    """Server-sent events, as the hub writes them: one line a field."""
    fields: dict[str, str] = {}
    while raw := answer.readline():
        text = raw.decode().rstrip("\r\n")
        if text:
            name, _, value = text.partition(":")
            fields[name] = value.removeprefix(" ")
        elif fields:
            yield fields.get("id"), _heard(fields)
            fields = {}


def _heard(fields: Mapping[str, str]) -> Heard | None:
    kind, data = fields.get("event"), fields.get("data")
    if kind == "reset":
        note("Some events were missed: they are no longer in the stream.")
    if kind is None or kind == "reset" or data is None:
        return None
    return Heard(fields.get("id", ""), kind, json.loads(data))


# --- forwarding -----------------------------------------------------------------------------------


def _forwarder(url: str, secret: str | None) -> "Forwarder":
    from delivrd.relay.formats import standard

    if web_parts(url) is None:
        why = "write it like http://localhost:3000/sms-events"
        raise Failure(f"--forward-to: {url} is not an address", why, code=USAGE)
    try:
        standard.key(secret or "")
    except ValueError as error:
        if secret:
            raise Failure("--secret cannot be used", str(error), code=USAGE) from None
    secret = secret or standard.new_secret()
    note(f"Forwarding to {url}, signed with {secret}")
    return Forwarder(url, secret)


class Forwarder:
    """Sends each event as an endpoint of the format `delivrd` gets it, once."""

    def __init__(self, url: str, secret: str) -> None:
        from delivrd.relay.call import Target

        self._target = Target(url, "delivrd", (secret,))

    def send(self, heard: Heard) -> str:
        """What the receiver answered, or why there is no answer."""
        from delivrd.relay.formats import render, sign

        now = time.time_ns() // 1000
        call = sign(render([_event(heard, now)], self._target, now), self._target, now)
        parts = urlsplit(call.url)
        path = parts.path + (f"?{parts.query}" if parts.query else "")
        try:
            with closing(connection_to(parts, FORWARD_SECONDS)) as made:
                made.request(call.method, path, call.body, dict(call.headers))
                answer = made.getresponse()
                return f"{answer.status} {answer.reason}".strip()
        except (OSError, http.client.HTTPException) as error:
            return str(error) or type(error).__name__


def _event(heard: Heard, now: int) -> Any:
    """The stream's event as endpoints see it."""
    from delivrd.core.statement import micros
    from delivrd.relay.event import Event

    head = ("id", "type", "at")
    data = {name: value for name, value in heard.data.items() if name not in head}
    at = parse_time(heard.data.get("at"))
    return Event(str(heard.data.get("id")), heard.type, micros(at) if at else now, data)
