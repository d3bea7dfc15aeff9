"""What a simulator is behind is marked on every page that shows it."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from delivrd.core.units import HOUR
from delivrd.store.fan_out import fan_out
from delivrd.store.ids import now_micros
from tests.support import account, run
from tests.web.test_alerts_api import RATE, alerts, failing, judged
from tests.web.test_endpoints_api import made
from tests.web.web_support import Web, web

BADGE = 'title="From a simulator; no handset was involved"'
ROW = f'<span class="badge soft" {BADGE}'

LISTS = (
    "/messages",
    "/messages?to=%2B12015555522",
    "/requests",
    "/deliveries",
    "/endpoints/{endpoint}",
    "/?range=all",
    "/compare?country=US&range=all",
    "/alerts",
    "/alerts/rules/rate",
)
"""They may show both kinds of accounts."""
ONES = (
    "/messages/{message}",
    "/requests/{request}",
    "/deliveries/{delivery}",
    "/alerts/firings/{firing}",
    "/alerts/new",
)


@asynccontextmanager
async def filled(url: str, **others: bool) -> AsyncGenerator[tuple[Web, dict[str, str]]]:
    """A hub that a simulated gateway called, and the ids of what that led to."""
    simulated = {"tried-out": True, **others}
    accounts = {
        name: account("vonage", receive_only=True, simulated=simulates)
        for name, simulates in simulated.items()
    }
    async with web(url, accounts=accounts, alerts=alerts(rules={"rate": RATE})) as hub:
        endpoint, store = await made(hub), hub.store
        await failing(hub, account="tried-out")
        await judged(hub)
        await store.write(lambda tx: fan_out(tx, store.ids, now_micros(), 100))
        kinds = ("message", "request", "delivery", "firing")
        paths = ("/v1/messages", "/v1/requests", "/v1/deliveries", "/v1/alerts/firings")
        ids = {k: (await hub.items(path))[0]["id"] for k, path in zip(kinds, paths, strict=True)}
        yield hub, {**ids, "endpoint": endpoint["id"]}


async def hours_ago(tx: Any) -> None:
    """Lets what there is have happened before: of the newest, nothing is judged."""
    await tx.execute("UPDATE rollup SET bucket = bucket - 8")
    await tx.execute("UPDATE message SET created_at = created_at - $1", 2 * HOUR)


async def without(mark: str, hub: Web, paths: tuple[str, ...], ids: dict[str, str]) -> list[str]:
    """Those of the pages that do not have the mark."""
    pages = {path: (await hub.client.get(path.format(**ids))).text for path in paths}
    return [path for path, text in pages.items() if mark not in text]


def test_beside_a_real_account_each_row_of_a_simulated_one_is_marked(sqlite_url: str) -> None:
    async def test() -> None:
        async with filled(sqlite_url, real=False) as (hub, ids):
            assert await without(ROW, hub, LISTS, ids) == []

    run(test())


def test_where_all_accounts_are_simulated_the_page_says_it_once(sqlite_url: str) -> None:
    async def test() -> None:
        async with filled(sqlite_url) as (hub, ids):
            assert await without(BADGE, hub, LISTS, ids) == []
            assert await without(ROW, hub, LISTS, ids) == list(LISTS)

    run(test())


@pytest.mark.parametrize("others", [{}, {"real": False}], ids=["alone", "beside a real account"])
def test_the_page_of_one_simulated_thing_is_marked(
    sqlite_url: str, others: dict[str, bool]
) -> None:
    async def test() -> None:
        async with filled(sqlite_url, **others) as (hub, ids):
            assert await without(BADGE, hub, ONES, ids) == []

    run(test())


def test_the_firings_of_a_preview_are_marked(sqlite_url: str) -> None:
    async def test() -> None:
        async with filled(sqlite_url, real=False) as (hub, _):
            await hub.store.write(hours_ago)
            told = await hub.post("/v1/alerts/preview", {"rule": "rate", "days": 1})
            assert [one["simulated"] for one in told["firings"]] == [True]
            assert ROW in (await hub.client.get("/alerts/rules/rate/preview")).text

    run(test())


def test_a_firing_of_a_preview_in_which_a_real_account_has_a_part_is_not_marked(
    sqlite_url: str,
) -> None:
    async def test() -> None:
        async with filled(sqlite_url, real=False) as (hub, _):
            await failing(hub, account="real")
            await hub.store.write(hours_ago)
            told = await hub.post("/v1/alerts/preview", {"rule": "rate", "days": 1})
            assert [one["simulated"] for one in told["firings"]] == [False]
            assert ROW not in (await hub.client.get("/alerts/rules/rate/preview")).text

    run(test())


def test_what_the_diagnosis_finds_is_marked(sqlite_url: str) -> None:
    async def test() -> None:
        async with filled(sqlite_url, real=False) as (hub, _):
            for name in ("real", "tried-out"):
                for i in range(60):
                    await hub.receipt(name, messageId=f"open-{i}", status="buffered")
            await hub.store.write(hours_ago)
            found = (await hub.get("/v1/diagnosis"))["findings"]
            marks = {one["account"]: one["simulated"] for one in found}
            assert marks == {"real": False, "tried-out": True, None: False}

    run(test())
