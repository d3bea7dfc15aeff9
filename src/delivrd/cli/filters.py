"""The filters that commands share, and how a time or a span is written on the command line."""

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer

from delivrd.cli.output import USAGE, Failure, parse_time

STATUSES = "pending, delivered, undelivered, rejected, expired, unknown"
Status = Annotated[str | None, typer.Option(help=f"{STATUSES}.")]
StatusOrFailed = Annotated[
    str | None,
    typer.Option("--status", help=f"{STATUSES}; failed (the three ways to fail); ended (final)."),
]
Account = Annotated[str | None, typer.Option(help="Account.")]
Country = Annotated[str | None, typer.Option(help="Country, two letters: GB.")]
Network = Annotated[str | None, typer.Option(help="MCC and MNC: 310090.")]
To = Annotated[str | None, typer.Option(help="Recipient.")]
From = Annotated[str | None, typer.Option("--from", help="Sender.")]
Reference = Annotated[str | None, typer.Option(help="Your own reference.")]
ProviderId = Annotated[
    str | None, typer.Option("--provider-message-id", help="The gateway's message id.")
]
Reason = Annotated[str | None, typer.Option(help="Reason of the failure: unreachable.")]
Code = Annotated[str | None, typer.Option(help="The gateway's error code.")]
Since = Annotated[
    str | None, typer.Option(help="From this time on: a time, or a span ago (90m, 7d).")
]
Until = Annotated[str | None, typer.Option(help="Before this time: a time, or a span ago.")]
Limit = Annotated[int, typer.Option(min=1, help="Maximum number of items.")]

UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def query(since: str | None, until: str | None, **filters: Any) -> dict[str, Any]:
    """The filters as the API wants them; those not given are left out.

    Raises:
        Failure: a time is neither a time nor a span.
    """
    filters["from"] = filters.pop("sender", None)
    times = {"since": moment(since, "--since"), "until": moment(until, "--until")}
    return {name: value for name, value in {**filters, **times}.items() if value is not None}


def seconds(text: str, option: str) -> float:
    """The seconds of a span that a person wrote: ``2m``, ``"1 h"``; a number alone is of seconds.

    Raises:
        Failure: it is none.
    """
    from delivrd.alert_settings import span_seconds

    try:
        return float(text if re.fullmatch(r"\d+(\.\d+)?", text) else span_seconds(text))
    except ValueError as error:
        raise Failure(f"{option} {text!r}", str(error), code=USAGE) from None


def moment(text: str | None, option: str) -> str | None:
    """A time that a person wrote: as ISO 8601 in UTC. One without a zone is in UTC."""
    if text is None:
        return None
    back = re.fullmatch(r"(\d{1,5})([smhd])", text)
    if back:
        at = datetime.now(UTC) - timedelta(**{UNITS[back[2]]: int(back[1])})
    else:
        parsed = parse_time(text)
        if parsed is None:
            why = "write 2026-11-21, 2026-11-21T20:50:00Z, or a span back like 90m, 12h, 7d"
            raise Failure(f"{option}: {text!r} is not a time", why, code=USAGE)
        at = parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)
        if not 1970 <= at.year <= 9000:
            raise Failure(f"{option}: {text!r} is out of range", "1970 to 9000", code=USAGE)
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")
