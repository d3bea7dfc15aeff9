"""A test call: one made-up event for one endpoint, sent at once and stored like any other try."""

import msgspec
from msgspec.structs import replace

from delivrd.config import Config
from delivrd.relay.caller import Caller
from delivrd.relay.client import RelayClient
from delivrd.relay.formats import sample
from delivrd.relay.rounds import ClaimedCall
from delivrd.store import schema, tries
from delivrd.store.base import Store
from delivrd.store.deliveries import LEASE_MICROS, Due
from delivrd.store.endpoints import HUB, Endpoint
from delivrd.store.ids import now_micros
from delivrd.store.leases import shared_time
from delivrd.store.tries import Result
from delivrd.store.tx import Tx

ONCE = "a test is tried once"


async def call_with_sample(store: Store, config: Config, endpoint: Endpoint) -> int:
    """Calls the endpoint as for a delivery, even if it is disabled or its breaker is open.

    Returns the id of the delivery. The endpoint's breaker, rate and queue are not affected.
    """
    due = await store.write(lambda tx: _start(tx, store, endpoint))
    relay = config.relay
    secret = relay.secret.get_secret_value() if relay.secret else None
    async with RelayClient(
        allow_http=relay.allow_http, allow_networks=relay.allow_networks
    ) as client:
        result = await Caller(client, now_micros, secret).make(ClaimedCall(endpoint, [due]))
    await store.write(lambda tx: tries.store_results(tx, now_micros(), [_without_retries(result)]))
    return due.id


def _without_retries(result: Result) -> Result:
    """The result, with a failed test parked: its caller sees the failure and can repeat it."""
    if result.state != "waiting":
        return result
    return replace(result, state="parked", next_at=None, why=f"{ONCE}: {result.why}")


async def _start(tx: Tx, store: Store, endpoint: Endpoint) -> Due:
    """Stores the event and its delivery, claimed by us; no other endpoint gets it."""
    now = now_micros()
    event = sample(now)
    data = msgspec.json.encode(event.data).decode()
    event_id, delivery_id = store.ids.next(), store.ids.next()
    # its position is negative, so the event stream does not show it
    columns = ("id", "message_id", "type", "data", "created_at", "position", "fanned_out")
    row = (event_id, HUB, event.type, data, now, -event_id, True)
    await tx.insert(schema.event, columns, [row])
    await tx.insert(
        schema.delivery,
        ("id", "event_id", "endpoint_id", "message_id", "state", "final", "ordered", "tries",
         "next_at", "lease_until", "created_at"),
        [(delivery_id, event_id, endpoint.id, HUB, "in_flight", True, False, 1, now,
          shared_time(tx, now) + LEASE_MICROS, now)],
    )  # fmt: skip
    return Due(
        delivery_id, event_id, HUB, False, 1, 0, now, None, None, 0, None, event.type, data, now
    )
