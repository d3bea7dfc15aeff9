"""What is known of the past is learnt in the background, so that no call waits for it."""

import asyncio
from types import SimpleNamespace

import pytest

from delivrd.core.units import HOUR, SECOND
from delivrd.insight import settled
from delivrd.insight.settled import COLD_KEPT, PAST_KEPT, Settling
from delivrd.store.base import StoreUnavailable
from delivrd.store.ids import now_micros
from delivrd.store.queries.stats import Silent
from tests.clock import Clock
from tests.insight.watch_support import sent, watched
from tests.support import run


def test_a_call_uses_what_was_learnt_in_the_background_and_reads_no_past(database_url: str) -> None:
    async def test() -> None:
        async with watched(database_url) as known:
            await sent(known.store, failed=3)
            clock = Clock(now_micros())
            settling = Settling(known.store.accounts, clock)
            await settling.learn(known.store)
            learnt_at = clock.now
            clock.now += 10 * SECOND
            seen = await known.store.read(settling.seen)
            assert seen.learnt.read_at == learnt_at
            await settling.learn(known.store)
            seen = await known.store.read(settling.seen)
            assert seen.learnt.read_at == clock.now

    run(test())


@pytest.mark.parametrize(("young", "kept"), [(True, COLD_KEPT), (False, PAST_KEPT)])
def test_what_was_learnt_is_used_for_its_time_and_then_read_anew(
    young: bool, kept: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads: list[int] = []

    async def learn(tx: object, accounts: object, now: int) -> SimpleNamespace:
        reads.append(now)
        return SimpleNamespace(read_at=now, young=young, never=Silent())

    monkeypatch.setattr(settled, "learn", learn)
    clock = Clock(now_micros())
    begin = clock.now
    settling = Settling(None, clock)  # type: ignore[arg-type]
    for after in (0, kept - 1, kept):
        clock.now = begin + after
        run(settling.silent(None))  # type: ignore[arg-type]
    assert reads == [begin, begin + kept]


def test_a_hub_is_young_until_a_message_is_old_enough_to_show_how_messages_end(
    database_url: str,
) -> None:
    """It learns from its first hour meanwhile, and anew every few seconds."""

    async def test() -> None:
        async with watched(database_url) as known:
            await sent(known.store, failed=3)
            clock = Clock(now_micros())
            settling, young = Settling(known.store.accounts, clock), []
            for hours in (0, 6):
                clock.now += hours * HOUR
                young.append((await known.store.read(settling.seen)).learnt.young)
            assert young == [True, False]

    run(test())


def test_learning_goes_on_when_the_store_was_away_and_keeps_what_it_knew(database_url: str) -> None:
    async def test() -> None:
        async with watched(database_url) as known:
            settling = Settling(known.store.accounts)
            away = Away(known.store)
            learning = asyncio.create_task(settling.run(away))  # type: ignore[arg-type]
            await away.asked.wait()
            await asyncio.sleep(0)
            assert not learning.done()
            learning.cancel()
            await asyncio.gather(learning, return_exceptions=True)
            await settling.learn(known.store)

    run(test())


class Away:
    """A store that does not answer."""

    def __init__(self, store: object) -> None:
        self.asked = asyncio.Event()

    async def read(self, job: object) -> None:
        self.asked.set()
        raise StoreUnavailable("away")
