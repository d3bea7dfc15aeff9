"""The append: durable at once, one row to fold, replays told from repeats (rules A2, A3, B3)."""

from delivrd.core.statement import Fault, Reading
from tests.store.story import START, receipt, telling
from tests.support import run


def test_an_append_stands_with_its_reading_and_waits_for_the_fold(database_url: str) -> None:
    async def test() -> None:
        async with telling(database_url) as story:
            request = await story.receive("main", receipt("A"), receipt("B"))
            assert await story.rows("SELECT id, receipts, kind FROM request") == [
                (request, 2, "receipts")
            ]
            assert await story.rows("SELECT id, done, owner FROM to_fold") == [(request, 0, None)]
            assert await story.one("SELECT count(*) FROM part") == 0

    run(test())


def test_what_was_appended_is_there_when_the_store_is_opened_again(database_url: str) -> None:
    async def test() -> None:
        async with telling(database_url) as story:
            request = await story.receive("main", receipt("A"))
        async with telling(database_url) as story:
            assert await story.one("SELECT id FROM to_fold") == request
            await story.fold()
            assert await story.one("SELECT provider_message_id FROM part") == "A"

    run(test())


def test_a_request_that_holds_no_receipt_waits_for_no_fold_and_keeps_its_faults(
    database_url: str,
) -> None:
    async def test() -> None:
        async with telling(database_url) as story:
            entry = story.entry("main", ())
            fault = Fault(position=3, why="it is not an object", raw="7")
            entry = entry._replace(reading=Reading(faults=(fault,), kind="unreadable", why="x"))
            await story.append(entry)
            assert await story.one("SELECT count(*) FROM to_fold") == 0
            assert await story.rows("SELECT position, why, raw FROM fault") == [
                (3, "it is not an object", "7")
            ]

    run(test())


def test_a_repeat_of_a_nonce_with_the_same_content_is_kept_as_another_link(
    database_url: str,
) -> None:
    async def test() -> None:
        async with telling(database_url) as story:
            for at in (5, 3):
                entry = story.entry("main", [receipt("A")], nonce="n1", content=b"same", at=at)
                assert await story.append(entry) == set()
            await story.fold()
            assert await story.rows("SELECT count, received_at FROM statement") == [
                (2, START + 3_000_000)
            ]

    run(test())


def test_a_nonce_that_comes_again_with_other_content_is_refused_and_leaves_nothing(
    database_url: str,
) -> None:
    async def test() -> None:
        async with telling(database_url) as story:
            first = story.entry("main", [receipt("A")], nonce="n1", content=b"one")
            forged = story.entry("main", [receipt("A", "undelivered")], nonce="n1", content=b"two")
            assert await story.append(first) == set()
            assert await story.append(forged) == {forged.id}
            assert await story.one("SELECT id FROM request") == first.id
            assert await story.one("SELECT id FROM to_fold") == first.id

    run(test())


def test_nonces_are_judged_request_by_request_also_within_one_batch(database_url: str) -> None:
    """D8: a replay never fails its neighbours."""

    async def test() -> None:
        async with telling(database_url) as story:
            plain = story.entry("main", [receipt("P")])
            first = story.entry("main", [receipt("A")], nonce="n1", content=b"one")
            repeat = story.entry("main", [receipt("A")], nonce="n1", content=b"one")
            forged = story.entry("main", [receipt("B")], nonce="n1", content=b"two")
            assert await story.append(plain, first, repeat, forged) == {forged.id}
            kept = {row[0] for row in await story.rows("SELECT id FROM request")}
            assert kept == {plain.id, first.id, repeat.id}

    run(test())


def test_two_accounts_may_use_the_same_nonce(database_url: str) -> None:
    """D35."""

    async def test() -> None:
        async with telling(database_url) as story:
            mine = story.entry("main", [receipt("A")], nonce="n1", content=b"one")
            theirs = story.entry("other", [receipt("A")], nonce="n1", content=b"two")
            assert await story.append(mine, theirs) == set()

    run(test())
