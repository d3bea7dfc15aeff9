"""The send worker: hands queued messages to their gateways, and times out overdue ones."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from functools import partial

import structlog

from delivrd.config import Config
from delivrd.core.bucket import Bucket
from delivrd.core.text import short
from delivrd.core.units import SECOND
from delivrd.providers.base import Answer, Http, Later, Outgoing, Unsure
from delivrd.sending.callback import callback_address
from delivrd.sending.submit import can_send
from delivrd.store import outbox
from delivrd.store.accounts import Account
from delivrd.store.base import Store, StoreUnavailable, event_or_time
from delivrd.store.ids import now_micros
from delivrd.store.messages import reference_of
from delivrd.store.outbox import Answered, Handover

log = structlog.get_logger(__name__)

POLL_SECONDS = 1.0
MOST = 0.75
"""The share of the room left by others that an account may take, where several send: however many
gateways hang, the others have room."""


class Worker:
    """Claims messages, hands them over, stores the answers; sweeps overdue and abandoned ones."""

    def __init__(
        self, store: Store, config: Config, http: Http, clock: Callable[[], int] = now_micros
    ) -> None:
        self._store, self._config, self._http, self._clock = store, config, http, clock
        self._free = config.sending.concurrency
        senders = sum(map(can_send, store.accounts.by_id.values()))
        self._share = MOST if senders > 1 else 1.0
        self._under_way: set[asyncio.Task[None]] = set()
        self._taken: Counter[int] = Counter()  # account -> its hand-overs under way
        self._paused: dict[int, float] = {}  # account -> when it may be called again
        self._buckets = {
            account.id: Bucket(rate)
            for name, rate in config.sending.rate.items()
            if (account := store.accounts.by_name.get(name))
        }

    async def run(self) -> None:
        """Works until cancelled; see also :meth:`finish`."""
        sweep = asyncio.create_task(self._sweep_forever())
        try:
            while True:
                await self._round()
        finally:
            sweep.cancel()
            await asyncio.wait([sweep])

    async def finish(self) -> None:
        """Waits for the hand-overs in progress, at most 35 seconds."""
        if self._under_way:
            await asyncio.wait(self._under_way, timeout=35)

    async def _round(self) -> None:
        queued = self._store.bell.queued
        queued.clear()
        claim = asyncio.ensure_future(self._claim())
        try:
            taken = await asyncio.shield(claim)
        except asyncio.CancelledError:
            self._begin(await claim)  # an abandoned claim would become ``unsure``
            raise
        self._begin(taken)
        if not taken:
            await event_or_time(queued, self._pause())

    def _begin(self, taken: list[Handover]) -> None:
        for handover in taken:
            self._free -= 1
            self._taken[handover.account_id] += 1
            task = asyncio.create_task(self._hand_over(handover))
            self._under_way.add(task)
            task.add_done_callback(partial(self._done, handover.account_id))

    def _done(self, account_id: int, task: "asyncio.Task[None]") -> None:
        self._under_way.discard(task)
        self._free += 1
        self._taken[account_id] -= 1
        self._store.bell.queued.set()
        if not task.cancelled() and task.exception() is not None:
            log.error("a hand-over failed", exc_info=task.exception())

    def _pause(self) -> float:
        now = time.monotonic()
        ends = [until - now for until in self._paused.values() if until > now]
        ends += [left for b in self._buckets.values() if (left := b.seconds_to_next()) > 0]
        return max(0.005, min([POLL_SECONDS, *ends]))

    async def _claim(self) -> list[Handover]:
        """Claims what is due, for the accounts that may be called now, until the store fails.

        The account with the fewest hand-overs under way comes first.
        """
        now = time.monotonic()
        taken: list[Handover] = []
        for account_id in sorted(self._store.accounts.by_id, key=self._taken.__getitem__):
            bucket = self._buckets.get(account_id)
            limit = self._room(account_id, self._free - len(taken))
            limit = min(limit, bucket.tokens() if bucket else limit)
            if limit > 0 and self._paused.get(account_id, 0) <= now:
                try:
                    got = await self._claim_for([account_id], limit)
                except StoreUnavailable as error:
                    log.warning("sending waits for the store", error=str(error))
                    break
                except Exception:
                    name = self._store.accounts.name(account_id)
                    log.exception("messages could not be claimed", account=name)
                    continue
                if bucket:
                    bucket.take(len(got))
                taken += got
        return taken

    def _room(self, account_id: int, free: int) -> int:
        """How many hand-overs an account may begin, while so many are free."""
        own = self._taken[account_id]
        return min(free, max(1, int((free + own) * self._share)) - own)

    async def _claim_for(self, account_ids: list[int], limit: int) -> list[Handover]:
        store = self._store
        return await store.write(
            lambda tx: outbox.claim(
                tx, store.accounts, store.ids, self._clock(), account_ids, limit
            )
        )

    async def _hand_over(self, handover: Handover) -> None:
        account = self._store.accounts.by_id[handover.account_id]
        handed_at = self._clock()
        answer = await self._ask(account, handover)
        if isinstance(answer, Later):
            until = time.monotonic() + (answer.after or 0)
            self._paused[account.id] = max(until, self._paused.get(account.id, 0))
            expires_at = None
        else:
            seconds = handover.validity or account.provider.default_validity
            expires_at = handed_at + (seconds + self._config.sending.grace_seconds) * SECOND
        await self._store_answer(Answered(handover.attempt_id, answer, self._clock(), expires_at))

    async def _ask(self, account: Account, handover: Handover) -> Answer:
        reference = reference_of(handover.attempt_id)
        outgoing = Outgoing(
            reference=reference,
            to=handover.to,
            sender=handover.sender,
            text=handover.text,
            unicode=handover.unicode,
            segments=handover.segments,
            validity=handover.validity,
            callback_url=callback_address(self._config, account, reference),
        )
        assert account.provider.send is not None
        try:
            answer: Answer = await account.provider.send(outgoing, account.settings, self._http)
        except Exception as error:
            log.exception("an adapter failed to send", account=account.name)
            return Unsure(short(f"{type(error).__name__}: {error}", 300))
        return answer

    async def _store_answer(self, answered: Answered) -> None:
        """Stores the answer, however long the store is away: it cannot be requested again."""
        store, pause = self._store, 0.1
        while True:
            try:
                await store.write(
                    lambda tx: outbox.store_answer(
                        tx, store.accounts, store.ids, self._clock(), answered
                    )
                )
                return
            except StoreUnavailable as error:
                log.warning("an answer waits for the store", error=str(error))
            await asyncio.sleep(pause)
            pause = min(pause * 2, 5.0)

    async def _sweep_forever(self) -> None:
        while True:
            for step in (self._abandon, self._time_out):
                try:
                    await step()
                except StoreUnavailable as error:
                    log.warning("the sweep waits for the store", error=str(error))
                except Exception:
                    log.exception("the sweep failed")
            await asyncio.sleep(POLL_SECONDS)

    async def _abandon(self) -> int:
        """Marks hand-overs whose process died; returns how many."""
        store, grace = self._store, self._config.sending.grace_seconds
        return await store.write(
            lambda tx: outbox.abandon(
                tx, store.accounts, store.ids, self._clock(), grace_seconds=grace
            ),
            background=True,
        )

    async def _time_out(self) -> int:
        """Times out attempts that are overdue; returns how many."""
        store = self._store
        return await store.write(
            lambda tx: outbox.time_out(tx, store.accounts, store.ids, self._clock()),
            background=True,
        )
