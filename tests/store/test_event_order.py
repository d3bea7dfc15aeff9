"""A message's events are told in the order in which they happened, on whichever host."""

import json

from delivrd.core.units import HOUR
from delivrd.store.ids import SLOT_BITS, Ids, now_micros
from tests.filled import opened, receipt, receive, send
from tests.support import run


def test_an_event_comes_after_the_last_one_though_its_hosts_clock_is_behind(
    database_url: str,
) -> None:
    async def test() -> None:
        async with opened(database_url) as store:
            await send(store, "a")
            ours = store.ids
            store.ids = Ids(7, clock=lambda: now_micros() + HOUR)
            await receive(store, receipt("a", "undelivered"))
            store.ids = ours
            await receive(store, receipt("a"))
            rows = await store.read(lambda tx: tx.fetch("SELECT type FROM event ORDER BY id"))
            assert [row[0] for row in rows] == ["message.undelivered", "message.delivered"]

    run(test())


def test_an_id_is_greater_than_the_one_it_is_to_follow() -> None:
    ids = Ids(3)
    theirs = (ids.next() >> SLOT_BITS) + HOUR << SLOT_BITS | 9
    ours = ids.next(above=theirs)
    assert ours > theirs
    assert ids.next() > ours


def test_a_message_that_a_receipt_made_had_no_status_before(database_url: str) -> None:
    async def test() -> None:
        async with opened(database_url, smspm={"receive_only": True}) as store:
            await send(store, "a")
            await receive(store, receipt("a"))
            await receive(store, receipt("b"), by="smspm")
            rows = await store.read(lambda tx: tx.fetch("SELECT data FROM event ORDER BY id"))
            told = [json.loads(row[0])["previous_status"] for row in rows]
            assert told == ["pending", None]

    run(test())
