"""The result of a call is stored by who still holds the delivery, and by nobody else."""

from typing import Any

import pytest

from delivrd.store import schema
from delivrd.store.base import Store
from delivrd.store.tries import Result, store_results
from delivrd.store.tx import Tx
from tests.store.query_support import opened
from tests.support import run

COLUMNS = ("id", "event_id", "endpoint_id", "message_id", "state", "tries", "created_at", "batch")
DELIVERIES = "SELECT state, ended_at FROM delivery ORDER BY id"


async def put(store: Store, *rows: tuple[str, int, int | None]) -> None:
    """Deliveries 1, 2 and so on: the state, the number of tries, and the batch."""

    async def job(tx: Tx) -> None:
        made = [(i, i, 1, 1, state, tries, 0, of) for i, (state, tries, of) in enumerate(rows, 1)]
        await tx.insert(schema.delivery, COLUMNS, made)

    await store.write(job)


async def ended(store: Store, number: int, state: Any = "delivered", **more: Any) -> int:
    """Stores that try of the first delivery, at the time 7; how many results were stored."""
    result = Result(
        delivery_id=1, endpoint_id=1, message_ids=[1], batch=more.pop("batch", False),
        ordered=False, number=number, state=state, **more,
    )  # fmt: skip
    return len(await store.write(lambda tx: store_results(tx, 7, [result])))


async def rows(store: Store, sql: str = DELIVERIES) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in await store.read(lambda tx: tx.fetch(sql))]


@pytest.mark.parametrize(
    ("state", "tries"), [("in_flight", 2), ("waiting", 1), ("delivered", 1), ("parked", 1)]
)
def test_a_result_that_comes_after_the_claim_has_ended_changes_nothing(
    database_url: str, state: str, tries: int
) -> None:
    """Another worker has taken the delivery, or it was given back, ended or parked."""

    async def test() -> None:
        async with opened(database_url) as store:
            await put(store, (state, tries, None))
            assert await ended(store, 1, at=5) == 0
            assert await rows(store) == [(state, None)]
            assert await rows(store, "SELECT number FROM try") == []

    run(test())


@pytest.mark.parametrize(("state", "at"), [("waiting", None), ("delivered", 7)])
def test_a_batch_ends_together_but_for_what_has_ended_already(
    database_url: str, state: str, at: int | None
) -> None:
    async def test() -> None:
        async with opened(database_url) as store:
            await put(store, ("in_flight", 1, 1), ("in_flight", 1, 1), ("parked", 1, 1))
            assert await ended(store, 1, state, batch=True, at=5) == 1
            assert await rows(store) == [(state, at), (state, at), ("parked", None)]

    run(test())


def test_a_delivery_that_ends_without_a_call_has_no_try(database_url: str) -> None:
    async def test() -> None:
        async with opened(database_url) as store:
            await put(store, ("in_flight", 1, None))
            assert await ended(store, 1, "skipped") == 1
            assert await rows(store) == [("skipped", 7)]
            assert await rows(store, "SELECT number FROM try") == []

    run(test())
