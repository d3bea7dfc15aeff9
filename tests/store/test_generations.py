"""Ids that come again for another message (rule D3)."""

from typing import Any

import pytest

from delivrd.store.tx import PostgresTx
from delivrd.store.verify import verify
from tests.store.story import HOUR, START, TO, Story, receipt, reference, telling
from tests.support import run

LATER = 2 * HOUR // 1_000_000
"""Seconds; an hour after its end an id of the account "again" is free."""


async def one_ended(story: Story) -> str:
    """A message whose part A has arrived; its id."""
    uuid, _ = await story.sent("A", name="again")
    await story.hear("again", receipt("A"), at=1)
    return uuid


async def keys(story: Story) -> list[str]:
    return [row[0] for row in await story.rows("SELECT key FROM part ORDER BY id")]


def test_a_send_under_an_old_id_is_another_part(database_url: str) -> None:
    async def test() -> None:
        async with telling(database_url) as story:
            first = await one_ended(story)
            story.now += 2 * HOUR
            second, _ = await story.sent("A", name="again")
            await story.hear("again", receipt("A", "undelivered"), at=LATER)
            assert await story.status(first) == "delivered"
            assert await story.status(second) == "undelivered"
            await story.check()

    run(test())


def test_a_receipt_that_overtakes_the_answer_waits_for_the_new_send(database_url: str) -> None:
    async def test() -> None:
        async with telling(database_url) as story:
            first = await one_ended(story)
            story.now += 2 * HOUR
            second, attempt = await story.handing_over("again")
            await story.hear("again", receipt("A", "undelivered"), at=LATER)
            await story.answer(attempt, "A")
            assert await story.status(first) == "delivered"
            assert await story.status(second) == "undelivered"
            await story.check()

    run(test())


def test_a_late_copy_of_an_old_receipt_begins_nothing(database_url: str) -> None:
    async def test() -> None:
        async with telling(database_url) as story:
            await one_ended(story)
            story.now += 2 * HOUR
            await story.hear("again", receipt("A"), at=LATER)
            assert len(await keys(story)) == 1
            await story.check()

    run(test())


def test_within_its_time_an_id_stays_with_its_part(database_url: str) -> None:
    async def test() -> None:
        async with telling(database_url) as story:
            first = await one_ended(story)
            story.now += HOUR // 2
            await story.hear("again", receipt("A", "undelivered"), at=1800)
            assert len(await keys(story)) == 1
            assert await story.status(first) == "delivered"
            await story.check()

    run(test())


def test_ids_that_never_come_again_stay_for_ever(database_url: str) -> None:
    async def test() -> None:
        async with telling(database_url) as story:
            await story.sent("A")
            await story.hear("main", receipt("A"), at=1)
            story.now += 10_000 * HOUR
            await story.hear("main", receipt("A", "undelivered"), at=LATER)
            assert len(await keys(story)) == 1

    run(test())


def test_a_late_receipt_with_the_reference_of_the_old_send_speaks_of_the_old_part(
    database_url: str,
) -> None:
    """As a part of its own it would turn a delivered message into a failed one."""

    async def test() -> None:
        async with telling(database_url) as story:
            uuid, attempt = await story.sent("A", name="again")
            mine = reference(attempt)
            await story.hear("again", receipt("A", reference=mine), at=1)
            story.now += 2 * HOUR
            await story.hear("again", receipt("A", "undelivered", reference=mine), at=LATER)
            assert len(await keys(story)) == 1
            assert await story.status(uuid) == "delivered"
            await story.check()

    run(test())


@pytest.mark.parametrize(
    ("told", "messages"),
    [
        ({}, 1),
        ({"sent_at": START}, 1),
        ({"sent_at": START + 2 * HOUR}, 2),
        ({"to": "447700900999"}, 2),
    ],
    ids=["the same again", "sent at the same time", "sent after its end", "to another number"],
)
def test_what_is_registered_under_an_old_id_is_the_old_message_only_where_it_can_be(
    database_url: str, told: dict[str, Any], messages: int
) -> None:
    async def test() -> None:
        async with telling(database_url) as story:
            first = await story.register("again", "A")
            await story.hear("again", receipt("A"), at=1)
            story.now += 2 * HOUR
            second = await story.register("again", "A", **{"sent_at": None, **told})
            assert (first == second) == (messages == 1)
            assert len(await keys(story)) == messages
            to = told.get("to", TO)
            await story.hear("again", receipt("A", "undelivered", to=to), at=LATER)
            assert await story.status(first) == "delivered"
            if messages == 2:
                assert await story.status(second) == "undelivered"
            await story.check()

    run(test())


def test_an_old_request_read_again_speaks_of_the_old_part(database_url: str) -> None:
    async def test() -> None:
        async with telling(database_url) as story:
            first, _ = await story.sent("A", name="again")
            request = await story.hear("again", receipt("A", "undelivered"), at=1)
            story.now += 2 * HOUR
            second, _ = await story.sent("A", name="again")
            assert not (await story.reread(request, receipt("A", "undelivered"))).changed
            await story.reread(request, receipt("A", "rejected"))
            assert await story.status(first) == "rejected"
            assert await story.status(second) == "pending"
            await story.check()

    run(test())


def test_an_id_that_looks_like_one_that_came_again_is_an_id_of_its_own(database_url: str) -> None:
    """Gateways choose their ids: `A~1` may stand beside `A` in one call."""

    async def test() -> None:
        async with telling(database_url) as story:
            said = (receipt("A~1"), receipt("A", "undelivered"))
            request = await story.hear("again", *said)
            assert not (await story.reread(request, *said)).changed

    run(test())


def test_an_id_that_comes_again_amid_a_re_reading_leaves_the_old_part_to_it(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def test() -> None:
        async with telling(postgres_url) as story:
            first, _ = await story.sent("A", name="again")
            request = await story.hear("again", receipt("A", "undelivered"), at=1)
            story.now += 2 * HOUR
            fetch = PostgresTx.fetch

            async def fetch_and_reuse(tx: PostgresTx, sql: str, *args: Any) -> list[Any]:
                rows = await fetch(tx, sql, *args)
                if "FROM link" in sql:
                    monkeypatch.undo()
                    await story.hear("again", receipt("A", "pending"), at=LATER)
                return rows

            monkeypatch.setattr(PostgresTx, "fetch", fetch_and_reuse)
            await story.reread(request, receipt("A", "rejected"))
            assert len(await keys(story)) == 2
            assert await story.status(first) == "rejected"
            assert await verify(story.store) == []

    run(test())
