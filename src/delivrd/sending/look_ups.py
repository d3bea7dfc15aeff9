"""Asks gateways with a status API for receipts that never came."""

import asyncio
from collections import deque
from collections.abc import Callable

import structlog

from delivrd.core.statement import Receipt
from delivrd.core.units import SECOND
from delivrd.providers.base import Http, Sought, Unanswered
from delivrd.store import look_ups
from delivrd.store.accounts import Account
from delivrd.store.base import Store, StoreUnavailable
from delivrd.store.ids import now_micros
from delivrd.store.look_ups import Asking

log = structlog.get_logger(__name__)

POLL_SECONDS = 5.0
CONCURRENCY = 4
PAUSE_SECONDS = 60.0
"""The pause of an account that answered "too many" without saying how long to wait."""


class LookUps:
    """Claims parts without a final status, asks their gateways, and stores the answers."""

    def __init__(self, store: Store, http: Http, clock: Callable[[], int] = now_micros) -> None:
        self._store, self._http, self._clock = store, http, clock
        self._paused: dict[int, int] = {}
        self._answers: deque[tuple[Asking, Receipt]] = deque()  # to be stored yet
        self._asked = {
            account.id: account
            for account in store.accounts.by_id.values()
            if account.provider.look_up is not None and account.provider.send is not None
        }

    async def run(self) -> None:
        """Asks until cancelled."""
        while self._asked:
            try:
                if await self.once():
                    continue
            except StoreUnavailable as error:
                log.warning("look-ups wait for the store", error=str(error))
            except Exception:
                log.exception("look-ups failed")
            await asyncio.sleep(POLL_SECONDS)
        await asyncio.Event().wait()  # the hub would restart a part that returns

    async def once(self) -> int:
        """Asks about the parts that are due now; returns how many.

        What the store could not take comes first in the next round.
        """
        await self._store_answers()
        account_ids = [i for i in self._asked if self._paused_until(i) is None]
        store, limit = self._store, 5 * CONCURRENCY
        asking = await store.write(
            lambda tx: look_ups.claim(
                tx, store.accounts, store.ids, self._clock(), account_ids, limit
            ),
            background=True,
        )
        at_once = asyncio.Semaphore(CONCURRENCY)

        async def ask(one: Asking) -> bool:
            async with at_once:
                return self._paused_until(one.account_id) is None and await self._ask(one)

        asked = await asyncio.gather(*map(ask, asking))
        await self._store_answers()
        await self._put_off([one for one, was in zip(asking, asked, strict=True) if not was])
        return len(asking)

    def _paused_until(self, account_id: int) -> int | None:
        """Until when an account is not to be asked; None where it may be."""
        until = self._paused.get(account_id, 0)
        return until if until > self._clock() else None

    async def _ask(self, asking: Asking) -> bool:
        """Whether the gateway took the question: it may have had too many."""
        account = self._asked[asking.account_id]
        answer = await self._look_up(account, asking)
        if not isinstance(answer, Unanswered):
            self._answers.append((asking, answer))
            return True
        log.info("a look-up got no answer", account=account.name, why=answer.detail)
        if answer.after is None:
            return True
        until = self._clock() + int((answer.after or PAUSE_SECONDS) * SECOND)
        self._paused[account.id] = max(until, self._paused.get(account.id, 0))
        return False

    async def _store_answers(self) -> None:
        while self._answers:
            asking, answer = self._answers[0]
            try:
                await self._store_answer(asking, answer)
            except StoreUnavailable:
                raise
            except Exception:
                log.exception(
                    "the answer to a look-up cannot be stored", id=asking.provider_message_id
                )
            self._answers.popleft()

    async def _store_answer(self, asking: Asking, answer: Receipt) -> None:
        store = self._store
        await store.write(
            lambda tx: look_ups.store_look_up(
                tx, store.accounts, store.ids, self._clock(), asking, answer
            ),
            background=True,
        )

    async def _put_off(self, asking: list[Asking]) -> None:
        """Asks again about these parts as soon as their accounts' pauses are over."""
        if not asking:
            return
        store, now = self._store, self._clock()
        moments = {one.attempt_id: self._paused_until(one.account_id) or now for one in asking}
        await store.write(
            lambda tx: look_ups.put_off(tx, store.accounts, store.ids, now, moments),
            background=True,
        )

    async def _look_up(self, account: Account, asking: Asking) -> Receipt | Unanswered:
        assert account.provider.look_up is not None
        sought = Sought(asking.provider_message_id, asking.to, asking.reference)
        try:
            answer: Receipt | Unanswered
            answer = await account.provider.look_up(sought, account.settings, self._http)
        except Exception as error:
            log.exception("an adapter failed to look up", account=account.name)
            return Unanswered(f"{type(error).__name__}: {error}"[:300])
        return answer
