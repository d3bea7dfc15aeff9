"""Messages that another program sent: made known before, after or between their receipts (D5)."""

from datetime import timedelta
from itertools import permutations

import pytest

from delivrd.sending.register import SentElsewhere, register
from delivrd.store.ids import now_micros
from delivrd.store.registration import Contradiction
from tests.store.story import HOUR, NOON, SECOND, START, TO, receipt, telling
from tests.support import run


@pytest.mark.parametrize("name", ["elsewhere", "main"], ids=["receive-only", "sends too"])
@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_two_parts_and_their_registration_meet_in_every_order(
    database_url: str, name: str, order: tuple[int, ...]
) -> None:
    async def test() -> None:
        async with telling(database_url) as story:
            steps = [
                lambda: story.register(name, "A", "B", sender="Acme", reference="order-7"),
                lambda: story.hear(name, receipt("A"), at=1),
                lambda: story.hear(name, receipt("B", sender="Other"), at=2),
            ]
            for i in order:
                await steps[i]()
            assert await story.rows(
                "SELECT origin, to_number, sender, country, reference, sent_at, status, final "
                "FROM message WHERE merged_into IS NULL"
            ) == [("registered", f"+{TO}", "Acme", "GB", "order-7", START, "delivered", True)]
            await story.check()

    run(test())


def test_the_oldest_message_stays_and_the_others_lead_to_it(database_url: str) -> None:
    async def test() -> None:
        async with telling(database_url) as story:
            for part in "ABC":
                await story.hear("elsewhere", receipt(part))
            ids = [row[0] for row in await story.rows("SELECT uuid FROM message ORDER BY id")]
            assert await story.register("elsewhere", "C", "A", "B") == ids[0]
            rows = await story.rows("SELECT id, merged_into FROM message ORDER BY id")
            oldest = rows[0][0]
            assert [row[1] for row in rows] == [None, oldest, oldest]
            await story.check()

    run(test())


def test_a_merge_tells_of_both_ids_and_of_the_status_afterwards(database_url: str) -> None:
    async def test() -> None:
        async with telling(database_url) as story:
            await story.hear("elsewhere", receipt("A"))
            await story.hear("elsewhere", receipt("B", "undelivered"))
            stays, goes = (r[0] for r in await story.rows("SELECT uuid FROM message ORDER BY id"))
            await story.register("elsewhere", "A", "B")
            told = (await story.events(goes))[-1]
            assert told["type"] == "message.merged"
            assert (told["message_id"], told["merged_into"]) == (goes, stays)
            assert (told["status"], told["final"]) == ("undelivered", True)
            changed = (await story.events(stays))[-1]
            assert changed["previous_status"] == "delivered"
            assert changed["correction"] is True

    run(test())


def test_the_same_registration_again_changes_nothing(database_url: str) -> None:
    async def test() -> None:
        async with telling(database_url) as story:
            await story.hear("elsewhere", receipt("A"))
            await story.hear("elsewhere", receipt("B"))
            uuid = await story.register("elsewhere", "A", "B")
            before, events = await story.snapshot(), await story.rows("SELECT id FROM event")
            assert await story.register("elsewhere", "A", "B") == uuid
            assert await story.register("elsewhere", "B", "A") == uuid
            assert await story.snapshot() == before
            assert await story.rows("SELECT id FROM event") == events

    run(test())


@pytest.mark.parametrize("known", ["registered", "sent", "registered, one of two"])
def test_ids_of_a_message_to_another_number_are_refused_and_nothing_changes(
    database_url: str, known: str
) -> None:
    """Silently taken, one of two messages would bear the other's recipient and status."""

    async def test() -> None:
        async with telling(database_url) as story:
            if known == "sent":
                uuid, _ = await story.sent("A")
            else:
                uuid = await story.register("main", "A", reference="order-7")
            before = await story.snapshot()
            ids = ("B", "A") if "two" in known else ("A",)
            with pytest.raises(Contradiction) as refused:
                await story.register("main", *ids, to="447700900999", reference="order-8")
            assert refused.value.uuid == uuid
            assert await story.snapshot() == before
            await story.check()

    run(test())


def test_ids_that_are_equal_by_the_format_of_the_account_are_one_part(database_url: str) -> None:
    """A second one would be waited for until the time-out."""

    async def test() -> None:
        async with telling(database_url) as story:
            uuid = await story.register("hex", "00AF", "af")
            await story.hear("hex", receipt("AF"))
            assert await story.status(uuid) == "delivered"
            await story.check()

    run(test())


def test_a_registration_knows_the_number_better_than_the_receipts(database_url: str) -> None:
    """Gateways mask it, or write it as it is dialled at home."""

    async def test() -> None:
        async with telling(database_url) as story:
            await story.hear("elsewhere", receipt("A", to="07700900123"))
            await story.register("elsewhere", "A")
            await story.hear("elsewhere", receipt("A", "pending", to="07700900123"))
            assert await story.rows("SELECT to_number, status FROM message") == [
                (f"+{TO}", "delivered")
            ]
            await story.check()

    run(test())


def test_a_registration_knows_the_country_better_than_the_receipts(database_url: str) -> None:
    """A number without its country's digits looks like one of another country."""

    async def test() -> None:
        async with telling(database_url) as story:
            await story.hear("elsewhere", receipt("A", to="2015550123"))
            assert await story.one("SELECT country FROM message") == "EG"
            await story.register("elsewhere", "A")
            assert await story.one("SELECT country FROM message") == "GB"
            await story.check()

    run(test())


def test_a_registration_of_a_withdrawn_message_shows_it_again(database_url: str) -> None:
    async def test() -> None:
        async with telling(database_url) as story:
            request = await story.hear("elsewhere", receipt("A"))
            await story.reread(request, receipt("B"))
            uuid = await story.register("elsewhere", "A")
            assert await story.rows(
                "SELECT status, withdrawn FROM message WHERE uuid = $1", uuid
            ) == [("pending", False)]
            await story.check()

    run(test())


FACTS = "SELECT sender, reference, preview, sent_at FROM message WHERE merged_into IS NULL"


def test_a_later_registration_fills_in_what_the_first_lacked(database_url: str) -> None:
    async def test() -> None:
        async with telling(database_url) as story:
            uuid = await story.register("elsewhere", "A", sender="Acme", sent_at=None)
            again = {"reference": "order-7", "preview": "Hello", "sent_at": START, "segments": 2}
            assert await story.register("elsewhere", "A", **again) == uuid
            assert await story.rows(FACTS) == [("Acme", "order-7", "Hello", START)]
            assert await story.one("SELECT segments FROM message") == 2
            await story.check()

    run(test())


@pytest.mark.parametrize("field", ["sender", "reference"])
def test_a_registration_that_contradicts_an_earlier_one_is_refused(
    database_url: str, field: str
) -> None:
    """Replaced in silence, the first caller's reference would no longer find its message."""

    async def test() -> None:
        async with telling(database_url) as story:
            uuid = await story.register("elsewhere", "A", **{field: "one"})
            before = await story.snapshot()
            with pytest.raises(Contradiction) as refused:
                await story.register("elsewhere", "B", "A", **{field: "another"})
            assert (refused.value.uuid, refused.value.field) == (uuid, field)
            assert await story.snapshot() == before

    run(test())


@pytest.mark.parametrize("field", ["sender", "reference"])
def test_registrations_that_contradict_each_other_do_not_become_one(
    database_url: str, field: str
) -> None:
    async def test() -> None:
        async with telling(database_url) as story:
            await story.register("elsewhere", "A", **{field: "one"})
            uuid = await story.register("elsewhere", "B", **{field: "another"})
            before = await story.snapshot()
            with pytest.raises(Contradiction) as refused:
                await story.register("elsewhere", "A", "B")
            assert (refused.value.uuid, refused.value.field) == (uuid, field)
            assert await story.snapshot() == before

    run(test())


def test_the_time_registered_first_stays(database_url: str) -> None:
    """A caller that tries again may write the present time."""

    async def test() -> None:
        async with telling(database_url) as story:
            await story.register("elsewhere", "A", sent_at=START)
            await story.register("elsewhere", "A", sent_at=START + SECOND)
            assert await story.one("SELECT sent_at FROM message") == START

    run(test())


def test_what_was_registered_survives_a_merge_into_an_older_message(database_url: str) -> None:
    async def test() -> None:
        async with telling(database_url) as story:
            await story.hear("elsewhere", receipt("A"))
            await story.register("elsewhere", "B", sender="Acme", reference="order-7")
            await story.register("elsewhere", "A", "B", preview="Hello")
            assert await story.rows(FACTS) == [("Acme", "order-7", "Hello", START)]
            await story.check()

    run(test())


def test_what_was_registered_in_steps_is_known_better_than_an_older_receipt(
    database_url: str,
) -> None:
    async def test() -> None:
        async with telling(database_url) as story:
            await story.hear("elsewhere", receipt("A", sender="Other"))
            await story.register("elsewhere", "B", sender="Acme", sent_at=None)
            await story.register("elsewhere", "B", segments=3)
            await story.register("elsewhere", "A", "B", sent_at=None)
            assert await story.rows(FACTS) == [("Acme", None, None, START)]
            segments = "SELECT segments FROM message WHERE merged_into IS NULL"
            assert await story.one(segments) == 3
            await story.check()

    run(test())


def test_a_number_is_the_same_sender_with_and_without_its_plus(database_url: str) -> None:
    async def test() -> None:
        async with telling(database_url) as story:
            uuid = await story.register("elsewhere", "A", sender="12025555511")
            assert await story.register("elsewhere", "A", sender="+12025555511") == uuid

    run(test())


def test_the_facts_registered_first_stay_where_they_merge_into_an_older_message(
    database_url: str,
) -> None:
    async def test() -> None:
        async with telling(database_url) as story:
            await story.hear("elsewhere", receipt("A"))
            await story.register("elsewhere", "B", preview="First", expires_at=START + SECOND)
            await story.register(
                "elsewhere", "A", "B", preview="Again", sent_at=START + SECOND,
                expires_at=START + 900 * SECOND,
            )  # fmt: skip
            assert await story.rows(FACTS) == [(None, None, "First", START)]
            assert await story.rows(
                "SELECT handed_at, expires_at FROM attempt a JOIN message m ON m.id = a.message_id "
                "WHERE m.merged_into IS NULL"
            ) == [(START, START + SECOND)]
            await story.check()

    run(test())


def test_registrations_that_overlap_become_one_message_with_all_their_parts(
    database_url: str,
) -> None:
    """A part that the last registration does not name goes along with its message."""

    async def test() -> None:
        async with telling(database_url) as story:
            first = await story.register("elsewhere", "A", "B")
            await story.register("elsewhere", "C", "D")
            assert await story.register("elsewhere", "B", "C") == first
            for part in "ABC":
                await story.hear("elsewhere", receipt(part))
            assert await story.status(first) == "pending"
            await story.hear("elsewhere", receipt("D", "undelivered"))
            assert await story.status(first) == "undelivered"
            await story.check()

    run(test())


def test_a_message_that_merged_twice_leads_to_the_last_one_directly(database_url: str) -> None:
    async def test() -> None:
        async with telling(database_url) as story:
            for part in "ABC":
                await story.hear("elsewhere", receipt(part))
            await story.register("elsewhere", "B", "C")
            await story.register("elsewhere", "A", "B")
            rows = await story.rows("SELECT id, merged_into FROM message ORDER BY id")
            assert [row[1] for row in rows] == [None, rows[0][0], rows[0][0]]
            await story.check()

    run(test())


def test_what_we_sent_ourselves_takes_the_registered_parts_and_keeps_its_own_facts(
    database_url: str,
) -> None:
    async def test() -> None:
        async with telling(database_url) as story:
            uuid, _ = await story.sent("A")
            assert await story.register("main", "A", sender="Forged") == uuid
            assert await story.one("SELECT sender FROM message") == "Acme"
            await story.hear("main", receipt("A"))
            assert await story.status(uuid) == "delivered"

    run(test())


def test_what_was_registered_before_our_send_becomes_a_part_of_it(database_url: str) -> None:
    """The message that we sent stays, though it is younger, with what was told of it alone."""

    async def test() -> None:
        async with telling(database_url) as story:
            await story.register("main", "B", reference="order-7", expires_at=START)
            uuid, _ = await story.sent("A")
            assert await story.register("main", "A", "B") == uuid
            assert await story.rows(
                "SELECT uuid, sender, reference FROM message WHERE merged_into IS NULL"
            ) == [(uuid, "Acme", None)]
            await story.hear("main", receipt("A"))
            assert await story.status(uuid) == "pending"
            await story.hear("main", receipt("B"))
            assert await story.status(uuid) == "delivered"
            await story.check()

    run(test())


def test_two_messages_that_we_sent_are_never_merged(database_url: str) -> None:
    async def test() -> None:
        async with telling(database_url) as story:
            one, _ = await story.sent("A")
            two, _ = await story.sent("B")
            await story.register("main", "A", "B")
            await story.hear("main", receipt("A"), receipt("B", "undelivered"))
            assert (await story.status(one), await story.status(two)) == (
                "delivered",
                "undelivered",
            )
            await story.check()

    run(test())


def test_a_registration_between_the_hand_over_and_its_answer_becomes_our_message(
    database_url: str,
) -> None:
    async def test() -> None:
        async with telling(database_url) as story:
            uuid, attempt = await story.handing_over()
            await story.register("main", "A")
            await story.answer(attempt, "A")
            await story.hear("main", receipt("A"))
            assert await story.status(uuid) == "delivered"
            shown = "SELECT count(*) FROM message WHERE merged_into IS NULL"
            assert await story.one(shown) == 1
            await story.check()

    run(test())


# --- time ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("first", ["registration", "receipt"])
def test_what_was_sent_elsewhere_and_has_no_end_in_time_becomes_unknown(
    database_url: str, first: str
) -> None:
    """C8: by the sweep that also gives up what we sent, and only once its time is over."""

    async def test() -> None:
        async with telling(database_url) as story:
            if first == "receipt":
                await story.hear("elsewhere", receipt("A", "pending", provider_status="buffered"))
            uuid = await story.register("elsewhere", "A", expires_at=START + 100 * SECOND)
            assert await story.time_out(after=99) == 0
            assert await story.time_out(after=100) == 1
            assert await story.rows("SELECT status, final FROM message") == [("unknown", True)]
            assert [e["type"] for e in await story.events(uuid)][-1:] == ["message.unknown"]
            await story.check()
            await story.hear("elsewhere", receipt("A"))
            assert await story.status(uuid) == "delivered"
            assert (await story.events(uuid))[-1]["correction"] is True
            await story.check()

    run(test())


def test_what_has_its_end_is_not_given_up(database_url: str) -> None:
    async def test() -> None:
        async with telling(database_url) as story:
            uuid = await story.register("elsewhere", "A", expires_at=START + 100 * SECOND)
            await story.hear("elsewhere", receipt("A", "undelivered"))
            assert await story.time_out(after=1000) == 0
            assert await story.status(uuid) == "undelivered"

    run(test())


def test_a_registration_again_moves_no_time_out(database_url: str) -> None:
    async def test() -> None:
        async with telling(database_url) as story:
            await story.register("elsewhere", "A", expires_at=START + 100 * SECOND)
            await story.register("elsewhere", "A", expires_at=START + 900 * SECOND)
            assert await story.time_out(after=100) == 1

    run(test())


def test_what_we_sent_ourselves_keeps_its_own_time_out(database_url: str) -> None:
    async def test() -> None:
        async with telling(database_url) as story:
            await story.sent("A")
            before = await story.one("SELECT expires_at FROM attempt")
            await story.register("main", "A", expires_at=START + 900 * SECOND)
            assert await story.one("SELECT expires_at FROM attempt") == before

    run(test())


@pytest.mark.parametrize("ago", [0, 1, 400], ids=["now", "a day ago", "a year ago"])
def test_the_time_is_the_usual_validity_and_the_grace_from_the_sending(
    sqlite_url: str, ago: int
) -> None:
    """What was sent long ago still has the grace: its receipts may follow its registration."""

    async def test() -> None:
        async with telling(sqlite_url) as story:
            now = now_micros()
            sent_at = now - ago * 24 * HOUR
            at = None if ago == 0 else NOON + timedelta(microseconds=sent_at - START)
            sent = SentElsewhere("elsewhere", ("A",), f"+{TO}", sent_at=at)
            await register(story.store, story.config, sent)
            grace = story.config.sending.grace_seconds * SECOND
            validity = story.store.accounts.by_name["elsewhere"].provider.default_validity * SECOND
            expires_at = await story.one("SELECT expires_at FROM attempt")
            assert abs(expires_at - max(sent_at + validity, now) - grace) < 60 * SECOND

    run(test())
