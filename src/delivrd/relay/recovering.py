"""Telling an endpoint everything since a time, in steps of bounded size, or counting it first."""

from delivrd.store import replays
from delivrd.store.base import Store
from delivrd.store.endpoints import Endpoint
from delivrd.store.ids import now_micros
from delivrd.store.replays import Step

STEPS = 20
"""In one call; each looks at up to 500 events in a transaction of its own."""


async def tell_since(
    store: Store, endpoint: Endpoint, since: int, *, missed_only: bool, dry_run: bool,
    after: int = 0,
) -> Step:  # fmt: skip
    """Tells what the endpoint wants to hear of the events since then, told before or not.

    With ``missed_only`` it is what it never took; with ``dry_run`` it is only counted. The step's
    ``last`` says where to go on, None: that was all.
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
