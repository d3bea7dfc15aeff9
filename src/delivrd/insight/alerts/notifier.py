"""Sends waiting notices to their channels, in one process at a time, with retries."""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from uuid import uuid4

import structlog

from delivrd.config import Config
from delivrd.core.units import SECOND
from delivrd.insight.alerts.channels import Sent, send
from delivrd.store import alerts as store_alerts
from delivrd.store.alerts import Notice
from delivrd.store.base import Store, StoreUnavailable
from delivrd.store.ids import now_micros
from delivrd.store.leases import give_lease_back, take_lease
from delivrd.store.tx import Tx

log = structlog.get_logger(__name__)

LEASE = "notices"
LEASE_SECONDS = 120.0
"""Longer than a batch takes, of which every notice may take until its time-out."""

EVERY_SECONDS = 5.0
AT_ONCE = 8
RETRIES = (15, 60, 300, 900, 3600)
"""Seconds to wait after each failed try; then the notice has failed for good."""


class Notifier:
    """Sends the notices that wait in the store to their channels."""

    def __init__(self, store: Store, config: Config, clock: Callable[[], int] = now_micros) -> None:
        self._store, self._config, self._clock = store, config, clock
        self._holder = str(uuid4())

    async def run(self) -> None:
        """Sends until cancelled."""
        try:
            while True:
                try:
                    if await self.once():
                        continue
                except StoreUnavailable as error:
                    log.warning("notices not sent: store unavailable", error=str(error))
                await asyncio.sleep(EVERY_SECONDS)
        finally:
            with suppress(StoreUnavailable):  # then the lease expires
                await self._store.write(lambda tx: give_lease_back(tx, LEASE, self._holder))

    async def once(self) -> int:
        """Tries the notices that are due; returns how many.

        Raises:
            StoreUnavailable: the store failed; notices already sent may be sent again.
        """
        now = self._clock()
        due = await self._store.read(lambda tx: store_alerts.due_notices(tx, now, AT_ONCE))
        if not due or not await self._store.write(self._take, background=True):
            return 0
        due = await self._store.read(lambda tx: store_alerts.due_notices(tx, now, AT_ONCE))
        tried = await asyncio.gather(*(self._try(notice) for notice in due))
        ended = self._clock()

        async def note(tx: Tx) -> None:
            for notice, sent in zip(due, tried, strict=True):
                await store_alerts.note_try(tx, notice.id, *after(notice, sent, ended), ended)
            for channel, count in working(due, tried).items():
                await store_alerts.hasten(tx, channel, count, ended)

        await self._store.write(note)
        return len(due)

    async def _take(self, tx: Tx) -> bool:
        return await take_lease(tx, LEASE, self._holder, LEASE_SECONDS)

    async def _try(self, notice: Notice) -> Sent:
        channel = self._config.alerts.channels.get(notice.channel)
        if channel is None or not channel.enabled:
            return Sent("the settings no longer have this channel, or it is disabled")
        sent = await send(channel, notice.what, notice.title, notice.body)
        if not sent.ok:
            log.warning("notice not accepted", channel=notice.channel, why=sent.why)
        return sent


def working(due: Sequence[Notice], tried: Sequence[Sent]) -> Counter[str]:
    """The channels that took all that they got, and how many notices each.

    As many of their older notices follow, which would otherwise wait out their own pauses after the
    channel works again. A channel that took only some may be at its limit of calls: its notices
    would use up their tries.
    """
    failing = {notice.channel for notice, sent in zip(due, tried, strict=True) if not sent.ok}
    return Counter(notice.channel for notice in due if notice.channel not in failing)


def after(notice: Notice, sent: Sent, now: int) -> tuple[str, str | None, int | None]:
    """The state of a notice after a try, why it failed, and when the next try is due."""
    if sent.ok:
        return "sent", None, None
    if notice.tries >= len(RETRIES):
        return "failed", sent.why, None
    return "waiting", sent.why, now + RETRIES[notice.tries] * SECOND
