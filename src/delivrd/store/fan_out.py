"""The fan-out: makes a delivery of each event for every endpoint that wants it (rule G2).

There is no cursor: events without the flag ``fanned_out`` are claimed, and flagged in the
transaction that makes their deliveries, which are unique on (event, endpoint). Only the first
unflagged event of a message is claimed, so that its deliveries are made in order, whichever process
makes them.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple
from urllib.parse import urlsplit

import msgspec

from delivrd.store import endpoints, schema
from delivrd.store.endpoints import HUB, Endpoint
from delivrd.store.ids import Ids
from delivrd.store.tx import Tx

# A subquery finds the first event of each message. PostgreSQL may make a join of NOT EXISTS, and in
# a burst its statistics are still those of the quiet time before, when nothing waited: for each
# waiting event it would read all the others.
_NEW = (
    "SELECT e.id, e.message_id, e.type, e.data, m.callback_url FROM event e "
    "LEFT JOIN message m ON m.id = e.message_id "
    f"WHERE NOT e.fanned_out AND (e.message_id = {HUB} OR e.id = ("
    "SELECT b.id FROM event b WHERE b.message_id = e.message_id AND NOT b.fanned_out "
    "ORDER BY b.id LIMIT 1)) "
    "ORDER BY e.message_id, e.id LIMIT $1 FOR UPDATE OF e SKIP LOCKED"
)
COLUMNS = (
    "id", "event_id", "endpoint_id", "message_id", "url", "state", "final", "ordered", "next_at",
    "created_at",
)  # fmt: skip


class FilteredFields(msgspec.Struct):
    """The fields that filters test."""

    status: str | None = None
    final: bool = False
    account: str | None = None
    country: str | None = None


filtered_fields = msgspec.json.Decoder(FilteredFields).decode


class Event(NamedTuple):
    """An event, with the fields by which endpoints choose."""

    id: int
    message_id: int
    type: str
    fields: FilteredFields
    callback_url: str | None = None


def wants(endpoint: Endpoint, event: Event) -> bool:
    """Whether the event passes the endpoint's filters."""
    if event.message_id == HUB:
        return endpoint.operational
    fields = event.fields
    if endpoint.final_only and not fields.final:
        return False
    return (
        (endpoint.statuses is None or fields.status in endpoint.statuses)
        and (endpoint.accounts is None or fields.account in endpoint.accounts)
        and (endpoint.countries is None or fields.country in endpoint.countries)
    )


class FannedOut(NamedTuple):
    """How many events were claimed, and how many deliveries were made."""

    events: int
    deliveries: int


async def fan_out(tx: Tx, ids: Ids, now: int, limit: int) -> FannedOut:
    """Claims up to ``limit`` events and makes their deliveries."""
    rows = await tx.fetch(_NEW, limit)
    if not rows:
        return FannedOut(0, 0)
    events = [Event(row[0], row[1], row[2], filtered_fields(row[3]), row[4]) for row in rows]
    listening = [e for e in await endpoints.every(tx) if e.enabled]
    made = [
        delivery(ids, now, event, endpoint)
        for event in events
        for endpoint in listening
        if wants(endpoint, event)
    ]
    made += await _to_callbacks(tx, ids, now, events)
    await tx.insert(schema.delivery, COLUMNS, made, "ignore")
    await tx.execute(
        "UPDATE event SET fanned_out = true WHERE id = ANY($1::bigint[])", [e.id for e in events]
    )
    return FannedOut(len(events), len(made))


def delivery(ids: Ids, now: int, event: Event, endpoint: Endpoint) -> tuple[object, ...]:
    """The row of a new delivery; if the endpoint takes batches, it is due after ``batch_ms``."""
    due = now + endpoint.batch_ms * 1000 if endpoint.batch_size > 1 else now
    return (
        ids.next(), event.id, endpoint.id, event.message_id, None, "waiting", event.fields.final,
        endpoint.ordered and event.message_id != HUB, due, now,
    )  # fmt: skip


async def _to_callbacks(
    tx: Tx, ids: Ids, now: int, events: Sequence[Event]
) -> list[tuple[object, ...]]:
    """Deliveries to the callback_urls of single messages, grouped by their origin."""
    called = [event for event in events if event.callback_url]
    gone = await _gone(tx, (e.callback_url or "" for e in called))
    called = [event for event in called if event.callback_url not in gone]
    known = await endpoints.callbacks(tx, ids, now, (origin(e.callback_url or "") for e in called))
    made: list[tuple[object, ...]] = []
    for event in called:
        endpoint_id, enabled = known[origin(event.callback_url or "")]
        if enabled:
            made.append(
                (ids.next(), event.id, endpoint_id, event.message_id, event.callback_url,
                 "waiting", event.fields.final, True, now, now)
            )  # fmt: skip
    return made


async def _gone(tx: Tx, urls: Iterable[str]) -> set[str]:
    """Those of the URLs that have answered 410."""
    wanted = sorted(set(urls))
    if not wanted:
        return set()
    rows = await tx.fetch("SELECT url FROM gone WHERE url = ANY($1::text[])", wanted)
    return {row[0] for row in rows}


def origin(url: str) -> str:
    """Scheme, host and port: the unit of rate limits and the breaker."""
    parts = urlsplit(url)
    port = parts.port or {"https": 443, "http": 80}.get(parts.scheme)
    host = parts.hostname or ""
    return f"{parts.scheme}://[{host}]:{port}" if ":" in host else f"{parts.scheme}://{host}:{port}"
