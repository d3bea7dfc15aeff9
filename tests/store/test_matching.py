"""Which attempt a receipt belongs to, whenever it comes (rules D1 to D4)."""

from itertools import permutations

import pytest

from delivrd.providers.base import Accepted
from tests.store.story import TO, receipt, reference, telling
from tests.support import run


@pytest.mark.parametrize("when", ["before", "during", "after"])
@pytest.mark.parametrize("known_by", ["reference", "id"])
def test_a_receipt_meets_its_send_whether_it_comes_before_or_after_the_answer(
    database_url: str, when: str, known_by: str
) -> None:
    """D1, D2: before the hand-over is noted, while it lasts, after its answer is stored."""

    async def test() -> None:
        async with telling(database_url) as story:
            uuid, attempt = await story.handing_over()
            told = receipt("A", reference=reference(attempt) if known_by == "reference" else None)
            if when == "before":
                await story.hear("main", told)
            elif when == "during":
                await story.receive("main", told)
            await story.answer(attempt, "A")
            if when == "after":
                await story.receive("main", told)
            await story.fold()
            assert await story.status(uuid) == "delivered"
            assert await story.rows("SELECT attempt_id FROM part") == [(attempt,)]
            await story.check()

    run(test())


@pytest.mark.parametrize("order", list(permutations(range(4))))
def test_two_early_parts_and_their_answer_meet_in_every_order(
    database_url: str, order: tuple[int, ...]
) -> None:
    """D1, D5: two parts, one of them named twice, and the answer that names both."""

    async def test() -> None:
        async with telling(database_url) as story:
            uuid, attempt = await story.handing_over(text="ö" * 100)
            steps = [
                lambda: story.answer(attempt, "A", "B"),
                lambda: story.hear("main", receipt("A", "pending"), at=1),
                lambda: story.hear("main", receipt("A", reference=reference(attempt)), at=2),
                lambda: story.hear("main", receipt("B"), at=3),
            ]
            for i in order:
                await steps[i]()
            assert await story.status(uuid) == "delivered"
            await story.check()

    run(test())


def test_the_answer_written_after_the_end_does_not_open_the_message_again(
    database_url: str,
) -> None:
    """D2: "sending" was written over delivered, and then timed out."""

    async def test() -> None:
        async with telling(database_url) as story:
            uuid, attempt = await story.handing_over()
            await story.hear("main", receipt("A", reference=reference(attempt)))
            await story.answer(attempt, "A")
            assert await story.time_out() == 0
            assert await story.status(uuid) == "delivered"

    run(test())


def test_a_reference_counts_only_where_the_attempt_was_made(database_url: str) -> None:
    """D1: another login at the provider cannot say what became of it; one that shares it can."""

    async def test() -> None:
        async with telling(database_url) as story:
            _, attempt = await story.handing_over()
            await story.hear("other", receipt("A", reference=reference(attempt)))
            await story.hear("second", receipt("B", reference=reference(attempt)))
            ours = "SELECT provider_message_id FROM part WHERE attempt_id = $1"
            assert await story.rows(ours, attempt) == [("B",)]
            await story.check()

    run(test())


def test_a_reference_counts_only_for_its_own_recipient(database_url: str) -> None:
    async def test() -> None:
        async with telling(database_url) as story:
            uuid, attempt = await story.handing_over()
            forged = receipt("X", to="4917012345678", reference=reference(attempt))
            await story.hear("main", forged)
            assert await story.status(uuid) == "pending"
            assert await story.one("SELECT attempt_id FROM part") is None

    run(test())


def test_a_reference_counts_where_the_gateway_masks_its_recipient(database_url: str) -> None:
    async def test() -> None:
        async with telling(database_url) as story:
            _, attempt = await story.handing_over()
            masked = receipt("X", to="4477***123", reference=reference(attempt))
            await story.hear("main", masked)
            assert await story.one("SELECT attempt_id FROM part") == attempt
            await story.check()

    run(test())


def test_a_reference_counts_only_within_its_namespace(database_url: str) -> None:
    """D15, D35."""

    async def test() -> None:
        async with telling(database_url) as story:
            uuid, attempt = await story.handing_over()
            await story.hear("other", receipt("X", reference=reference(attempt)))
            assert await story.status(uuid) == "pending"

    run(test())


def test_a_stored_id_wins_over_a_reference(database_url: str) -> None:
    async def test() -> None:
        async with telling(database_url) as story:
            mine, _ = await story.sent("A")
            theirs, attempt = await story.handing_over()
            await story.hear("main", receipt("A", reference=reference(attempt)))
            assert await story.status(mine) == "delivered"
            assert await story.status(theirs) == "pending"
            await story.check()

    run(test())


@pytest.mark.parametrize(
    "nonsense", ["", "a", "a" * 17, "a" + "f" * 16, "a" + "0" * 16, "A000000000000001", "ä" * 17]
)
def test_a_reference_that_is_none_of_ours_is_only_text(database_url: str, nonsense: str) -> None:
    async def test() -> None:
        async with telling(database_url) as story:
            await story.hear("main", receipt("A", reference=nonsense))
            assert await story.one("SELECT attempt_id FROM part") is None
            assert await story.faults() == 0

    run(test())


def test_equal_ids_of_two_logins_are_two_parts(database_url: str) -> None:
    """D15."""

    async def test() -> None:
        async with telling(database_url) as story:
            here, _ = await story.sent("7", name="main")
            there, _ = await story.sent("7", name="other")
            await story.hear("other", receipt("7", "undelivered"))
            assert await story.status(here) == "pending"
            assert await story.status(there) == "undelivered"

    run(test())


def test_accounts_on_one_login_share_their_ids(database_url: str) -> None:
    """D4 of the rules: the receipt keeps the webhook's account, the attempt its own."""

    async def test() -> None:
        async with telling(database_url) as story:
            uuid, _ = await story.sent("A", name="main")
            await story.hear("second", receipt("A"))
            assert await story.status(uuid) == "delivered"
            ids = {n: a.id for n, a in story.store.accounts.by_name.items()}
            assert await story.one("SELECT account_id FROM attempt") == ids["main"]
            heard = "SELECT account_id FROM statement WHERE kind = 'receipt'"
            assert await story.one(heard) == ids["second"]
            await story.check()

    run(test())


@pytest.mark.parametrize("receipt_first", [True, False])
def test_an_early_receipt_on_a_receive_only_account_of_the_same_login_joins_its_send(
    database_url: str, receipt_first: bool
) -> None:
    """Its message, made of the receipt alone, merges into the one that we sent."""

    async def test() -> None:
        async with telling(database_url) as story:
            uuid, attempt = await story.handing_over("ruach")
            if receipt_first:
                await story.hear("shared", receipt("A"))
                await story.answer(attempt, "A")
            else:
                await story.answer(attempt, "A")
                await story.hear("shared", receipt("A"))
            assert await story.status(uuid) == "delivered"
            shown = "SELECT count(*) FROM message WHERE merged_into IS NULL"
            assert await story.one(shown) == 1
            await story.check()

    run(test())


@pytest.mark.parametrize("heard", ["ff", "FF", "00ff"])
def test_ids_compare_as_their_account_says(database_url: str, heard: str) -> None:
    """D16."""

    async def test() -> None:
        async with telling(database_url) as story:
            await story.hear("hex", receipt("00FF", "pending"))
            await story.hear("hex", receipt(heard))
            assert await story.rows("SELECT status FROM message") == [("delivered",)]

    run(test())


def test_without_a_setting_ids_compare_letter_by_letter(database_url: str) -> None:
    """D16: never a guess."""

    async def test() -> None:
        async with telling(database_url) as story:
            await story.hear("elsewhere", receipt("00FF"), receipt("ff"), receipt("FF"))
            assert await story.one("SELECT count(*) FROM message") == 3

    run(test())


def test_a_receipt_for_a_queued_message_means_that_it_went_out(database_url: str) -> None:
    """D24: it is never sent again."""

    async def test() -> None:
        async with telling(database_url) as story:
            uuid = await story.submit()
            attempt = await story.one("SELECT id FROM attempt")
            await story.hear("main", receipt("A", to=TO, reference=reference(attempt)))
            assert await story.claim() == []
            assert await story.status(uuid) == "delivered"

    run(test())


@pytest.mark.parametrize("first", ["answer", "receipt"])
def test_a_gateway_without_ids_is_known_by_the_reference(database_url: str, first: str) -> None:
    """D1: Kannel's send tells no id; a text that the SMS centre refused never gets one."""

    async def test() -> None:
        async with telling(database_url) as story:
            uuid, attempt = await story.handing_over()
            refused = receipt(None, "rejected", reference=reference(attempt))
            steps = [
                lambda: story.answer(attempt, Accepted(())),
                lambda: story.hear("main", refused, at=1),
            ]
            for step in steps if first == "answer" else reversed(steps):
                await step()
            assert await story.status(uuid) == "rejected"
            await story.check()

    run(test())


def test_the_id_of_the_sms_centre_comes_with_the_first_receipt(database_url: str) -> None:
    """D1: Kannel names it in its receipts alone."""

    async def test() -> None:
        async with telling(database_url) as story:
            uuid, attempt = await story.handing_over()
            await story.answer(attempt, Accepted(()))
            assert await story.status(uuid) == "pending"
            await story.hear("main", receipt("9002", "pending", reference=reference(attempt)), at=1)
            await story.hear("main", receipt("9002", reference=reference(attempt)), at=2)
            assert await story.status(uuid) == "delivered"
            assert await story.rows("SELECT provider_message_id FROM part") == [("9002",)]
            await story.check()

    run(test())
