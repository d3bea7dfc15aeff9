"""``/v1/endpoints``: setting up who is told, trying it, and seeing how its calls go."""

import json
from datetime import datetime
from ipaddress import ip_network
from typing import Any

import pytest
from standardwebhooks import Webhook

from delivrd.config import Relay
from delivrd.config_endpoints import EndpointSettings
from delivrd.core.statement import moment
from delivrd.core.units import DAY
from delivrd.store import endpoints
from delivrd.store.ids import now_micros
from tests.filled import execute
from tests.relay.relay_support import Sink, says
from tests.support import run, until
from tests.web.web_support import Web, web

LOCAL = Relay(allow_http=True, allow_networks=(ip_network("127.0.0.0/8"),))
URL = "https://app.example.org/sms"
DELIVERED = {"messageId": "id-1", "status": "delivered", "err-code": "0"}
ALL = ("intake", "web", "work")


async def made(hub: Web, url: str = URL, **fields: Any) -> Any:
    return await hub.post("/v1/endpoints", {"url": url, **fields}, 201)


async def patched(hub: Web, endpoint: Any, body: Any, expect: int = 200) -> Any:
    answer = await hub.client.patch(f"/v1/endpoints/{endpoint['id']}", json=body)
    assert answer.status_code == expect, answer.text
    return answer.json()


def test_an_endpoint_is_called_and_its_secret_verifies_the_call(database_url: str) -> None:
    async def test() -> None:
        async with web(database_url, ALL, relay=LOCAL) as hub, Sink().listening() as sink:
            endpoint = await made(hub, sink.url, statuses=["delivered"], final_only=True)
            await hub.receipt("inbox", **DELIVERED)
            await until(lambda: sink.calls)
            call = sink.calls[0]
            told = Webhook(endpoint["secret"]).verify(call.body, call.headers)
            assert (told["type"], told["data"]["to"]) == ("message.delivered", "+12015555522")

            async def counted() -> Any:
                found = await hub.get(f"/v1/endpoints/{endpoint['id']}")
                return found["last_24h"]["delivered"] and found

            found = await until(counted)
            assert found["last_24h"]["success_rate"] == 1.0
            assert sum(hour["delivered"] for hour in found["last_24h"]["hours"]) == 1
            assert len(found["last_24h"]["hours"]) == 24
            assert (found["state"], found["waiting"], found["parked"]) == ("ok", 0, 0)

    run(test())


def test_what_fails_waits_and_the_endpoint_says_until_when(database_url: str) -> None:
    async def test() -> None:
        sink = Sink(says(500))
        async with web(database_url, ALL, relay=LOCAL) as hub, sink.listening():
            endpoint = await made(hub, sink.url)
            await hub.receipt("inbox", **DELIVERED)

            async def failed() -> Any:
                found = await hub.get(f"/v1/endpoints/{endpoint['id']}")
                return (found["state"], found["waiting"]) == ("failing", 1) and found

            found = await until(failed)
            assert found["last_24h"]["failed"] == 1
            assert found["next_try_at"] > found["oldest_waiting_at"]
            assert found["last_24h"]["success_rate"] == 0.0

    run(test())


@pytest.mark.parametrize("held", ["opened_at = $1, probe_at = $1", "paused_until = $1"])
def test_the_next_try_of_an_endpoint_that_is_held_back_is_not_before_it_may_be_called(
    database_url: str, held: str
) -> None:
    async def test() -> None:
        async with web(database_url, ALL, relay=LOCAL) as hub, Sink(says(500)).listening() as sink:
            endpoint = await made(hub, sink.url)
            await hub.receipt("inbox", **DELIVERED)
            path = f"/v1/endpoints/{endpoint['id']}"

            async def waits() -> bool:
                return bool((await hub.get(path))["waiting"])

            await until(waits)
            later = now_micros() + DAY
            await execute(hub.store, f"UPDATE endpoint SET {held}", later)
            found = await hub.get(path)
            assert datetime.fromisoformat(found["next_try_at"]) == moment(later)
            await hub.post(f"{path}/disable", None)
            assert (await hub.get(path))["next_try_at"] is None

    run(test())


def test_secrets_are_shown_once(sqlite_url: str) -> None:
    async def test() -> None:
        async with web(sqlite_url) as hub:
            token = "an-auth-token-of-length"
            endpoint = await made(hub, format="twilio", options={"auth_token": token})
            assert endpoint["secret"].startswith("whsec_")
            for path in ("/v1/endpoints", f"/v1/endpoints/{endpoint['id']}"):
                text = (await hub.client.get(path)).text
                assert endpoint["secret"] not in text
                assert token not in text
            assert (await hub.get("/v1/endpoints"))["items"][0]["options"] == {"auth_token": "***"}

    run(test())


@pytest.mark.parametrize(
    ("body", "field", "words"),
    [
        ({"url": "ftp://app.example.org/x"}, "url", "not a web address"),
        ({"url": "http://app.example.org/x"}, "url", "allow_http"),
        ({"url": "https://127.0.0.1/x"}, "url", "allow_networks"),
        ({"url": "https://0x7f.1/x"}, "url", "not a public address"),
        ({"url": "https://me:pw@app.example.org/"}, "url", "user name"),
        ({"url": "https://app..example.org/"}, "url", "no host name"),
        ({"url": URL, "format": "vonage-jason"}, "format", "Did you mean vonage-json?"),
        ({"url": URL, "format": "kannel"}, "url", "neither %d nor %A"),
        (
            {"url": URL, "format": "twilio", "options": {"auth_tokn": "x"}},
            "options",
            "Did you mean auth_token?",
        ),
        (
            {"url": URL, "format": "vonage-get", "options": {"signature_method": "md4"}},
            "options",
            "one of md5hash",
        ),
        ({"url": URL, "format": "smspm", "batch_size": 5}, "batch_size", "one event a call"),
        ({"url": URL, "accounts": ["nobody"]}, "accounts", "Accounts: inbox, main"),
        ({"url": URL, "statuses": ["sent"]}, "statuses.0", "delivered"),
        ({"url": URL, "statuses": []}, "statuses", "at least 1"),
        ({"url": URL, "rate_limit": 0}, "rate_limit", "greater than or equal"),
        ({"url": URL, "secret": "x"}, "secret", "spelling"),
        ({}, "url", "missing"),
    ],
)
def test_what_cannot_be_called_is_refused_with_a_hint(
    sqlite_url: str, body: Any, field: str, words: str
) -> None:
    async def test() -> None:
        async with web(sqlite_url) as hub:
            problem = await hub.post("/v1/endpoints", body, 422)
            assert problem["field"] == field
            assert words in f"{problem['detail']} {problem['hint']}"
            assert (await hub.get("/v1/endpoints"))["items"] == []

    run(test())


def test_only_what_is_named_changes(database_url: str) -> None:
    async def test() -> None:
        async with web(database_url) as hub:
            options = {"auth_token": "an-auth-token", "account_sid": "AC1"}
            endpoint = await made(
                hub, format="twilio", options=options, countries=["gb"], rate_limit=5
            )
            found = await patched(hub, endpoint, {"description": "Orders", "countries": None})
            assert (found["description"], found["countries"]) == ("Orders", None)
            assert (found["rate_limit"], found["format"]) == (5, "twilio")
            found = await patched(hub, endpoint, {"options": {"account_sid": None}})
            assert found["options"] == {"auth_token": "***"}
            found = await patched(hub, endpoint, {"format": "delivrd", "batch_size": 10})
            assert (found["options"], found["batch_size"]) == ({"batch": "true"}, 10)
            found = await patched(hub, endpoint, {"batch_size": 1})
            assert found["options"] == {}
            problem = await patched(hub, endpoint, {"url": "https://10.0.0.1/"}, 422)
            assert problem["field"] == "url"

    run(test())


def test_a_batch_is_an_array_also_of_one(sqlite_url: str) -> None:
    async def test() -> None:
        async with web(sqlite_url, ALL, relay=LOCAL) as hub, Sink().listening() as sink:
            await made(hub, sink.url, batch_size=10, batch_ms=10)
            await hub.receipt("inbox", **DELIVERED)
            await until(lambda: sink.calls)
            assert [event["type"] for event in sink.calls[0].json] == ["message.delivered"]

    run(test())


def test_endpoints_are_listed_newest_first_in_pages(database_url: str) -> None:
    async def test() -> None:
        async with web(database_url) as hub:
            ids = [(await made(hub))["id"] for _ in range(5)]
            assert [e["id"] for e in await hub.items("/v1/endpoints", limit=2)] == ids[::-1]

    run(test())


def test_a_deleted_endpoint_is_gone(database_url: str) -> None:
    async def test() -> None:
        async with web(database_url) as hub:
            path = f"/v1/endpoints/{(await made(hub))['id']}"
            assert (await hub.client.delete(path)).status_code == 204
            assert (await hub.client.delete(path)).status_code == 404
            assert (await hub.get(path, 404))["hint"]
            assert (await hub.post(f"{path}/enable", None, 404))["hint"]
            assert (await hub.get("/v1/endpoints"))["items"] == []

    run(test())


@pytest.mark.parametrize("name", ["1", "ep_", "ep_zzzzzzzzzzzzzzzz", "dlv_0000000000000001", "%00"])
def test_an_endpoint_that_does_not_exist_is_404(sqlite_url: str, name: str) -> None:
    async def test() -> None:
        async with web(sqlite_url) as hub:
            assert (await hub.get(f"/v1/endpoints/{name}", 404))["hint"]
            assert (await hub.post(f"/v1/endpoints/{name}/test", None, 404))["hint"]

    run(test())


def test_a_disabled_endpoint_is_called_again_once_enabled(database_url: str) -> None:
    async def test() -> None:
        async with web(database_url, ALL, relay=LOCAL) as hub, Sink().listening() as sink:
            path = f"/v1/endpoints/{(await made(hub, sink.url))['id']}"
            off = await hub.post(f"{path}/disable", None)
            assert (off["state"], off["disabled_why"]) == ("disabled", "by hand")
            await hub.receipt("inbox", **DELIVERED)
            on = await hub.post(f"{path}/enable", None)
            assert (on["state"], on["disabled_at"]) == ("ok", None)
            await hub.receipt("inbox", **{**DELIVERED, "messageId": "id-2"})
            await until(lambda: sink.calls)

    run(test())


def test_both_secrets_sign_while_one_is_being_replaced(database_url: str) -> None:
    async def test() -> None:
        async with web(database_url, relay=LOCAL) as hub, Sink().listening() as sink:
            endpoint = await made(hub, sink.url)
            path = f"/v1/endpoints/{endpoint['id']}"
            rotated = await hub.post(f"{path}/rotate-secret", None)
            assert rotated["secret"] != endpoint["secret"]
            assert rotated["old_secret_until"]
            await hub.post(f"{path}/test", None)
            for secret in (endpoint["secret"], rotated["secret"]):
                assert Webhook(secret).verify(sink.calls[0].body, sink.calls[0].headers)
            last = await hub.post(f"{path}/rotate-secret", {"keep_seconds": 0})
            assert last["old_secret_until"] is None
            await hub.post(f"{path}/test", None)
            assert len(sink.calls[1].headers["webhook-signature"].split()) == 1

    run(test())


def test_a_test_reports_what_came_of_it_and_is_kept(database_url: str) -> None:
    async def test() -> None:
        sink = Sink(says(200, b"thanks"), says(500, b"no"))
        async with web(database_url, relay=LOCAL) as hub, sink.listening():
            endpoint = await made(hub, sink.url)
            path = f"/v1/endpoints/{endpoint['id']}"
            good = await hub.post(f"{path}/test", None)
            (tried,) = good["tries"]
            assert (good["delivery"]["state"], tried["status"]) == ("delivered", 200)
            assert (tried["response"], tried["total_ms"] > 0) == ("thanks", True)
            assert sink.calls[0].json == good["event"]
            assert good["event"]["data"]["metadata"] == {"test": True}
            assert endpoint["secret"] not in json.dumps(good)

            await hub.post(f"{path}/disable", None)
            bad = await hub.post(f"{path}/test", None)
            assert (bad["delivery"]["state"], bad["tries"][0]["status"]) == ("parked", 500)
            assert bad["delivery"]["why"].startswith("a test is tried once: it answered 500")
            listed = await hub.items("/v1/deliveries", endpoint=endpoint["id"])
            assert [one["state"] for one in listed] == ["parked", "delivered"]

    run(test())


def test_a_test_is_not_in_the_stream_and_nobody_else_is_told(sqlite_url: str) -> None:
    async def test() -> None:
        async with web(sqlite_url, ALL, relay=LOCAL) as hub, Sink().listening() as sink:
            endpoint = await made(hub, sink.url)
            await made(hub, sink.url + "/other", operational=True)
            await hub.post(f"/v1/endpoints/{endpoint['id']}/test", None)
            await hub.receipt("inbox", **DELIVERED)
            await until(lambda: len(sink.calls) >= 3)
            assert [call.path for call in sink.calls].count("/hook/other") == 1
            async with hub.context.streams.listen() as listener:
                assert listener.position > 0

    run(test())


def test_origins_of_callback_urls_are_listed_on_request(sqlite_url: str) -> None:
    async def test() -> None:
        async with web(sqlite_url) as hub:
            store = hub.store
            origin = "https://shop.example.org:443"
            await hub.store.write(lambda tx: endpoints.callbacks(tx, store.ids, 1, [origin]))
            assert (await hub.get("/v1/endpoints"))["items"] == []
            (found,) = (await hub.get("/v1/endpoints", callbacks="true"))["items"]
            assert (found["kind"], found["url"]) == ("callback", origin)
            path = f"/v1/endpoints/{found['id']}"
            assert (await hub.post(f"{path}/rotate-secret", None, 409))["hint"]
            assert (await hub.client.delete(path)).status_code == 409
            assert (await hub.post(f"{path}/disable", None))["state"] == "disabled"

    run(test())


def test_reading_and_changing_need_their_scopes(sqlite_url: str) -> None:
    async def test() -> None:
        async with web(sqlite_url) as hub:
            asked = {"name": "looker", "scopes": ["read"]}
            key = (await hub.post("/v1/keys", asked, 201))["key"]
            endpoint = await made(hub)
            async with hub.somebody(authorization=f"Bearer {key}") as reader:
                assert (await reader.get("/v1/endpoints")).status_code == 200
                for path in ("", f"/{endpoint['id']}/test", f"/{endpoint['id']}/rotate-secret"):
                    answer = await reader.post(f"/v1/endpoints{path}", json={"url": URL})
                    assert answer.status_code == 403, path
                assert (await reader.post("/v1/deliveries/replay", json={})).status_code == 403

    run(test())


def test_who_did_it_is_on_record(sqlite_url: str) -> None:
    async def test() -> None:
        async with web(sqlite_url) as hub:
            endpoint = await made(hub)
            await patched(hub, endpoint, {"ordered": True})
            rows = await hub.store.read(
                lambda tx: tx.fetch("SELECT actor, action, detail FROM audit ORDER BY id")
            )
            assert [tuple(row)[:2] for row in rows] == [
                ("admin key", "endpoints.create"),
                ("admin key", "endpoints.update"),
            ]
            assert rows[1][2] == f"{endpoint['id']}: ordered"

    run(test())


def test_an_endpoint_of_the_settings_is_changed_there_alone(sqlite_url: str) -> None:
    async def test() -> None:
        secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
        shop = EndpointSettings(url=URL, secret=(secret,))
        async with web(sqlite_url, ALL, endpoints={"shop": shop}) as hub:
            (endpoint,) = (await hub.get("/v1/endpoints"))["items"]
            assert (endpoint["name"], endpoint["enabled"]) == ("shop", True)
            path = f"/v1/endpoints/{endpoint['id']}"
            refused = await patched(hub, endpoint, {"final_only": True}, 409)
            assert "[endpoints.shop]" in refused["detail"]
            assert (await hub.client.delete(path)).status_code == 409
            await hub.post(f"{path}/rotate-secret", None, 409)
            assert (await hub.post(f"{path}/disable", None))["state"] == "disabled"
            assert (await hub.post(f"{path}/enable", None))["state"] == "ok"

    run(test())
