"""What outbound webhooks of others had to learn, where no other test of the relay says it."""

import asyncio
from typing import Any

import pytest

from delivrd.relay import formats
from delivrd.relay.client import BODY_SECONDS, TIMEOUT_SECONDS
from delivrd.relay.worker import DRAIN_SECONDS
from delivrd.store import endpoints, replays
from delivrd.store.deliveries import LEASE_MICROS
from tests.relay.relay_support import SECOND, Sink, hangs, says, telling
from tests.support import run, until


def test_one_event_at_two_endpoints_is_replayed_at_each_on_its_own(database_url: str) -> None:
    """D38: both are told under one id, and neither's replay is taken for the other's."""

    async def test() -> None:
        async with (
            telling(database_url) as story,
            Sink().listening() as one,
            Sink().listening() as other,
        ):
            first = await story.endpoint(one.url)
            await story.endpoint(other.url)
            await story.happens()
            await story.settle()
            ((row_id,),) = await story.rows("SELECT id FROM delivery WHERE endpoint_id = $1", first)
            await story.write(lambda tx: replays.replay(tx, story.clock(), [row_id]))
            await story.settle()
            assert (len(one.calls), len(other.calls)) == (2, 1)
            everything = [row[0] for row in await story.rows("SELECT id FROM delivery")]
            await story.write(lambda tx: replays.replay(tx, story.clock(), everything))
            await story.settle()
            assert (len(one.calls), len(other.calls)) == (3, 2)
            assert len({c.headers["webhook-id"] for c in (*one.calls, *other.calls)}) == 1

    run(test())


def test_a_format_that_fails_is_seen_at_the_delivery_and_given_up_like_any_other(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """D40: not out of sight, and not for ever."""

    def fails(*_: Any) -> Any:
        raise KeyError("a field")

    async def test() -> None:
        async with telling(database_url) as story, Sink().listening() as sink:
            await story.endpoint(sink.url)
            monkeypatch.setattr(formats, "render", fails)
            await story.happens()
            await story.settle()
            await story.tries_to_the_end()
            ((state, why),) = await story.rows("SELECT state, why FROM delivery")
            assert (state, sink.calls) == ("parked", [])
            assert "the call could not be made up: KeyError('a field')" in why
            assert len(await story.errors()) == 10

    run(test())


def test_an_endpoint_that_is_deleted_during_its_call_is_called_no_more(database_url: str) -> None:
    """D42."""

    async def test() -> None:
        async with (
            telling(database_url, patience=30) as story,
            Sink(hangs).listening() as sink,
        ):
            endpoint_id = await story.endpoint(sink.url)
            await story.happens(message=1)
            await story.happens(message=2)
            await story.relay.fan_out()
            await story.relay.round()
            await until(lambda: len(sink.calls) == 2)
            await story.write(lambda tx: endpoints.delete(tx, endpoint_id, story.clock()))
            sink.then = [says(200)]
            for call in story.relay._calls:
                call.cancel()
            await asyncio.gather(*story.relay._calls, return_exceptions=True)
            for _ in range(3):  # their claims end, and what comes back is taken off
                story.clock.now += LEASE_MICROS + SECOND
                await story.relay.sweep()
                await story.settle()
            assert await story.states() == ["cancelled", "cancelled"]
            assert len(sink.calls) == 2

    run(test())


def test_a_claim_outlives_the_longest_call() -> None:
    """D46: what is still under way is not given to another worker."""
    longest = TIMEOUT_SECONDS + BODY_SECONDS + DRAIN_SECONDS
    assert 2 * longest * SECOND < LEASE_MICROS
