"""What the results of one round say of their endpoints, and what the next round may call."""

from typing import Any

import pytest

from delivrd.core.units import MINUTE, SECOND
from delivrd.relay import rounds
from delivrd.store import deliveries, schema
from delivrd.store.endpoints import Endpoint
from delivrd.store.tries import Result
from delivrd.store.tx import Tx
from tests.relay.relay_support import START, Sink, Telling, says, telling
from tests.support import run

URL = "https://shop.example/events"
COLUMNS = ("id", "event_id", "endpoint_id", "message_id", "state", "tries", "created_at")


async def answered(story: Telling, endpoint_id: int, *answers: tuple[int, str, int | None]) -> None:
    """Stores answers in one round: seconds since START, the new state, and a Retry-After."""
    ids = [story.store.ids.next() for _ in answers]
    rows = [(i, i, endpoint_id, 1, "in_flight", 1, START) for i in ids]
    await story.write(lambda tx: tx.insert(schema.delivery, COLUMNS, rows))
    results = [
        Result(
            delivery_id=i, endpoint_id=endpoint_id, message_ids=[1], batch=False, ordered=False,
            number=1, state=state, at=START + after * SECOND,  # type: ignore[arg-type]
            next_at=START + 9 * MINUTE, retry_after=asked,
        )
        for i, (after, state, asked) in zip(ids, answers, strict=True)
    ]  # fmt: skip
    await story.write(lambda tx: rounds.store(tx, story.store.ids, story.clock(), results))


async def seen(story: Telling, column: str) -> Any:
    ((value,),) = await story.rows(f"SELECT {column} FROM endpoint")
    return value


@pytest.mark.parametrize(
    ("answers", "since"),
    [
        ([(1, "delivered", None), (2, "waiting", None)], START + 2 * SECOND),
        ([(2, "delivered", None), (1, "waiting", None)], None),
    ],
)
def test_of_a_success_and_a_failure_in_one_round_the_later_counts(
    database_url: str, answers: list[Any], since: int | None
) -> None:
    async def test() -> None:
        async with telling(database_url) as story:
            await answered(story, await story.endpoint(URL), *answers)
            assert await seen(story, "failing_since") == since

    run(test())


def test_a_success_is_noted_with_the_time_of_the_last_and_not_every_time(database_url: str) -> None:
    async def test() -> None:
        async with telling(database_url) as story:
            endpoint_id = await story.endpoint(URL)
            for seconds, noted in (((1, 2), 2), ((3, 6), 2), ((8, 7), 8)):
                await answered(story, endpoint_id, *((at, "delivered", None) for at in seconds))
                assert await seen(story, "succeeded_at") == START + noted * SECOND

    run(test())


def test_a_pause_that_was_asked_for_is_not_cut_short_by_the_next_failure(database_url: str) -> None:
    async def test() -> None:
        async with telling(database_url) as story:
            endpoint_id = await story.endpoint(URL)
            await answered(story, endpoint_id, (1, "waiting", 2 * MINUTE))
            await answered(story, endpoint_id, (2, "waiting", None))
            assert await seen(story, "paused_until") == START + 2 * MINUTE

    run(test())


def test_an_event_that_the_format_has_no_word_for_is_no_failure_of_the_endpoint(
    database_url: str,
) -> None:
    async def test() -> None:
        async with telling(database_url) as story, Sink(says(200)).listening() as sink:
            await story.endpoint(sink.url, format="smspm")
            await story.happens("unknown")
            await story.settle()
            assert (await story.states(), sink.calls) == (["skipped"], [])
            assert await seen(story, "failing_since") is None
            assert await seen(story, "succeeded_at") is None

    run(test())


def test_the_event_of_a_disabled_endpoint_says_since_when_it_failed(database_url: str) -> None:
    async def test() -> None:
        async with telling(database_url) as story:
            endpoint_id = await story.endpoint(URL)
            await answered(story, endpoint_id, (0, "waiting", None))
            story.clock.now += 5 * 24 * 60 * MINUTE
            await answered(story, endpoint_id, (5 * 86400, "waiting", None))
            ((data,),) = await story.rows("SELECT data FROM event WHERE message_id = 0")
            assert '"failing_since":"2025-10-09T08:53:20Z"' in data

    run(test())


# --- what may be called ---------------------------------------------------------------------------


async def opened(story: Telling, **fields: Any) -> None:
    """An endpoint whose breaker is open, that is to be probed now, and for which an event waits."""
    await story.endpoint(URL, **fields)
    await story.write(
        lambda tx: tx.execute("UPDATE endpoint SET opened_at = $1, probe_at = $1", START)
    )
    await story.happens()
    while await story.relay.fan_out():
        pass


def test_a_relay_that_stops_probes_no_endpoint(database_url: str) -> None:
    async def test() -> None:
        async with telling(database_url) as story:
            await opened(story)
            assert await story.relay.round(lambda _: 0) == 0
            assert await story.states() == ["waiting"]

    run(test())


def test_a_probe_is_not_used_up_while_a_batch_still_waits_for_company(database_url: str) -> None:
    async def test() -> None:
        async with telling(database_url) as story:
            await opened(story, batch_size=2, batch_ms=60_000)
            assert await story.relay.round() == 0
            assert await story.rows("SELECT probe_at, probes FROM endpoint") == [(START, 0)]

    run(test())


def test_the_relay_looks_again_when_the_first_of_the_waiting_batches_is_due(
    database_url: str,
) -> None:
    async def test() -> None:
        async with telling(database_url) as story:
            await story.endpoint(URL, batch_size=2, batch_ms=500)
            await story.endpoint(URL, batch_size=2, batch_ms=60_000)
            await story.happens()
            await story.relay.fan_out()
            claimed = await story.write(lambda tx: rounds.claim(tx, story.clock(), lambda _: 4))
            assert (claimed.calls, claimed.wake_at) == ([], START + SECOND // 2)

    run(test())


def test_two_workers_share_the_limit_of_calls_a_second(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def claim(tx: Tx) -> int:
        return len((await rounds.claim(tx, START, lambda _: 100)).calls)

    async def test() -> None:
        async with telling(postgres_url) as one, telling(postgres_url) as other:
            await one.endpoint(URL, rate_limit=5)
            for number in range(1, 18):
                await one.happens(message=number)
            await one.relay.fan_out()
            read, theirs = deliveries.due_endpoints, []

            async def while_the_other_claims(tx: Tx, now: int) -> list[Endpoint]:
                found = await read(tx, now)
                monkeypatch.setattr(deliveries, "due_endpoints", read)
                theirs.append(await other.write(claim))
                return found

            monkeypatch.setattr(deliveries, "due_endpoints", while_the_other_claims)
            assert (await one.write(claim), theirs) == (0, [5])

    run(test())
