"""What is told to whom, in which order, and how often."""

import asyncio
import json
import time
from contextlib import AsyncExitStack
from functools import partial
from typing import Any

import pytest
from standardwebhooks import Webhook

from delivrd.relay import replay, worker
from delivrd.store import deliveries, endpoints, postgres, replays
from delivrd.store.endpoints import Endpoint, new_secret
from delivrd.store.ids import now_micros
from delivrd.store.queries.deliveries import list_deliveries
from delivrd.store.tries import Result, store_results
from tests.clock import Clock
from tests.relay.relay_support import (
    START,
    Sink,
    Telling,
    hangs,
    says,
    telling,
)
from tests.support import run, until


def test_filters_choose_what_an_endpoint_receives(database_url: str) -> None:
    async def test() -> None:
        async with telling(database_url) as story, AsyncExitStack() as stack:
            sinks: dict[str, Sink] = {}
            for name, fields in {
                "all": {},
                "failed": {"statuses": frozenset({"undelivered", "expired"})},
                "final": {"final_only": True},
                "main": {"accounts": frozenset({"main"})},
                "british": {"countries": frozenset({"GB"})},
            }.items():
                sinks[name] = await stack.enter_async_context(Sink().listening())
                await story.endpoint(sinks[name].url, **fields)
            await story.happens("pending", message=1, account="main", country="GB")
            await story.happens("undelivered", message=2, account="other", country="US")
            await story.happens("delivered", message=3, account="main", country=None)
            await story.settle()
            heard = {name: sorted(sink.statuses) for name, sink in sinks.items()}
            assert heard == {
                "all": ["delivered", "pending", "undelivered"],
                "failed": ["undelivered"],
                "final": ["delivered", "undelivered"],
                "main": ["delivered", "pending"],
                "british": ["pending"],
            }

    run(test())


def test_an_event_is_fanned_out_once(database_url: str) -> None:
    async def test() -> None:
        async with telling(database_url) as story, Sink().listening() as sink:
            await story.endpoint(sink.url)
            for message in range(1, 31):
                await story.happens(message=message)
            await asyncio.gather(*(story.relay.fan_out() for _ in range(5)))
            await story.settle()
            assert len(sink.calls) == len({c.headers["webhook-id"] for c in sink.calls}) == 30

    run(test())


def test_the_events_of_a_message_are_fanned_out_one_by_one(database_url: str) -> None:
    """Else two processes could make the deliveries of the later one first."""

    async def test() -> None:
        async with telling(database_url) as story:
            await story.endpoint("https://shop.example/events")
            await story.happens("pending", message=1)
            await story.happens("delivered", message=1)
            await story.happens("delivered", message=2)
            assert [await story.relay.fan_out() for _ in range(3)] == [2, 1, 0]

    run(test())


# --- order ----------------------------------------------------------------------------------------


def test_with_no_call_under_way_an_event_is_called_from_the_fan_out(database_url: str) -> None:
    async def test() -> None:
        async with telling(database_url) as story, Sink().listening() as sink:
            await story.endpoint(sink.url)
            await story.happens()
            assert await story.relay.fan_out(eager=True) == 1
            await asyncio.wait(set(story.relay._calls))
            assert len(sink.calls) == 1
            await story.settle()
            assert await story.states() == ["delivered"]
            assert len(sink.calls) == 1

    run(test())


def test_an_ordered_endpoint_gets_the_events_of_a_message_in_order(database_url: str) -> None:
    async def test() -> None:
        sink = Sink(says(500), says(200))
        async with telling(database_url) as story, sink.listening():
            await story.endpoint(sink.url, ordered=True)
            await story.happens("undelivered")
            await story.happens("delivered")
            await story.settle()
            assert sink.statuses == ["undelivered"], "the second event waits for the first"
            await story.happens("delivered", message=2)
            await story.settle()
            assert sink.statuses == ["undelivered", "delivered"], "the other message does not wait"
            await story.later(6)
            assert sink.statuses[2:] == ["undelivered", "delivered"]

    run(test())


def test_an_intermediate_event_gives_way_to_a_later_one(database_url: str) -> None:
    async def test() -> None:
        async with telling(database_url) as story, Sink().listening() as sink:
            await story.endpoint(sink.url, ordered=True)
            await story.happens("pending")
            await story.happens("delivered")
            while await story.relay.fan_out():
                pass
            await story.settle()
            assert await story.states() == ["superseded", "delivered"]
            assert sink.statuses == ["delivered"]

    run(test())


def test_a_final_event_never_gives_way(database_url: str) -> None:
    async def test() -> None:
        async with telling(database_url) as story, Sink().listening() as sink:
            await story.endpoint(sink.url, ordered=True)
            await story.happens("undelivered")
            await story.happens("delivered")
            await story.settle()
            await story.later(2)
            assert sink.statuses == ["undelivered", "delivered"]

    run(test())


def test_parking_releases_the_next_event(database_url: str) -> None:
    async def test() -> None:
        sink = Sink(*[says(500)] * 10, says(200))
        async with telling(database_url) as story, sink.listening():
            await story.endpoint(sink.url, ordered=True)
            await story.happens("undelivered")
            await story.happens("delivered")
            await story.settle()
            await story.tries_to_the_end()
            assert await story.states() == ["parked", "delivered"]

    run(test())


def test_an_unordered_endpoint_gets_all_events_at_once(database_url: str) -> None:
    async def test() -> None:
        async with telling(database_url) as story, Sink(says(500), says(200)).listening() as sink:
            await story.endpoint(sink.url)
            await story.happens("pending")
            await story.settle()
            await story.happens("delivered")
            await story.settle()
            assert sink.statuses == ["pending", "delivered"]

    run(test())


# --- batches --------------------------------------------------------------------------------------


def test_a_batch_keeps_its_members_and_its_bytes(database_url: str) -> None:
    async def test() -> None:
        async with telling(database_url) as story, Sink(says(500), says(200)).listening() as sink:
            await story.endpoint(sink.url, batch_size=3, batch_ms=1000)
            for message in (1, 2, 3, 4):
                await story.happens(message=message)
            await story.settle()
            assert [len(call.json) for call in sink.calls] == [3], "the fourth waits for company"
            await story.happens(message=5)
            await story.later(2)
            assert [len(call.json) for call in sink.calls] == [3, 2]
            await story.later(5)
            assert sink.calls[2].body == sink.calls[0].body
            assert await story.states() == ["delivered"] * 5

    run(test())


def test_every_member_of_a_batch_has_its_answer(database_url: str) -> None:
    async def test() -> None:
        async with telling(database_url) as story, Sink().listening() as sink:
            await story.endpoint(sink.url, batch_size=2, batch_ms=60_000)
            for message in (1, 2):
                await story.happens(message=message)
            await story.settle()
            found = await story.store.read(lambda tx: list_deliveries(tx, story.store.accounts))
            assert [one.last_status for one in found.items] == [200, 200]

    run(test())


def test_the_members_of_a_batch_fail_and_end_together_and_say_why(database_url: str) -> None:
    async def test() -> None:
        async with telling(database_url) as story, Sink(says(500)).listening() as sink:
            await story.endpoint(sink.url, batch_size=2, batch_ms=60_000)
            for message in (1, 2):
                await story.happens(message=message)
            await story.settle()
            sql = "SELECT state, why, ended_at FROM delivery ORDER BY event_id"
            failed = "it answered 500: an error of its own"
            assert await story.rows(sql) == [("waiting", failed, None)] * 2
            await story.tries_to_the_end()
            given_up = ("parked", f"given up after 10 tries: {failed}", story.clock())
            assert await story.rows(sql) == [given_up] * 2

    run(test())


def test_an_event_that_is_no_longer_on_record_takes_no_other_of_a_batch_with_it(
    database_url: str,
) -> None:
    async def test() -> None:
        async with telling(database_url) as story, Sink().listening() as sink:
            endpoint_id = await story.endpoint(sink.url, batch_size=2, batch_ms=1000)
            gone = await story.happens(message=1)
            await story.settle()
            await story.later(2)
            await story.write(lambda tx: tx.execute("DELETE FROM event WHERE id = $1", gone))
            await story.write(lambda tx: endpoints.update(tx, endpoint_id, url=sink.url))
            ids = [row[0] for row in await story.rows("SELECT id FROM delivery")]
            await story.write(lambda tx: replays.replay(tx, story.clock(), ids))
            await story.happens(message=2)
            await story.settle()
            await story.later(2)
            assert await story.states() == ["skipped", "delivered"]
            assert told(sink) == [["1"], ["2"]]

    run(test())


def told(sink: Sink) -> list[list[str]]:
    """The messages of each call."""
    bodies = [call.json if isinstance(call.json, list) else [call.json] for call in sink.calls]
    return [[one["data"]["message_id"] for one in body] for body in bodies]


def test_an_event_that_was_tried_alone_is_tried_again_alone(database_url: str) -> None:
    """Those that came since are not taken for told with it, and do not share its last tries."""

    async def test() -> None:
        async with telling(database_url) as story, Sink(says(500), says(200)).listening() as sink:
            await story.endpoint(sink.url, batch_size=2, batch_ms=1000)
            await story.happens(message=1)
            await story.settle()
            await story.later(1)
            await story.later(4.9)
            await story.happens(message=2)
            await story.settle()
            await story.later(2)
            assert await story.states() == ["delivered"] * 2
            assert sorted(told(sink)) == [["1"], ["1"], ["2"]]
            assert sink.calls[0].body in [call.body for call in sink.calls[1:]]

    run(test())


def test_a_replayed_event_is_told_together_with_new_ones(database_url: str) -> None:
    async def test() -> None:
        async with telling(database_url) as story, Sink().listening() as sink:
            await story.endpoint(sink.url, batch_size=2, batch_ms=1000)
            await story.happens(message=1)
            await story.settle()
            await story.later(2)
            ((row_id,),) = await story.rows("SELECT id FROM delivery")
            await story.write(lambda tx: replays.replay(tx, story.clock(), [row_id]))
            await story.happens(message=2)
            await story.settle()
            assert told(sink) == [["1"], ["1", "2"]]
            assert await story.states() == ["delivered"] * 2

    run(test())


def test_of_a_batch_one_event_is_replayed_without_the_others(database_url: str) -> None:
    async def test() -> None:
        async with telling(database_url) as story, Sink().listening() as sink:
            await story.endpoint(sink.url, batch_size=2, batch_ms=1000)
            for message in (1, 2):
                await story.happens(message=message)
            await story.settle()
            leader = (await story.rows("SELECT min(id) FROM delivery"))[0][0]
            await story.write(lambda tx: replays.replay(tx, story.clock(), [leader]))
            await story.settle()
            assert told(sink) == [["1", "2"], ["1"]]

    run(test())


def test_a_full_batch_does_not_wait(database_url: str) -> None:
    async def test() -> None:
        async with telling(database_url) as story, Sink().listening() as sink:
            await story.endpoint(sink.url, batch_size=2, batch_ms=60_000)
            for message in (1, 2, 3, 4, 5):
                await story.happens(message=message)
            await story.settle()
            assert [len(call.json) for call in sink.calls] == [2, 2]
            await story.later(61)
            assert len(sink.calls) == 3

    run(test())


# --- callback_urls --------------------------------------------------------------------------------


async def message(story: Telling, row_id: int, callback_url: str) -> None:
    await story.write(lambda tx: tx.execute(
        "INSERT INTO message (id, uuid, origin, account_id, callback_url, created_at, status, "
        "final, withdrawn) VALUES ($1, $2, 'api', 1, $3, 0, 'pending', false, false)",
        row_id, f"m-{row_id}", callback_url,
    ))  # fmt: skip


def test_a_messages_callback_url_needs_no_endpoint(database_url: str) -> None:

    async def test() -> None:
        secret = new_secret()
        clock = Clock(time.time_ns() // 1000)
        async with (
            telling(database_url, relay={"secret": secret}, clock=clock) as story,
            Sink().listening() as sink,
        ):
            await message(story, 1, sink.url + "/one")
            await message(story, 2, sink.url + "/two")
            await story.happens(message=1)
            await story.happens(message=2)
            await story.settle()
            assert sorted(call.path for call in sink.calls) == ["/hook/one", "/hook/two"]
            for call in sink.calls:
                assert Webhook(secret).verify(call.body, call.headers)
            assert len(await story.rows("SELECT id FROM endpoint")) == 1

    run(test())


def test_a_callback_url_that_is_gone_stops_alone(database_url: str) -> None:
    async def test() -> None:
        async with telling(database_url) as story, Sink(says(410), says(200)).listening() as sink:
            await message(story, 1, sink.url + "/one")
            await message(story, 2, sink.url + "/two")
            await story.happens("undelivered", message=1)
            await story.settle()
            await story.happens("delivered", message=1)
            await story.happens("delivered", message=2)
            await story.settle()
            assert [call.path for call in sink.calls] == ["/hook/one", "/hook/two"]

    run(test())


def test_what_waits_for_a_callback_url_that_is_gone_is_not_called_any_more(
    database_url: str,
) -> None:
    async def test() -> None:
        sink = Sink(says(500), says(410), says(200))
        async with telling(database_url) as story, sink.listening():
            for number in (1, 2):
                await message(story, number, sink.url + "/all")
                await story.happens(message=number)
                await story.settle()
            await story.later(6)
            assert len(sink.calls) == 2
            assert await story.rows("SELECT state, why FROM delivery ORDER BY event_id") == [
                ("parked", "it answered 410 Gone"),
                ("parked", "it answered 410: it is gone for good"),
            ]

    run(test())


def test_what_waits_for_another_callback_url_is_not_stopped_with_one_that_is_gone(
    database_url: str,
) -> None:
    async def test() -> None:
        sink = Sink(says(500), says(500), says(410), says(200))
        async with telling(database_url) as story, sink.listening():
            for number, path in enumerate(("/one", "/zero", "/two"), 1):
                await message(story, number, sink.url + path)
                await story.happens(message=number)
                await story.settle()
            await story.later(6)
            assert sorted(call.path for call in sink.calls[3:]) == ["/hook/one", "/hook/zero"]
            assert await story.states() == ["delivered", "delivered", "parked"]

    run(test())


def test_what_was_delivered_before_a_callback_url_was_gone_stays_delivered(
    database_url: str,
) -> None:
    async def test() -> None:
        async with telling(database_url) as story, Sink(says(200), says(410)).listening() as sink:
            await message(story, 1, sink.url)
            for status in ("undelivered", "delivered"):
                await story.happens(status)
                await story.settle()
            assert await story.states() == ["delivered", "parked"]

    run(test())


# --- limits, breaker ------------------------------------------------------------------------------


def test_no_more_calls_a_second_than_the_limit(database_url: str) -> None:
    async def test() -> None:
        async with telling(database_url) as story, Sink().listening() as sink:
            await story.endpoint(sink.url, rate_limit=5)
            for number in range(1, 18):
                await story.happens(message=number)
            await story.settle()
            assert len(sink.calls) == 5
            await story.later(1)
            assert len(sink.calls) == 10
            await story.later(0.5)
            assert len(sink.calls) == 12

    run(test())


def test_no_more_calls_at_once_than_an_endpoint_may_get(sqlite_url: str) -> None:
    """Also after some have ended, and with calls claimed ahead."""
    under_way, most = 0, 0

    async def counts(out: asyncio.StreamWriter) -> None:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        for _ in range(20):  # others come meanwhile, if they may
            await asyncio.sleep(0)
        under_way -= 1
        await says(200)(out)

    async def test() -> None:
        async with (
            telling(sqlite_url, relay={"concurrency": 2}) as story,
            Sink(counts).listening() as sink,
        ):
            await story.endpoint(sink.url)
            for number in range(1, 41):
                await story.happens(message=number)
            running = asyncio.create_task(story.relay.run())
            await until(lambda: len(sink.calls) == 40)
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            assert most == 2

    run(test())


def test_a_try_that_falls_due_is_made_though_nothing_else_happens(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "POLL_SECONDS", 0.05)

    async def test() -> None:
        async with (
            telling(database_url) as story,
            Sink(says(500), says(200)).listening() as sink,
        ):
            await story.endpoint(sink.url)
            await story.happens()
            running = asyncio.create_task(story.relay.run())

            async def failed() -> bool:
                return bool(await story.rows("SELECT 1 FROM try"))

            await until(failed)
            story.clock.now += 60_000_000
            await until(lambda: len(sink.calls) == 2)
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    run(test())


def test_a_dead_endpoint_is_only_probed(database_url: str) -> None:
    async def test() -> None:
        sink = Sink(says(500))
        async with telling(database_url) as story, sink.listening():
            await story.endpoint(sink.url)
            for number in range(1, 61):
                await story.happens(message=number)
            await story.settle()
            failed = len(sink.calls)
            assert 10 <= failed < 60
            await story.later(9)
            assert len(sink.calls) == failed
            await story.later(2)
            assert len(sink.calls) == failed + 1, "one probe"
            sink.then = [says(200)]
            await story.later(21)
            assert await story.rows("SELECT opened_at FROM endpoint") == [(None,)]
            await story.later(400)
            assert set(await story.states()) == {"delivered"}

    run(test())


def test_after_five_days_of_failures_it_is_disabled_and_what_waits_is_parked(
    database_url: str,
) -> None:
    async def test() -> None:
        async with (
            telling(database_url) as story,
            Sink(says(500)).listening() as sink,
            Sink().listening() as asks,
            Sink().listening() as asks_not,
        ):
            await story.endpoint(sink.url)
            nobody: frozenset[str] = frozenset()
            await story.endpoint(asks.url, operational=True, accounts=nobody)
            await story.endpoint(asks_not.url, accounts=nobody)
            await story.happens(message=1)
            await story.settle()
            await story.later(5 * 86400 - 60)
            whys = "SELECT disabled_why FROM endpoint WHERE disabled_why IS NOT NULL"
            assert await story.rows(whys) == []
            await story.happens(message=2)
            await story.later(120)
            assert await story.rows(whys) == [("nothing but failures for five days",)]
            await story.settle()
            (told,) = asks.calls
            assert told.json["type"] == "endpoint.disabled"
            assert told.json["data"]["why"] == "nothing but failures for five days"
            assert asks_not.calls == []
            await story.relay.sweep()
            assert await story.states() == ["parked", "parked", "delivered"]
            before = len(sink.calls)
            await story.happens(message=3)
            await story.later(86400)
            assert len(sink.calls) == before

    run(test())


# --- replays --------------------------------------------------------------------------------------


def test_a_replay_sends_the_same_event_again(database_url: str) -> None:
    async def test() -> None:
        async with telling(database_url) as story, Sink().listening() as sink:
            await story.endpoint(sink.url)
            await story.happens()
            await story.settle()
            ((row_id,),) = await story.rows("SELECT id FROM delivery")
            for _ in range(2):
                told = await story.write(lambda tx: replays.replay(tx, story.clock(), [row_id]))
                assert told == 1
                await story.settle()
            assert len(sink.calls) == 3
            assert len({(call.body, call.headers["webhook-id"]) for call in sink.calls}) == 1
            assert await story.rows("SELECT number FROM try ORDER BY number") == [(1,), (2,), (3,)]

    run(test())


def test_an_event_that_is_no_longer_on_record_is_replayed_as_it_was_told(
    database_url: str,
) -> None:
    async def test() -> None:
        async with telling(database_url) as story, Sink().listening() as sink:
            await story.endpoint(sink.url)
            await story.happens()
            await story.settle()
            await story.write(lambda tx: tx.execute("DELETE FROM event"))
            ((row_id,),) = await story.rows("SELECT id FROM delivery")
            await story.write(lambda tx: replays.replay(tx, story.clock(), [row_id]))
            await story.settle()
            first, second = sink.calls
            assert first.body == second.body

    run(test())


def test_a_replay_begins_the_schedule_anew(database_url: str) -> None:
    async def test() -> None:
        async with telling(database_url) as story, Sink(says(500)).listening() as sink:
            await story.endpoint(sink.url)
            await story.happens()
            await story.settle()
            await story.tries_to_the_end()
            assert (await story.states(), len(sink.calls)) == (["parked"], 10)
            ((row_id,),) = await story.rows("SELECT id FROM delivery")
            await story.write(lambda tx: replays.replay(tx, story.clock(), [row_id]))
            await story.settle()
            assert len(sink.calls) == 11
            assert 5 <= await story.wait() <= 5.5

    run(test())


def test_a_replay_brings_no_try_of_a_later_event_forward(database_url: str) -> None:
    async def test() -> None:
        sink = Sink(says(200), says(500), says(200))
        async with telling(database_url) as story, sink.listening():
            await story.endpoint(sink.url, ordered=True)
            await story.happens("undelivered")
            await story.settle()
            await story.happens("delivered")
            await story.settle()
            before = await story.wait()
            ((row_id,),) = await story.rows("SELECT id FROM delivery WHERE state = 'delivered'")
            await story.write(lambda tx: replays.replay(tx, story.clock(), [row_id]))
            await story.settle()
            assert sink.statuses == ["undelivered", "delivered", "undelivered"]
            assert await story.wait() == before > 0

    run(test())


def test_a_delivery_under_way_is_neither_replayed_nor_cancelled(database_url: str) -> None:
    async def test() -> None:
        async with telling(database_url) as story, Sink().listening() as sink:
            await story.endpoint(sink.url)
            await story.happens()
            await claimed(story)
            ((row_id,),) = await story.rows("SELECT id FROM delivery")
            for act in (replays.replay, replays.cancel):
                assert await story.write(lambda tx, act=act: act(tx, story.clock(), [row_id])) == 0
            assert await story.states() == ["in_flight"]

    run(test())


def test_cancelling_an_event_releases_the_next(database_url: str) -> None:
    async def test() -> None:
        sink = Sink(says(500, retry_after="3600"), says(200))
        async with telling(database_url) as story, sink.listening():
            await story.endpoint(sink.url, ordered=True)
            await story.happens("undelivered")
            await story.happens("delivered")
            await story.settle()
            ((row_id,),) = await story.rows("SELECT id FROM delivery WHERE tries = 1")
            await story.write(lambda tx: replays.cancel(tx, story.clock(), [row_id]))
            await story.settle()
            assert sink.statuses == ["undelivered", "delivered"]
            assert await story.states() == ["cancelled", "delivered"]

    run(test())


async def recover(story: Telling, missed_only: bool) -> tuple[int, int]:
    """The count that is shown before, and how many were told again."""
    (endpoint,) = await endpoints_of(story)
    since = START - 1
    shown = await story.write(
        lambda tx: replays.count_since(tx, endpoint, since, missed_only=missed_only)
    )
    told = await story.write(
        lambda tx: replays.replay_since(
            tx, story.store.ids, story.clock(), endpoint, since, missed_only=missed_only
        )
    )
    return shown.told, told.told


async def endpoints_of(story: Telling) -> list[Endpoint]:
    found: list[Endpoint] = await story.write(endpoints.every)
    return found


async def claimed(story: Telling) -> None:
    """A worker takes what waits for the only endpoint, and calls nobody."""
    await story.relay.fan_out()
    (endpoint,) = await endpoints_of(story)
    await story.write(lambda tx: deliveries.claim(tx, endpoint, story.clock(), 10))


@pytest.mark.parametrize("dry_run", [True, False], ids=["counted", "told"])
def test_a_replay_of_many_events_takes_each_once(
    database_url: str, monkeypatch: pytest.MonkeyPatch, dry_run: bool
) -> None:
    """In calls of some steps, each of which goes on where the one before ended."""
    monkeypatch.setattr(replays, "STEP", 2)
    monkeypatch.setattr(replay, "STEPS", 2)

    async def test() -> None:
        async with telling(database_url) as story, Sink().listening() as sink:
            await story.endpoint(sink.url)
            for number in range(1, 6):
                await story.happens(message=number)
            await story.settle()
            (endpoint,) = await endpoints_of(story)
            taken, after = [], 0
            while after is not None:
                told, after = await replay.replay_to_endpoint(
                    story.store, endpoint, START - 1, missed_only=False, dry_run=dry_run,
                    after=after,
                )  # fmt: skip
                taken.append(told)
            assert taken == [4, 1]

    run(test())


def test_recover_tells_what_an_endpoint_missed(database_url: str) -> None:
    async def test() -> None:
        async with telling(database_url) as story, Sink(says(200), says(410)).listening() as sink:
            endpoint_id = await story.endpoint(sink.url)
            await story.happens(message=1)
            await story.settle()
            await story.happens(message=2)
            await story.settle()
            await story.happens(message=3)
            await story.settle()
            sink.then = [says(200)]

            await story.write(lambda tx: endpoints.enable(tx, endpoint_id))
            assert await recover(story, True) == (2, 2)
            await story.settle()
            assert len(sink.calls) == 4
            assert await story.states() == ["delivered"] * 3
            assert await recover(story, True) == (0, 0)
            assert await recover(story, False) == (3, 3)

    run(test())


# --- many workers ---------------------------------------------------------------------------------


def test_a_dead_workers_claims_come_back(database_url: str) -> None:
    """D36: what a worker took and did not end is taken by another."""

    async def test() -> None:
        async with telling(database_url) as story, Sink().listening() as sink:
            await story.endpoint(sink.url)
            await story.happens()
            await claimed(story)
            await story.later(59)
            assert sink.calls == []
            story.clock.now += 2_000_000
            assert await story.relay.sweep() == 1
            await story.settle()
            assert await story.states() == ["delivered"]
            errors = await story.errors()
            assert "ended in between" in (errors[0] or "")

    run(test())


def test_a_claim_that_comes_back_uses_up_no_try(database_url: str) -> None:
    """D36: the endpoint did not refuse a call that a dead worker may never have made."""

    async def test() -> None:
        async with telling(database_url) as story, Sink(says(500)).listening() as sink:
            await story.endpoint(sink.url)
            await story.happens()
            await claimed(story)
            story.clock.now += 61_000_000
            assert await story.relay.sweep() == 1
            await story.settle()
            assert 5 <= await story.wait() <= 5.5
            await story.tries_to_the_end()
            assert len(sink.calls) == 10
            assert await story.states() == ["parked"]

    run(test())


def test_a_batch_of_a_dead_worker_comes_back_whole(database_url: str) -> None:
    """D36: a member that stayed behind would count as told by a call without it."""

    async def test() -> None:
        async with telling(database_url) as story, Sink().listening() as sink:
            await story.endpoint(sink.url, batch_size=3, batch_ms=1000)
            for number in (1, 2, 3):
                await story.happens(message=number)
            await claimed(story)
            story.clock.now += 61_000_000
            give_back = partial(deliveries.give_back, now=story.clock(), limit=2)
            assert await story.write(give_back) == 3
            await story.settle()
            assert [len(call.json) for call in sink.calls] == [3]
            assert await story.states() == ["delivered"] * 3

    run(test())


def test_a_worker_whose_clock_is_ahead_takes_no_claim_of_another(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """D46: every call under way would be made again."""

    async def test() -> None:
        async with telling(postgres_url) as story:
            monkeypatch.setattr(postgres, "now_micros", lambda: now_micros() + 3_600_000_000)
            clock = Clock(story.clock.now + 3_600_000_000)
            async with telling(postgres_url, clock=clock) as other:
                await story.endpoint("https://shop.example/events")
                await story.happens()
                await claimed(story)
                assert await other.relay.sweep() == 0
                clock.now += 61_000_000
                assert await other.relay.sweep() == 1

    run(test())


def test_a_late_result_of_a_lost_claim_changes_nothing(database_url: str) -> None:
    """D36: nor does what comes back stand twice."""

    async def test() -> None:
        async with telling(database_url, patience=30) as story, Sink(hangs).listening() as sink:
            await story.endpoint(sink.url)
            await story.happens()
            await story.relay.fan_out()
            await story.relay.round()
            story.clock.now += 61_000_000
            await story.relay.sweep()
            (late,) = story.relay._calls
            late.cancel()
            await asyncio.gather(late, return_exceptions=True)
            sink.then = [says(200)]
            await story.settle()
            assert await story.states() == ["delivered"]

    run(test())


def test_a_result_that_comes_after_the_next_claim_is_not_stored(database_url: str) -> None:
    async def test() -> None:
        async with telling(database_url, patience=30) as story, Sink(hangs).listening() as sink:
            endpoint_id = await story.endpoint(sink.url)
            await story.happens()
            await story.relay.fan_out()
            await story.relay.round()
            story.clock.now += 61_000_000
            await story.relay.sweep()
            await story.relay.round()
            ((row_id, number),) = await story.rows("SELECT id, tries FROM delivery")
            assert number == 2
            late = Result(
                delivery_id=row_id, endpoint_id=endpoint_id, message_ids=[1], batch=False,
                ordered=False, number=1, state="parked", why="it was late", at=story.clock(),
            )  # fmt: skip
            assert await story.write(lambda tx: store_results(tx, story.clock(), [late])) == []
            assert await story.states() == ["in_flight"]
            for call in story.relay._calls:
                call.cancel()
            await asyncio.gather(*story.relay._calls, return_exceptions=True)

    run(test())


def test_two_workers_on_postgresql_never_tell_twice(postgres_url: str) -> None:
    async def test() -> None:
        async with (
            telling(postgres_url, patience=5) as one,
            telling(postgres_url, patience=5) as two,
            Sink().listening() as sink,
        ):
            await one.endpoint(sink.url, ordered=True)
            two.clock = one.clock
            for number in range(1, 201):
                await one.happens("pending", message=number)
                await two.happens("delivered", message=number)
            await asyncio.gather(one.settle(), two.settle())
            for _ in range(3):
                one.clock.now += 2_000_000
                two.relay._clock = one.clock
                await asyncio.gather(one.settle(), two.settle())
            told = [json.loads(call.body)["id"] for call in sink.calls]
            assert len(told) == len(set(told))
            finals = [c for c in sink.calls if c.json["data"]["status"] == "delivered"]
            assert len(finals) == 200
            seen: dict[str, list[str]] = {}
            for call in sink.calls:
                data = call.json["data"]
                seen.setdefault(data["message_id"], []).append(data["status"])
            assert {tuple(order) for order in seen.values()} <= {
                ("delivered",), ("pending", "delivered"),
            }  # fmt: skip

    run(test())


def test_dead_neighbours_do_not_hold_a_healthy_endpoint_up(sqlite_url: str) -> None:
    """D45."""

    async def test() -> None:
        async with telling(sqlite_url, patience=3600) as story, AsyncExitStack() as stack:
            healthy = await stack.enter_async_context(Sink().listening())
            await story.endpoint(healthy.url)
            for _ in range(9):
                sink: Any = await stack.enter_async_context(Sink(hangs).listening())
                await story.endpoint(sink.url)
            for number in range(1, 101):
                await story.happens(message=number)
            run_ = asyncio.create_task(story.relay.run())

            await until(lambda: len(healthy.calls) == 100)
            for call in list(story.relay._calls):
                call.cancel()
            run_.cancel()
            await asyncio.gather(run_, return_exceptions=True)

    run(test())
