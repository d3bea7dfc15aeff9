"""Replays everything since a time to an endpoint, in steps of bounded size, or counts it."""

from delivrd.store import replays
from delivrd.store.base import Store
from delivrd.store.endpoints import Endpoint
from delivrd.store.ids import now_micros
from delivrd.store.replays import Step

STEPS = 20
"""Steps in one call; each reads up to 500 events in its own transaction."""


async def replay_to_endpoint(
    store: Store, endpoint: Endpoint, since: int, *, missed_only: bool, dry_run: bool,
    after: int = 0,
) -> Step:  # fmt: skip
    """Sends the endpoint all events since then that pass its filters, also those delivered before.

    With ``missed_only`` only those that it never accepted; with ``dry_run`` they are only counted.
    At most ``STEPS`` steps are done; continue with ``after`` set to the returned ``last``, until it
    is None. ``since`` is in microseconds since 1970.
    """
    total, last = 0, after
    for _ in range(STEPS):
        step = await _one_step(store, endpoint, since, missed_only, dry_run, last)
        total += step.told
        if step.last is None:
            return Step(total, None)
        last = step.last
    return Step(total, last)


async def _one_step(
    store: Store, endpoint: Endpoint, since: int, missed: bool, dry_run: bool, after: int
) -> Step:
    if dry_run:
        return await store.read(
            lambda tx: replays.count_since(tx, endpoint, since, missed_only=missed, after=after)
        )
    return await store.write(
        lambda tx: replays.replay_since(
            tx, store.ids, now_micros(), endpoint, since, missed_only=missed, after=after
        )
    )
