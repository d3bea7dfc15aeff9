"""Endpoints as an operator makes them, and what is shown of them."""

from delivrd.store import endpoints, replays
from tests.relay.relay_support import START, Sink, says, telling
from tests.relay.test_delivering import message
from tests.support import run


def test_both_secrets_sign_while_one_is_being_replaced(database_url: str) -> None:
    async def test() -> None:
        async with telling(database_url) as story, Sink().listening() as sink:
            endpoint_id = await story.endpoint(sink.url)
            await story.write(
                lambda tx: endpoints.rotate_secret(tx, endpoint_id, START, keep_seconds=3600)
            )
            for hours in (0, 2):
                await story.happens(message=hours + 1)
                await story.later(hours * 3600)
            signatures = [call.headers["webhook-signature"].split() for call in sink.calls]
            assert [len(signed) for signed in signatures] == [2, 1]

    run(test())


def test_what_waits_at_a_deleted_endpoint_is_cancelled(database_url: str) -> None:
    """D42."""

    async def test() -> None:
        async with telling(database_url) as story, Sink(says(500)).listening() as sink:
            endpoint_id = await story.endpoint(sink.url)
            await story.happens()
            await story.settle()
            await story.write(lambda tx: endpoints.delete(tx, endpoint_id, story.clock()))
            await story.relay.sweep()
            await story.later(3600)
            assert (await story.states(), len(sink.calls)) == (["cancelled"], 1)

    run(test())


def test_what_was_parked_can_be_cancelled(database_url: str) -> None:
    async def test() -> None:
        async with telling(database_url) as story, Sink(says(500)).listening() as sink:
            await story.endpoint(sink.url)
            await story.happens()
            await story.settle()
            await story.tries_to_the_end()
            ((row_id,),) = await story.rows("SELECT id FROM delivery WHERE state = 'parked'")
            assert await story.write(lambda tx: replays.cancel(tx, story.clock(), [row_id])) == 1
            assert await story.states() == ["cancelled"]

    run(test())


def test_an_endpoint_that_has_no_secret_is_not_called_unsigned(sqlite_url: str) -> None:
    async def test() -> None:
        async with telling(sqlite_url) as story, Sink().listening() as sink:
            await story.endpoint(sink.url)
            await story.write(lambda tx: tx.execute("UPDATE endpoint SET secrets = '[]'"))
            await story.happens()
            await story.settle()
            (error,) = await story.errors()
            assert "there is no secret to sign with" in (error or "")
            assert sink.calls == []

    run(test())


def test_an_event_that_a_format_cannot_say_says_nothing_of_its_endpoint(sqlite_url: str) -> None:
    async def test() -> None:
        async with telling(sqlite_url) as story, Sink().listening() as sink:
            await story.endpoint(f"{sink.url}?status=%d", format="kannel")
            await story.happens("unknown")
            await story.settle()
            assert (await story.states(), sink.calls) == (["skipped"], [])
            seen = await story.rows("SELECT enabled, succeeded_at, failing_since FROM endpoint")
            assert seen == [(True, None, None)]

    run(test())


def test_without_a_secret_callbacks_go_out_unsigned(sqlite_url: str) -> None:

    async def test() -> None:
        async with telling(sqlite_url) as story, Sink().listening() as sink:
            await message(story, 1, sink.url)
            await story.happens()
            await story.settle()
            (call,) = sink.calls
            assert "webhook-signature" not in call.headers

    run(test())


def test_an_endpoint_that_was_enabled_by_hand_is_called_though_it_asked_for_a_pause(
    database_url: str,
) -> None:
    async def test() -> None:
        sink = Sink(says(429, retry_after="240"), says(200))
        async with telling(database_url) as story, sink.listening():
            endpoint_id = await story.endpoint(sink.url)
            await story.happens()
            await story.settle()
            await story.write(lambda tx: endpoints.enable(tx, endpoint_id))
            await story.happens(message=2)
            await story.settle()
            assert len(sink.calls) == 2

    run(test())


def test_a_disabled_endpoint_keeps_the_first_reason(database_url: str) -> None:
    """Of two processes whose calls found it gone, one says so."""

    async def test() -> None:
        async with telling(database_url) as story:
            endpoint_id = await story.endpoint("https://shop.example/hook")
            told = [
                await story.write(
                    lambda tx, n=n: endpoints.disable(tx, endpoint_id, START + n, "gone")
                )
                for n in (1, 2)
            ]
            assert told == [True, False]
            assert await story.rows("SELECT disabled_at FROM endpoint") == [(START + 1,)]

    run(test())
