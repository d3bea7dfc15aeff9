"""Ids are unique, whatever the clock does."""

from delivrd.core.units import HOUR
from delivrd.store.audit import note
from delivrd.store.ids import Ids, now_micros
from tests.filled import execute, opened, scalar
from tests.support import run


def test_ids_go_on_after_the_last_one_of_any_table_though_the_clock_was_set_back(
    sqlite_url: str,
) -> None:
    async def test() -> None:
        async with opened(sqlite_url) as store:
            ahead = Ids(0, clock=lambda: now_micros() + HOUR)
            await store.write(lambda tx: note(tx, ahead, "command line", "keys.revoke", "1"))
            last = await scalar(store, "SELECT id FROM audit")
        async with opened(sqlite_url) as store:
            assert store.ids.next() > last

    run(test())


def test_ids_go_on_after_those_of_a_host_whose_clock_was_ahead(postgres_url: str) -> None:
    """On a rolling restart a slot is taken by the next process at once."""

    async def test() -> None:
        async with opened(postgres_url) as store:
            slot = store.ids.slot
            store.ids = Ids(slot, clock=lambda: now_micros() + HOUR)
            last = store.ids.next()
        async with opened(postgres_url) as store:
            assert store.ids.slot != slot or store.ids.next() > last

    run(test())


def test_a_process_that_lost_its_slot_makes_its_ids_in_another_one(postgres_url: str) -> None:
    """As after a pause of its machine; whoever took the ids at the start makes them there too."""

    async def test() -> None:
        async with opened(postgres_url) as store:
            ids, slot = store.ids, store.ids.slot
            last = ids.next()
            await execute(store, "UPDATE lease SET holder = 'dead', expires_at = 0")
            async with opened(postgres_url) as other:
                assert other.ids.slot == slot
                await store.keep_slot()
                assert ids.slot == store.ids.slot != slot
                assert ids.next() > last

    run(test())
