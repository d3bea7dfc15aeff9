"""``/v1/deliveries``: what was told, every try of it, telling it again, and giving it up."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from delivrd.store.queries import paging
from delivrd.web.api import endpoint_rows
from delivrd.web.pages.show import absolute
from tests.ports import free_port
from tests.relay.relay_support import Sink, resets, says
from tests.support import account, run, until
from tests.web.test_endpoints_api import ALL, LOCAL, made
from tests.web.web_support import Web, web

DELIVERED = {"status": "delivered", "err-code": "0"}


async def receipts(hub: Web, *ids: str) -> None:
    for provider_id in ids:
        await hub.receipt("inbox", messageId=provider_id, **DELIVERED)


async def in_state(hub: Web, state: str, count: int = 1) -> list[Any]:
    async def found() -> Any:
        items = await hub.items("/v1/deliveries", state=state)
        return items if len(items) == count else None

    return list(await until(found))


async def tried(hub: Web, name: str, times: int = 1) -> Any:
    async def found() -> Any:
        shown = await hub.get(f"/v1/deliveries/{name}")
        return shown if len(shown["tries"]) == times else None

    return await until(found)


def test_a_delivery_is_shown_with_every_try(database_url: str) -> None:
    async def test() -> None:
        sink = Sink(says(500, b"oh", x_app="orders"), says(200, b"ok"))
        async with web(database_url, ALL, relay=LOCAL) as hub, sink.listening():
            endpoint = await made(hub, sink.url)
            await receipts(hub, "id-1")
            await until(lambda: sink.calls)
            (listed,) = await in_state(hub, "waiting")
            assert (listed["endpoint_id"], listed["type"]) == (endpoint["id"], "message.delivered")
            assert listed["next_try_at"] > listed["created_at"]
            shown = await tried(hub, listed["id"])
            (first,) = shown["tries"]
            assert (first["status"], first["response"]) == (500, "oh")
            assert first["error"] == "it answered 500: an error of its own"
            assert ["x-app", "orders"] in [[n.lower(), v] for n, v in first["response_headers"]]
            assert "webhook-signature" in dict(first["request_headers"])
            assert first["total_ms"] >= first["first_byte_ms"] >= 0
            assert shown["event"]["data"]["status"] == "delivered"
            assert shown["request"]["body"] == sink.calls[0].body.decode()

            again = await hub.post(f"/v1/deliveries/{listed['id']}/replay", None)
            assert again["delivery"]["id"] == listed["id"]
            (done,) = await in_state(hub, "delivered")
            assert (done["tries"], done["last_status"]) == (2, 200)
            assert sink.calls[0].headers["webhook-id"] == sink.calls[1].headers["webhook-id"]

    run(test())


def test_a_try_without_an_answer_says_why(sqlite_url: str) -> None:
    async def test() -> None:
        async with web(sqlite_url, relay=LOCAL) as hub, Sink(resets).listening() as sink:
            endpoint = await made(hub, sink.url)
            shown = await hub.post(f"/v1/endpoints/{endpoint['id']}/test", None)
            (only,) = shown["tries"]
            assert (only["status"], only["response"]) == (None, None)
            assert "connection" in only["error"]

    run(test())


def test_the_page_of_a_refused_connection_does_not_speak_of_one(sqlite_url: str) -> None:
    async def test() -> None:
        async with web(sqlite_url, relay=LOCAL) as hub:
            endpoint = await made(hub, f"http://127.0.0.1:{free_port()}/")
            refused = await hub.post(f"/v1/endpoints/{endpoint['id']}/test", None)
            page = (await hub.client.get(f"/deliveries/{refused['delivery']['id']}")).text
            assert "connection refused" in page
            assert "in total" in page
            assert "connection reused" not in page

    run(test())


def test_deliveries_are_filtered(database_url: str) -> None:
    async def test() -> None:
        async with web(database_url, ALL, relay=LOCAL) as hub, Sink().listening() as sink:
            one = await made(hub, sink.url)
            two = await made(hub, sink.url, accounts=["main"])
            await receipts(hub, "id-1", "id-2")
            await in_state(hub, "delivered", 2)
            messages = {m["id"] for m in await hub.items("/v1/messages")}
            listed = await hub.items("/v1/deliveries", endpoint=one["id"], limit=1)
            assert {d["message_id"] for d in listed} == messages
            assert await hub.items("/v1/deliveries", endpoint=two["id"]) == []
            message = listed[0]["message_id"]
            assert await hub.items("/v1/deliveries", message=message) == [listed[0]]
            found = await hub.items("/v1/deliveries", message=message, endpoint=two["id"])
            assert found == []
            assert await hub.items("/v1/deliveries", state="parked") == []
            assert await hub.items("/v1/deliveries", until="2020-01-01") == []
            assert len(await hub.items("/v1/deliveries", since="2020-01-01")) == 2

    run(test())


def test_a_page_that_looked_at_a_bounded_number_says_how_far_in_the_api_and_on_the_page(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paging, "BUDGET", (2,))

    async def test() -> None:
        async with web(database_url, ALL, relay=LOCAL) as hub, Sink().listening() as sink:
            await made(hub, sink.url)
            await receipts(hub, "id-1", "id-2", "id-3")
            await in_state(hub, "delivered", 3)
            began = datetime.now(UTC)
            found = await hub.get("/v1/deliveries", state="cancelled")
            assert found["items"] == []
            assert found["next_cursor"] is not None
            scanned_to = datetime.fromisoformat(found["scanned_to"])
            assert began - timedelta(minutes=1) < scanned_to < began
            page = await hub.client.get("/deliveries", params={"state": "cancelled"})
            assert page.status_code == 200
            assert f"back to {absolute(found['scanned_to'])}" in page.text

    run(test())


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({"endpoint": "1"}, "endpoint"),
        ({"message": "1"}, "message"),
        ({"state": "lost"}, "state"),
        ({"cursor": "x"}, "cursor"),
        ({"status": "delivered"}, "status"),
    ],
)
def test_an_invalid_filter_is_refused(sqlite_url: str, params: Any, field: str) -> None:
    async def test() -> None:
        async with web(sqlite_url) as hub:
            problem = await hub.get("/v1/deliveries", 422, **params)
            assert problem["field"] == field
            assert problem["hint"]

    run(test())


@pytest.mark.parametrize("name", ["CRM", "ep_0000000000000001"])
def test_an_endpoint_that_never_was_is_refused_with_those_that_are(
    database_url: str, name: str
) -> None:
    async def test() -> None:
        async with web(database_url) as hub:
            endpoint = (await made(hub, description="CRM"))["id"]
            for problem in (
                await hub.get("/v1/deliveries", 422, endpoint=name),
                await hub.post("/v1/deliveries/replay", {"endpoint": name, "state": "parked"}, 422),
                await hub.post(
                    "/v1/deliveries/cancel", {"endpoint": name, "state": "waiting"}, 422
                ),
            ):
                assert problem["detail"] == f"endpoint: there is no endpoint {name!r}"
                assert f"{endpoint} (CRM)" in problem["hint"]
            page = await hub.client.get("/deliveries", params={"endpoint": name, "state": "parked"})
            assert f"endpoint is not understood: “{name}”." in page.text
            assert f"{endpoint} (CRM)" in page.text
            assert 'action="/deliveries/again"' not in page.text

    run(test())


def test_the_deliveries_of_a_deleted_endpoint_are_listed(database_url: str) -> None:
    async def test() -> None:
        async with web(database_url, ALL, relay=LOCAL) as hub, Sink().listening() as sink:
            endpoint = (await made(hub, sink.url))["id"]
            await receipts(hub, "id-1")
            (delivery,) = await in_state(hub, "delivered")
            answer = await hub.client.delete(f"/v1/endpoints/{endpoint}")
            assert answer.status_code == 204
            assert await hub.items("/v1/deliveries", endpoint=endpoint) == [delivery]
            page = await hub.client.get("/deliveries", params={"endpoint": endpoint})
            assert delivery["id"] in page.text
            assert "is not understood" not in page.text

    run(test())


def test_a_hint_names_a_bounded_number_of_endpoints(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(endpoint_rows, "NAMED", 1)

    async def test() -> None:
        async with web(sqlite_url) as hub:
            for _ in range(3):
                await made(hub)
            problem = await hub.get("/v1/deliveries", 422, endpoint="CRM")
            assert problem["hint"].count("ep_") == 1
            assert problem["hint"].endswith(", 2 more.")

    run(test())


def test_a_replay_of_everything_since_then_is_counted_first(database_url: str) -> None:
    async def test() -> None:
        async with web(database_url, ALL, relay=LOCAL) as hub, Sink().listening() as sink:
            await receipts(hub, "id-1", "id-2")

            async def fanned_out() -> bool:
                sql = "SELECT 1 FROM event WHERE NOT fanned_out"
                return not await hub.store.read(lambda tx: tx.fetch(sql))

            await until(fanned_out)
            endpoint = await made(hub, sink.url)
            await receipts(hub, "id-3")
            await in_state(hub, "delivered")
            asked = {"endpoint": endpoint["id"], "since": "2020-01-01T00:00:00Z"}
            path = "/v1/deliveries/replay"
            counted = await hub.post(path, {**asked, "dry_run": True})
            assert counted == {"count": 3, "dry_run": True, "next_cursor": None}
            missed = {**asked, "missed_only": True}
            assert (await hub.post(path, {**missed, "dry_run": True}))["count"] == 2
            assert len(sink.calls) == 1
            assert (await hub.post(path, missed))["count"] == 2
            await in_state(hub, "delivered", 3)
            assert (await hub.post(path, asked))["count"] == 3
            await until(lambda: len(sink.calls) == 6)

    run(test())


def test_many_are_taken_in_calls_of_bounded_size(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("delivrd.web.api.delivery_choice.STEPS", 1)
    monkeypatch.setattr("delivrd.store.queries.deliveries.STEP", 2)

    async def test() -> None:
        sink = Sink(says(410))
        async with web(database_url, ALL, relay=LOCAL) as hub, sink.listening():
            endpoint = await made(hub, sink.url)
            path = f"/v1/endpoints/{endpoint['id']}"
            for _ in range(5):
                await hub.post(f"{path}/test", None)
            asked = {"state": "parked", "dry_run": True}
            counts, cursor = [], None
            while cursor is not None or not counts:
                found = await hub.post("/v1/deliveries/replay", {**asked, "cursor": cursor})
                counts.append(found["count"])
                cursor = found["next_cursor"]
            assert counts == [2, 2, 1]

    run(test())


def test_parked_ones_are_sent_again_or_given_up(database_url: str) -> None:
    async def test() -> None:
        sink = Sink(says(410), says(200))
        async with web(database_url, ALL, relay=LOCAL) as hub, sink.listening():
            endpoint = await made(hub, sink.url)
            path = f"/v1/endpoints/{endpoint['id']}"
            await receipts(hub, "id-1")
            (parked,) = await in_state(hub, "parked")
            assert (await hub.get(path))["disabled_why"] == "it answered 410 Gone"
            one = f"/v1/deliveries/{parked['id']}"
            assert "Enable" in (await hub.post(f"{one}/replay", None, 409))["hint"]
            many = {"endpoint": endpoint["id"], "state": "parked"}
            assert (await hub.post("/v1/deliveries/replay", many))["count"] == 0

            assert (await hub.post("/v1/deliveries/cancel", {**many, "dry_run": True}))[
                "count"
            ] == 1
            gone = await hub.post(f"{one}/cancel", None)
            assert gone["delivery"]["state"] == "cancelled"
            assert (await hub.post(f"{one}/cancel", None, 409))["hint"]

            await hub.post(f"{path}/enable", None)
            assert (await hub.post("/v1/deliveries/replay", {"ids": [parked["id"]]}))["count"] == 1
            await in_state(hub, "delivered")

    run(test())


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "ids"),
        ({"ids": ["x"]}, "ids"),
        ({"ids": []}, "ids"),
        ({"ids": ["dlv_0000000000000001"], "state": "parked"}, "ids"),
        ({"ids": ["dlv_0000000000000001"], "endpoint": "ep_0000000000000001"}, "ids"),
        ({"since": "2026-11-21T20:00:00Z"}, "endpoint"),
        ({"state": "in_flight", "endpoint": "ep_0000000000000001"}, "state"),
        ({"state": "delivered"}, "endpoint"),
        ({"state": "parked", "cursor": "x"}, "cursor"),
    ],
)
def test_an_invalid_choice_is_refused(sqlite_url: str, body: Any, field: str) -> None:
    async def test() -> None:
        async with web(sqlite_url) as hub:
            problem = await hub.post("/v1/deliveries/replay", body, 422)
            assert (problem["field"], bool(problem["hint"])) == (field, True)

    run(test())


def test_a_disabled_endpoint_is_recovered_after_it_is_enabled(sqlite_url: str) -> None:
    async def test() -> None:
        async with web(sqlite_url, ALL, relay=LOCAL) as hub, Sink().listening() as sink:
            endpoint = await made(hub, sink.url)
            path = f"/v1/endpoints/{endpoint['id']}"
            await hub.post(f"{path}/disable", None)
            await receipts(hub, "id-1")
            asked = {"endpoint": endpoint["id"], "since": "2020-01-01T00:00:00Z"}

            async def counted() -> Any:
                found = await hub.post("/v1/deliveries/replay", {**asked, "dry_run": True})
                return found["count"] == 1

            await until(counted)
            assert (await hub.post("/v1/deliveries/replay", asked, 409))[
                "hint"
            ] == "Enable it first."
            await hub.post(f"{path}/enable", None)
            assert (await hub.post("/v1/deliveries/replay", asked))["count"] == 1
            await until(lambda: sink.calls)

    run(test())


@pytest.mark.parametrize("since", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"])
def test_any_start_can_be_requested(database_url: str, since: str) -> None:
    async def test() -> None:
        async with web(database_url) as hub:
            endpoint = (await made(hub))["id"]
            for more in ({}, {"state": "delivered"}):
                asked = {"endpoint": endpoint, "since": since, **more}
                assert (await hub.post("/v1/deliveries/replay", asked))["count"] == 0
            assert await hub.items("/v1/deliveries", since=since) == []

    run(test())


@pytest.mark.parametrize("name", ["1", "dlv_", "dlv_0000000000000001", "ep_0000000000000001"])
def test_a_delivery_that_does_not_exist_is_404(sqlite_url: str, name: str) -> None:
    async def test() -> None:
        async with web(sqlite_url) as hub:
            assert (await hub.get(f"/v1/deliveries/{name}", 404))["hint"]
            for act in ("replay", "cancel"):
                assert (await hub.post(f"/v1/deliveries/{name}/{act}", None, 404))["hint"]

    run(test())


def test_metrics_cover_what_waits_and_of_tries(database_url: str) -> None:
    async def test() -> None:
        sink = Sink(says(200), says(500))
        async with web(database_url, ALL, relay=LOCAL) as hub, sink.listening():
            await made(hub, sink.url)
            await receipts(hub, "id-1")
            await in_state(hub, "delivered")
            await receipts(hub, "id-2")
            await in_state(hub, "waiting")

            async def told() -> bool:
                text = (await hub.client.get("/metrics")).text
                lines = dict(line.rsplit(" ", 1) for line in text.splitlines() if line[0] != "#")
                tries = {
                    outcome: n
                    for name, n in lines.items()
                    for outcome in ("delivered", "failed")
                    if name.startswith(f'delivrd_tries_total{{outcome="{outcome}"')
                }
                return (
                    lines["delivrd_deliveries_waiting"] == "1.0"
                    and float(lines["delivrd_deliveries_oldest_seconds"]) > 0
                    and tries == {"delivered": "1.0", "failed": "1.0"}
                )

            await until(told)

    run(test())


def test_a_delivery_says_whether_its_message_is_simulated(database_url: str) -> None:
    async def test() -> None:
        accounts = {
            "inbox": account("vonage", receive_only=True),
            "tried-out": account("vonage", receive_only=True, simulated=True),
        }
        async with (
            web(database_url, ALL, relay=LOCAL, accounts=accounts) as hub,
            Sink().listening() as sink,
        ):
            await made(hub, sink.url)
            await hub.receipt("inbox", messageId="id-1", **DELIVERED)
            await hub.receipt("tried-out", messageId="id-2", **DELIVERED)
            told = {}
            for one in await in_state(hub, "delivered", 2):
                shown = await hub.get(f"/v1/deliveries/{one['id']}")
                assert shown["delivery"]["simulated"] is one["simulated"]
                told[shown["event"]["data"]["account"]] = one["simulated"]
            assert told == {"inbox": False, "tried-out": True}

    run(test())
