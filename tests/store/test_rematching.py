"""Settings that say how message ids compare may change while messages are under way (D3, D4)."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from delivrd.core.units import DAY, HOUR, SECOND
from delivrd.providers import provider
from delivrd.providers.base import Unsure
from delivrd.store import rematching
from delivrd.store.base import StoreUnavailable
from delivrd.store.ids import now_micros
from delivrd.store.pruning.messages import prune
from delivrd.store.rematching import rematch
from delivrd.store.tx import Tx
from delivrd.store.verify import verify
from tests.store.story import START, TO, Story, receipt, reference, telling
from tests.support import account, run

NewDatabase = Callable[[], str]
Steps = list[Callable[[Story, dict[str, int]], Awaitable[Any]]]

few = settings(
    max_examples=10, deadline=None, database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)  # fmt: skip

BEFORE = {
    "main": account("vonage"),
    "second": account("vonage"),
    "ruach": account("ruach"),
    "elsewhere": account("ruach", receive_only=True),
    "late": account("vonage"),
    "one": account("vonage"),
    "two": account("vonage"),
    "three": account("vonage"),
    "with one": account("vonage", ids_with="one"),
    "with two": account("vonage", ids_with="two"),
    "with three": account("vonage", ids_with="three"),
}
AFTER = {
    "main": account("vonage"),
    "second": account("vonage", ids_with="main"),
    "ruach": account("ruach", id_format="hex"),
    "elsewhere": account("ruach", receive_only=True, id_format="strip-zeros"),
    "late": account("vonage", receive_only=True),
    "one": account("vonage"),
    "two": account("vonage"),
    "three": account("vonage"),
    "with one": account("vonage", ids_with="two"),
    "with two": account("vonage", ids_with="three"),
    "with three": account("vonage", ids_with="one"),
}


@asynccontextmanager
async def begun_with(url: str, accounts: dict[str, Any]) -> AsyncGenerator[Story]:
    """A story on a hub that has just started with these accounts."""
    async with telling(url, **accounts) as story:
        await rematch(story.store)
        yield story


def hear(name: str, part: str, status: str, at: int, of: str | None = None) -> Any:
    async def step(story: Story, attempts: dict[str, int]) -> None:
        told = receipt(part, status, reference=reference(attempts[of]) if of else None)
        await story.receive(name, told, at=at)

    return step


STEPS: Steps = [
    lambda story, attempts: story.answer(attempts["main"], "A1"),
    hear("second", "A1", "delivered", 11),
    lambda story, attempts: story.answer(attempts["second"], "B1"),
    hear("main", "B1", "undelivered", 12),
    hear("second", "B1", "pending", 13),
    lambda story, attempts: story.answer(attempts["unsure"], Unsure("reading timed out")),
    hear("second", "C1", "delivered", 14, of="unsure"),
    hear("second", "C1", "delivered", 15, of="unsure"),
    lambda story, attempts: story.answer(attempts["ruach"], "00AF"),
    hear("ruach", "af", "expired", 16),
    hear("ruach", "AF", "delivered", 17),
    hear("ruach", "zz", "delivered", 18),
    hear("elsewhere", "07", "pending", 19),
    hear("elsewhere", "7", "delivered", 20),
    lambda story, attempts: story.register("elsewhere", "007", "8"),
    hear("elsewhere", "08", "rejected", 21),
    hear("late", "L1", "pending", 22),
    hear("late", "L1", "undelivered", 23),
    hear("late", "L2", "delivered", 24),
    lambda story, attempts: story.register("late", "L2", "L3", sender="Acme"),
    hear("late", "L4", "delivered", 25),
    lambda story, attempts: story.answer(attempts["with one"], "S1"),
    hear("with one", "S1", "delivered", 26),
    hear("with two", "S1", "undelivered", 27),
    hear("with three", "S1", "rejected", 28),
    hear("with three", "S1", "pending", 29),
    lambda story, attempts: story.fold(),
    lambda story, attempts: story.fold(),
]


async def lived(url: str, order: list[int], changed_after: int) -> dict[str, Any]:
    """What is known in the end, if the settings change after so many of the steps."""
    attempts = {}
    async with begun_with(url, BEFORE if changed_after else AFTER) as story:
        for name, through in (
            ("main", "main"), ("second", "second"), ("unsure", "main"), ("ruach", "ruach"),
            ("with one", "with one"),
        ):  # fmt: skip
            _, attempts[name] = await story.handing_over(through)
        for i in order[:changed_after]:
            await STEPS[i](story, attempts)
    async with begun_with(url, AFTER) as story:
        for i in order[changed_after:]:
            await STEPS[i](story, attempts)
        await story.fold()
        await story.check()
        assert await verify(story.store) == []
        return await story.snapshot()


@few
@given(order=st.permutations(range(len(STEPS))), changed_after=st.integers(1, len(STEPS)))
@example(order=list(range(len(STEPS))), changed_after=len(STEPS))
def test_a_change_of_settings_ends_as_if_they_had_always_been_so(
    new_database: NewDatabase, order: list[int], changed_after: int
) -> None:
    always = run(lived(new_database(), order, 0))
    assert run(lived(new_database(), order, changed_after)) == always


def test_receipts_that_came_before_the_change_find_their_message(database_url: str) -> None:
    async def test() -> None:
        async with begun_with(database_url, BEFORE) as story:
            uuid, _ = await story.sent("00AF", name="ruach")
            await story.hear("ruach", receipt("af"), at=1)
            assert await story.status(uuid) == "pending"
        async with begun_with(database_url, AFTER) as story:
            assert await story.status(uuid) == "delivered"
            assert [event["type"] for event in await story.events(uuid)] == ["message.delivered"]
            assert await story.one("SELECT count(*) FROM part") == 1

    run(test())


def test_a_receipt_that_came_before_the_send_was_answered_finds_it_too(database_url: str) -> None:
    async def test() -> None:
        async with begun_with(database_url, BEFORE) as story:
            await story.hear("second", receipt("A"), at=1)
            uuid, _ = await story.sent("A", name="main")
        async with begun_with(database_url, AFTER) as story:
            assert await story.status(uuid) == "delivered"
            assert await story.one("SELECT count(*) FROM part") == 1
            await story.check()

    run(test())


def test_one_receipt_at_two_webhooks_is_one_statement_with_both_calls(database_url: str) -> None:
    """C1: counted twice, and as early as the first of them."""

    async def test() -> None:
        async with begun_with(database_url, BEFORE) as story:
            uuid, _ = await story.sent("A", name="main")
            await story.hear("main", receipt("A"), at=2)
            await story.hear("second", receipt("A"), at=1)
        async with begun_with(database_url, AFTER) as story:
            told = "SELECT count, received_at FROM statement WHERE kind = 'receipt'"
            assert await story.rows(told) == [(2, START + SECOND)]
            links = "SELECT count(*), count(DISTINCT statement_id) FROM link"
            assert await story.rows(links) == [(2, 1)]
            assert await story.status(uuid) == "delivered"
            await story.check()

    run(test())


def test_a_change_taken_back_brings_the_keys_back(database_url: str) -> None:
    async def test() -> None:
        keys = "SELECT key, ns FROM part ORDER BY id"
        async with begun_with(database_url, BEFORE) as story:
            await story.sent("00AF", name="ruach")
            await story.sent("B1", name="second")
            before = await story.rows(keys)
        async with begun_with(database_url, AFTER) as story:
            assert await story.rows(keys) == [("3-hex/175", 3), ("1/B1", 1)]
        async with begun_with(database_url, BEFORE) as story:
            assert await story.rows(keys) == before

    run(test())


def test_two_sends_whose_ids_become_equal_stay_two_messages(database_url: str) -> None:
    """As where an id is used again: what comes now is about the later one."""

    async def test() -> None:
        async with begun_with(database_url, BEFORE) as story:
            first, _ = await story.sent("0AF", name="ruach")
            second, _ = await story.sent("AF", name="ruach")
        async with begun_with(database_url, AFTER) as story:
            await story.hear("ruach", receipt("af"), at=1)
            assert await story.status(first) == "pending"
            assert await story.status(second) == "delivered"
            await story.check()

    run(test())


def test_messages_known_by_receipts_alone_become_the_older_one(database_url: str) -> None:
    async def test() -> None:
        async with begun_with(database_url, BEFORE) as story:
            await story.hear("elsewhere", receipt("07", "pending"), at=1)
            await story.hear("elsewhere", receipt("7"), at=2)
            older, newer = await story.rows("SELECT id, uuid FROM message ORDER BY id")
        async with begun_with(database_url, AFTER) as story:
            assert await story.status(older[1]) == "delivered"
            merged = "SELECT merged_into FROM message WHERE id = $1"
            assert await story.one(merged, newer[0]) == older[0]
            assert [event["type"] for event in await story.events(newer[1])] == [
                "message.delivered",
                "message.merged",
            ]

    run(test())


@pytest.mark.parametrize("first", ["receipt", "registration"])
def test_a_receipt_and_a_registration_become_one_however_the_gateway_writes_the_number(
    database_url: str, first: str
) -> None:
    """As where a registration names the id of a receipt: it knows the number better."""

    async def test() -> None:
        async with begun_with(database_url, BEFORE) as story:
            if first == "registration":
                await story.register("elsewhere", "7", reference="order-7")
            await story.hear("elsewhere", receipt("07", to="07700900123"), at=1)
            if first == "receipt":
                await story.register("elsewhere", "7", reference="order-7")
        async with begun_with(database_url, AFTER) as story:
            assert await story.rows(
                "SELECT to_number, reference, status FROM message WHERE merged_into IS NULL"
            ) == [(f"+{TO}", "order-7", "delivered")]
            await story.check()

    run(test())


def test_registrations_for_two_numbers_stay_two_messages(database_url: str) -> None:
    async def test() -> None:
        async with begun_with(database_url, BEFORE) as story:
            await story.register("elsewhere", "07")
            await story.register("elsewhere", "7", to="447700900999")
        async with begun_with(database_url, AFTER) as story:
            assert await story.one("SELECT count(*) FROM message WHERE merged_into IS NULL") == 2
            await story.check()

    run(test())


def test_registrations_of_one_message_through_both_accounts_become_one(database_url: str) -> None:
    async def test() -> None:
        async with begun_with(database_url, BEFORE) as story:
            older = await story.register("main", "A")
            await story.register("second", "A")
        async with begun_with(database_url, AFTER) as story:
            await story.hear("main", receipt("A"), at=1)
            assert await story.status(older) == "delivered"
            assert await story.one("SELECT count(*) FROM message WHERE merged_into IS NULL") == 1
            await story.check()

    run(test())


def test_a_registration_that_joins_a_withdrawn_message_is_shown_and_counted(
    database_url: str,
) -> None:
    async def test() -> None:
        async with begun_with(database_url, BEFORE) as story:
            request = await story.hear("elsewhere", receipt("07"), at=1)
            await story.reread(request, receipt("99"))
            await story.register("elsewhere", "7", reference="order-7")
        async with begun_with(database_url, AFTER) as story:
            assert await story.rows(
                "SELECT withdrawn, status FROM message WHERE reference = 'order-7' "
                "AND merged_into IS NULL"
            ) == [(False, "pending")]
            assert await story.one("SELECT count(bucket) FROM message") == 2
            await story.check()

    run(test())


def test_what_an_account_received_before_it_was_receive_only_becomes_messages(
    database_url: str,
) -> None:
    async def test() -> None:
        async with begun_with(database_url, BEFORE) as story:
            await story.hear("late", receipt("A"), at=1)
            assert await story.one("SELECT count(*) FROM message") == 0
        async with begun_with(database_url, AFTER) as story:
            rows = await story.rows("SELECT origin, status, created_at FROM message")
            assert rows == [("received", "delivered", START + SECOND)]

    run(test())


def test_a_pruned_message_does_not_come_back(database_url: str) -> None:
    async def test() -> None:
        async with begun_with(database_url, BEFORE) as story:
            await story.hear("elsewhere", receipt("07"), at=1)
            made = (story.store.accounts, story.store.ids, story.now, now_micros() + DAY, 100)
            assert await story.store.write(lambda tx: prune(tx, *made)) == 1
            await story.hear("elsewhere", receipt("07", reference=reference(5)), at=2)
        for accounts, key in ((AFTER, "4-strip-zeros/7"), (BEFORE, "4/07")):
            async with begun_with(database_url, accounts) as story:
                await story.hear("elsewhere", receipt("07", "pending"), at=3)
                assert await story.one("SELECT count(*) FROM message") == 0
                assert await story.rows("SELECT key, attempt_id FROM part") == [(key, None)]

    run(test())


def test_the_part_before_a_reuse_keeps_its_place(database_url: str) -> None:
    before, after = (
        {"again": account("vonage", id_reuse_after=0, id_format=form)} for form in (None, "lower")
    )

    async def test() -> None:
        async with begun_with(database_url, before) as story:
            first, _ = await story.sent("A", name="again")
            await story.hear("again", receipt("A"), at=1)
            story.now += HOUR
            second, _ = await story.sent("A", name="again")
        async with begun_with(database_url, after) as story:
            await story.hear("again", receipt("a", "undelivered"), at=2)
            assert await story.status(first) == "delivered"
            assert await story.status(second) == "undelivered"
            await story.check()

    run(test())


def test_the_part_before_a_reuse_keeps_its_receipts_while_the_later_send_is_not_known(
    database_url: str,
) -> None:
    before, after = (
        {"again": account("vonage", id_reuse_after=0, id_format=form)} for form in (None, "lower")
    )

    async def test() -> None:
        async with begun_with(database_url, before) as story:
            first, _ = await story.sent("A", name="again")
            await story.hear("again", receipt("A", "undelivered"), at=1)
            story.now += HOUR
            await story.hear("again", receipt("A"), at=2)
            assert await story.one("SELECT count(*) FROM part") == 2
        async with begun_with(database_url, after) as story:
            assert await story.status(first) == "undelivered"
            second, _ = await story.sent("A", name="again")
            assert await story.status(second) == "delivered"
            await story.check()

    run(test())


def test_one_id_for_two_recipients_still_names_two_parts(database_url: str) -> None:
    gateway = partial(provider("gatewayapi").Settings, token="gatewayapi-token")
    before, after = (
        {"one": gateway(), "other": gateway(ids_with=whose)} for whose in (None, "one")
    )

    async def test() -> None:
        async with begun_with(database_url, before) as story:
            sent = [await story.register("other", "A", to=to) for to in ("447700900001", TO)]
        async with begun_with(database_url, after) as story:
            await story.hear("one", receipt("A"), at=1)
            assert [await story.status(uuid) for uuid in sent] == ["pending", "delivered"]
            await story.check()

    run(test())


def test_an_account_follows_the_format_of_the_one_whose_ids_it_shares(database_url: str) -> None:
    accounts = {
        "main": account("ruach", id_format="hex"),
        "second": account("ruach", ids_with="main"),
    }

    async def test() -> None:
        async with begun_with(database_url, accounts) as story:
            uuid, _ = await story.sent("00AF", name="second")
            await story.hear("main", receipt("af"), at=1)
            assert await story.status(uuid) == "delivered"

    run(test())


def swapped(*, receive_only: bool) -> Iterator[dict[str, Any]]:
    """Settings before and after two accounts swap the namespaces of their ids."""
    for one, other in ("xy", "yx"):
        yield {
            "x": account("ruach"),
            "y": account("ruach"),
            "a": account("ruach", ids_with=one, receive_only=receive_only),
            "b": account("ruach", ids_with=other, receive_only=receive_only),
        }


@pytest.mark.parametrize("receive_only", [False, True])
def test_accounts_that_swap_their_namespaces_keep_their_receipts(
    database_url: str, monkeypatch: pytest.MonkeyPatch, receive_only: bool
) -> None:
    """For a moment, each part has the key that the other one is to have."""
    monkeypatch.setattr(rematching, "SLICE", 1)
    before, after = swapped(receive_only=receive_only)
    statuses = "SELECT p.key, s.status FROM part p JOIN statement s ON s.part_id = p.id ORDER BY 1"

    async def test() -> None:
        async with begun_with(database_url, before) as story:
            await story.hear("a", receipt("1", "delivered"))
            await story.hear("b", receipt("1", "undelivered"))
            assert await story.rows(statuses) == [("1/1", "delivered"), ("2/1", "undelivered")]
        async with begun_with(database_url, after) as story:
            assert await story.rows(statuses) == [("1/1", "undelivered"), ("2/1", "delivered")]
            await story.check()

    run(test())


@pytest.mark.parametrize("at_once", [1, 500])
def test_pruned_messages_of_accounts_that_swap_their_namespaces_do_not_come_back(
    database_url: str, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    monkeypatch.setattr(rematching, "SLICE", at_once)
    before, after = swapped(receive_only=True)

    async def test() -> None:
        async with begun_with(database_url, before) as story:
            for name in "ab":
                await story.hear(name, receipt("1"))
            made = (story.store.accounts, story.store.ids, story.now, now_micros() + DAY, 100)
            assert await story.store.write(lambda tx: prune(tx, *made)) == 2
            for name in "ab":
                await story.hear(name, receipt("1"))
        async with begun_with(database_url, after) as story:
            assert await story.one("SELECT count(*) FROM message") == 0
            unmatched = "SELECT key FROM part WHERE attempt_id IS NULL ORDER BY 1"
            assert await story.rows(unmatched) == [("1/1",), ("2/1",)]

    run(test())


def test_a_start_with_the_same_settings_has_nothing_to_do(database_url: str) -> None:
    async def test() -> None:
        for _ in range(2):
            async with telling(database_url, **AFTER) as story:
                assert story.store.accounts.outdated == {}

    run(test())


def test_a_change_cut_short_is_completed_by_the_next_start(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rematching, "SLICE", 1)
    formats = "SELECT count(*) FROM account WHERE id_format IS NOT NULL"

    async def test() -> None:
        async with begun_with(database_url, BEFORE) as story:
            sent = [(await story.sent(part, name="ruach"))[0] for part in ("00AF", "0B")]
        with pytest.raises(StoreUnavailable):
            async with telling(database_url, **AFTER) as story:
                await rematch(failing_after(story.store, 2))
        async with telling(database_url, **AFTER) as story:
            assert await story.one(formats) == 0
        async with begun_with(database_url, AFTER) as story:
            await story.hear("ruach", receipt("af"), receipt("b"), at=1)
            assert {await story.status(uuid) for uuid in sent} == {"delivered"}
            assert await story.one(formats) == 2

    run(test())


@pytest.mark.parametrize("then", [BEFORE, {**BEFORE, "second": account("vonage", ids_with="two")}],
                         ids=["as before", "yet others"])  # fmt: skip
def test_a_change_cut_short_may_be_taken_back(
    database_url: str, monkeypatch: pytest.MonkeyPatch, then: dict[str, Any]
) -> None:
    """What was moved already goes where the settings say that are in force at last."""
    monkeypatch.setattr(rematching, "SLICE", 1)

    async def test() -> None:
        async with begun_with(database_url, BEFORE) as story:
            sent = [(await story.sent(part, name="second"))[0] for part in ("A", "B")]
        with pytest.raises(StoreUnavailable):
            async with telling(database_url, **AFTER) as story:
                await rematch(failing_after(story.store, 2))
        async with begun_with(database_url, then) as story:
            await story.hear("second", receipt("A"), receipt("B"), at=1)
            assert {await story.status(uuid) for uuid in sent} == {"delivered"}
            assert await story.one("SELECT count(*) FROM part") == 2

    run(test())


def failing_after(store: Any, writes: int) -> Any:
    """The store, which goes away after so many writes."""
    real, left = store.write, iter(range(writes))

    async def write(job: Any) -> Any:
        if next(left, None) is None:
            raise StoreUnavailable("gone")
        return await real(job)

    store.write = write
    return store


def test_keys_of_the_release_before_are_changed_too(database_url: str) -> None:
    """They did not name the format."""

    async def before(tx: Tx) -> None:
        await tx.execute("UPDATE part SET key = '3/175'")
        for column in ("id_format", "receive_only"):
            await tx.execute(f"ALTER TABLE account DROP COLUMN {column}")
        await tx.execute("UPDATE alembic_version SET version_num = '0009_process_figures'")

    async def test() -> None:
        async with begun_with(database_url, AFTER) as story:
            uuid, _ = await story.sent("00AF", name="ruach")
            await story.store.write(before)
        async with begun_with(database_url, AFTER) as story:
            await story.hear("ruach", receipt("af"), at=1)
            assert await story.status(uuid) == "delivered"

    run(test())


def test_processes_that_start_together_change_the_keys_once(postgres_url: str) -> None:
    async def test() -> None:
        async with begun_with(postgres_url, BEFORE) as story:
            sent = [(await story.sent(f"0{i:X}", name="ruach"))[0] for i in range(20)]
            await story.hear("ruach", *(receipt(f"{i:x}") for i in range(20)), at=1)
        async with telling(postgres_url, **AFTER) as one, telling(postgres_url, **AFTER) as other:
            await asyncio.gather(rematch(one.store), rematch(other.store))
            assert {await one.status(uuid) for uuid in sent} == {"delivered"}
            assert await one.one("SELECT count(*) FROM part") == 20
            await one.check()

    run(test())
