"""Ids are unique, whatever the clock does."""

from delivrd.core.units import HOUR
from delivrd.store.audit import note
from delivrd.store.ids import Ids, now_micros
from tests.filled import opened, scalar
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
