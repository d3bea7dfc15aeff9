"""Handing over to gateways that fail in every way (rules E1, E3): nothing is sent twice."""

import asyncio
import sqlite3
from contextlib import closing
from typing import Any

import pytest
from structlog.testing import capture_logs

from delivrd.app import running
from delivrd.config import Sending
from delivrd.core.units import SECOND
from delivrd.providers import provider
from delivrd.providers.base import AccountSettings
from delivrd.sending.callback import webhook_path
from delivrd.sending.http import TIMEOUT
from delivrd.sending.submit import Order, submit
from delivrd.store import outbox, sqlite
from delivrd.store.accounts import Account, Accounts
from delivrd.store.ids import Ids, now_micros
from delivrd.store.open import sqlite_path
from delivrd.store.sqlite import Busy
from delivrd.store.tx import Tx
from tests.ports import free_port
from tests.sending.gateways import (
    TO,
    Behaviour,
    Gateway,
    Sender,
    accepts,
    after,
    answers,
    at,
    drops,
    sending,
    stopping,
)
from tests.support import account, open_hub, run, settings, until


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was surely not taken is tried again soon."""
    monkeypatch.setattr(outbox, "RETRY_SECONDS", (0.05,))


def test_a_text_goes_out_once_and_is_accepted(database_url: str) -> None:
    async def test() -> None:
        async with Gateway().listening() as gateway, sending(database_url, at(gateway)) as hub:
            await hub.send()
            await hub.reaches("accepted")
            assert len(gateway.calls) == 1

    run(test())


def test_a_gateway_that_refuses_connections_is_tried_again_until_it_is_there(
    database_url: str,
) -> None:
    async def test() -> None:
        gateway = Gateway(port=free_port())
        async with sending(database_url, at(gateway)) as hub:
            await hub.send()

            async def tried() -> bool:
                return (await hub.rows("SELECT tries FROM attempt"))[0][0] >= 2

            await until(tried)
            async with gateway.listening():
                await hub.reaches("accepted")
            assert len(gateway.calls) == 1
            assert (await hub.rows("SELECT sent_at FROM message"))[0][0] is not None

    run(test())


@pytest.mark.parametrize("address", ["http://gateway.invalid", "https://127.0.0.1:{port}"])
def test_a_name_or_a_certificate_that_fails_means_surely_not_sent(
    sqlite_url: str, address: str
) -> None:
    async def test() -> None:
        async with Gateway().listening() as gateway:
            async with sending(sqlite_url, address.format(port=gateway.port)) as hub:
                await hub.send()

                async def tried() -> bool:
                    return (await hub.rows("SELECT tries FROM attempt"))[0][0] >= 2

                await until(tried)
                assert set(await hub.states()) <= {"queued", "handing_over"}
            assert gateway.calls == []

    run(test())


@pytest.mark.parametrize(
    "behaviour",
    [drops, answers(500), answers(502, "Bad Gateway"), answers(408), answers(200, "no JSON")],
    ids=["drops", "500", "502", "408", "nonsense"],
)
def test_what_may_have_been_taken_is_unsure_and_never_sent_again(
    database_url: str, behaviour: Behaviour
) -> None:
    """D24."""

    async def test() -> None:
        async with Gateway(behaviour, accepts).listening() as gateway:
            async with sending(database_url, at(gateway)) as hub:
                await hub.send()
                await hub.reaches("unsure")
                await hub.send()
                await hub.reaches("unsure", "accepted")
            async with sending(database_url, at(gateway)) as hub:  # nor after a restart
                await hub.send()
                await hub.reaches("unsure", "accepted", "accepted")
            assert len(set(gateway.references)) == len(gateway.calls) == 3

    run(test())


@pytest.mark.parametrize("status", [400, 401, 404])
def test_a_refusal_is_final_and_not_tried_again(database_url: str, status: int) -> None:
    async def test() -> None:
        async with Gateway(answers(status, "no")).listening() as gateway:
            async with sending(database_url, at(gateway)) as hub:
                await hub.send()
                await hub.reaches("refused")
                assert (await hub.rows("SELECT status, final FROM message"))[0][0] == "rejected"
            assert len(gateway.calls) == 1

    run(test())


def test_a_gateway_that_says_later_is_left_alone_for_that_long(database_url: str) -> None:
    async def test() -> None:
        async with (
            Gateway(answers(429, Retry_After="3600"), accepts).listening() as gateway,
            sending(database_url, at(gateway), ("main", "other")) as hub,
        ):
            await hub.send()
            told = "SELECT 1 FROM attempt WHERE answer_detail IS NOT NULL"
            await until(lambda: hub.rows(told))
            await hub.send()  # the pause is the account's, not one message's
            await hub.send("other")
            await hub.reaches("queued", "queued", "accepted")
            assert len(gateway.calls) == 2
            ((waits,),) = await hub.rows(
                "SELECT a.due_at - m.created_at FROM attempt a JOIN message m "
                "ON m.id = a.message_id WHERE a.answer_detail IS NOT NULL"
            )
            assert waits >= 3600 * SECOND

    run(test())


def test_a_gateway_that_said_later_gets_its_texts_after_that(database_url: str) -> None:
    async def test() -> None:
        async with (
            Gateway(answers(429, Retry_After="0.1"), accepts).listening() as gateway,
            sending(database_url, at(gateway)) as hub,
        ):
            await hub.send()
            await until(lambda: gateway.calls)
            await hub.send()
            await hub.reaches("accepted", "accepted")
            assert len(gateway.calls) == 3

    run(test())


def test_a_throttled_answer_of_the_dialect_is_tried_again(sqlite_url: str) -> None:
    throttled = answers(200, '{"messages": [{"status": "1", "error-text": "Throttled"}]}')

    async def test() -> None:
        async with Gateway(throttled, accepts).listening() as gateway:
            async with sending(sqlite_url, at(gateway)) as hub:
                await hub.send()
                await hub.reaches("accepted")
            assert len(gateway.calls) == 2

    run(test())


def test_an_account_whose_messages_cannot_be_claimed_holds_up_no_other(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    claim = outbox.claim

    async def claim_but_for_the_first(
        tx: Tx, accounts: Accounts, ids: Ids, now: int, account_ids: list[int], limit: int
    ) -> list[outbox.Handover]:
        if account_ids == [min(accounts.ids)]:
            raise ValueError("a row that nobody expected")
        return await claim(tx, accounts, ids, now, account_ids, limit)

    monkeypatch.setattr(outbox, "claim", claim_but_for_the_first)

    async def test() -> None:
        async with Gateway().listening() as gateway:
            both = dict.fromkeys(("first", "second"), account("vonage", base_url=at(gateway)))
            async with open_hub(settings(sqlite_url, accounts=both)) as hub:
                await submit(hub.store, hub.config, Order(TO, "Acme", "Hello", ("second",)))
                await until(lambda: gateway.calls)

    run(test())


def test_gateways_that_hang_leave_the_others_room(sqlite_url: str) -> None:
    async def test() -> None:
        answer = asyncio.Event()
        first, second, well = Gateway(after(answer)), Gateway(after(answer)), Gateway()
        async with first.listening(), second.listening(), well.listening():
            gateways = {"first": first, "second": second, "well": well}
            accounts = {name: account("vonage", base_url=at(one)) for name, one in gateways.items()}
            config = settings(sqlite_url, accounts=accounts, sending=Sending(concurrency=8))
            async with open_hub(config) as hub:

                async def send(name: str) -> None:
                    await submit(hub.store, hub.config, Order(TO, "Acme", "Hello", (name,)))

                for name, takes in (("first", 6), ("second", 1)):
                    for _ in range(8):
                        await send(name)
                    await until(lambda: len(gateways[name].calls) >= takes)  # noqa: B023
                await send("well")
                await until(lambda: well.calls)
                assert (len(first.calls), len(second.calls)) == (6, 1)
                answer.set()
                await until(lambda: len(first.calls) == len(second.calls) == 8)

    run(test())


def test_an_account_that_alone_sends_takes_all_the_room(sqlite_url: str) -> None:
    async def test() -> None:
        answer = asyncio.Event()
        async with Gateway(after(answer)).listening() as gateway:
            accounts = {
                "main": account("vonage", base_url=at(gateway)),
                "inbox": account("vonage", receive_only=True),
            }
            config = settings(sqlite_url, accounts=accounts, sending=Sending(concurrency=4))
            async with open_hub(config) as hub:
                for _ in range(5):
                    await submit(hub.store, hub.config, Order(TO, "Acme", "Hello", ("main",)))
                await until(lambda: len(gateway.calls) == 4)
                answer.set()

    run(test())


def test_after_its_deadline_a_message_is_not_handed_over_any_more(database_url: str) -> None:
    """E3."""

    async def test() -> None:
        gateway = Gateway(port=free_port())
        async with sending(database_url, at(gateway)) as hub:
            await hub.send(deadline_seconds=1)

            async def expired() -> bool:
                return (await hub.rows("SELECT status FROM message"))[0][0] == "expired"

            await until(expired)
            async with gateway.listening():
                await hub.send()
                await hub.reaches("queued", "accepted")
            assert len(gateway.calls) == 1

    run(test())


def test_the_validity_ends_with_the_deadline(sqlite_url: str) -> None:
    async def test() -> None:
        async with Gateway().listening() as gateway, sending(sqlite_url, at(gateway)) as hub:
            await hub.send(deadline_seconds=3600)
            await hub.reaches("accepted")
            assert 3_500_000 <= int(gateway.calls[0]["ttl"]) <= 3_600_000

    run(test())


def test_a_receipt_is_awaited_for_the_grace_beyond_the_validity(sqlite_url: str) -> None:
    """C8: the last receipt says that the validity is over, and needs its time to come."""

    async def test() -> None:
        more = {"sending": Sending(grace_seconds=600)}
        async with (
            Gateway().listening() as gateway,
            sending(sqlite_url, at(gateway), **more) as hub,
        ):
            await hub.send()
            await hub.reaches("accepted")
            ((handed_at, expires_at),) = await hub.rows("SELECT handed_at, expires_at FROM attempt")
            validity = provider("vonage").default_validity
            assert expires_at - handed_at >= (validity + 600) * 1_000_000

    run(test())


def test_messages_time_out_even_if_hand_overs_of_dead_processes_cannot_be_marked(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed = asyncio.Event()

    async def broken(*args: Any, **more: Any) -> int:
        failed.set()
        raise ValueError("a row that nobody expected")

    async def test() -> None:
        async with Gateway().listening() as gateway, sending(sqlite_url, at(gateway)) as hub:
            await hub.send()
            await hub.reaches("accepted")
            monkeypatch.setattr(outbox, "abandon", broken)
            await failed.wait()
            await hub.hub.store.write(lambda tx: tx.execute("UPDATE attempt SET expires_at = 1"))

            async def unknown() -> bool:
                return await hub.rows("SELECT status FROM message") == [("unknown",)]

            await until(unknown)

    run(test())


def test_texts_that_are_under_way_when_the_hub_stops_are_answered_for(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def test() -> None:
        async with Gateway(after(stopping(monkeypatch))).listening() as gateway:
            async with sending(database_url, at(gateway)) as hub:
                for _ in range(5):
                    await hub.send()
                await until(lambda: gateway.calls)
            async with sending(database_url, at(gateway)) as hub:
                await hub.reaches(*["accepted"] * 5)
            assert len(set(gateway.references)) == len(gateway.calls) == 5

    run(test())


def test_an_answer_is_written_down_when_the_store_is_back(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It cannot be had a second time."""
    monkeypatch.setattr(sqlite, "LOCKED_SECONDS", 0.05)
    path = sqlite_path(sqlite_url)
    assert path is not None

    async def test() -> None:
        lock_is_held = asyncio.Event()

        def has_waited(logs: list[Any]) -> bool:
            return any(line["event"] == "an answer waits for the store" for line in logs)

        with closing(sqlite3.connect(path, isolation_level=None)) as other, capture_logs() as logs:
            async with Gateway(after(lock_is_held)).listening() as gateway:
                async with sending(sqlite_url, at(gateway)) as hub:
                    await hub.send()
                    await until(lambda: gateway.calls)
                    other.execute("BEGIN IMMEDIATE")
                    lock_is_held.set()
                    await until(lambda: has_waited(logs))
                    other.execute("ROLLBACK")
                    await hub.reaches("accepted")
                assert len(gateway.calls) == 1

    run(test())


def test_no_more_messages_a_second_than_the_account_may_send(sqlite_url: str) -> None:
    async def test() -> None:
        rate = Sending(rate={"main": 1 / 3600})
        async with (
            Gateway().listening() as gateway,
            sending(sqlite_url, at(gateway), ("main", "other"), sending=rate) as hub,
        ):
            for by in ("main", "main", "other"):
                await hub.send(by)
            await hub.reaches("accepted", "queued", "accepted")
            assert len(gateway.calls) == 2

    run(test())


def test_what_the_rate_holds_back_goes_out_later(sqlite_url: str) -> None:
    async def test() -> None:
        rate = Sending(rate={"main": 20.0})
        async with (
            Gateway().listening() as gateway,
            sending(sqlite_url, at(gateway), sending=rate) as hub,
        ):
            for _ in range(25):  # 20 of them at once
                await hub.send()
            await hub.reaches(*["accepted"] * 25)
            assert len(gateway.calls) == 25

    run(test())


# --- crashes and crowds -------------------------------------------------------------------------


def test_what_was_claimed_by_a_process_that_died_before_the_call_is_unsure(
    database_url: str,
) -> None:
    """D26: nobody can tell whether the call went out."""

    async def test() -> None:
        async with Gateway().listening() as gateway:
            await _die_with_a_claim(database_url)
            async with sending(database_url, at(gateway)) as hub:
                await hub.reaches("unsure")
                assert gateway.calls == []

    run(test())


def test_a_claim_outlives_the_longest_call() -> None:
    """What is still under way is not taken for the work of a process that died."""
    assert TIMEOUT.total is not None
    assert 2 * TIMEOUT.total * SECOND < outbox.LEASE_MICROS


async def _die_with_a_claim(database_url: str) -> None:
    """A process that submits, claims and is gone; on PostgreSQL its lease has run out since."""

    accounts = {"main": account("vonage", base_url="http://127.0.0.1:9")}
    config = settings(database_url, accounts=accounts)
    async with running(config, ("intake",)) as hub:
        await Sender(hub).send()
        store = hub.store
        claimed = await store.write(
            lambda tx: outbox.claim(tx, store.accounts, store.ids, now_micros(), [1], 10)
        )
        assert len(claimed) == 1
        await store.write(lambda tx: tx.execute("UPDATE attempt SET lease_until = 1 "
                                                "WHERE lease_until IS NOT NULL"))  # fmt: skip


def test_two_workers_never_send_one_message_twice(postgres_url: str) -> None:
    """D25."""

    async def test() -> None:
        async with (
            Gateway().listening() as gateway,
            sending(postgres_url, at(gateway)) as one,
            sending(postgres_url, at(gateway)) as other,
        ):
            for _ in range(60):
                await one.send()
                await other.send()
            await one.reaches(*["accepted"] * 120, seconds=30)
            assert len(set(gateway.references)) == len(gateway.calls) == 120

    run(test())


def test_a_second_hub_on_one_sqlite_file_is_refused(sqlite_url: str) -> None:

    async def test() -> None:
        async with sending(sqlite_url, "http://127.0.0.1:9"):
            with pytest.raises(Busy, match="in use by another"):
                async with sending(sqlite_url, "http://127.0.0.1:9"):
                    pass

    run(test())


def test_a_gateway_is_given_the_current_secret_of_the_path() -> None:
    """H1: the later ones are old, and go once nobody uses them any more."""
    secrets = ["the-secret-of-today", "the-secret-of-yesterday"]
    made = AccountSettings(provider="ruach", webhook_secret=secrets)
    main = Account(1, "main", 1, provider("ruach"), made)
    assert webhook_path(main) == "/webhooks/main/the-secret-of-today"
