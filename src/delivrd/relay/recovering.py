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
    """Sends the endpoint the events since then that pass its filters, also those it had before.

    With ``missed_only`` only those that it never took; with ``dry_run`` they are only counted.
    The next call goes on ``after`` the ``last`` of what is returned; None: there are no more.
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
