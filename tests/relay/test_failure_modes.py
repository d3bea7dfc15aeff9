"""What outbound webhooks of others had to learn, where no other test of the relay says it."""

import asyncio
import json
from typing import Any

import pytest
from msgspec.structs import replace

from delivrd.relay import formats
from delivrd.relay.call import Call, Target
from delivrd.relay.client import BODY_SECONDS, TIMEOUT_SECONDS, RelayClient
from delivrd.relay.worker import DRAIN_SECONDS, FAILING_AT_ONCE
from delivrd.store import endpoints, replays
from delivrd.store.deliveries import LEASE_MICROS
from tests.relay.relay_support import LOOPBACK, SECOND, Sink, hangs, resets, says, telling
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


def test_an_endpoint_whose_last_call_failed_gets_few_calls_at_once(database_url: str) -> None:
    """D45: it may hang, and so would every call to it."""

    async def test() -> None:
        async with telling(database_url) as story, Sink(says(500)).listening() as sink:
            await story.endpoint(sink.url)
            await story.happens(message=1)
            await story.settle()
            for message in range(2, 2 + 4 * FAILING_AT_ONCE):
                await story.happens(message=message)
            await story.relay.fan_out()
            assert await story.relay.round() == FAILING_AT_ONCE
            await story.settle()

    run(test())


def test_a_call_that_is_tried_again_goes_where_the_endpoint_is_now(database_url: str) -> None:
    """D44 holds for an endpoint that stays as it is: a changed one gets its calls made up anew."""

    async def test() -> None:
        async with (
            telling(database_url) as story,
            Sink(says(500)).listening() as old,
            Sink().listening() as new,
        ):
            endpoint_id = await story.endpoint(old.url)
            await story.happens()
            await story.settle()
            await story.write(lambda tx: endpoints.update(tx, endpoint_id, url=new.url))
            await story.later(10)
            assert (len(old.calls), len(new.calls)) == (1, 1)
            assert await story.states() == ["delivered"]

    run(test())


@pytest.mark.parametrize("secret", ["a-secret-of-the-endpoint", "8-chars!"])
def test_the_headers_that_are_kept_of_a_call_hold_no_secret(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch, secret: str
) -> None:
    """D34, H1: whatever a format writes into them."""
    more = (("authorization", "Bearer one-time"), ("x-token", f"key={secret}"))

    def with_secrets(call: Call, target: Target, now: int) -> Call:
        return replace(call, headers=(*call.headers, *more))

    async def test() -> None:
        async with telling(sqlite_url) as story, Sink().listening() as sink:
            await story.endpoint(sink.url, options={"auth_token": secret})
            monkeypatch.setattr(formats, "sign", with_secrets)
            await story.happens()
            await story.settle()
            (call,) = sink.calls
            assert call.headers["x-token"] == f"key={secret}"
            ((kept,),) = await story.rows("SELECT request_headers FROM try")
            headers = dict(json.loads(kept))
            assert (headers["authorization"], headers["x-token"]) == ("***", "key=***")

    run(test())


def test_a_short_value_of_an_option_is_not_masked_wherever_it_stands(sqlite_url: str) -> None:
    """It is no secret, and the headers could not be read any more."""

    async def test() -> None:
        async with telling(sqlite_url) as story, Sink().listening() as sink:
            await story.endpoint(sink.url, options={"mode": "json"})
            await story.happens()
            await story.settle()
            ((kept,),) = await story.rows("SELECT request_headers FROM try")
            assert dict(json.loads(kept))["content-type"] == "application/json"

    run(test())


def test_calls_that_were_claimed_when_the_relay_stopped_are_made(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """D36: else they would wait until their lease is over."""

    async def test() -> None:
        async with telling(database_url) as story, Sink().listening() as sink:
            await story.endpoint(sink.url)
            await story.happens()
            await story.relay.fan_out()
            write, claimed, goes_on = story.store.write, asyncio.Event(), asyncio.Event()

            async def write_and_wait(job: Any, **how: Any) -> Any:
                result = await write(job, **how)
                claimed.set()
                await goes_on.wait()
                return result

            monkeypatch.setattr(story.store, "write", write_and_wait)
            round_ = asyncio.create_task(story.relay.round())
            await claimed.wait()
            monkeypatch.undo()
            round_.cancel()
            await asyncio.sleep(0)
            goes_on.set()
            with pytest.raises(asyncio.CancelledError):
                await round_
            await story.settle()
            assert (len(sink.calls), await story.states()) == (1, ["delivered"])

    run(test())


def test_a_call_whose_connection_breaks_is_not_repeated_unseen() -> None:
    """D24: each try stands in the list of tries, also where HTTP would allow to repeat a GET."""

    async def test() -> None:
        async with (
            Sink(says(200), resets).listening() as sink,
            RelayClient(allow_http=True, allow_networks=LOOPBACK) as client,
        ):
            answered = [await client.call(Call("GET", sink.url, (), b"")) for _ in range(2)]
            assert [one.status for one in answered] == [200, None]
            assert len(sink.calls) == 2

    run(test())
