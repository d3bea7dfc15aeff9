"""Lists of a span of time hold what came in it, however late it was folded, admitted or re-read."""

import pytest

from delivrd.core.units import HOUR, MINUTE
from delivrd.store.ids import now_micros
from delivrd.store.queries import paging
from delivrd.store.queries.messages import Filters, list_messages
from delivrd.store.queries.receipts import list_receipts
from delivrd.store.queries.requests import list_requests
from tests.filled import opened, receipt, receive
from tests.support import run

NOW = now_micros()
SPAN = {"since": NOW - 3 * HOUR, "until": NOW - 2 * HOUR}
TIMES = {
    "before": NOW - 3 * HOUR - MINUTE,
    "first": NOW - 3 * HOUR,
    "second": NOW - 2 * HOUR - 1,
    "after": NOW - 2 * HOUR,
    "now": NOW,
}


async def fill(store):
    """Receipts of these times, all folded only now; by an account that makes messages of them."""
    for part, at in TIMES.items():
        await receive(store, receipt(part), at=at)


def store_of(url):
    return opened(url, vonage={"receive_only": True})


async def found(store, list_them, name, **more):
    """What a list names, page by page."""
    names, before = [], None
    while True:
        page = await store.read(
            lambda tx, before=before: list_them(tx, store.accounts, before=before, **SPAN, **more)
        )
        names += [name(item) for item in page.items]
        before = page.next_before
        if before is None:
            return names


async def messages(tx, accounts, *, before, limit, **filters):
    return await list_messages(tx, accounts, Filters(**filters), before=before, limit=limit)


LISTS = {
    "messages": (messages, lambda m: m.attempts[0].parts[0].provider_message_id),
    "receipts": (list_receipts, lambda r: r.provider_message_id),
}


@pytest.mark.parametrize("limit", [1, 2, 50])
@pytest.mark.parametrize("name", LISTS)
def test_what_was_folded_late_is_in_the_span_of_its_time(database_url, name, limit):
    async def test():
        async with store_of(database_url) as store:
            await fill(store)
            assert await found(store, *LISTS[name], limit=limit) == ["second", "first"]

    run(test())


@pytest.mark.parametrize("limit", [1, 2, 50])
def test_calls_that_were_kept_late_are_in_the_span_of_their_time(database_url, limit):
    async def test():
        async with store_of(database_url) as store:
            await fill(store)
            times = await found(
                store, list_requests, lambda r: round(r.received_at.timestamp() * 1e6), limit=limit
            )
            assert times == [TIMES["second"], TIMES["first"]]

    run(test())


@pytest.mark.parametrize("filters", [{"account": "vonage"}, {"status": "delivered"}, {"to": None}])
def test_filters_hold_for_late_rows_too(database_url, filters):
    async def test():
        async with store_of(database_url) as store:
            await fill(store)
            await receive(store, receipt("other", "undelivered"), at=TIMES["first"], by="ruach")
            names = await found(store, *LISTS["messages"], limit=2, **filters)
            assert names == ["second", "first"]

    run(test())


def test_many_late_rows_are_looked_through_within_the_budget(database_url, monkeypatch):
    """A page may be empty, and say how far it looked."""
    monkeypatch.setattr(paging, "BUDGET", (1, 2))

    async def test():
        async with store_of(database_url) as store:
            await fill(store)
            for number in range(5):
                await receive(store, receipt(f"later-{number}"), at=NOW - HOUR)
            page = await store.read(
                lambda tx: messages(tx, store.accounts, before=None, limit=50, **SPAN)
            )
            assert (page.items, page.scanned_to is None) == ([], False)
            assert await found(store, *LISTS["messages"], limit=2) == ["second", "first"]

    run(test())


@pytest.mark.parametrize("table", ["message", "statement", "request"])
def test_late_rows_are_found_by_an_index_of_their_own(sqlite_url, table):
    async def test():
        async with opened(sqlite_url) as store:
            time = "created_at" if table == "message" else "received_at"
            sql = f"EXPLAIN QUERY PLAN SELECT id FROM {table} WHERE {paging.late(time)} AND id < 9"
            plan = await store.read(lambda tx: tx.fetch(f"{sql} ORDER BY id DESC LIMIT 5"))
            assert [f"ix_{table}_late" in row[3] for row in plan] == [True]

    run(test())
