"""``/v1/stats``: counts, rates and latencies from the rollups."""

from collections import Counter
from typing import Any

import pytest

from delivrd.store.days import BUCKETS_A_DAY
from delivrd.store.queries import time_pages
from delivrd.web.api.common import cursor_of
from tests.store.quarters import SPRING, fill
from tests.support import account, run
from tests.web.web_support import NEW, Web, web

DELIVERED = {"status": "delivered", "err-code": "0", "network-code": "310090"}
FAILED = {"status": "failed", "err-code": "1", "network-code": "23410"}


async def traffic(hub: Web) -> None:
    """Three delivered in the US, one failed in Britain, one not handed over yet."""
    for number in range(3):
        await hub.receipt("inbox", messageId=f"us-{number}", **DELIVERED)
    await hub.receipt("inbox", messageId="gb-1", msisdn="447700900123", **FAILED)
    await hub.post("/v1/messages", NEW, 202)


def test_no_data_is_null_and_not_zero(database_url: str) -> None:
    """D48."""

    async def test() -> None:
        async with web(database_url) as hub:
            told = await hub.get("/v1/stats/delivery", by="country")
            assert told["items"] == []
            assert told["summary"]["delivery_rate"] is None
            assert (await hub.get("/v1/stats/latency"))["summary"]["p50"] is None

    run(test())


def test_numbers_say_which_simulated_accounts_are_in_them(database_url: str) -> None:
    accounts = {"main": account("vonage"), "staging": account("vonage", simulated=True)}

    async def test() -> None:
        async with web(database_url, accounts=accounts) as hub:
            for which in ("delivery", "latency", "settled", "comparison?country=GB", "honesty"):
                assert (await hub.get(f"/v1/stats/{which}"))["simulated"] == ["staging"]
            for which in ("delivery", "latency", "settled", "honesty"):
                assert (await hub.get(f"/v1/stats/{which}", account="main"))["simulated"] == []

    run(test())


def test_what_a_simulated_account_brought_stays_marked_when_it_is_configured_no_more(
    database_url: str,
) -> None:
    staging = {"staging": account("vonage", receive_only=True, simulated=True)}
    real = {"main": account("vonage")}

    async def test() -> None:
        async with web(database_url, accounts={**real, **staging}) as hub:
            call = "/webhooks/staging?messageId=S1&msisdn=12015555522&status=delivered"
            assert (await hub.client.get(call)).status_code == 200
        async with web(database_url, accounts=real) as hub:
            assert (await hub.get("/v1/stats/delivery"))["simulated"] == ["staging"]
            for path in ("messages", "receipts", "requests"):
                assert [item["simulated"] for item in await hub.items(f"/v1/{path}")] == [True]
        async with web(database_url, accounts={"main": account("vonage", simulated=True)}) as hub:
            assert (await hub.get("/v1/stats/delivery"))["simulated"] == ["main", "staging"]
        async with web(database_url, accounts=real) as hub:
            assert (await hub.get("/v1/stats/delivery"))["simulated"] == ["staging"]

    run(test())


def test_a_rate_is_delivered_of_all_that_ended(database_url: str) -> None:
    async def test() -> None:
        async with web(database_url) as hub:
            await traffic(hub)
            told = await hub.get("/v1/stats/delivery", by="country")
            us, gb = told["items"]
            assert (us["country"], us["total"], us["delivery_rate"]) == ("US", 4, 1.0)
            assert us["counts"] == {"delivered": 3, "pending": 1}
            assert (gb["country"], gb["delivery_rate"]) == ("GB", 0.0)
            assert us["low"] < 1.0 == us["high"]
            assert (told["unit"], told["summary"]["total"]) == ("messages", 5)
            assert told["summary"]["delivery_rate"] == 0.75

    run(test())


@pytest.mark.parametrize("which", ["delivery", "latency"])
def test_what_takes_long_by_day_comes_in_pages_the_newest_first(
    database_url: str, monkeypatch: pytest.MonkeyPatch, which: str
) -> None:
    monkeypatch.setattr(time_pages, "QUICK", 1.0)
    days = ["2024-03-26", "2024-03-27", "2024-03-28"]

    async def test() -> None:
        async with web(database_url) as hub:
            quarters = [SPRING + day * BUCKETS_A_DAY for day in range(3)]
            await fill(hub.context.store, Counter(quarters))
            found, cursor = [], None
            while cursor or not found:
                more = {} if cursor is None else {"cursor": cursor}
                told = await hub.get(f"/v1/stats/{which}", by="day,country", **more)
                assert told["summary"]["total"] == 3
                found += [item["day"] for item in told["items"]]
                cursor = told["next_cursor"]
            assert found == days[::-1]

    run(test())


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"by": "country", "cursor": cursor_of("delivery", 1)}, "only answers by day or hour"),
        ({"by": "day", "cursor": cursor_of("latency", 1)}, "is no cursor of this list"),
        ({"by": "day", "cursor": "nonsense"}, "is no cursor of this list"),
    ],
)
def test_a_cursor_is_that_of_the_page_before(
    sqlite_url: str, given: dict[str, str], why: str
) -> None:
    async def test() -> None:
        async with web(sqlite_url) as hub:
            told = await hub.get("/v1/stats/delivery", 422, **given)
            assert why in told["detail"]

    run(test())


@pytest.mark.parametrize(
    ("by", "values", "unit"),
    [
        ("account", {"inbox": 4, "main": 1}, "attempts"),
        ("provider", {"vonage": 5}, "attempts"),
        ("network", {"310090": 3, "23410": 1, None: 1}, "messages"),
        ("status", {"delivered": 3, "pending": 1, "undelivered": 1}, "messages"),
    ],
)
def test_each_dimension_counts_all(
    database_url: str, by: str, values: dict[Any, int], unit: str
) -> None:
    async def test() -> None:
        async with web(database_url) as hub:
            await traffic(hub)
            told = await hub.get("/v1/stats/delivery", by=by)
            found = {item[by]: item["total"] for item in told["items"]}
            if by == "status":
                assert sum(found.values()) == 5
            else:
                assert found == values
            assert all(item["unit"] == unit == told["unit"] for item in told["items"])

    run(test())


@pytest.mark.parametrize(
    ("by", "found"),
    [
        (
            "account,country",
            {("inbox", "US"): 3, ("inbox", "GB"): 1, ("main", "US"): 1},
        ),
        ("country,reason", {("US", None): 4, ("GB", "other"): 1}),
        ("sender", {("Acme",): 5}),
        ("account,sender,status", {
            ("inbox", "Acme", "delivered"): 3, ("inbox", "Acme", "undelivered"): 1,
            ("main", "Acme", "pending"): 1,
        }),
        ("code", {(None,): 4, ("1",): 1}),
        ("country,code,account", {
            ("US", None, "inbox"): 3, ("GB", "1", "inbox"): 1, ("US", None, "main"): 1,
        }),
    ],
)  # fmt: skip
def test_dimensions_combine(
    database_url: str, by: str, found: dict[tuple[str | None, ...], int]
) -> None:
    async def test() -> None:
        async with web(database_url) as hub:
            await traffic(hub)
            told = await hub.get("/v1/stats/delivery", by=by)
            names = by.split(",")
            assert {tuple(i[n] for n in names): i["total"] for i in told["items"]} == found
            assert (told["by"], told["summary"]["total"]) == (by, 5)

    run(test())


@pytest.mark.parametrize(
    ("call", "possible"),
    [
        ("delivery?by=sender,code", [["code"], ["sender"]]),
        (
            "delivery?by=day,network,sender,country",
            [["day", "country", "network"], ["day", "country", "sender"]],
        ),
        ("delivery?by=reason,network&code=7", [["code"], ["network", "reason"]]),
        ("latency?by=network,sender", [["network"], ["sender"]]),
        ("latency?by=sender&code=7", [["code"], ["sender"]]),
    ],
)
def test_what_is_not_counted_together_is_422_and_says_what_is(
    sqlite_url: str, call: str, possible: list[list[str]]
) -> None:
    async def test() -> None:
        async with web(sqlite_url) as hub:
            problem = await hub.get(f"/v1/stats/{call}", 422)
            assert problem["field"] == "by"
            assert "together" in problem["detail"]
            assert problem["possible"] == possible
            for names in possible:
                assert f"by {', '.join(names)}" in problem["hint"]

    run(test())


def test_failures_stand_beside_deliveries_and_a_word_sums_it_up(database_url: str) -> None:
    async def test() -> None:
        async with web(database_url) as hub:
            await traffic(hub)
            told = await hub.get("/v1/stats/delivery", by="country")
            us, gb = told["items"]
            assert (us["failure_rate"], us["health"]) == (0.0, "too_few")
            assert (gb["failed"], gb["failure_rate"], gb["health"]) == (1, 1.0, "too_few")
            assert us["failure_high"] > 0
            by_reason = await hub.get("/v1/stats/delivery", by="reason")
            assert {item["health"] for item in by_reason["items"]} == {None}

    run(test())


def test_what_a_delivered_message_costs_is_all_that_was_charged_by_those_delivered(
    database_url: str,
) -> None:
    async def test() -> None:
        async with web(database_url) as hub:
            for number in range(3):
                await hub.receipt("inbox", messageId=f"d{number}", price="0.03330000", **DELIVERED)
            await hub.receipt("inbox", messageId="f", price="0.0001", **FAILED)
            await hub.receipt("inbox", messageId="free", **DELIVERED)
            (item,) = (await hub.get("/v1/stats/delivery", by="account"))["items"]
            (cost,) = item["cost"]
            assert (cost["amount"], cost["priced"]) == ("0.100000", 4)
            assert cost["per_delivered"] == "0.025000"
            (item,) = (await hub.get("/v1/stats/delivery", by="sender"))["items"]
            assert item["cost"] is None

    run(test())


def test_a_price_that_comes_late_is_counted_once(database_url: str) -> None:
    async def test() -> None:
        async with web(database_url) as hub:
            for late in ({}, {"price": "0.05"}, {"price": "0.05"}):
                await hub.receipt("inbox", messageId="a", **DELIVERED, **late)
            (cost,) = (await hub.get("/v1/stats/delivery"))["summary"]["cost"]
            assert (cost["amount"], cost["priced"]) == ("0.050000", 1)

    run(test())


@pytest.mark.parametrize("by", ["day", "hour"])
@pytest.mark.parametrize("tz", [None, "Asia/Kolkata", "America/St_Johns"])
def test_times_are_grouped_in_the_zone_asked_for(
    database_url: str, by: str, tz: str | None
) -> None:
    async def test() -> None:
        async with web(database_url) as hub:
            await traffic(hub)
            params = {"by": by} if tz is None else {"by": by, "tz": tz}
            told = await hub.get("/v1/stats/delivery", **params)
            assert sum(item["total"] for item in told["items"]) == 5
            offset = {None: "+00:00", "Asia/Kolkata": "+05:30"}.get(tz, "")
            if by == "hour":
                assert all(item["hour"].endswith(offset) for item in told["items"])
                assert all(":00:00" in item["hour"] for item in told["items"])
            else:
                assert all(len(item["day"]) == 10 for item in told["items"])

    run(test())


@pytest.mark.parametrize(
    ("filters", "total"),
    [
        ({"account": "inbox"}, 4),
        ({"provider": "vonage"}, 5),
        ({"country": "gb"}, 1),
        ({"network": "310090"}, 3),
        ({"account": "inbox", "country": "GB"}, 1),
        ({"since": "2100-01-01"}, 0),
        ({"until": "2020-01-01"}, 0),
        ({"since": "2020-01-01", "until": "2100-01-01"}, 5),
    ],
)
def test_filters_narrow_what_is_counted(
    database_url: str, filters: dict[str, str], total: int
) -> None:
    async def test() -> None:
        async with web(database_url) as hub:
            await traffic(hub)
            told = await hub.get("/v1/stats/delivery", **filters)
            assert told["summary"]["total"] == total

    run(test())


def test_a_message_without_a_hand_over_of_ours_has_an_unknown_latency(database_url: str) -> None:
    async def test() -> None:
        async with web(database_url) as hub:
            await traffic(hub)
            told = await hub.get("/v1/stats/latency", by="country")
            assert told["summary"]["untold"] == 3
            assert told["items"][0]["country"] == "US"

    run(test())


def test_a_latency_is_told_from_the_hand_over(database_url: str) -> None:
    async def test() -> None:
        async with web(database_url) as hub:
            sent = {
                "account": "main",
                "provider_message_ids": ["id-1"],
                "to": "+12015555522",
                "sent_at": "2026-11-21T10:00:00Z",
            }
            await hub.post("/v1/messages/sent", sent, 201)
            await hub.receipt("main", **DELIVERED)
            told = (await hub.get("/v1/stats/latency"))["summary"]
            assert told["total"] + told["untold"] == 1
            assert sum(bar["count"] for bar in told["histogram"]) == told["total"]

    run(test())


LATE = {**FAILED, "msisdn": "12015555522"}


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({"by": "reason"}, {(None,): 1}),
        ({"by": "reason", "status": "undelivered"}, {("other",): 1}),
        ({"by": "network,reason", "status": "undelivered"}, {("23410", "other"): 1}),
        ({"by": "reason", "status": "undelivered", "reason": "throttled"}, {}),
        ({"by": "sender"}, {("Acme",): 1}),
        ({"by": "day,account,sender", "sender": "Acme"}, {("2026-11-21", "main", "Acme"): 1}),
        ({"by": "sender", "sender": "Other"}, {}),
        ({"by": "code"}, {(None,): 1}),
        ({"by": "code,country", "status": "undelivered"}, {("1", "US"): 1}),
        ({"by": "account", "status": "undelivered", "code": "1"}, {("main",): 1}),
        ({"by": "account", "status": "undelivered", "code": "2"}, {}),
    ],
)
def test_latencies_go_by_reason_sender_and_code(
    database_url: str, asked: dict[str, str], found: dict[tuple[str | None, ...], int]
) -> None:
    async def test() -> None:
        async with web(database_url) as hub:
            for number, receipt in enumerate((DELIVERED, LATE)):
                sent = {
                    "account": "main", "provider_message_ids": [f"id-{number}"],
                    "to": "+12015555522", "from": "Acme", "sent_at": "2026-11-21T10:00:00Z",
                }  # fmt: skip
                await hub.post("/v1/messages/sent", sent, 201)
                await hub.receipt("main", **{**receipt, "messageId": f"id-{number}"})
            told = await hub.get("/v1/stats/latency", **asked)
            names = asked["by"].split(",")
            counted = {tuple(i[n] for n in names): i["total"] + i["untold"] for i in told["items"]}
            assert counted == found
            assert told["summary"]["total"] + told["summary"]["untold"] == sum(found.values())

    run(test())


@pytest.mark.parametrize(
    "query",
    [
        *("by=colour", "tz=Mars", "tz=../../etc/passwd", "provider=nobody", "account=nobody"),
        *("country=x", "since=x", "limit=5", "network="),
    ],
)
def test_a_wrong_parameter_is_422_with_a_hint(sqlite_url: str, query: str) -> None:
    async def test() -> None:
        async with web(sqlite_url) as hub:
            for path in ("delivery", "latency"):
                problem = await hub.get(f"/v1/stats/{path}?{query}", 422)
                assert problem["field"] == query.partition("=")[0]

    run(test())


@pytest.mark.parametrize(
    "path", ["stats/delivery", "stats/latency", "stats/settled", "stats/comparison", "messages"]
)
def test_a_country_that_is_none_is_422_and_not_empty(sqlite_url: str, path: str) -> None:
    async def test() -> None:
        async with web(sqlite_url) as hub:
            problem = await hub.get(f"/v1/{path}?country=UK", 422)
            assert problem["detail"] == "country: there is no country 'UK'"
            assert problem["hint"] == "UK is not an ISO 3166 code; the United Kingdom is GB."

    run(test())


@pytest.mark.parametrize("path", ["stats/delivery", "stats/latency"])
def test_no_network_is_422_and_not_empty(sqlite_url: str, path: str) -> None:
    async def test() -> None:
        async with web(sqlite_url) as hub:
            problem = await hub.get(f"/v1/{path}?network=none", 422)
            assert (problem["field"], problem["hint"].split(":")[0]) == (
                "network", "Group by network"
            )  # fmt: skip

    run(test())


@pytest.mark.parametrize(
    "path", ["stats/delivery", "stats/latency", "messages", "receipts", "requests", "deliveries"]
)
def test_an_end_before_the_beginning_is_422(sqlite_url: str, path: str) -> None:
    async def test() -> None:
        async with web(sqlite_url) as hub:
            since, until = "2026-11-21T10:00:00Z", "2026-11-21T09:00:00Z"
            problem = await hub.get(f"/v1/{path}?since={since}&until={until}", 422)
            assert (problem["field"], problem["detail"]) == (
                "until", "until: is before since, so that nothing lies between them"
            )  # fmt: skip
            await hub.get(f"/v1/{path}?since={since}&until={since}", 200)

    run(test())
