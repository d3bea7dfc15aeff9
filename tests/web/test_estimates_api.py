"""``/v1/stats/settled``, ``/comparison``, ``/honesty`` and the feedback of applications."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from delivrd.core.units import DAY
from delivrd.store.ids import now_micros
from delivrd.store.queries.delays import newest_delays
from delivrd.store.verify import verify
from tests.support import run
from tests.web.web_support import Web, web

DELIVERED = {"status": "delivered", "err-code": "0", "network-code": "310090"}
FAILED = {"status": "failed", "err-code": "1", "network-code": "310090"}


async def sent(
    hub: Web, name: str, *, ago: float = 60, account: str = "main", to: str = "+12015555522"
) -> str:
    """A message that was handed over so many seconds ago; its id."""
    at = datetime.now(UTC) - timedelta(seconds=ago)
    body = {
        "account": account,
        "provider_message_ids": [name],
        "to": to,
        "sent_at": at.isoformat(),
    }
    return str((await hub.post("/v1/messages/sent", body, 201))["id"])


# --- settled --------------------------------------------------------------------------------------


def test_without_messages_nothing_settles(database_url: str) -> None:
    async def test() -> None:
        async with web(database_url) as hub:
            told = await hub.get("/v1/stats/settled")
            assert told["summary"]["settled_rate"] is None
            assert (told["items"], told["no_receipts"]) == ([], [])

    run(test())


def test_open_messages_count_by_how_likely_they_arrive(database_url: str) -> None:
    async def test() -> None:
        async with web(database_url) as hub:
            for number in range(6):
                await sent(hub, f"m{number}", ago=90)
            for number in range(3):
                await hub.receipt("main", messageId=f"m{number}", **DELIVERED)
            await hub.receipt("main", messageId="m3", **FAILED)
            told = await hub.get("/v1/stats/settled", by="account,country")
            (item,) = told["items"]
            assert (item["account"], item["country"]) == ("main", "US")
            assert (item["total"], item["delivered"], item["pending"]) == (6, 3, 2)
            assert item["rate_so_far"] == 0.75
            assert 3 / 6 <= item["low"] <= item["settled_rate"] <= item["high"] <= 5 / 6
            assert told["summary"] == {k: v for k, v in item.items() if k in told["summary"]}
            assert await verify(hub.store) == []

    run(test())


def test_the_countries_with_most_messages_come_first(sqlite_url: str) -> None:
    countries = {"GB": "+447700900123", "US": "+12015555522", "DE": "+4915123456789",
                 "FR": "+33612345678"}  # fmt: skip

    async def test() -> None:
        async with web(sqlite_url) as hub:
            for most, (country, to) in enumerate(countries.items(), start=1):
                for number in range(most):
                    await sent(hub, f"{country}{number}", to=to)
            told = await hub.get("/v1/stats/settled", by="country")
            assert [item["country"] for item in told["items"]] == ["FR", "DE", "US", "GB"]

    run(test())


@pytest.mark.parametrize(
    ("filters", "total"),
    [
        ({"account": "main"}, 2),
        ({"account": "inbox"}, 0),
        ({"provider": "vonage"}, 2),
        ({"country": "gb"}, 0),
        ({"until": (datetime.now(UTC) - timedelta(minutes=20)).isoformat()}, 1),
        ({"since": (datetime.now(UTC) - timedelta(minutes=20)).isoformat()}, 1),
    ],
)
def test_filters_and_times_narrow_what_settles(
    database_url: str, filters: dict[str, str], total: int
) -> None:
    async def test() -> None:
        async with web(database_url) as hub:
            await sent(hub, "new", ago=100)
            await sent(hub, "old", ago=3000)
            told = await hub.get("/v1/stats/settled", **filters)
            assert told["summary"]["total"] == total

    run(test())


def test_no_rate_settles_by_network_and_it_says_why(sqlite_url: str) -> None:
    async def test() -> None:
        async with web(sqlite_url) as hub:
            problem = await hub.get("/v1/stats/settled?by=country,network", 422)
            assert problem["field"] == "by"
            assert "known only once the receipt has come" in problem["detail"]

    run(test())


def test_what_is_handed_over_long_ago_is_not_kept_by_the_minute(database_url: str) -> None:
    async def test() -> None:
        async with web(database_url) as hub:
            await sent(hub, "old", ago=8 * 3600)
            problem = await hub.get("/v1/stats/settled?since=2026-01-01", 422)
            assert problem["field"] == "since"
            assert "6 hours" in problem["detail"]
            assert (await hub.get("/v1/stats/settled"))["summary"]["total"] == 0
            assert await verify(hub.store) == []

    run(test())


def test_a_route_that_never_reports_is_named_and_left_out_of_every_rate(database_url: str) -> None:
    async def test() -> None:
        async with web(database_url) as hub:
            for number in range(55):
                await sent(hub, f"m{number}", ago=3 * 3600)
            await hub.receipt("inbox", messageId="heard", **DELIVERED)
            since = (datetime.now(UTC) - timedelta(hours=5)).isoformat()
            told = await hub.get("/v1/stats/settled", since=since)
            assert told["no_receipts"] == [{"account": "main", "country": "US", "messages": 55}]
            assert (told["summary"]["unreported"], told["summary"]["settled_rate"]) == (55, None)
            by_account = await hub.get("/v1/stats/delivery", by="account")
            found = {i["account"]: (i["total"], i["unreported"]) for i in by_account["items"]}
            assert found == {"main": (55, 55), "inbox": (1, 0)}
            whole = by_account["summary"]
            assert (whole["total"], whole["unreported"], whole["delivery_rate"]) == (56, 55, 1.0)

    run(test())


def test_a_route_that_stopped_reporting_is_no_carrier_that_never_reports(
    database_url: str,
) -> None:
    async def test() -> None:
        async with web(database_url) as hub:
            long_ago = timedelta(days=10)
            for number in range(3):
                await sent(hub, f"old{number}", ago=long_ago.total_seconds())
                await hub.receipt("main", messageId=f"old{number}", **DELIVERED)
            for number in range(55):
                await sent(hub, f"m{number}", ago=3 * 3600)
            since = (datetime.now(UTC) - timedelta(hours=5)).isoformat()
            told = await hub.get("/v1/stats/settled", since=since)
            day = (datetime.now(UTC) - long_ago).date().isoformat()
            route = {"account": "main", "country": "US", "messages": 55}
            assert (told["no_receipts"], told["stopped"]) == ([], [{**route, "reported_on": day}])
            assert (told["summary"]["unreported"], told["summary"]["settled_rate"]) == (55, None)
            (item,) = (await hub.get("/v1/stats/delivery", by="account"))["items"]
            assert (item["unreported"], item["delivery_rate"]) == (0, 1.0)

    run(test())


# --- comparison -----------------------------------------------------------------------------------


async def pushed(hub: Web, account: str, good: int, bad: int) -> None:
    for number in range(good):
        name = f"{account}-g{number}"
        await hub.client.get(f"/webhooks/{account}", params={**_OF, "messageId": name, **DELIVERED})
    for number in range(bad):
        name = f"{account}-b{number}"
        await hub.client.get(f"/webhooks/{account}", params={**_OF, "messageId": name, **FAILED})
    await hub.receipt(account, messageId=f"{account}-last", price="0.02", **DELIVERED)


_OF = {"msisdn": "12015555522", "to": "Acme", "price": "0.02"}


def test_accounts_are_ranked_where_they_differ_beyond_chance(database_url: str) -> None:
    async def test() -> None:
        async with web(database_url) as hub:
            for number in range(20):
                await sent(hub, f"main-{'g' if number < 5 else 'b'}{number}")
            await pushed(hub, "inbox", 19, 0)
            await sent(hub, "main-last")
            await pushed(hub, "main", 5, 20)
            told = await hub.get("/v1/stats/comparison", country="US", minimum=10)
            best, worst = told["items"]
            assert (best["account"], best["rank"], best["delivery_rate"]) == ("inbox", 1, 1.0)
            assert (worst["account"], worst["rank"]) == ("main", 2)
            assert best["cost"][0]["per_delivered"] == "0.020000"
            assert worst["p50"] is not None
            assert float(worst["cost"][0]["per_delivered"]) > 0.05
            assert (told["ranked"], told["why"]) == (True, None)

    run(test())


def test_under_the_minimum_nothing_is_ranked_and_it_says_why(database_url: str) -> None:
    async def test() -> None:
        async with web(database_url) as hub:
            await pushed(hub, "inbox", 3, 0)
            told = await hub.get("/v1/stats/comparison", country="US")
            assert told["items"][0]["rank"] is None
            assert (told["ranked"], told["why"]) == (False, "only one account sends there")
            nothing = await hub.get("/v1/stats/comparison", country="FR")
            assert (nothing["items"], nothing["why"]) == ([], "nothing was sent there")
            await sent(hub, "main-last")
            await pushed(hub, "main", 0, 0)
            for minimum, few in ((4, "only one"), (5, "none")):
                told = await hub.get("/v1/stats/comparison", country="US", minimum=minimum)
                why = f"{few} of 2 accounts has at least {minimum} ended attempts there"
                assert (told["ranked"], told["why"]) == (False, why)
                assert [item["rank"] for item in told["items"]] == [None, None]

    run(test())


def test_an_account_that_never_gets_receipts_has_no_rate_to_compare(database_url: str) -> None:
    async def test() -> None:
        async with web(database_url) as hub:
            for number in range(55):
                await sent(hub, f"m{number}", ago=3 * 3600)
                unknown = {"status": "unknown", "err-code": "1"}
                await hub.receipt("main", messageId=f"m{number}", **unknown)
            await pushed(hub, "inbox", 19, 0)
            told = await hub.get("/v1/stats/comparison", country="US", minimum=10)
            known, silent = told["items"]
            assert (known["account"], known["ended"], known["unreported"]) == ("inbox", 20, 0)
            assert (silent["account"], silent["ended"], silent["unreported"]) == ("main", 0, 55)
            assert (silent["delivery_rate"], silent["rank"]) == (None, None)
            page = await hub.client.get("/compare?country=US")
            assert "receipts never come: 55 messages" in page.text

    run(test())


# --- feedback -------------------------------------------------------------------------------------


def test_feedback_is_counted_and_the_last_word_counts(database_url: str) -> None:
    async def test() -> None:
        async with web(database_url) as hub:
            message = await sent(hub, "a")
            await hub.receipt("main", messageId="a", **DELIVERED)
            path = f"/v1/messages/{message}/feedback"
            for outcome, previous in (
                ("converted", None),
                ("converted", "converted"),
                ("not_converted", "converted"),
            ):
                told = await hub.post(path, {"outcome": outcome})
                assert told == {"id": message, "outcome": outcome, "previous": previous}
            (item,) = (await hub.get("/v1/stats/honesty"))["items"]
            assert (item["converted"], item["not_converted"]) == (0, 1)
            assert (item["conversion_rate"], item["delivered"]) == (0.0, 1)
            assert await verify(hub.store) == []

    run(test())


@pytest.mark.parametrize("body", [{}, {"outcome": "perhaps"}, {"outcome": "converted", "x": 1}])
def test_feedback_of_another_kind_is_refused(sqlite_url: str, body: dict[str, Any]) -> None:
    async def test() -> None:
        async with web(sqlite_url) as hub:
            message = await sent(hub, "a")
            await hub.post(f"/v1/messages/{message}/feedback", body, 422)

    run(test())


def test_feedback_about_no_message_is_404(database_url: str) -> None:
    async def test() -> None:
        async with web(database_url) as hub:
            path = "/v1/messages/0199a2b4-0000-7000-8000-000000000000/feedback"
            await hub.post(path, {"outcome": "converted"}, 404)

    run(test())


def test_a_route_without_anything_odd_is_not_flagged(database_url: str) -> None:
    async def test() -> None:
        async with web(database_url) as hub:
            await pushed(hub, "inbox", 3, 1)
            (item,) = (await hub.get("/v1/stats/honesty", account="inbox"))["items"]
            assert (item["flagged"], item["evidence"]) == (False, [])
            assert (item["account"], item["country"], item["total"]) == ("inbox", "US", 5)
            assert item["conversion_rate"] is None

    run(test())


def test_the_day_before_a_moment_is_examined_for_made_up_receipts(database_url: str) -> None:
    async def test() -> None:
        async with web(database_url) as hub:
            for days in (1, 3, 5):
                await sent(hub, f"m{days}", ago=days * 86400 - 3600)
            moment = datetime.now(UTC) - timedelta(days=2)
            told = await hub.get("/v1/stats/honesty", until=moment.isoformat())
            assert told["since"] == (moment - timedelta(days=1)).isoformat(timespec="seconds")
            assert [item["total"] for item in told["items"]] == [1]

    run(test())


def test_delays_are_those_of_the_messages_that_are_examined(database_url: str) -> None:
    async def test() -> None:
        async with web(database_url) as hub:
            for name, ago in (("a", 60), ("b", 3600), ("c", 3 * 86400)):
                await sent(hub, name, ago=ago)
                await hub.receipt("main", messageId=name, **DELIVERED)
            now = now_micros()
            delays = await hub.store.read(
                lambda tx: newest_delays(tx, hub.store.accounts, "main", now - DAY, now)
            )
            assert sorted(round(took, -1) for took in delays["US"]) == [60, 3600]

    run(test())


def test_conversions_are_held_against_those_of_other_accounts_alone(database_url: str) -> None:
    async def test() -> None:
        async with web(database_url) as hub:
            for account, outcome in (("main", "not_converted"), ("inbox", "converted")):
                for number in range(100):
                    message = await sent(hub, f"{account}-{number}", account=account)
                    path = f"/v1/messages/{message}/feedback"
                    await hub.post(path, {"outcome": outcome})
            flagged, other = (await hub.get("/v1/stats/honesty"))["items"]
            assert (flagged["account"], flagged["flagged"]) == ("main", True)
            assert "0% of its messages converted, against 100%" in flagged["evidence"][0]["words"]
            assert (other["account"], other["evidence"]) == ("inbox", [])

    run(test())
