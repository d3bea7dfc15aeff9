"""delivrd's own format: the event as JSON, signed by Standard Webhooks; batches as an array."""

from collections.abc import Sequence
from hashlib import sha256
from typing import Any

import msgspec
from msgspec import Raw
from msgspec.structs import replace

from delivrd.core.statement import moment
from delivrd.core.units import SECOND
from delivrd.relay.call import Call, Target
from delivrd.relay.event import Event
from delivrd.relay.formats import standard
from delivrd.relay.formats.base import JSON, Option, address

NAMES = {"delivrd": "delivrd's own JSON, signed by Standard Webhooks"}
BATCH = "batch"
OPTIONS = {BATCH: Option("Whether every call is an array of events", choices=("true", "false"))}
BATCHES = True


def render(events: Sequence[Event], target: Target) -> Call:
    """The event, or an array of the events; an endpoint that takes batches always gets an array."""
    batch = len(events) != 1 or target.options.get(BATCH) == "true"
    written = [_written(event) for event in events]
    return Call(
        "POST",
        address(target.url),
        (
            ("content-type", JSON),
            (standard.ID, _batch_id(events) if batch else events[0].id),
        ),
        msgspec.json.encode(written if batch else written[0]),
    )


def _written(event: Event) -> dict[str, Any]:
    return {
        "id": event.id,
        "type": event.type,
        "created_at": moment(event.created_at),
        "data": dict(event.data) if event.text is None else Raw(event.text.encode()),
    }


def _batch_id(events: Sequence[Event]) -> str:
    """A batch's id, made of its events' ids, so that a receiver can recognize a repeated batch."""
    members = " ".join(event.id for event in events)
    return "bat_" + sha256(members.encode()).hexdigest()[:32]


def sign(call: Call, target: Target, now: int) -> Call:
    """Adds the time, and a signature of the unchanged body by each of the secrets.

    Raises:
        ValueError: there is no secret, or one is malformed.
    """
    if not target.secrets:
        raise ValueError("there is no secret to sign with")
    call_id, seconds = dict(call.headers)[standard.ID], str(now // SECOND)
    signatures = [
        standard.signature(standard.key(secret), call_id, seconds, call.body)
        for secret in target.secrets
    ]
    added = ((standard.TIMESTAMP, seconds), (standard.SIGNATURE, " ".join(signatures)))
    return replace(call, headers=call.headers + added)
