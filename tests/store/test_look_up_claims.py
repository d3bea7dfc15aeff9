"""Which parts are asked about: those alone of which the gateway may know more."""

from delivrd.store import look_ups
from delivrd.store.look_ups import ASK_AFTER
from tests.store.story import SECOND, START, Story, receipt, reference, telling
from tests.support import run

DAYS = 10 * 24 * 3600


async def asked(story: Story, after: int = ASK_AFTER[0]) -> list[str]:
    """The ids asked about, so many seconds after the hand-over."""
    store, now = story.store, START + after * SECOND
    account_id = store.accounts.by_name["main"].id
    asking = await store.write(
        lambda tx: look_ups.claim(tx, store.accounts, store.ids, now, [account_id], 100)
    )
    return [one.provider_message_id for one in asking]


async def sent(story: Story, *parts: str) -> int:
    _, attempt = await story.handing_over()
    await story.answer(attempt, *parts, expires_in=DAYS)
    return attempt


def test_a_part_that_has_its_end_is_not_asked_about(database_url: str) -> None:
    async def test() -> None:
        async with telling(database_url) as story:
            await sent(story, "A", "B")
            await story.hear("main", receipt("A"))
            assert await asked(story) == ["B"]

    run(test())


def test_a_part_that_was_misread_is_not_asked_about(database_url: str) -> None:
    """Read again, its receipt named another id: the gateway knows none like this."""

    async def test() -> None:
        async with telling(database_url) as story:
            attempt = await sent(story, "A")
            request = await story.hear(
                "main", receipt("0A", "pending", reference=reference(attempt))
            )
            await story.reread(request, receipt("A", "pending"))
            assert await asked(story) == ["A"]

    run(test())


def test_a_part_without_an_id_is_not_asked_about(database_url: str) -> None:
    """Known by our reference alone."""

    async def test() -> None:
        async with telling(database_url) as story:
            attempt = await sent(story, "A")
            await story.hear("main", receipt(None, "pending", reference=reference(attempt)))
            assert await asked(story) == ["A"]

    run(test())


def test_look_ups_leave_what_is_queued_to_be_sent(database_url: str) -> None:
    """It has no hand-over to ask about, and its time is that of the hand-over."""

    async def test() -> None:
        async with telling(database_url) as story:
            await story.submit()
            assert await asked(story, DAYS * 1000) == []
            assert len(await story.claim()) == 1

    run(test())
