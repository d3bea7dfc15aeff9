"""Looks up receipts that never came, at gateways that can be asked."""

import asyncio
import time
from collections.abc import Callable

import structlog

from delivrd.core.statement import Receipt
from delivrd.providers.base import Http, Sought, Unanswered
from delivrd.store import look_ups
from delivrd.store.accounts import Account
from delivrd.store.base import Store, StoreUnavailable
from delivrd.store.ids import now_micros
from delivrd.store.look_ups import Asking

log = structlog.get_logger(__name__)

POLL_SECONDS = 5.0
AT_ONCE = 4
PAUSE_SECONDS = 60.0
"""The pause of an account that answered "too many" without saying how long to wait."""


class LookUps:
    """Claims parts without an end, asks, and stores the answers."""

    def __init__(self, store: Store, http: Http, clock: Callable[[], int] = now_micros) -> None:
        self._store, self._http, self._clock = store, http, clock
        self._paused: dict[int, float] = {}
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
        await asyncio.Event().wait()  # a part of the hub does not end by itself

    async def once(self) -> int:
        """Asks about the parts that are due now; returns how many."""
        now = time.monotonic()
        account_ids = [i for i in self._asked if self._paused.get(i, 0) <= now]
        store, limit = self._store, 5 * AT_ONCE
        asking = await store.write(
            lambda tx: look_ups.claim(
                tx, store.accounts, store.ids, self._clock(), account_ids, limit
            ),
            background=True,
        )
        at_once = asyncio.Semaphore(AT_ONCE)

        async def ask(one: Asking) -> None:
            async with at_once:
                await self._ask(one)

        await asyncio.gather(*map(ask, asking))
        return len(asking)

    async def _ask(self, asking: Asking) -> None:
        account = self._asked[asking.account_id]
        told = await self._told(account, asking)
        if isinstance(told, Unanswered):
            if told.after is not None:
                until = time.monotonic() + (told.after or PAUSE_SECONDS)
                self._paused[account.id] = max(until, self._paused.get(account.id, 0))
            log.info("a look-up told nothing", account=account.name, why=told.detail)
            return
        store = self._store
        await store.write(
            lambda tx: look_ups.store_look_up(
                tx, store.accounts, store.ids, self._clock(), asking, told
            ),
            background=True,
        )

    async def _told(self, account: Account, asking: Asking) -> Receipt | Unanswered:
        assert account.provider.look_up is not None
        sought = Sought(asking.provider_message_id, asking.to, asking.reference)
        try:
            told: Receipt | Unanswered
            told = await account.provider.look_up(sought, account.settings, self._http)
        except Exception as error:
            log.exception("an adapter failed to look up", account=account.name)
            return Unanswered(f"{type(error).__name__}: {error}"[:300])
        return told
