"""``/v1/requests``: calls as they came, kept and refused, and reading them again."""

from typing import Any

import httpx2
import pytest

from delivrd.config import Limits
from delivrd.store.tx import Tx
from tests.support import account, run, until
from tests.web.web_support import Web, web

DELIVERED = {"messageId": "id-1", "msisdn": "12015555522", "to": "Acme", "status": "delivered"}
SECRET = "a-webhook-secret-of-length"


async def push(hub: Web, body: bytes, path: str = "inbox", kind: str = "application/json") -> Any:
    headers = {"content-type": kind}
    answer = await hub.somebody().post(f"/webhooks/{path}", content=body, headers=headers)
    await hub.hub.ring.flush()
    return answer


def test_a_call_is_listed_with_what_was_made_of_it(database_url: str) -> None:
    async def test() -> None:
        async with web(database_url) as hub:
            await hub.receipt("inbox", **DELIVERED)
            await push(hub, b"{")
            await push(hub, b"{}", path="nobody")
            await hub.somebody().head("/webhooks/inbox")
            await hub.hub.ring.flush()
            found = await hub.items("/v1/requests", limit=1)
            assert [r["verdict"] for r in found] == ["probe", "refused", "unreadable", "read"]
            assert [r["status"] for r in found] == [200, 404, 200, 200]

    run(test())


@pytest.mark.parametrize(
    ("filters", "verdicts"),
    [
        ({"odd": "true"}, ["refused", "unreadable"]),
        ({"verdict": "refused"}, ["refused"]),
        ({"verdict": "read"}, ["read"]),
        ({"verdict": "unreadable"}, ["unreadable"]),
        ({"verdict": "handshake"}, []),
        ({"account": "inbox"}, ["unreadable", "read"]),
        ({"until": "2020-01-01"}, []),
    ],
)
def test_calls_are_filtered(
    database_url: str, filters: dict[str, str], verdicts: list[str]
) -> None:
    async def test() -> None:
        async with web(database_url) as hub:
            await hub.receipt("inbox", **DELIVERED)
            await push(hub, b"{")
            await push(hub, b"{}", path="nobody")
            found = await hub.items("/v1/requests", **filters)
            assert [r["verdict"] for r in found] == verdicts

    run(test())


def test_one_call_is_shown_as_it_came(database_url: str) -> None:
    async def test() -> None:
        async with web(database_url) as hub:
            body = b'{"messageId":"id-1","msisdn":"12015555522","to":"Acme","status":"delivered"}'
            await push(hub, body)
            await until(hub.folded)
            (listed,) = await hub.items("/v1/requests")
            found = await hub.get(f"/v1/requests/{listed['id']}")
            assert found["body"] == body.decode()
            assert ["content-type", "application/json"] in found["headers"]
            assert found["receipts"][0]["provider_message_id"] == "id-1"
            assert (found["receipts_total"], found["readings"], found["body_kept"]) == (1, 1, True)

    run(test())


def test_a_body_that_is_no_text_is_given_in_base64(database_url: str) -> None:
    async def test() -> None:
        async with web(database_url) as hub:
            await push(hub, b"\xff\x00")
            (listed,) = await hub.items("/v1/requests")
            found = await hub.get(f"/v1/requests/{listed['id']}")
            assert (found["body"], found["body_base64"]) == (None, "/wA=")

    run(test())


def test_a_secret_in_the_path_is_not_shown(sqlite_url: str) -> None:
    accounts = {"inbox": account("vonage", receive_only=True, webhook_secret=SECRET)}

    async def test() -> None:
        async with web(sqlite_url, accounts=accounts) as hub:
            await push(hub, b"{}", path=f"inbox/{SECRET}")
            answer = await hub.client.get("/v1/requests")
            assert len(answer.json()["items"]) == 1
            assert SECRET not in answer.text
            one = await hub.client.get(f"/v1/requests/{answer.json()['items'][0]['id']}")
            assert SECRET not in one.text

    run(test())


@pytest.mark.parametrize("request_id", ["1", "x", "-1", "9" * 30, "9223372036854775808", "%00"])
def test_a_call_that_does_not_exist_is_404(sqlite_url: str, request_id: str) -> None:
    async def test() -> None:
        async with web(sqlite_url) as hub:
            assert (await hub.get(f"/v1/requests/{request_id}", 404))["hint"]
            assert (await hub.post(f"/v1/requests/{request_id}/replay", {}, 404))["hint"]

    run(test())


async def forget_the_reading(tx: Tx) -> None:
    """As if the adapter of that day had not understood the word."""
    await tx.execute("UPDATE statement SET status = 'undelivered', hash = $1", b"0" * 16)


def test_a_replay_shows_the_difference_before_it_is_made(database_url: str) -> None:
    async def test() -> None:
        async with web(database_url) as hub:
            await hub.receipt("inbox", **DELIVERED)
            await hub.store.write(forget_the_reading)
            (call,) = await hub.items("/v1/requests")
            path = f"/v1/requests/{call['id']}/replay"
            tried = await hub.post(path, {"dry_run": True})
            assert (tried["changed"], tried["applied"]) == (True, False)
            assert tried["before"] == [{"provider_message_id": "id-1", "status": "undelivered"}]
            assert tried["after"] == [{"provider_message_id": "id-1", "status": "delivered"}]
            (receipt,) = await hub.items("/v1/receipts")
            assert receipt["status"] == "undelivered"

            done = await hub.post(path, {})
            assert (done["changed"], done["applied"]) == (True, True)
            (receipt,) = await hub.items("/v1/receipts")
            assert receipt["status"] == "delivered"
            assert (await hub.get(f"/v1/requests/{call['id']}"))["readings"] == 2

    run(test())


def test_who_read_a_call_again_is_on_record_where_that_changed_anything(database_url: str) -> None:
    async def test() -> None:
        async with web(database_url) as hub:
            await hub.receipt("inbox", **DELIVERED)
            await hub.receipt("inbox", **{**DELIVERED, "messageId": "id-2"})
            second, first = [call["id"] for call in await hub.items("/v1/requests")]

            async def acts() -> list[Any]:
                query = "SELECT actor, action, detail FROM audit ORDER BY id"
                return [tuple(row) for row in await hub.store.read(lambda tx: tx.fetch(query))]

            async def both(body: dict[str, Any], form: dict[str, str]) -> None:
                await hub.post(f"/v1/requests/{first}/replay", body)
                page = await hub.client.post(f"/requests/{second}/replay", data=form)
                assert page.status_code == 200

            await both({}, {"apply": "yes"})  # which reads what was read before
            await hub.store.write(forget_the_reading)
            await both({"dry_run": True}, {})
            assert await acts() == []
            await both({}, {"apply": "yes"})
            assert await acts() == [("admin key", "requests.replay", id) for id in (first, second)]

    run(test())


def test_a_call_whose_body_is_gone_cannot_be_read_again(database_url: str) -> None:
    async def test() -> None:
        async with web(database_url) as hub:
            await hub.receipt("inbox", **DELIVERED)
            (call,) = await hub.items("/v1/requests")

            async def prune(tx: Tx) -> None:
                await tx.execute("UPDATE request SET body = NULL, headers = NULL, query = NULL")

            await hub.store.write(prune)
            problem = await hub.post(f"/v1/requests/{call['id']}/replay", {}, 409)
            assert "no longer kept" in problem["detail"]
            assert (await hub.get(f"/v1/requests/{call['id']}"))["body_kept"] is False

    run(test())


def test_a_call_refused_before_its_body_was_received_kept_none(database_url: str) -> None:
    async def test() -> None:
        async with web(database_url, limits=Limits(max_body=1000)) as hub:
            assert (await push(hub, b"x" * 2000)).status_code == 413
            (call,) = await hub.items("/v1/requests")
            found = await hub.get(f"/v1/requests/{call['id']}")
            assert (found["body_kept"], found["body"], found["body_base64"]) == (False, None, None)
            page = (await hub.client.get(f"/requests/{call['id']}")).text
            assert "No body of this call was kept" in page
            assert "retention" not in page

    run(test())


def test_a_call_with_a_wrong_signature_can_be_admitted_by_an_admin(database_url: str) -> None:
    signed = account("vonage", receive_only=True, signature_secret="a-signature-secret")

    async def test() -> None:
        async with web(database_url, accounts={"inbox": signed}) as hub:
            refused = await hub.somebody().get("/webhooks/inbox", params=DELIVERED)
            assert refused.status_code == 401
            await hub.hub.ring.flush()
            (call,) = await hub.items("/v1/requests")
            assert (call["verdict"], call["admissible"]) == ("refused", True)
            path = f"/v1/requests/{call['id']}/replay"
            assert "was refused" in (await hub.post(path, {}, 409))["detail"]
            made = await hub.post(path, {"admit": True})
            assert made["admitted"] is True
            await hub.get(f"/v1/requests/{made['request_id']}")
            await until(hub.folded)
            assert [m["status"] for m in await hub.items("/v1/messages")] == ["delivered"]

    run(test())


def test_a_replay_does_not_overlook_what_stands_in_its_query(sqlite_url: str) -> None:
    """It would be applied, though only a trial was asked for."""

    async def test() -> None:
        async with web(sqlite_url) as hub:
            await hub.receipt()
            (call,) = await hub.items("/v1/requests")
            path = f"/v1/requests/{call['id']}/replay"
            problem = await hub.post(f"{path}?dry_run=true", {}, 422)
            assert (problem["field"], problem["hint"]) == ("dry_run", "Send it in the JSON body.")
            assert (await hub.get(f"/v1/requests/{call['id']}"))["readings"] == 1

    run(test())


def test_a_replay_needs_no_body(database_url: str) -> None:
    async def test() -> None:
        async with web(database_url) as hub:
            await hub.receipt("inbox", **DELIVERED)
            (call,) = await hub.items("/v1/requests")
            answer = await hub.client.post(f"/v1/requests/{call['id']}/replay")
            assert (answer.status_code, answer.json()["changed"]) == (200, False)

    run(test())


def test_a_call_that_is_as_unreadable_as_it_was_is_not_changed_by_a_replay(
    database_url: str,
) -> None:
    async def test() -> None:
        async with web(database_url) as hub:
            await push(hub, b"{")
            (call,) = await hub.items("/v1/requests")
            again = await hub.post(f"/v1/requests/{call['id']}/replay", {"force": True})
            assert (again["changed"], again["applied"]) == (False, False)
            assert (await hub.get(f"/v1/requests/{call['id']}"))["readings"] == 1

    run(test())


def test_only_a_refused_call_can_be_admitted(database_url: str) -> None:
    async def test() -> None:
        async with web(database_url) as hub:
            await push(hub, b"{")
            (call,) = await hub.items("/v1/requests")
            problem = await hub.post(f"/v1/requests/{call['id']}/replay", {"admit": True}, 409)
            assert problem["detail"] == "It was not refused."
            assert (await hub.client.put("/webhooks/main")).status_code == 405
            await hub.hub.ring.flush()
            refused = (await hub.items("/v1/requests?verdict=refused"))[0]
            problem = await hub.post(f"/v1/requests/{refused['id']}/replay", {"admit": True}, 409)
            assert problem["detail"].startswith("It cannot be admitted: only a call that")

    run(test())


def test_a_key_that_may_read_may_not_replay(sqlite_url: str) -> None:
    async def test() -> None:
        async with web(sqlite_url) as hub:
            key = (await hub.post("/v1/keys", {"name": "x", "scopes": ["read"]}, 201))["key"]
            client: httpx2.AsyncClient = hub.somebody(authorization=f"Bearer {key}")
            answer = await client.post("/v1/requests/1/replay", json={})
            assert answer.status_code == 403

    run(test())
