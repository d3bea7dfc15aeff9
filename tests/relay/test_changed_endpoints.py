"""An endpoint is changed while deliveries wait for it, or while it is being called."""

import asyncio

from delivrd.store import endpoints
from tests.relay.relay_support import Sink, Telling, says, telling
from tests.support import run, until


async def change(story: Telling, endpoint_id: int, **fields: object) -> None:
    await story.write(lambda tx: endpoints.update(tx, endpoint_id, **fields))


def test_an_event_that_a_new_format_fails_on_is_not_told_in_the_old_one(database_url: str) -> None:
    async def test() -> None:
        async with (
            telling(database_url) as story,
            Sink(says(500)).listening() as old,
            Sink().listening() as new,
        ):
            endpoint_id = await story.endpoint(old.url)
            await story.happens("undelivered", reason="not a reason")
            await story.settle()
            await change(story, endpoint_id, url=new.url, format="vonage-json")
            await story.tries_to_the_end()
            assert (len(old.calls), new.calls) == (1, [])
            assert await story.states() == ["parked"]

    run(test())


def test_a_410_of_an_address_that_was_replaced_says_nothing_about_the_new_one(
    database_url: str,
) -> None:
    async def test() -> None:
        asked = asyncio.Event()

        async def gone_when_asked(out: asyncio.StreamWriter) -> None:
            await asked.wait()
            await says(410)(out)

        async with (
            telling(database_url) as story,
            Sink(gone_when_asked).listening() as old,
            Sink().listening() as new,
        ):
            endpoint_id = await story.endpoint(old.url)
            await story.happens(message=1)
            await story.relay.fan_out()
            await story.relay.round()
            await until(lambda: len(old.calls) == 1)
            await change(story, endpoint_id, url=new.url)
            asked.set()
            await story.settle()
            await story.happens(message=2)
            await story.settle()
            assert sorted(call.json["data"]["message_id"] for call in new.calls) == ["1", "2"]
            assert await story.states() == ["delivered"] * 2

    run(test())


def test_a_batch_is_told_one_by_one_when_the_new_format_takes_no_batches(database_url: str) -> None:
    async def test() -> None:
        async with (
            telling(database_url) as story,
            Sink(says(500)).listening() as old,
            Sink().listening() as new,
        ):
            endpoint_id = await story.endpoint(old.url, batch_size=3, batch_ms=1000)
            for message in (1, 2, 3):
                await story.happens(message=message)
            await story.settle()
            assert [len(call.json) for call in old.calls] == [3]
            await change(story, endpoint_id, url=new.url, format="vonage-json", batch_size=1)
            await story.later(10)
            assert sorted(call.json["messageId"] for call in new.calls) == ["1", "2", "3"]
            assert await story.states() == ["delivered"] * 3

    run(test())


def test_an_endpoint_does_not_wait_for_a_probe_at_its_new_address(database_url: str) -> None:
    async def test() -> None:
        async with (
            telling(database_url) as story,
            Sink(says(500)).listening() as old,
            Sink().listening() as new,
        ):
            endpoint_id = await story.endpoint(old.url)
            for message in range(1, 12):
                await story.happens(message=message)
            await story.settle()
            assert await story.rows("SELECT opened_at FROM endpoint") != [(None,)]
            await change(story, endpoint_id, url=new.url)
            await story.happens(message=20)
            await story.settle()
            assert [call.json["data"]["message_id"] for call in new.calls] == ["20"]

    run(test())
