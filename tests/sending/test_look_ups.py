"""Asking for receipts that never came: when, about what, and what the answer changes."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from delivrd.core.units import DAY, HOUR, SECOND
from delivrd.sending.http import GatewayClient
from delivrd.sending.look_ups import CONCURRENCY, LookUps
from delivrd.store import look_ups as store
from delivrd.store.base import StoreUnavailable
from delivrd.store.histograms import number_of, steps
from delivrd.store.ids import now_micros
from delivrd.store.look_ups import ASK_AFTER, LAST_CALL, next_look_up
from delivrd.store.pruning import messages
from delivrd.store.queries.delays import newest_delays
from delivrd.store.rows import AttemptRow
from delivrd.store.tx import Tx
from delivrd.store.verify import verify
from tests.filled import receipt
from tests.sending.gateways import Gateway, Sender, at, sending
from tests.support import run


class Clock:
    """Our time, moved on by hand."""

    def __init__(self) -> None:
        self.ahead = 0

    def __call__(self) -> int:
        return now_micros() + self.ahead


@asynccontextmanager
async def sent(
    database_url: str, gateway: Gateway
) -> AsyncGenerator[tuple[Sender, LookUps, Clock]]:
    """A message that its gateway took and no receipt came for."""
    async with sending(database_url, at(gateway)) as hub, GatewayClient() as http:
        await hub.send()
        await hub.reaches("accepted")
        clock = Clock()
        yield hub, LookUps(hub.hub.store, http, clock), clock


def record(gateway: Gateway, status: str, **more: str) -> dict[str, str]:
    told = {"message_id": f"M{gateway.references[0]}", "status": status, "to": "447700900123"}
    return told | more


def fails_once(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    """The first answer that is stored meets this error."""
    store_look_up, failures = store.store_look_up, iter([error])

    async def failing(*given: Any) -> None:
        for failure in failures:
            raise failure
        await store_look_up(*given)

    monkeypatch.setattr(store, "store_look_up", failing)


def test_what_the_gateway_knows_becomes_the_status(database_url: str) -> None:
    async def test() -> None:
        async with (
            Gateway().listening() as gateway,
            sent(database_url, gateway) as (hub, look_ups, clock),
        ):
            gateway.reports.append(record(gateway, "failed", error_code="9"))
            clock.ahead = HOUR
            assert await look_ups.once() == 1
            assert await hub.rows("SELECT status, final, reason FROM message") == [
                ("rejected", True, "blocked_by_recipient")
            ]
            assert await hub.rows("SELECT DISTINCT kind FROM statement ORDER BY kind") == [
                ("answer",),
                ("look_up",),
            ]
            clock.ahead = 24 * HOUR
            assert await look_ups.once() == 0
            assert await verify(hub.hub.store) == []

    run(test())


def test_nobody_is_asked_before_an_hour_has_passed(sqlite_url: str) -> None:
    async def test() -> None:
        async with (
            Gateway().listening() as gateway,
            sent(sqlite_url, gateway) as (_, look_ups, clock),
        ):
            clock.ahead = HOUR - 60 * SECOND
            assert await look_ups.once() == 0
            assert gateway.asked == 0

    run(test())


def test_a_gateway_that_knows_nothing_yet_is_asked_again_later(sqlite_url: str) -> None:
    async def test() -> None:
        async with (
            Gateway().listening() as gateway,
            sent(sqlite_url, gateway) as (hub, look_ups, clock),
        ):
            clock.ahead = HOUR
            assert (await look_ups.once(), await look_ups.once()) == (1, 0)
            gateway.reports.append(record(gateway, "delivered"))
            clock.ahead = 6 * HOUR
            assert await look_ups.once() == 1
            assert await hub.rows("SELECT status FROM message") == [("delivered",)]

    run(test())


def test_what_was_due_while_the_hub_was_away_is_asked_when_it_is_back(database_url: str) -> None:
    """D29: there is no window that an outage could be longer than."""

    async def test() -> None:
        async with (
            Gateway().listening() as gateway,
            sent(database_url, gateway) as (hub, look_ups, clock),
        ):
            gateway.reports.append(record(gateway, "delivered"))
            clock.ahead = 40 * HOUR  # past each time at which it would have been asked but the last
            assert await look_ups.once() == 1
            assert await hub.rows("SELECT status FROM message") == [("delivered",)]

    run(test())


def test_a_gateway_that_has_had_too_many_questions_is_asked_them_after_its_pause(
    database_url: str,
) -> None:
    async def test() -> None:
        async with (
            Gateway().listening() as gateway,
            sent(database_url, gateway) as (hub, look_ups, clock),
        ):
            for _ in range(2 * CONCURRENCY):
                await hub.send()
            number = 2 * CONCURRENCY + 1
            await hub.reaches(*["accepted"] * number)
            gateway.busy, clock.ahead = True, HOUR
            assert await look_ups.once() == number
            assert gateway.asked == CONCURRENCY
            assert await look_ups.once() == 0
            gateway.busy, clock.ahead = False, HOUR + 31 * SECOND
            assert await look_ups.once() == number
            assert gateway.asked == CONCURRENCY + number

    run(test())


def test_an_answer_that_the_store_could_not_take_is_stored_once_it_can(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def test() -> None:
        async with (
            Gateway().listening() as gateway,
            sent(database_url, gateway) as (hub, look_ups, clock),
        ):
            gateway.reports.append(record(gateway, "delivered"))
            clock.ahead = HOUR
            fails_once(monkeypatch, StoreUnavailable("away"))
            with pytest.raises(StoreUnavailable):
                await look_ups.once()
            assert await look_ups.once() == 0
            assert gateway.asked == 1
            assert await hub.rows("SELECT status FROM message") == [("delivered",)]

    run(test())


def test_an_answer_about_a_message_that_was_pruned_meanwhile_leaves_nothing(
    database_url: str,
) -> None:
    async def test() -> None:
        async with Gateway().listening() as gateway, sent(database_url, gateway) as (hub, *_):
            held, later = hub.hub.store, now_micros() + 400 * DAY

            async def answered(tx: Tx) -> None:
                final = receipt(asked.provider_message_id, "delivered", True)
                await store.store_look_up(tx, held.accounts, held.ids, later, asked, final)

            async def pruned(tx: Tx) -> int:
                return await messages.prune(tx, held.accounts, held.ids, later, later, 50)

            (asked,) = await held.write(
                lambda tx: store.claim(tx, held.accounts, held.ids, later, held.accounts.ids, 1)
            )
            await held.write(answered)
            assert await held.write(pruned) == 1
            await held.write(answered)
            assert await hub.rows("SELECT 1 FROM part") == []
            assert await hub.rows("SELECT 1 FROM statement") == []

    run(test())


def test_an_answer_that_cannot_be_stored_holds_up_no_other(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def test() -> None:
        async with (
            Gateway().listening() as gateway,
            sent(database_url, gateway) as (hub, look_ups, clock),
        ):
            await hub.send()
            await hub.reaches("accepted", "accepted")
            for reference in gateway.references:
                told = {"message_id": f"M{reference}", "status": "delivered"}
                gateway.reports.append(record(gateway, "delivered") | told)
            fails_once(monkeypatch, ValueError("of this answer"))
            clock.ahead = HOUR
            assert await look_ups.once() == 2
            statuses = await hub.rows("SELECT status FROM message ORDER BY status")
            assert statuses == [("delivered",), ("pending",)]

    run(test())


def test_when_somebody_was_asked_is_no_latency(sqlite_url: str) -> None:
    """F3: how late we asked says nothing of the route."""

    async def test() -> None:
        async with (
            Gateway().listening() as gateway,
            sent(sqlite_url, gateway) as (hub, look_ups, clock),
        ):
            gateway.reports.append(record(gateway, "delivered"))
            clock.ahead = HOUR
            await look_ups.once()
            ((took,),) = await hub.rows("SELECT sum(steps) FROM rollup WHERE unit = 1")
            assert steps(number_of(took)) == {-1: 1}
            accounts, now = hub.hub.store.accounts, now_micros()
            assert not await hub.hub.store.read(
                lambda tx: newest_delays(tx, accounts, "main", now - HOUR, now)
            )

    run(test())


@pytest.mark.parametrize(
    ("validity", "hours"), [(72, [1, 6, 24]), (12, [1, 6]), (3, [1]), (0.5, [])]
)
def test_it_is_asked_at_an_hour_six_a_day_and_before_the_time_is_up(
    validity: float, hours: list[float]
) -> None:
    attempt = AttemptRow(1, 1, 0, 1, "accepted", handed_at=0, expires_at=int(validity * HOUR))
    asked, now = [], 0
    while (moment := next_look_up(attempt, now)) is not None:
        asked.append(moment)
        now = moment
    last = int(validity * HOUR) - LAST_CALL * SECOND
    assert asked == [hour * HOUR for hour in hours] + [last]
    assert len(ASK_AFTER) == 3
