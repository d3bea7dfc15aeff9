"""Messages by the minute: the newest, looked at one by one."""

from collections import Counter
from typing import Any

import pytest

from delivrd.core.units import MINUTE
from delivrd.store.ids import now_micros
from delivrd.store.queries import minutes
from delivrd.store.queries.filters import Filters
from tests.store.query_support import add, opened
from tests.support import run


def test_messages_are_counted_in_the_minute_in_which_they_were_made(database_url: str) -> None:
    async def test() -> None:
        now = now_micros() // MINUTE * MINUTE
        fields: dict[str, Any] = {"sent_at": now, "country": "GB"}
        async with opened(database_url) as store:
            assert await store.read(minutes.first_counted) is None
            await add(
                store,
                {**fields, "created_at": now, "state": "refused"},
                {**fields, "created_at": now + MINUTE - 1},
                {**fields, "created_at": now - 1, "country": "DE", "account": "other"},
            )

            async def told(**of: Any) -> Any:
                filters = Filters(since=now - MINUTE, **of)
                return await store.read(lambda tx: minutes.by_minute(tx, store.accounts, filters))

            this, last = now // MINUTE, now // MINUTE - 1
            refused = {(this, "other"): Counter(rejected=1), (this, None): Counter(pending=1)}
            assert await told(country="GB") == refused
            assert await told(account="other") == {(last, None): Counter(pending=1)}
            assert await told(until=now) == {(last, None): Counter(pending=1)}
            first = await store.read(minutes.first_counted)
            assert first is not None
            assert first <= now < first + 15 * MINUTE

    run(test())


def test_many_messages_are_not_read_one_by_one(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def test() -> None:
        now = now_micros()
        async with opened(database_url) as store:
            await add(store, *[{"sent_at": now}] * 4)
            for most, few in ((4, True), (3, False)):
                monkeypatch.setattr(minutes, "MOST", most)
                assert await store.read(lambda tx: minutes.few_since(tx, now - MINUTE)) is few

    run(test())
