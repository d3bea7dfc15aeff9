"""How an endpoint answered recently."""

import pytest

from delivrd.core.units import SECOND
from delivrd.store.queries import endpoints, tries
from tests.relay.relay_support import Sink, says, telling
from tests.support import run


def test_what_it_answered_is_known_also_behind_a_backlog_that_nobody_tried(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tries, "RECENT", 2)

    async def test() -> None:
        async with telling(database_url) as story, Sink(says(500)).listening() as sink:
            endpoint = await story.endpoint(sink.url)
            await story.happens()
            await story.settle()
            for message in (2, 3, 4):
                await story.happens(message=message)
            await story.relay.fan_out()
            found = await story.store.read(lambda tx: tries.lately(tx, endpoint))
            assert [status for status, _, _ in found.answers] == [500]

    run(test())


def test_why_it_fails_is_known_also_when_newer_deliveries_wait_untried(database_url: str) -> None:
    async def test() -> None:
        async with telling(database_url) as story, Sink(says(500)).listening() as sink:
            endpoint = await story.endpoint(sink.url)
            await story.happens()
            await story.settle()
            story.clock.now += 60 * SECOND
            await story.happens(message=2)
            await story.relay.fan_out()
            why = await story.store.read(lambda tx: tries.why_failing(tx, endpoint))
            assert "500" in str(why)

    run(test())


def test_calls_are_counted_by_how_they_ended(database_url: str) -> None:
    """A batch is one call, and what no call was made for is none."""

    async def test() -> None:
        async with (
            telling(database_url) as story,
            Sink(says(500), says(200)).listening() as sink,
            Sink().listening() as odd,
        ):
            await story.endpoint(sink.url, batch_size=2, batch_ms=60_000)
            await story.endpoint(odd.url, format="ruach", statuses=frozenset({"merged"}))
            for message in (1, 2):
                await story.happens(message=message)
            await story.settle()
            await story.later(6)
            totals = await story.store.read(lambda tx: endpoints.totals(tx, 0))
            assert (totals.waiting, totals.tries) == (0, {"failed": 1, "delivered": 1})

    run(test())
