"""The fold: each reading once, in slices; what cannot be folded stands aside (rules A4, A5, A8)."""

import sqlite3

import asyncpg
import pytest

from delivrd.core.statement import Reading
from delivrd.intake.folder import Folder
from delivrd.store import fold
from delivrd.store.append import OWNED_MICROS
from delivrd.store.counts import spread
from delivrd.store.graph import Graph, Moved
from delivrd.store.tx import Tx
from tests.store.story import SECOND, START, TO, later, receipt, telling
from tests.support import run


def test_a_reading_is_folded_exactly_once(database_url: str) -> None:
    async def test() -> None:
        async with telling(database_url) as story:
            await story.receive("main", receipt("A"))
            works = await story.store.write(lambda tx: fold.claim(tx, story.now, 10))
            for _ in range(3):
                await story.store.write(lambda tx: fold.fold_slice(tx, *story._parts, works, 1000))
            assert await story.rows("SELECT count FROM statement") == [(1,)]
            assert await story.one("SELECT count(*) FROM to_fold") == 0

    run(test())


def test_a_long_request_is_folded_in_slices_and_is_done_with_the_last(database_url: str) -> None:
    async def test() -> None:
        async with telling(database_url) as story:
            await story.receive("main", *(receipt(f"A{i}") for i in range(25)))
            assert await story.fold(limit=10) == 3
            assert await story.one("SELECT count(*) FROM part") == 25
            assert await story.one("SELECT count(*) FROM to_fold") == 0

    run(test())


def test_a_slice_that_is_tried_again_after_its_commit_is_not_folded_twice(
    database_url: str,
) -> None:
    """A commit whose confirmation was lost looks like a failure."""

    async def test() -> None:
        async with telling(database_url) as story:
            await story.receive("main", *(receipt(f"A{i}") for i in range(25)))
            works = await story.store.write(lambda tx: fold.claim(tx, story.now, 10))
            for _ in range(2):
                await story.store.write(lambda tx: fold.fold_slice(tx, *story._parts, works, 10))
            assert await story.one("SELECT count(*) FROM link") == 10
            assert await story.faults() == 0

    run(test())


def test_ten_thousand_receipts_in_one_request_all_land(database_url: str) -> None:
    async def test() -> None:
        async with telling(database_url) as story:
            many = (receipt(f"A{i}", to=None) for i in range(10_000))
            await story.receive("elsewhere", *many)
            assert await story.fold(limit=1000) == 10
            assert (
                await story.one("SELECT count(*) FROM message WHERE status = 'delivered'") == 10_000
            )
            await story.check()

    run(test())


@pytest.mark.parametrize("apart", [False, True], ids=["one body", "two bodies"])
def test_the_same_receipt_twice_is_one_statement_that_came_twice(
    database_url: str, apart: bool
) -> None:
    """D7, D21."""

    async def test() -> None:
        async with telling(database_url) as story:
            uuid, _ = await story.sent("A")
            if apart:
                await story.receive("main", receipt("A"), at=9)
                await story.receive("main", receipt("A"), at=4)
            else:
                await story.receive("main", receipt("A"), receipt("A"), at=4)
            await story.fold()
            heard = "SELECT count, received_at FROM statement WHERE kind = 'receipt'"
            assert await story.rows(heard) == [(2, START + 4 * SECOND)]
            assert await story.status(uuid) == "delivered"
            await story.check()

    run(test())


@pytest.mark.parametrize("order", [("delivered", "undelivered"), ("undelivered", "delivered")])
def test_one_id_with_two_statuses_in_one_body_keeps_both_and_shows_the_stronger(
    database_url: str, order: tuple[str, str]
) -> None:
    """D7."""

    async def test() -> None:
        async with telling(database_url) as story:
            uuid, _ = await story.sent("A")
            await story.hear("main", *(receipt("A", status) for status in order))
            assert await story.status(uuid) == "delivered"
            heard = "SELECT count(*) FROM statement WHERE kind = 'receipt'"
            assert await story.one(heard) == 2
            await story.check()

    run(test())


def test_the_same_again_with_another_time_is_another_statement(database_url: str) -> None:
    """D13, D14."""

    async def test() -> None:
        async with telling(database_url) as story:
            uuid, _ = await story.sent("A")
            await story.hear("main", receipt("A", occurred_at=later(9)))
            await story.hear("main", receipt("A", occurred_at=later(3)))
            assert await story.one("SELECT delivered_at FROM message") == START + 3 * SECOND
            assert [e["type"] for e in await story.events(uuid)] == ["message.delivered"]
            await story.check()

    run(test())


# --- A4: who holds what -------------------------------------------------------------------------


def test_what_one_folder_marked_is_nobody_elses(database_url: str) -> None:
    async def test() -> None:
        async with telling(database_url) as story:
            request = await story.receive("main", receipt("A"))
            work = fold.Work(request, 0, 1, START, (receipt("A"),))
            assert await story.store.write(lambda tx: fold.mark(tx, story.now, [work])) == {request}
            assert await story.store.write(lambda tx: fold.mark(tx, story.now, [work])) == set()
            assert await story.store.write(lambda tx: fold.claim(tx, story.now, 10)) == []

    run(test())


def test_what_a_dead_folder_held_comes_back_one_at_a_time(database_url: str) -> None:
    async def test() -> None:
        async with telling(database_url) as story:
            entries = [story.entry("main", [receipt(f"A{i}")]) for i in range(3)]
            await story.append(*entries, own=True)
            after = story.now + OWNED_MICROS + 1
            for entry in entries:
                (work,) = await story.store.write(lambda tx: fold.claim(tx, after, 10))
                assert (work.request_id, work.deaths) == (entry.id, 1)

    run(test())


def test_the_next_request_does_not_share_the_slice_of_one_over_which_a_process_died(
    database_url: str,
) -> None:
    """A8: a second death there can only be that one's fault."""

    async def test() -> None:
        async with telling(database_url) as story:
            entries = [story.entry("main", [receipt(part)]) for part in "ABCD"]
            for entry, dead in zip(entries, (True, False, True, False), strict=True):
                await story.append(entry, own=dead)
            after = story.now + OWNED_MICROS + 1
            for slice_ in ("A", "BD", "C"):
                claimed = await story.store.write(lambda tx: fold.claim(tx, after, 10))
                assert [work.request_id for work in claimed] == [
                    entry.id for entry, part in zip(entries, "ABCD", strict=True) if part in slice_
                ]

    run(test())


def test_a_request_of_many_slices_stays_with_the_folder_that_is_at_work(database_url: str) -> None:
    """Together they may take longer than an owner that says nothing is taken for alive."""

    async def test() -> None:
        async with telling(database_url) as story:
            await story.receive("main", *(receipt(f"A{i}") for i in range(30)))
            (work,) = await story.store.write(lambda tx: fold.claim(tx, story.now, 10))
            for done in (0, 10):
                story.now += OWNED_MICROS - 1
                part = [work._replace(done=done)]
                await story.store.write(
                    lambda tx: fold.fold_slice(tx, *story._parts, part, 10)  # noqa: B023
                )
                story_now = story.now + OWNED_MICROS - 1
                assert (
                    await story.store.write(
                        lambda tx: fold.claim(tx, story_now, 10)  # noqa: B023
                    )
                    == []
                )

    run(test())


@pytest.mark.parametrize("limit", [1, 10])
def test_what_another_folder_took_over_is_left_to_that_one(database_url: str, limit: int) -> None:
    """A process that was presumed dead may only have been slow."""

    async def test() -> None:
        async with telling(database_url) as story:
            await story.receive("main", receipt("A"), receipt("B"))
            works = await story.store.write(lambda tx: fold.claim(tx, story.now, 10))
            taken_over = "UPDATE to_fold SET owner = owner + 1"
            await story.store.write(lambda tx: tx.execute(taken_over))
            await story.store.write(lambda tx: fold.fold_slice(tx, *story._parts, works, limit))
            assert await story.one("SELECT count(*) FROM statement") == 0
            assert await story.one("SELECT done FROM to_fold") == 0

    run(test())


def test_what_was_there_at_two_deaths_is_set_aside_and_can_be_tried_again(
    database_url: str,
) -> None:
    async def test() -> None:
        async with telling(database_url) as story:
            await story.append(story.entry("main", [receipt("A")]), own=True)
            now = story.now
            for deaths in (1, 2):
                now += OWNED_MICROS + 1
                (work,) = await story.store.write(lambda tx: fold.claim(tx, now, 10))  # noqa: B023
                assert work.deaths == deaths
            await story.store.write(
                lambda tx: fold.set_aside_work(tx, story.store.ids, now, work, "died twice")
            )
            assert await story.faults() == 1
            assert (await story.retry()).landed == 1
            assert await story.faults() == 0
            assert await story.one("SELECT count FROM statement") == 1

    run(test())


# --- A8: poison ---------------------------------------------------------------------------------


@pytest.mark.parametrize("position", [0, 3, 6])
def test_a_receipt_that_cannot_be_folded_harms_no_neighbour(
    database_url: str, position: int
) -> None:
    """D8: a receipt without an id fails in the fold, at every place of a batch."""

    async def test() -> None:
        async with telling(database_url) as story:
            batch = [receipt(f"A{i}") for i in range(6)]
            batch.insert(position, receipt(None))
            await story.receive("main", *batch)
            await story.receive("main", receipt("B"))
            await story.fold()
            assert await story.one("SELECT count(*) FROM part") == 7
            assert await story.rows("SELECT position FROM fault WHERE set_aside") == [(position,)]
            assert await story.one("SELECT count(*) FROM to_fold") == 0
            assert "names no message id" in await story.one("SELECT why FROM fault")

    run(test())


@pytest.mark.parametrize(
    "error",
    [
        sqlite3.OperationalError("database is locked"),
        sqlite3.DatabaseError("database disk image is malformed"),
        asyncpg.DeadlockDetectedError("deadlock detected"),
        asyncpg.DiskFullError("no space left"),
        TimeoutError(),
        Moved(),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_store_that_fails_during_a_fold_sets_nothing_aside(
    database_url: str, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """Neither in the first fold, nor when what was set aside is tried again."""

    async def fails(graph: Graph) -> None:
        raise error

    async def test() -> None:
        async with telling(database_url) as story:
            await story.receive("main", receipt("A"))
            (work,) = await story.store.write(lambda tx: fold.claim(tx, story.now, 10))
            monkeypatch.setattr(Graph, "save", fails)

            async def job(tx: Tx) -> None:
                with pytest.raises(type(error)):
                    await fold.fold_items(tx, *story._parts, work.items(10))
                await fold.set_aside(tx, story.store.ids, work.items(10)[0], "an older fault")
                with pytest.raises(type(error)):
                    await fold.retry_set_aside(tx, *story._parts)

            await story.store.write(job)
            assert await story.faults() == 1

    run(test())


async def fails_by_its_data(graph: Graph) -> None:
    raise KeyError("a field")


def test_a_receipt_that_cannot_be_folded_leaves_nothing_but_its_fault(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It failed in the middle of its writes."""

    async def test() -> None:
        async with telling(database_url) as story:
            monkeypatch.setattr(Graph, "_write_events", fails_by_its_data)
            await story.hear("elsewhere", receipt("A"))
            assert await story.faults() == 1
            for table in ("part", "statement", "link", "message"):
                assert await story.one(f"SELECT count(*) FROM {table}") == 0
            monkeypatch.undo()
            assert (await story.retry()).landed == 1
            await story.check()

    run(test())


def test_what_is_set_aside_stays_until_it_can_be_folded_and_blocks_nothing_behind_it(
    database_url: str,
) -> None:
    async def test() -> None:
        async with telling(database_url) as story:
            await story.hear("main", *(receipt(None, to=str(i)) for i in range(150)))
            held = story.entry("main", [receipt("A")])
            await story.append(held, own=True)
            work = fold.Work(held.id, 0, held.account_id, START, (receipt("A"),))
            await story.store.write(
                lambda tx: fold.set_aside_work(tx, story.store.ids, START, work, "died twice")
            )
            first = await story.retry()
            assert first.landed == 0
            rest = await story.store.write(
                lambda tx: fold.retry_set_aside(tx, *story._parts, after=first.last)
            )
            assert rest.landed == 1
            assert await story.faults() == 150

    run(test())


def test_each_receipt_that_was_set_aside_is_tried_once_in_a_round(database_url: str) -> None:
    """The next try begins behind the last one, so that the round ends."""

    async def test() -> None:
        async with telling(database_url) as story:
            await story.hear("main", receipt(None), receipt(None))
            tried: list[int | None] = [0]
            while (after := tried[-1]) is not None and len(tried) < 5:

                async def next_one(tx: Tx, after: int = after) -> fold.Retried:
                    return await fold.retry_set_aside(tx, *story._parts, after=after, limit=1)

                retried = await story.store.write(next_one)
                assert retried.landed == 0
                tried.append(retried.last)
            assert len(set(tried)) == len(tried) == 4

    run(test())


def test_a_round_tries_all_that_was_set_aside_however_much(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def test() -> None:
        async with telling(database_url) as story:
            with monkeypatch.context() as broken:
                broken.setattr(Graph, "save", fails_by_its_data)
                await story.hear("main", *(receipt(f"A{i}") for i in range(101)))
            assert await story.faults() == 101
            await Folder(story.store)._retry_set_aside()
            assert await story.faults() == 0

    run(test())


def test_the_receipts_of_an_account_that_is_gone_wait_for_its_return(database_url: str) -> None:
    async def test() -> None:
        async with telling(database_url) as story:
            await story.receive("other", receipt("A"))
        async with telling(database_url, main=story.config.accounts["main"]) as without:
            await without.fold()
            assert await without.faults() == 1
        async with telling(database_url) as again:
            assert (await again.retry()).landed == 1
            assert await again.one("SELECT provider_message_id FROM part") == "A"

    run(test())


def test_numbers_beyond_sixty_four_bits_and_odd_texts_land_or_stand_aside(
    database_url: str,
) -> None:
    async def test() -> None:
        async with telling(database_url) as story:
            odd = receipt("A", network="x" * 5000, price="1e9", detail="\x01\u202e", to="4477***00")
            absurd = receipt("B", parts_total=2**80)
            await story.receive("main", odd, receipt("C"))
            entry = story.entry("main", ())
            entry = entry._replace(reading=Reading(receipts=(receipt("D"),)))
            await story.append(entry)
            await story.fold()
            assert await story.one("SELECT count(*) FROM part") == 3
            with pytest.raises(OverflowError):
                await story.receive("main", absurd)

    run(test())


# --- how many parts -----------------------------------------------------------------------------


@pytest.mark.parametrize("receipt_first", [True, False])
def test_a_receipt_that_states_the_number_of_parts_knows_it_best(
    database_url: str, receipt_first: bool
) -> None:
    """C4, whichever comes first: the send's answer or the receipt."""

    async def test() -> None:
        async with telling(database_url) as story:
            uuid, attempt = await story.handing_over()
            told = receipt("A", parts_total=2)
            if receipt_first:
                await story.hear("main", told)
                await story.answer(attempt, "A")
            else:
                await story.answer(attempt, "A")
                await story.hear("main", told)
            assert await story.status(uuid) == "pending"
            await story.check()

    run(test())


# --- receive-only -------------------------------------------------------------------------------


def test_a_receive_only_account_makes_one_message_of_an_id(database_url: str) -> None:
    """D5."""

    async def test() -> None:
        async with telling(database_url) as story:
            await story.hear("elsewhere", receipt("A", "pending"), receipt("B"))
            await story.hear("elsewhere", receipt("A"), receipt("B"))
            assert (
                await story.rows(
                    "SELECT origin, to_number, country, status FROM message ORDER BY id"
                )
                == [("received", f"+{TO}", "GB", "delivered")] * 2
            )
            await story.check()

    run(test())


def test_a_received_message_is_counted_when_its_earliest_receipt_came(database_url: str) -> None:
    """F1, also where that one is folded last."""

    async def test() -> None:
        async with telling(database_url) as story:
            await story.hear("elsewhere", receipt("A"), at=3 * 3600)
            await story.hear("elsewhere", receipt("A", "pending"), at=0)
            assert await story.one("SELECT bucket FROM message") == spread(START)
            await story.check()

    run(test())


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_a_received_message_knows_what_any_of_its_receipts_told(
    database_url: str, order: tuple[int, int]
) -> None:
    """D20: a receipt without a number wipes none, whichever comes first."""

    async def test() -> None:
        async with telling(database_url) as story:
            heard = [receipt("A", "pending", to=None), receipt("A", sender="Acme")]
            for i in order:
                await story.hear("elsewhere", heard[i], at=i)
            assert await story.rows("SELECT to_number, sender, country FROM message") == [
                (f"+{TO}", "Acme", "GB")
            ]
            await story.check()

    run(test())


def test_a_receipt_that_nobody_waits_for_is_kept_unmatched(database_url: str) -> None:
    """D12."""

    async def test() -> None:
        async with telling(database_url) as story:
            await story.hear("main", receipt("A"))
            assert await story.one("SELECT count(*) FROM message") == 0
            assert await story.rows("SELECT provider_message_id, attempt_id FROM part") == [
                ("A", None)
            ]

    run(test())
