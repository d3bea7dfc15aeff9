"""An endpoint is changed while deliveries wait for it, or while it is being called."""

from delivrd.store import endpoints
from tests.relay.relay_support import Sink, Telling, says, telling
from tests.support import run


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
