"""A stored request read again: what was misread is put right, in one transaction (rule B4)."""

import pytest

from delivrd.core.statement import Fault
from delivrd.core.units import DAY
from delivrd.store.ids import now_micros
from delivrd.store.pruning.messages import prune
from delivrd.store.verify import verify
from tests.store.story import SECOND, START, receipt, reference, telling
from tests.support import run

FAULT = Fault(position=1, why="it names no message", raw="{}")
OTHER_FAULT = Fault(position=1, why="it is of a kind that nobody knows", raw="{}")


def test_a_re_reading_takes_the_place_of_the_earlier_one(database_url: str) -> None:
    async def test() -> None:
        async with telling(database_url) as story:
            uuid, _ = await story.sent("A")
            request = await story.hear("main", receipt("A", "undelivered"))
            told = await story.reread(request, receipt("A"))
            assert (told.changed, told.applied) == (True, True)
            assert (told.before, told.after) == ((("A", "undelivered"),), (("A", "delivered"),))
            assert [(m.message_id, m.before, m.after) for m in told.messages] == [
                (uuid, "undelivered", "delivered")
            ]
            assert await story.status(uuid) == "delivered"
            await story.check()

    run(test())


def test_a_status_goes_back_by_a_re_reading_alone_and_the_event_says_correction(
    database_url: str,
) -> None:
    """C6."""

    async def test() -> None:
        async with telling(database_url) as story:
            uuid, _ = await story.sent("A")
            request = await story.hear("main", receipt("A"))
            await story.reread(request, receipt("A", "pending"))
            told = (await story.events(uuid))[-1]
            assert (told["status"], told["previous_status"], told["correction"]) == (
                "pending", "delivered", True,
            )  # fmt: skip
            await story.check()

    run(test())


def test_a_dry_run_shows_the_difference_and_changes_nothing(database_url: str) -> None:
    async def test() -> None:
        async with telling(database_url) as story:
            uuid, _ = await story.sent("A")
            request = await story.hear("main", receipt("A", "undelivered"))
            before = await story.snapshot()
            told = await story.reread(request, receipt("A"), dry_run=True)
            assert (told.changed, told.applied, len(told.messages)) == (True, False, 1)
            assert await story.snapshot() == before
            assert await story.status(uuid) == "undelivered"

    run(test())


def test_reading_the_same_again_changes_nothing(database_url: str) -> None:
    async def test() -> None:
        async with telling(database_url) as story:
            await story.sent("A")
            request = await story.hear("main", receipt("A"))
            before = await story.snapshot()
            told = await story.reread(request, receipt("A"))
            assert (told.changed, told.applied) == (False, False)
            assert await story.snapshot() == before

    run(test())


@pytest.mark.parametrize("part", ["A", None], ids=["with a receipt", "alone"])
def test_reading_the_same_faults_again_changes_nothing(database_url: str, part: str | None) -> None:
    async def test() -> None:
        async with telling(database_url) as story:
            receipts = [receipt(part)] if part else []
            request = await story.hear("main", *receipts, faults=[FAULT, FAULT])
            told = await story.reread(request, *receipts, faults=[FAULT, FAULT])
            assert (told.changed, told.applied) == (False, False)
            assert await story.one("SELECT count(*) FROM fault") == 2

    run(test())


@pytest.mark.parametrize("left", [[], [OTHER_FAULT]], ids=["none is left", "for another reason"])
def test_what_is_no_fault_any_more_is_none_also_where_the_receipts_stay(
    database_url: str, left: list[Fault]
) -> None:
    """The request would be shown as one that could not be read in full, whatever is corrected."""

    async def test() -> None:
        async with telling(database_url) as story:
            uuid, _ = await story.sent("A")
            request = await story.hear("main", receipt("A"), faults=[FAULT])
            assert (await story.reread(request, receipt("A"), faults=left)).applied
            assert await story.one("SELECT faults FROM request") == len(left)
            current = (
                "SELECT f.why FROM fault f JOIN request r ON r.id = f.request_id "
                "AND r.reading_no = f.reading_no"
            )
            assert await story.rows(current) == [(fault.why,) for fault in left]
            assert await story.one("SELECT count(*) FROM fault") == 1 + len(left)  # the earlier
            assert await story.one("SELECT count FROM statement WHERE kind = 'receipt'") == 1
            assert len(await story.events(uuid)) == 1
            await story.check()

    run(test())


def test_what_was_unreadable_yesterday_lands_today(database_url: str) -> None:
    async def test() -> None:
        async with telling(database_url) as story:
            uuid, attempt = await story.handing_over()
            request = await story.receive("main")
            told = await story.reread(request, receipt("A", reference=reference(attempt)))
            assert told.applied
            await story.answer(attempt, "A")
            assert await story.status(uuid) == "delivered"
            await story.check()

    run(test())


def test_a_new_reason_why_nothing_can_be_read_needs_no_force(database_url: str) -> None:
    async def test() -> None:
        async with telling(database_url) as story:
            request = await story.receive("main")
            assert (await story.reread(request, kind="unreadable", why="no id")).applied
            assert await story.rows("SELECT kind, why FROM request") == [("unreadable", "no id")]

    run(test())


def test_only_messages_that_change_are_told(database_url: str) -> None:
    async def test() -> None:
        async with telling(database_url) as story:
            await story.sent("A")
            request = await story.hear("main", receipt("A", "undelivered"))
            told = await story.reread(request, receipt("A", "undelivered", error_code="7"))
            assert (told.applied, told.messages) == (True, ())

    run(test())


def test_a_re_reading_brings_no_pruned_message_back(database_url: str) -> None:
    async def test() -> None:
        async with telling(database_url) as story:
            request = await story.hear("elsewhere", receipt("A"))
            made = (story.store.accounts, story.store.ids, story.now, now_micros() + DAY, 100)
            assert await story.store.write(lambda tx: prune(tx, *made)) == 1
            assert (await story.reread(request, receipt("A", "undelivered"))).applied
            assert await story.one("SELECT count(*) FROM message") == 0
            assert await verify(story.store) == []

    run(test())


def test_a_part_of_one_send_stays_with_it_whatever_reference_is_read_now(
    database_url: str,
) -> None:
    """D1: a stored id wins over the reference."""

    async def test() -> None:
        async with telling(database_url) as story:
            uuid, attempt = await story.sent("A")
            _, other = await story.handing_over()
            request = await story.hear("main", receipt("A", "undelivered"))
            await story.reread(request, receipt("A", reference=reference(other)))
            assert await story.one("SELECT attempt_id FROM part") == attempt
            assert await story.status(uuid) == "delivered"
            await story.check()

    run(test())


def test_a_re_reading_finds_its_attempt_by_the_reference(database_url: str) -> None:
    async def test() -> None:
        async with telling(database_url) as story:
            _, attempt = await story.handing_over()
            request = await story.receive("main")
            await story.reread(request, receipt("A", reference=reference(attempt)))
            assert await story.one("SELECT attempt_id FROM part") == attempt

    run(test())


@pytest.mark.parametrize("force", [False, True])
@pytest.mark.parametrize("worse", ["unreadable", "fewer"])
def test_a_worse_re_reading_needs_force(database_url: str, worse: str, force: bool) -> None:
    async def test() -> None:
        async with telling(database_url) as story:
            uuid, _ = await story.sent("A")
            request = await story.hear("main", receipt("A"), receipt("B"))
            if worse == "fewer":
                told = await story.reread(request, receipt("B"), force=force)
            else:
                told = await story.reread(request, kind="unreadable", why="no id", force=force)
            assert told.applied == force
            assert (told.why_not is None) == force
            assert await story.status(uuid) == ("pending" if force else "delivered")
            await story.check()

    run(test())


@pytest.mark.parametrize("state", ["waiting", "set aside"])
@pytest.mark.parametrize("worse", ["unreadable", "fewer"])
def test_what_is_not_folded_yet_counts_too_where_a_re_reading_needs_force(
    database_url: str, worse: str, state: str
) -> None:
    """What waits for the fold, or could not be folded, may not get lost without force either."""

    async def test() -> None:
        async with telling(database_url) as story:
            waits = state == "waiting"
            bring = story.receive if waits else story.hear
            request = await bring("main", receipt("A" if waits else None), receipt("B"))
            if worse == "fewer":
                told = await story.reread(request, receipt("B"))
            else:
                told = await story.reread(request, kind="unreadable", why="no id")
            assert (told.changed, told.applied) == (True, False)
            assert await story.faults() == (not waits)
            await story.fold()
            assert await story.one("SELECT count(*) FROM link") == 1 + waits
            await story.check()

    run(test())


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_part_of_which_nothing_is_said_any_more_holds_its_message_open_no_longer(
    database_url: str, when: str
) -> None:
    """An id misread, matched by its reference: read again, the true part alone tells the end."""

    async def test() -> None:
        async with telling(database_url) as story:
            uuid, attempt = await story.handing_over()
            if when == "after":
                await story.answer(attempt, "A")
            request = await story.hear("main", receipt("0A", reference=reference(attempt)))
            await story.reread(request, receipt("A", reference=reference(attempt)))
            if when == "before":
                await story.answer(attempt, "A")
            assert await story.status(uuid) == "delivered"
            await story.check()
            assert await verify(story.store) == []

    run(test())


def test_a_number_of_parts_that_is_no_longer_read_is_not_waited_for(database_url: str) -> None:
    """C4: the answer's number holds again."""

    async def test() -> None:
        async with telling(database_url) as story:
            uuid, _ = await story.sent("A")
            request_id = await story.hear("main", receipt("A", parts_total=2))
            assert await story.status(uuid) == "pending"
            await story.reread(request_id, receipt("A"))
            assert await story.status(uuid) == "delivered"
            await story.check()

    run(test())


def test_a_registered_part_whose_receipts_were_withdrawn_is_waited_for(database_url: str) -> None:
    async def test() -> None:
        async with telling(database_url) as story:
            request = await story.hear("elsewhere", receipt("A"), receipt("B"))
            uuid = await story.register("elsewhere", "A", "B")
            await story.reread(request, receipt("A"), receipt("C"))
            assert await story.status(uuid) == "pending"
            await story.hear("elsewhere", receipt("B", "undelivered"))
            assert await story.status(uuid) == "undelivered"
            await story.check()

    run(test())


def test_a_received_message_that_loses_its_last_statement_stays_withdrawn_and_uncounted(
    database_url: str,
) -> None:
    async def test() -> None:
        async with telling(database_url) as story:
            request = await story.hear("elsewhere", receipt("A"))
            told = await story.reread(request, receipt("B"))
            assert {m.after for m in told.messages} == {"withdrawn", "delivered"}
            rows = await story.rows("SELECT status, final, withdrawn FROM message ORDER BY id")
            assert [tuple(map(bool, row[1:])) for row in rows] == [(False, True), (True, False)]
            assert rows[0][0] == "pending"
            await story.check()
            await story.hear("elsewhere", receipt("A"))
            assert not await story.one("SELECT count(*) FROM message WHERE withdrawn")
            await story.check()

    run(test())


def test_a_statement_that_another_request_says_too_stays(database_url: str) -> None:
    async def test() -> None:
        async with telling(database_url) as story:
            uuid, _ = await story.sent("A")
            first = await story.hear("main", receipt("A"), at=1)
            await story.hear("main", receipt("A"), at=2)
            await story.reread(first, receipt("A", "undelivered"))
            assert await story.status(uuid) == "delivered"
            counts = "SELECT count, received_at FROM statement WHERE status = 'delivered'"
            assert [row[0] for row in await story.rows(counts)] == [1]
            await story.check()

    run(test())


def test_a_withdrawn_statement_that_comes_again_came_first_when_it_came_again(
    database_url: str,
) -> None:
    """C1: its earliest arrival is that of its live links."""

    async def test() -> None:
        async with telling(database_url) as story:
            await story.sent("A")
            first = await story.hear("main", receipt("A"), at=1)
            await story.reread(first, receipt("A", "undelivered"))
            await story.hear("main", receipt("A"), at=5)
            delivered = "SELECT count, received_at FROM statement WHERE status = 'delivered'"
            assert await story.rows(delivered) == [(1, START + 5 * SECOND)]
            assert await story.one("SELECT finished_at FROM message") == START + 5 * SECOND
            await story.check()

    run(test())


def test_a_request_may_be_read_again_before_it_was_folded(database_url: str) -> None:
    async def test() -> None:
        async with telling(database_url) as story:
            uuid, _ = await story.sent("A")
            request = await story.receive("main", receipt("A", "undelivered"))
            await story.reread(request, receipt("A"))
            assert await story.fold() == 0
            assert await story.status(uuid) == "delivered"
            assert await story.one("SELECT count(*) FROM link") == 1
            await story.check()

    run(test())


@pytest.mark.parametrize("dry_run", [True, False])
def test_a_re_reading_that_is_not_applied_leaves_the_request_to_the_fold(
    database_url: str, dry_run: bool
) -> None:
    """It may not take away what still waits."""

    async def test() -> None:
        async with telling(database_url) as story:
            uuid, _ = await story.sent("A")
            request = await story.hear("main", receipt("A", "pending"))
            waiting = await story.receive("main", receipt("A"), receipt("B"))
            if dry_run:
                await story.reread(waiting, receipt("A", "undelivered"), dry_run=True)
            else:
                await story.reread(request, kind="unreadable", why="no id")
            await story.fold()
            assert await story.status(uuid) == "delivered"
            await story.check()

    run(test())


def test_a_re_reading_of_a_request_with_a_receipt_set_aside_takes_that_away(
    database_url: str,
) -> None:
    async def test() -> None:
        async with telling(database_url) as story:
            request = await story.hear("main", receipt(None), receipt("B"))
            assert await story.faults() == 1
            told = await story.reread(request, receipt("A"), receipt("B"))
            assert told.applied
            assert await story.faults() == 0
            assert (await story.retry()).landed == 0
            assert await story.one("SELECT count(*) FROM part") == 2
            await story.check()

    run(test())


def test_many_re_readings_end_as_the_last_one_says(database_url: str) -> None:
    async def test() -> None:
        async with telling(database_url) as story:
            uuid, _ = await story.sent("A")
            request = await story.hear("main", receipt("A"))
            for status in ("undelivered", "rejected", "delivered", "undelivered"):
                await story.reread(request, receipt("A", status))
                assert await story.status(uuid) == status
                await story.check()
            assert await story.one("SELECT count(*) FROM link") == 5

    run(test())
