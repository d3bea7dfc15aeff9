"""Stored requests read again with today's tables (B4), and reads that wait for the fold (A6)."""

import asyncio
from typing import Any

import pytest

from delivrd.core.statement import Status
from delivrd.intake import folded
from delivrd.intake.folded import Folded
from delivrd.intake.reread import CannotReread, reread
from delivrd.providers import smspm
from delivrd.providers.base import Word
from delivrd.providers.overrides import CodeMeaning, Overrides
from tests.filled import opened
from tests.intake.calls import RECEIPT, calling
from tests.support import account, run

SECRET = "path-secret-0001"
STUCK = (
    "INSERT INTO to_fold (id, account_id, received_at, data, owner, owned_until, "
    "reading_no, deaths) VALUES (1, 1, 1, $1, 9, $2, 0, 0)"
)
"""A request that another process owns for ever."""


def test_a_word_that_no_table_had_lands_when_a_table_has_it(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """D19: kept as it came, pending, marked; put right later."""

    async def test() -> None:
        accounts = {"smspm": account("smspm", receive_only=True, webhook_secret=SECRET)}
        async with calling(database_url, accounts=accounts) as hub:
            told = {"messageId": "7", "status": "quux", "to": "447700900123"}
            assert await hub.post(f"/webhooks/smspm/{SECRET}", told) == 200
            await hub.folded()
            assert await hub.rows("SELECT status, final, provider_status FROM message") == [
                ("pending", False, "quux")
            ]
            assert await hub.one("SELECT count(*) FROM statement WHERE unmapped") == 1
            request = await hub.one("SELECT id FROM request")
            assert (await reread(hub.hub.store, request, "ops")).changed is False
            monkeypatch.setitem(smspm.STATUSES, "quux", Word(Status.DELIVERED, True))
            shown = await reread(hub.hub.store, request, "ops", dry_run=True)
            assert (shown.changed, shown.applied) == (True, False)
            assert await hub.one("SELECT status FROM message") == "pending"
            assert (await reread(hub.hub.store, request, "ops")).applied
            assert await hub.one("SELECT status FROM message") == "delivered"

    run(test())


def test_what_cannot_be_read_again_says_why(database_url: str) -> None:
    async def test() -> None:
        async with calling(database_url) as hub:
            with pytest.raises(LookupError):
                await reread(hub.hub.store, 7, "ops")
            assert await hub.post("/webhooks/vonage", RECEIPT) == 200
            request = await hub.one("SELECT id FROM request")
            gone = "UPDATE request SET body = NULL, query = NULL"
            await hub.hub.store.write(lambda tx: tx.execute(gone))
            with pytest.raises(CannotReread, match="no longer kept"):
                await reread(hub.hub.store, request, "ops")
        async with calling(database_url, accounts={"ruach": account("ruach")}) as hub:
            with pytest.raises(CannotReread, match="no longer in the settings"):
                await reread(hub.hub.store, request, "ops")

    run(test())


def test_a_read_that_began_after_an_acknowledgement_sees_it(database_url: str) -> None:
    """A6."""

    async def test() -> None:
        async with calling(database_url) as hub:
            for number in range(20):
                told = {**RECEIPT, "messageId": f"M{number}"}
                assert await hub.post("/webhooks/vonage", told) == 200
                assert await Folded(hub.hub.store)()
                found = "SELECT count(*) FROM part WHERE provider_message_id = $1"
                assert (await hub.rows(found, f"M{number}"))[0][0] == 1

    run(test())


def test_a_read_waits_no_longer_than_it_may(database_url: str) -> None:
    async def test() -> None:
        async with calling(database_url) as hub:
            await hub.hub.store.write(lambda tx: tx.execute(STUCK, b"", 1 << 62))
            began = asyncio.get_running_loop().time()
            assert await Folded(hub.hub.store)(0.1) is False
            assert asyncio.get_running_loop().time() - began < 1

    run(test())


def test_a_read_waits_for_a_second_at_most(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A6: by a clock on which nothing passes but its pauses."""

    class Clock:
        now = 0.0

        def get_running_loop(self) -> Any:
            return self

        def time(self) -> float:
            return self.now

        async def sleep(self, seconds: float) -> None:
            self.now += seconds

    async def test() -> None:
        async with opened(database_url) as store:
            await store.write(lambda tx: tx.execute(STUCK, b"", 1 << 62))
            monkeypatch.setattr(folded, "asyncio", clock := Clock())
            assert await Folded(store)() is False
            assert clock.now == pytest.approx(1, abs=0.05)

    run(test())


def test_an_unmapped_code_gets_its_meaning_from_the_settings_also_in_the_past(
    database_url: str,
) -> None:
    """What a gateway invented needs no release: an override, and a replay."""

    async def test() -> None:
        told = {**RECEIPT, "status": "failed", "err-code": "777"}
        async with calling(database_url) as hub:
            assert await hub.post("/webhooks/vonage", told) == 200
            await hub.folded()
            assert await hub.rows("SELECT status, reason FROM message") == [
                ("undelivered", "other")
            ]
            assert await hub.one("SELECT count(*) FROM statement WHERE unmapped AND count > 0") == 1
        meaning = CodeMeaning(reason="blocked_by_carrier", status="rejected")
        overrides = {"vonage": Overrides(codes={"777": meaning})}
        async with calling(database_url, overrides=overrides) as hub:
            request_id = await hub.one("SELECT id FROM request")
            await reread(hub.hub.store, request_id, "ops")
            assert await hub.rows("SELECT status, reason FROM message") == [
                ("rejected", "blocked_by_carrier")
            ]
            assert await hub.one("SELECT count(*) FROM statement WHERE unmapped AND count > 0") == 0

    run(test())
