"""The list of messages: its filters, its pages, its indexes and its scan budget."""

from typing import Any

import pytest

from delivrd.store.base import Store
from delivrd.store.queries import paging
from delivrd.store.queries.messages import Filters, list_messages
from delivrd.store.queries.paging import Listed
from delivrd.store.tx import Row, SqliteTx, Tx, for_sqlite
from tests.store.query_support import add, opened
from tests.support import run


async def listed(store: Store, filters: Filters, **more: Any) -> Listed[Any]:
    return await store.read(lambda tx: list_messages(tx, store.accounts, filters, **more))


async def ids(store: Store, **filters: Any) -> list[str]:
    found = await listed(store, Filters(**filters))
    return [message.id for message in found.items]


def test_messages_are_listed_newest_first(database_url: str) -> None:
    async def test() -> None:
        async with opened(database_url) as store:
            added = await add(store, {}, {}, {})
            assert await ids(store) == added[::-1]

    run(test())


FIELDS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"to": "+447700900123"}, {"to_number": "+447700900123"}),
    ({"reference": "order-1"}, {"reference": "order-1"}),
    ({"country": "GB"}, {"country": "GB"}),
    ({"account": "other"}, {"account": "other"}),
    ({"sender": "Acme"}, {"sender": "Acme"}),
    ({"status": "rejected"}, {"state": "refused"}),
    ({"status": "failed"}, {"state": "refused"}),
    ({"status": "ended"}, {"state": "refused"}),
    ({"reason": "throttled"}, {"state": "refused", "reason": "throttled"}),
    ({"code": "42"}, {"state": "refused", "code": "42"}),
]


@pytest.mark.parametrize(("filters", "fields"), FIELDS)
def test_a_filter_finds_its_messages_and_no_others(
    database_url: str, filters: dict[str, Any], fields: dict[str, Any]
) -> None:
    async def test() -> None:
        async with opened(database_url) as store:
            _, wanted, _ = await add(store, {}, fields, {})
            assert await ids(store, **filters) == [wanted]

    run(test())


def test_what_is_not_known_is_found_by_that_word(database_url: str) -> None:
    async def test() -> None:
        async with opened(database_url) as store:
            why = {"state": "refused", "reason": None}
            nowhere, _, unexplained = await add(store, {"country": None}, {"state": "refused"}, why)
            assert await ids(store, country="none") == [nowhere]
            assert await ids(store, status="failed", reason="none") == [unexplained]

    run(test())


def test_all_filters_must_hold(database_url: str) -> None:
    async def test() -> None:
        async with opened(database_url) as store:
            both = {"country": "GB", "account": "other"}
            _, _, wanted = await add(store, {"country": "GB"}, {"account": "other"}, both)
            assert await ids(store, **both) == [wanted]

    run(test())


def test_since_is_within_and_until_is_not(database_url: str) -> None:
    async def test() -> None:
        async with opened(database_url) as store:
            await add(store, {}, {}, {})
            times = sorted(m.created_at for m in (await listed(store, Filters())).items)
            first, last = (int(t.timestamp() * 1e6) for t in (times[0], times[-1]))
            assert len(await ids(store, since=first)) == 3
            assert len(await ids(store, since=last + 1)) == 0
            assert len(await ids(store, until=first)) == 0
            assert len(await ids(store, until=last + 1)) == 3

    run(test())


def test_pages_show_each_message_once(database_url: str) -> None:
    async def test() -> None:
        async with opened(database_url) as store:
            added = await add(store, *({} for _ in range(7)))
            seen, before = [], None
            while True:
                page = await listed(store, Filters(), before=before, limit=3)
                seen += [message.id for message in page.items]
                before = page.next_before
                if before is None:
                    break
            assert seen == added[::-1]

    run(test())


def test_a_filter_without_an_index_looks_at_a_bounded_number_and_says_how_far(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paging, "BUDGET", (2, 2))

    async def test() -> None:
        async with opened(database_url) as store:
            added = await add(store, {"sender": "Acme"}, *({} for _ in range(5)))
            page = await listed(store, Filters(sender="Acme"))
            assert list(page.items) == []
            assert page.scanned_to is not None
            assert page.next_before is not None
            rest = await listed(store, Filters(sender="Acme"), before=page.next_before)
            assert [message.id for message in rest.items] == added[:1]
            assert (rest.next_before, rest.scanned_to) == (None, None)

    run(test())


def test_a_page_that_is_full_before_the_budget_ends_is_not_partial(database_url: str) -> None:
    async def test() -> None:
        async with opened(database_url) as store:
            await add(store, *({"sender": "Acme"} for _ in range(5)))
            page = await listed(store, Filters(sender="Acme"), limit=2)
            assert len(page.items) == 2
            assert page.scanned_to is None

    run(test())


class Explaining(SqliteTx):
    """Notes how SQLite finds the rows of each statement."""

    def __init__(self, tx: Tx) -> None:
        assert isinstance(tx, SqliteTx)
        super().__init__(tx.connection)
        self.plans: list[str] = []

    async def fetch(self, sql: str, *args: Any) -> list[Row]:
        statement = for_sqlite(sql)
        plan = self.connection.execute(
            f"EXPLAIN QUERY PLAN {statement.sql}", statement.bound([str(a) for a in args])
        )
        self.plans += [row[3] for row in plan]
        return await super().fetch(sql, *args)


NAMED = [
    ({}, "INTEGER PRIMARY KEY"),
    ({"to": "+447700900123"}, "ix_message_to_number_id"),
    ({"reference": "order-1"}, "ix_message_reference_id"),
    ({"country": "GB"}, "ix_message_country_id"),
    ({"account": "other"}, "ix_message_account_id_id"),
    ({"status": "undelivered"}, "ix_message_failed"),
    ({"status": "pending"}, "ix_message_open"),
    ({"status": "delivered"}, "INTEGER PRIMARY KEY"),
]


@pytest.mark.parametrize(("filters", "index"), NAMED)
def test_a_named_filter_walks_its_index_and_sorts_nothing(
    sqlite_url: str, filters: dict[str, Any], index: str
) -> None:
    async def test() -> list[str]:
        async with opened(sqlite_url) as store:

            async def job(tx: Tx) -> list[str]:
                explaining = Explaining(tx)
                await list_messages(explaining, store.accounts, Filters(**filters))
                return explaining.plans

            return await store.read(job)

    plans = run(test())
    assert plans
    assert all(index in plan and plan.startswith("SEARCH") for plan in plans), plans
