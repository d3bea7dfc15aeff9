"""Hand-overs: claimed once, answered once, timed out without harm (rules C4, C8, E1, E3)."""

from typing import Any

import pytest

from delivrd.core.reasons import Reason
from delivrd.core.statement import Status
from delivrd.providers.base import Accepted, Later, Refused, SentPart, Unsure
from delivrd.store import graph, outbox
from delivrd.store.tx import Tx
from tests.store.story import HOUR, SECOND, START, receipt, reference, telling
from tests.support import run


def test_a_message_is_claimed_once(database_url: str) -> None:
    """D25."""

    async def test() -> None:
        async with telling(database_url) as story:
            await story.submit()
            assert len(await story.claim()) == 1
            assert await story.claim() == []

    run(test())


def test_a_message_that_another_worker_has_taken_since_the_list_was_read_is_not_claimed_again(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """D25: on PostgreSQL the list of what is due may be older than the lock."""
    older = "SELECT id FROM attempt WHERE due_at <= $1 AND account_id = ANY($2::bigint[]) LIMIT $3"

    async def test() -> None:
        async with telling(database_url) as story:
            await story.submit()
            assert len(await story.claim()) == 1
            monkeypatch.setattr(outbox, "_DUE", older)
            assert await story.claim() == []
            assert await story.one("SELECT tries FROM attempt") == 1

    run(test())


def test_a_message_that_goes_between_the_two_locks_makes_the_transaction_begin_again(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """G1: its attempt is no error of the data, which would be set aside."""
    gone = "SELECT id, message_id + 1 FROM attempt WHERE id = ANY($1::bigint[])"

    async def test() -> None:
        async with telling(database_url) as story:
            _, attempt = await story.sent("A")
            monkeypatch.setattr(graph, "_MESSAGES_OF", gone)

            async def load(tx: Tx) -> None:
                with pytest.raises(graph.Moved):
                    await graph.Graph.load(tx, *story._parts, attempts=[attempt])

            await story.store.write(load)

    run(test())


def test_a_refusal_rejects_the_message_with_its_reason(database_url: str) -> None:
    async def test() -> None:
        async with telling(database_url) as story:
            uuid, attempt = await story.handing_over()
            await story.answer(attempt, Refused(Reason.SENDER_NOT_ALLOWED, "15", "Invalid sender"))
            assert await story.rows(
                "SELECT status, final, reason, permanent, error_code, detail FROM message"
            ) == [("rejected", True, "sender_not_allowed", True, "15", "Invalid sender")]
            assert [e["type"] for e in await story.events(uuid)] == ["message.rejected"]
            await story.check()

    run(test())


def test_an_answer_of_several_parts_with_one_refused_is_rejected(database_url: str) -> None:
    async def test() -> None:
        async with telling(database_url) as story:
            uuid, attempt = await story.handing_over()
            bad = SentPart(None, Status.REJECTED, Reason.CONTENT_INVALID, "6", "Invalid message")
            await story.answer(attempt, Accepted((SentPart("A", price="0.1"), bad)))
            await story.hear("main", receipt("A"))
            assert await story.status(uuid) == "rejected"
            rows = "SELECT provider_message_id FROM part ORDER BY provider_message_id"
            assert {row[0] for row in await story.rows(rows)} == {None, "A"}
            assert await story.one("SELECT price FROM message") == "0.1"
            await story.check()

    run(test())


def test_a_refusal_does_not_take_back_what_a_receipt_says_was_delivered(database_url: str) -> None:
    """C2: the stronger word counts, whichever came first."""

    async def test() -> None:
        async with telling(database_url) as story:
            refusal = Refused(Reason.THROTTLED)
            for receipt_first in (True, False):
                uuid, attempt = await story.handing_over()
                if not receipt_first:
                    await story.answer(attempt, refusal)
                await story.hear("main", receipt(f"A{attempt}", reference=reference(attempt)))
                if receipt_first:
                    await story.answer(attempt, refusal)
                assert await story.status(uuid) == "delivered"
            await story.check()

    run(test())


def test_an_id_that_stands_twice_in_an_answer_is_one_part(database_url: str) -> None:
    """D7: a second one would be waited for until the time-out."""

    async def test() -> None:
        async with telling(database_url) as story:
            uuid, _ = await story.sent("A", "A")
            await story.hear("main", receipt("A"))
            assert await story.status(uuid) == "delivered"
            await story.check()

    run(test())


def test_two_messages_that_were_sent_under_one_id_stay_two(database_url: str) -> None:
    """D15: only what receipts created before the answer becomes one with what was sent."""

    async def test() -> None:
        async with telling(database_url) as story:
            sent = [(await story.sent("A"))[0] for _ in range(2)]
            rows = "SELECT uuid FROM message WHERE merged_into IS NULL ORDER BY id"
            assert await story.rows(rows) == [(uuid,) for uuid in sent]
            await story.check()

    run(test())


def test_an_answer_is_stored_once(database_url: str) -> None:
    async def test() -> None:
        async with telling(database_url) as story:
            uuid, attempt = await story.sent("A")
            await story.answer(attempt, "B")
            await story.answer(attempt, Refused(Reason.OTHER))
            assert await story.status(uuid) == "pending"
            ours = "SELECT provider_message_id FROM part WHERE attempt_id IS NOT NULL"
            assert await story.rows(ours) == [("A",)]

    run(test())


def test_what_was_surely_not_taken_goes_back_to_the_queue_as_if_it_had_never_gone_out(
    database_url: str,
) -> None:
    """D9, D26: it is claimed again with all that it had."""

    async def test() -> None:
        async with telling(database_url) as story:
            before = await story.submit()
            (attempt,) = await story.claim()
            await story.answer(attempt, Later(7.0, "HTTP 429"))
            row = await story.rows("SELECT state, due_at, handed_at, answer_detail FROM attempt")
            assert row == [("queued", START + 7 * SECOND, None, "HTTP 429")]
            assert await story.one("SELECT sent_at FROM message") is None
            assert await story.claim() == [attempt]
            assert await story.status(before) == "pending"
            await story.check()

    run(test())


def test_a_gateway_that_says_later_at_once_is_asked_ever_more_seldom(database_url: str) -> None:
    async def test() -> None:
        async with telling(database_url) as story:
            await story.submit()
            pauses = []
            for _ in range(4):
                (attempt,) = await story.claim()
                await story.answer(attempt, Later(0.0, "HTTP 429"))
                (pause,) = await story.rows(f"SELECT due_at - {START} FROM attempt")
                pauses.append(pause[0] / SECOND)
            assert pauses == [1, 2, 6, 12]

    run(test())


def test_what_an_earlier_try_met_is_forgotten_once_it_is_accepted(database_url: str) -> None:
    async def test() -> None:
        async with telling(database_url) as story:
            await story.submit()
            for answer in (Later(1.0, "HTTP 429"), Accepted((SentPart("A"),))):
                (attempt,) = await story.claim()
                await story.answer(attempt, answer)
            row = await story.rows("SELECT state, answer_detail FROM attempt")
            assert row == [("accepted", None)]

    run(test())


def test_what_a_receipt_shows_as_sent_never_goes_back_to_the_queue(database_url: str) -> None:
    """D24: the gateway said "later", and its receipt said otherwise."""

    async def test() -> None:
        async with telling(database_url) as story:
            uuid, attempt = await story.handing_over()
            await story.hear("main", receipt("A", reference=reference(attempt)))
            await story.answer(attempt, Later(0.0))
            assert await story.claim() == []
            assert await story.status(uuid) == "delivered"
            await story.check()

    run(test())


@pytest.mark.parametrize("answer", [Unsure("time-out"), None], ids=["unsure", "process died"])
def test_an_unsure_hand_over_is_never_sent_again_and_its_receipt_decides(
    database_url: str, answer: Any
) -> None:
    """D24."""

    async def test() -> None:
        async with telling(database_url) as story:
            uuid, attempt = await story.handing_over()
            if answer is None:
                died = await story.store.write(lambda tx: outbox.abandon(
                    tx, *story._parts, all_leases=True, grace_seconds=0
                ))  # fmt: skip
                assert died == 1
            else:
                await story.answer(attempt, answer)
            assert await story.one("SELECT state FROM attempt") == "unsure"
            assert await story.claim() == []
            assert await story.status(uuid) == "pending"
            await story.hear("main", receipt("A", reference=reference(attempt)))
            assert await story.status(uuid) == "delivered"
            await story.check()

    run(test())


def test_an_answer_that_comes_after_its_process_was_given_up_still_counts(
    database_url: str,
) -> None:
    async def test() -> None:
        async with telling(database_url) as story:
            _, attempt = await story.handing_over()
            await story.store.write(lambda tx: outbox.abandon(
                tx, *story._parts, all_leases=True, grace_seconds=0
            ))  # fmt: skip
            await story.answer(attempt, "A")
            assert await story.one("SELECT state FROM attempt") == "accepted"

    run(test())


def test_an_unsure_message_with_a_deadline_waits_for_its_receipt_until_the_grace_is_over(
    database_url: str,
) -> None:
    async def test() -> None:
        async with telling(database_url) as story:
            await story.handing_over(deadline_seconds=60)
            deadline = await story.one("SELECT deadline_at FROM message")
            await story.store.write(lambda tx: outbox.abandon(
                tx, *story._parts, all_leases=True, grace_seconds=300
            ))  # fmt: skip
            assert await story.one("SELECT expires_at FROM attempt") == deadline + 300 * SECOND

    run(test())


# --- time ---------------------------------------------------------------------------------------


def test_what_is_not_handed_over_by_its_deadline_expires_and_is_not_sent(
    database_url: str,
) -> None:
    """E3."""

    async def test() -> None:
        async with telling(database_url) as story:
            uuid = await story.submit(deadline_seconds=60)
            assert await story.claim() == []
            assert await story.status(uuid) == "expired"
            assert await story.one("SELECT text FROM message") is None
            await story.check()

    run(test())


def test_the_sweep_leaves_a_hand_over_under_way_alone(database_url: str) -> None:
    """It would call expired, at its deadline, what is just being taken."""

    async def test() -> None:
        async with telling(database_url) as story:
            uuid, attempt = await story.handing_over(deadline_seconds=60)
            far = (await story.one("SELECT deadline_at FROM message")) + HOUR
            swept = await story.store.write(
                lambda tx: outbox.time_out(tx, story.store.accounts, story.store.ids, far)
            )
            assert (swept, await story.status(uuid)) == (0, "pending")
            await story.answer(attempt, "A")
            assert await story.status(uuid) == "pending"

    run(test())


def test_a_hand_over_that_began_since_the_list_was_read_is_not_given_up(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """E1: on PostgreSQL the list may be older than the lock."""
    older = "SELECT id FROM attempt WHERE $1 > 0::bigint LIMIT $2"
    monkeypatch.setattr(outbox, "_ABANDONED", older)

    async def test() -> None:
        async with telling(database_url) as story:
            await story.handing_over()
            await story.store.write(lambda tx: outbox.abandon(tx, *story._parts, grace_seconds=60))
            assert await story.one("SELECT state FROM attempt") == "handing_over"

    run(test())


@pytest.mark.parametrize("meanwhile", ["taken again", "given more time", "delivered"])
def test_the_sweep_times_out_nothing_that_changed_since_its_list_was_read(
    database_url: str, monkeypatch: pytest.MonkeyPatch, meanwhile: str
) -> None:
    """D6: on PostgreSQL the list may be older than the lock."""
    older = "SELECT id FROM attempt WHERE $1 > 0::bigint ORDER BY expires_at LIMIT $2"
    monkeypatch.setattr(outbox, "_EXPIRED", older)

    async def test() -> None:
        async with telling(database_url) as story:
            _, attempt = await story.handing_over()
            if meanwhile != "taken again":
                late = meanwhile == "given more time"
                await story.answer(attempt, "A", expires_in=9999 if late else 100)
            if meanwhile == "delivered":
                await story.hear("main", receipt("A"))
            far = 10 * 365 * 86_400 if meanwhile == "taken again" else 1000
            assert await story.time_out(after=far) == 0
            assert await story.one("SELECT timeout_at FROM attempt") is None

    run(test())


def test_what_nobody_reports_on_becomes_unknown_by_a_time_out(database_url: str) -> None:
    async def test() -> None:
        async with telling(database_url) as story:
            uuid, _ = await story.sent("A")
            await story.hear("main", receipt("A", "pending", provider_status="buffered"))
            assert await story.time_out(after=99) == 0
            assert await story.time_out(after=100) == 1
            assert await story.rows("SELECT status, final, provider_status FROM message") == [
                ("unknown", True, "buffered")
            ]
            assert await story.time_out(after=101) == 0
            await story.check()
            assert [e["type"] for e in await story.events(uuid)] == ["message.unknown"]

    run(test())


@pytest.mark.parametrize(
    ("status", "kind"), [("delivered", "correction"), ("undelivered", "correction")]
)
def test_a_receipt_after_the_time_out_corrects_it_and_says_so(
    database_url: str, status: str, kind: str
) -> None:
    """D4."""

    async def test() -> None:
        async with telling(database_url) as story:
            uuid, _ = await story.sent("A")
            await story.time_out()
            await story.hear("main", receipt("A", status))
            told = (await story.events(uuid))[-1]
            assert (told["status"], told["previous_status"]) == (status, "unknown")
            assert told["correction"] is True
            await story.check()

    run(test())


def test_a_late_delivery_after_a_failure_corrects_it_and_says_so(database_url: str) -> None:
    """D4."""

    async def test() -> None:
        async with telling(database_url) as story:
            uuid, _ = await story.sent("A")
            await story.hear("main", receipt("A", "undelivered", error_code="1"))
            await story.hear("main", receipt("A"))
            told = (await story.events(uuid))[-1]
            assert (told["status"], told["previous_status"]) == ("delivered", "undelivered")
            assert told["correction"] is True
            assert await story.one("SELECT error_code FROM message") is None
            await story.check()

    run(test())


def test_the_sweep_never_overwrites_a_receipt_that_came_between_its_look_and_its_write(
    database_url: str,
) -> None:
    """D6: a storm of receipts and sweeps over the same messages."""

    async def test() -> None:
        import asyncio

        async with telling(database_url) as story:
            sent = [await story.sent(f"A{i}") for i in range(30)]

            async def receipts() -> None:
                for i in range(30):
                    await story.hear("main", receipt(f"A{i}"))

            async def sweeps() -> None:
                for _ in range(40):
                    await story.time_out()

            await asyncio.gather(receipts(), sweeps(), sweeps())
            for uuid, _ in sent:
                assert await story.status(uuid) == "delivered"
            await story.check()

    run(test())
