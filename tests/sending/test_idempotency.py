"""One Idempotency-Key, one message (rule E2), however many ask at once, on both stores (D37)."""

import asyncio

import pytest

from delivrd.core.units import HOUR
from delivrd.sending.errors import Invalid, KeyReused
from delivrd.sending.submit import Order, submit
from tests.sending.gateways import TO, sending
from tests.support import account, open_hub, run, settings

NOWHERE = "http://127.0.0.1:9"
LONG_AGO = "UPDATE idempotency SET created_at = created_at - $1"
ORDER = Order(TO, "Acme", "Hello", ("main",))


def config(database_url: str):  # type: ignore[no-untyped-def]
    return settings(database_url, accounts={"main": account("vonage", base_url=NOWHERE)})


def test_many_at_once_with_one_key_make_one_message(database_url: str) -> None:
    async def test() -> None:
        async with open_hub(config(database_url), roles=("intake",)) as hub:
            made = await asyncio.gather(*(
                submit(hub.store, hub.config, ORDER, key_id=1, idempotency_key="k", body_hash=b"a")
                for _ in range(30)
            ))  # fmt: skip
            assert len({one.uuid for one in made}) == 1
            assert sorted(one.repeated for one in made) == [False] + [True] * 29
            rows = await hub.store.read(lambda tx: tx.fetch("SELECT count(*) FROM message"))
            assert rows[0][0] == 1

    run(test())


def test_two_processes_with_one_key_make_one_message(postgres_url: str) -> None:
    async def test() -> None:
        async with (
            open_hub(config(postgres_url), roles=("intake",)) as one,
            open_hub(config(postgres_url), roles=("intake",)) as other,
        ):
            made = await asyncio.gather(*(
                submit(hub.store, hub.config, ORDER, key_id=1, idempotency_key=f"k{i % 5}",
                       body_hash=b"a")
                for i in range(40) for hub in (one, other)
            ))  # fmt: skip
            assert len({one.uuid for one in made}) == 5
            assert sum(not one.repeated for one in made) == 5

    run(test())


def test_another_body_under_the_same_key_is_refused(database_url: str) -> None:
    async def test() -> None:
        async with open_hub(config(database_url), roles=("intake",)) as hub:
            await submit(
                hub.store, hub.config, ORDER, key_id=1, idempotency_key="k", body_hash=b"a"
            )
            with pytest.raises(KeyReused):
                await submit(
                    hub.store, hub.config, ORDER, key_id=1, idempotency_key="k", body_hash=b"b"
                )

    run(test())


def test_keys_belong_to_their_api_key(database_url: str) -> None:
    """D35."""

    async def test() -> None:
        async with open_hub(config(database_url), roles=("intake",)) as hub:
            made = [
                await submit(
                    hub.store, hub.config, ORDER, key_id=who, idempotency_key="k", body_hash=b"a"
                )
                for who in (1, 2)
            ]
            assert made[0].uuid != made[1].uuid

    run(test())


def test_a_message_that_cannot_be_taken_does_not_use_up_its_key(database_url: str) -> None:
    async def test() -> None:
        async with open_hub(config(database_url), roles=("intake",)) as hub:
            with pytest.raises(Invalid):
                await submit(hub.store, hub.config, ORDER._replace(to="12"), key_id=1,
                             idempotency_key="k", body_hash=b"a")  # fmt: skip
            made = await submit(
                hub.store, hub.config, ORDER, key_id=1, idempotency_key="k", body_hash=b"b"
            )
            assert made.repeated is False

    run(test())


def test_what_was_taken_is_answered_again_where_new_settings_would_refuse_it(
    database_url: str,
) -> None:
    """Told that it is not acceptable, its caller would believe that it was not sent."""

    async def test() -> None:
        order = ORDER._replace(via=())  # the only account that sends
        async with open_hub(config(database_url), roles=("intake",)) as hub:
            made = await submit(
                hub.store, hub.config, order, key_id=1, idempotency_key="k", body_hash=b"a"
            )
        accounts = {"main": account("vonage", base_url=NOWHERE), "more": account("vonage")}
        changed = settings(database_url, accounts=accounts)
        async with open_hub(changed, roles=("intake",)) as hub:
            again = await submit(
                hub.store, hub.config, order, key_id=1, idempotency_key="k", body_hash=b"a"
            )
            assert again == (made.uuid, True)
            others = [
                {"key_id": 2, "idempotency_key": "k", "body_hash": b"a"},
                {"key_id": 1, "idempotency_key": "other", "body_hash": b"a"},
                {"key_id": 1, "idempotency_key": "k", "body_hash": b"b"},
                {},
            ]
            for other in others:
                with pytest.raises(Invalid):
                    await submit(hub.store, hub.config, order, **other)
            hours = (hub.config.retention.idempotency_hours + 1) * HOUR
            await hub.store.write(lambda tx: tx.execute(LONG_AGO, hours))
            with pytest.raises(Invalid):
                await submit(
                    hub.store, hub.config, order, key_id=1, idempotency_key="k", body_hash=b"a"
                )

    run(test())


def test_without_a_key_the_same_text_is_another_message(sqlite_url: str) -> None:
    async def test() -> None:
        async with sending(sqlite_url, NOWHERE) as hub:
            assert await hub.send() != await hub.send()

    run(test())


def test_a_key_is_forgotten_after_its_time(database_url: str) -> None:
    async def test() -> None:
        async with open_hub(config(database_url), roles=("intake",)) as hub:

            async def once() -> bool:
                return (await submit(hub.store, hub.config, ORDER, key_id=1,
                                     idempotency_key="k", body_hash=b"a")).repeated  # fmt: skip

            assert [await once(), await once()] == [False, True]
            hours = (hub.config.retention.idempotency_hours + 1) * HOUR
            await hub.store.write(lambda tx: tx.execute(LONG_AGO, hours))
            assert await once() is False

    run(test())
