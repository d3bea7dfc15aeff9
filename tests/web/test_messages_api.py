"""``/v1/messages``: send, register, list, show, wait, on both stores."""

import asyncio
import json
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from delivrd.core.units import HOUR, SECOND
from delivrd.intake import folded
from delivrd.providers import provider
from delivrd.store import schema
from delivrd.store.ids import now_micros
from delivrd.store.messages import reference_of
from delivrd.store.outbox import claim
from delivrd.store.tx import Tx
from delivrd.store.verify import verify
from delivrd.web.api import messages
from tests.filled import scalar
from tests.support import account, run
from tests.web.web_support import NEW, web

DELIVERED = {"status": "delivered", "err-code": "0", "message-timestamp": "2026-06-29 22:40:30"}
FAILED = {"status": "failed", "err-code": "2", "message-timestamp": "2026-06-29 22:40:30"}

FIELDS = {
    *("id", "status", "final", "to", "from", "country", "text_preview", "parts", "price"),
    *("reference", "metadata", "created_at", "sent_at", "finished_at", "delivered_at", "error"),
    *("attempts", "receipts"),
}
RECEIPT_FIELDS = {
    *("id", "account", "provider", "provider_message_id", "status", "final", "provider_status"),
    *("error", "to", "from", "network", "price", "occurred_at", "received_at", "count"),
}


def test_a_message_is_taken_with_202_and_all_its_fields(database_url: str) -> None:
    async def test() -> None:
        async with web(database_url) as hub:
            answer = await hub.client.post(
                "/v1/messages", json={**NEW, "reference": "order-1", "metadata": {"a": [1, None]}}
            )
            assert answer.status_code == 202
            made = answer.json()
            assert set(made) >= FIELDS
            assert answer.headers["location"] == f"/v1/messages/{made['id']}"
            assert (made["status"], made["final"], made["country"]) == ("pending", False, "US")
            assert (made["reference"], made["metadata"]) == ("order-1", {"a": [1, None]})
            assert made["attempts"][0]["state"] == "queued"
            assert await hub.get(f"/v1/messages/{made['id']}") == made

    run(test())


@pytest.mark.parametrize(
    "sender", ["MG" + "0f" * 16, "0e8a8c2c-93f5-4ddf-9a1d-1b7e3a2b4c5d", "+12025555511", "Acme"]
)
def test_a_sender_may_be_a_set_of_senders_at_the_gateway(sqlite_url: str, sender: str) -> None:
    """Twilio's messaging services, Plivo's Powerpacks."""

    async def test() -> None:
        async with web(sqlite_url) as hub:
            made = await hub.post("/v1/messages", {**NEW, "from": sender}, 202)
            assert made["from"] == sender

    run(test())


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"to": "12345"}, "to"),
    ({"to": ""}, "to"),
    ({"text": ""}, "text"),
    ({"text": "\0"}, "text"),
    ({"from": ""}, "from"),
    ({"from": "x" * 65}, "from"),
    ({"via": ["nobody"]}, "via"),
    ({"via": ["main", "main"]}, "via"),
    ({"via": ["inbox"]}, "via"),
    ({"via": "main"}, "via"),
    ({"max_attempts": 2}, "max_attempts"),
    ({"deadline_seconds": 0}, "deadline_seconds"),
    ({"deadline_seconds": "60"}, "deadline_seconds"),
    ({"metadata": []}, "metadata"),
    ({"callback_url": "http://127.0.0.1/"}, "callback_url"),
    ({"callback_url": "https://app..example.org/"}, "callback_url"),
    ({"colour": "red"}, "colour"),
    ({"reference": "\0"}, "reference"),
    ({"reference": "r" * 201}, "reference"),
    ({"text": "x" * (20 * 153 + 1)}, "text"),
    ({"deadline_seconds": 7 * 24 * 3600 + 1}, "deadline_seconds"),
    ({"metadata": {"a": "x" * 4089}}, "metadata"),
    ({"metadata": {"a": "é" * 2045}}, "metadata"),
]
LARGEST: list[dict[str, Any]] = [
    {"from": "x" * 64},
    {"reference": "r" * 200},
    {"text": "x" * (20 * 153)},
    {"deadline_seconds": 1},
    {"deadline_seconds": 7 * 24 * 3600},
    {"metadata": {"a": "x" * 4088}},
    {"metadata": {"a": "é" * 2044}},
    {"max_attempts": 1},
]


@pytest.mark.parametrize("fields", LARGEST)
def test_what_is_just_within_a_limit_is_taken(sqlite_url: str, fields: dict[str, Any]) -> None:
    async def test() -> None:
        async with web(sqlite_url) as hub:
            await hub.post("/v1/messages", {**NEW, **fields}, 202)

    run(test())


@pytest.mark.parametrize(("fields", "named"), WRONG)
def test_a_wrong_field_is_named_with_a_hint(
    sqlite_url: str, fields: dict[str, Any], named: str
) -> None:
    async def test() -> None:
        async with web(sqlite_url) as hub:
            problem = await hub.post("/v1/messages", {**NEW, **fields}, 422)
            assert problem["field"] == named
            assert problem["hint"]
            assert await hub.items("/v1/messages") == []

    run(test())


def test_a_misspelt_field_or_parameter_is_refused_with_the_nearest(sqlite_url: str) -> None:
    async def test() -> None:
        async with web(sqlite_url) as hub:
            misspelt = {"form" if name == "from" else name: v for name, v in NEW.items()}
            for path, body, field, meant in (
                ("/v1/messages", misspelt, "form", "from"),
                ("/v1/messages/sent", {"refrence": "1"}, "refrence", "reference"),
                ("/v1/endpoints", {"ulr": "https://example.org"}, "ulr", "url"),
                (
                    "/v1/alerts/rules",
                    {"name": "x", "kind": "failure_rate", "ovr": 5},
                    "ovr",
                    "over",
                ),
                (
                    "/v1/alerts/preview",
                    {"rule": {"kind": "failure_rate", "ovr": 5}},
                    "rule.ovr",
                    "over",
                ),
                ("/v1/keys", {"name": "x", "scops": ["read"]}, "scops", "scopes"),
                ("/v1/requests/1/replay", {"dryrun": True}, "dryrun", "dry_run"),
            ):
                problem = await hub.post(path, body, 422)
                assert (problem["field"], problem["hint"]) == (field, f"Did you mean {meant}?")
            problem = await hub.get("/v1/messages", 422, acount="main")
            assert (problem["field"], problem["hint"]) == ("acount", "Did you mean account?")
            problem = await hub.get("/v1/messages", 422, zzz="1")
            assert problem["hint"] == "There is no field of this name; check its spelling."

    run(test())


def test_a_misspelt_word_is_refused_with_the_nearest(sqlite_url: str) -> None:
    async def test() -> None:
        async with web(sqlite_url) as hub:
            for path, field, word, meant in (
                ("/v1/messages", "status", "delivred", "delivered"),
                ("/v1/messages", "reason", "portd", "ported"),
                ("/v1/deliveries", "state", "parkd", "parked"),
                ("/v1/requests", "verdict", "refussed", "refused"),
            ):
                problem = await hub.get(path, 422, **{field: word})
                assert (problem["field"], problem["hint"]) == (field, f"Did you mean {meant}?")

    run(test())


BODIES = [
    (b"{", 400),
    (b"", 422),
    (b"[]", 422),
    (b"null", 422),
    (b"\xff\xfe", 400),
    (b"[" * 100_000, 400),
    (b'{"to": "\\ud800", "from": "A", "text": "x"}', 422),
    (b'{"to": 1e999, "from": "A", "text": "x"}', 422),
    (b'{"to":"+12015555522","from":"A","text":"x","via":["\\ud800"]}', 422),
    (b'{"to":' + b"9" * 5000 + b"}", 400),
    (b'{"to":"+12015555522","from":"A","text":"x","via":["main"],"metadata":{"a":"\\udfff"}}', 422),
    (b'{"to":"+12015555522","from":"A","text":"x","via":["main"],"metadata":{"a":NaN}}', 422),
    (b'{"to":"+12015555522","from":"A","text":"x","via":["main"],"metadata":{"a":1e999}}', 422),
]


@pytest.mark.parametrize(("body", "status"), BODIES)
def test_a_malformed_body_is_a_clear_problem(sqlite_url: str, body: bytes, status: int) -> None:
    async def test() -> None:
        async with web(sqlite_url) as hub:
            headers = {"content-type": "application/json"}
            answer = await hub.client.post("/v1/messages", content=body, headers=headers)
            assert answer.status_code == status
            assert answer.headers["content-type"] == "application/problem+json"
            assert answer.json()["hint"]

    run(test())


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b'{"to": x}', "Expecting value, at character 7"),
        (b'{"to": "\xff"}', "not in UTF-8"),
        (b"[" * 100_000, "nested too deeply"),
    ],
)
def test_a_body_that_cannot_be_parsed_is_refused_with_the_reason(
    sqlite_url: str, body: bytes, why: str
) -> None:
    async def test() -> None:
        async with web(sqlite_url) as hub:
            headers = {"content-type": "application/json"}
            answer = await hub.client.post("/v1/messages", content=body, headers=headers)
            assert why in answer.json()["detail"]

    run(test())


@pytest.mark.parametrize("content_type", ["application/x-www-form-urlencoded", None])
def test_a_body_without_a_json_content_type_is_refused_with_a_hint(
    sqlite_url: str, content_type: str | None
) -> None:
    """What curl sends with -d alone."""

    async def test() -> None:
        async with web(sqlite_url) as hub:
            headers = {} if content_type is None else {"content-type": content_type}
            answer = await hub.client.post("/v1/messages", content=b'{"to":"+1"}', headers=headers)
            assert answer.status_code == 422
            assert "Content-Type: application/json" in answer.json()["hint"]

    run(test())


def test_what_is_missing_or_of_another_form_is_explained(sqlite_url: str) -> None:
    async def test() -> None:
        async with web(sqlite_url) as hub:
            problem = await hub.post("/v1/messages", {"to": "+12015555522", "text": "x"}, 422)
            assert problem["detail"] == "from: is missing"
            problem = await hub.get("/v1/messages", 422, country="GBR")
            assert problem["detail"] == "country: must be a country's two letters, as GB, or none"

    run(test())


def test_a_body_over_the_limit_is_refused(sqlite_url: str) -> None:
    async def test() -> None:
        async with web(sqlite_url, limits={"max_body": 1000}) as hub:
            problem = await hub.post("/v1/messages", {**NEW, "text": "x" * 1001}, 413)
            assert "1000 bytes" in problem["detail"]

    run(test())


def test_an_idempotency_key_with_the_same_body_gives_the_same_message(database_url: str) -> None:
    async def test() -> None:
        async with web(database_url) as hub:
            first, again = await asyncio.gather(
                *(
                    hub.client.post("/v1/messages", json=body, headers={"Idempotency-Key": "once"})
                    for body in (NEW, dict(reversed(NEW.items())))
                )
            )
            assert first.json()["id"] == again.json()["id"]
            assert (first.status_code, again.status_code) == (202, 202)
            assert len(await hub.items("/v1/messages")) == 1

    run(test())


def test_a_field_that_is_null_is_one_left_out_for_the_idempotency_key(sqlite_url: str) -> None:
    """Clients differ in whether they write it, and one client's retry may come by another's."""

    async def test() -> None:
        async with web(sqlite_url) as hub:
            key = {"Idempotency-Key": "once"}
            made = await hub.post("/v1/messages", NEW, 202, **key)
            again = await hub.post("/v1/messages", {**NEW, "reference": None}, 202, **key)
            assert again["id"] == made["id"]
            await hub.post("/v1/messages", {**NEW, "metadata": {"a": None}}, 409, **key)

    run(test())


def test_the_same_body_gets_the_same_answer_whatever_became_of_the_message(
    database_url: str,
) -> None:
    async def test() -> None:
        async with web(database_url) as hub:
            key = {"Idempotency-Key": "once"}
            made = await hub.post("/v1/messages", NEW, 202, **key)
            (attempt,) = await hub.store.read(lambda tx: tx.fetch("SELECT id FROM attempt"))
            await hub.receipt(**DELIVERED, **{"client-ref": reference_of(attempt[0]), "price": "1"})
            await hub.receipt(**FAILED, **{"client-ref": reference_of(attempt[0])})
            now = await hub.get(f"/v1/messages/{made['id']}")
            assert (now["status"], len(now["receipts"])) == ("delivered", 2)
            assert await hub.post("/v1/messages", NEW, 202, **key) == made

    run(test())


def test_an_idempotency_key_with_another_body_is_409(database_url: str) -> None:
    async def test() -> None:
        async with web(database_url) as hub:
            key = {"Idempotency-Key": "once"}
            await hub.post("/v1/messages", NEW, 202, **key)
            problem = await hub.post("/v1/messages", {**NEW, "text": "Other"}, 409, **key)
            assert problem["hint"]

    run(test())


def test_a_422_does_not_use_up_the_idempotency_key(database_url: str) -> None:
    async def test() -> None:
        async with web(database_url) as hub:
            key = {"Idempotency-Key": "once"}
            await hub.post("/v1/messages", {**NEW, "text": ""}, 422, **key)
            await hub.post("/v1/messages", NEW, 202, **key)

    run(test())


def test_two_api_keys_may_use_the_same_idempotency_key(database_url: str) -> None:
    async def test() -> None:
        async with web(database_url) as hub:
            made = await hub.post("/v1/keys", {"name": "shop", "scopes": ["send"]}, 201)
            other = hub.somebody(authorization=f"Bearer {made['key']}")
            first = await hub.post("/v1/messages", NEW, 202, **{"Idempotency-Key": "once"})
            second = await other.post("/v1/messages", json=NEW, headers={"Idempotency-Key": "once"})
            assert second.json()["id"] != first["id"]

    run(test())


def test_a_registration_answers_with_the_receipts_that_came_before_it(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(messages, "REGISTERED_SECONDS", 60)  # this machine may be busy

    async def test() -> None:
        async with web(database_url) as hub:
            for name in map(str, range(10)):
                given = {"messageId": name, "msisdn": "12015555522", **DELIVERED}
                await hub.client.get("/webhooks/main", params=given)
                sent = {"account": "main", "provider_message_ids": [name], "to": "+12015555522"}
                assert (await hub.post("/v1/messages/sent", sent, 201))["status"] == "delivered"

    run(test())


def test_a_message_that_another_program_sent_is_registered(database_url: str) -> None:
    async def test() -> None:
        async with web(database_url) as hub:
            await hub.receipt("main", **DELIVERED)
            sent = {"account": "main", "provider_message_ids": ["id-1"], "to": "+12015555522"}
            made = await hub.post("/v1/messages/sent", sent, 201)
            assert (made["status"], made["origin"]) == ("delivered", "registered")
            assert (await hub.post("/v1/messages/sent", sent, 201))["id"] == made["id"]

    run(test())


@pytest.mark.parametrize(
    ("field", "other"), [("to", "+12015555533"), ("from", "Other"), ("reference", "order-8")]
)
def test_a_registration_that_contradicts_what_is_known_gets_409(
    sqlite_url: str, field: str, other: str
) -> None:
    async def test() -> None:
        async with web(sqlite_url) as hub:
            sent = {"account": "main", "provider_message_ids": ["id-1"], "to": "+12015555522"}
            sent |= {"from": "Acme", "reference": "order-7"}
            made = await hub.post("/v1/messages/sent", sent, 201)
            problem = await hub.post("/v1/messages/sent", {**sent, field: other}, 409)
            assert problem["field"] == field
            assert made["id"] in problem["detail"]
            assert f"GET /v1/messages/{made['id']}" in problem["hint"]
            assert (await hub.get(f"/v1/messages/{made['id']}"))[field] == sent[field]

    run(test())


@pytest.mark.parametrize(
    ("ids", "text", "parts"),
    [(["a", "b", "c"], None, 3), (["a"], "x" * 161, 2), (["a"], None, 1), (["a", "a"], "Hi", 1)],
)
def test_a_message_sent_elsewhere_takes_as_many_sms_as_its_ids_or_its_text(
    database_url: str, ids: list[str], text: str | None, parts: int
) -> None:
    async def test() -> None:
        async with web(database_url) as hub:
            sent = {"account": "main", "provider_message_ids": ids, "to": "+12015555522"}
            made = await hub.post("/v1/messages/sent", {**sent, "text": text}, 201)
            assert made["parts"] == parts
            assert (await hub.get(f"/v1/messages/{made['id']}"))["parts"] == parts
            await hub.receipt("main", **{**DELIVERED, "messageId": ids[0]})
            assert (await hub.post("/v1/messages/sent", sent, 201))["parts"] == parts

    run(test())


@pytest.mark.parametrize("ids", [[], ["id-1", ""], ["id-1", "x" * 256], list(map(str, range(256)))])
def test_what_is_no_list_of_message_ids_is_refused(sqlite_url: str, ids: list[str]) -> None:
    async def test() -> None:
        async with web(sqlite_url) as hub:
            sent = {"account": "main", "provider_message_ids": ids, "to": "+12015555522"}
            problem = await hub.post("/v1/messages/sent", sent, 422)
            assert (problem["field"], problem["hint"]) == (
                "provider_message_ids",
                "A list of 1 to 255 ids as the gateway gave them.",
            )
            most = [*("x" * (255 - n) for n in range(255))]
            await hub.post("/v1/messages/sent", {**sent, "provider_message_ids": most}, 201)

    run(test())


@pytest.mark.parametrize(("ago_hours", "left_hours"), [(None, 78), (10, 68), (72, 6), (1000, 6)])
def test_receipts_of_what_another_program_sent_are_awaited_for_its_validity_and_the_grace(
    sqlite_url: str, ago_hours: int | None, left_hours: int
) -> None:
    """Three days and six hours; six hours at least, as nobody may have listened before."""

    async def test() -> None:
        async with web(sqlite_url) as hub:
            sent = {"account": "main", "provider_message_ids": ["id-1"], "to": "+12015555522"}
            if ago_hours is not None:
                at = datetime.now(UTC) - timedelta(hours=ago_hours)
                sent["sent_at"] = at.isoformat()
            await hub.post("/v1/messages/sent", sent, 201)
            rows = await hub.store.read(lambda tx: tx.fetch("SELECT expires_at FROM attempt"))
            assert round((rows[0][0] - now_micros()) / HOUR, 2) == left_hours

    run(test())


@pytest.mark.parametrize(
    "sent_at",
    ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "1969-12-31T00:00:00Z",
     "2999-01-01T00:00:00Z"],
)  # fmt: skip
def test_a_time_at_which_nothing_was_sent_is_refused(database_url: str, sent_at: str) -> None:
    """Once stored, one such time made every list and every count fail that came upon it."""

    async def test() -> None:
        async with web(database_url) as hub:
            sent = {"account": "main", "provider_message_ids": ["id-1"], "to": "+12015555522"}
            problem = await hub.post("/v1/messages/sent", {**sent, "sent_at": sent_at}, 422)
            assert problem["field"] == "sent_at"
            assert await hub.items("/v1/messages") == []

    run(test())


def test_a_receipt_shows_in_its_message_with_all_its_fields(database_url: str) -> None:
    async def test() -> None:
        async with web(database_url) as hub:
            await hub.receipt("inbox", **DELIVERED, **{"network-code": "310090", "price": "0.0057"})
            (message,) = await hub.items("/v1/messages")
            (receipt,) = message["receipts"]
            assert set(receipt) >= RECEIPT_FIELDS
            assert receipt["network"] == "310090"
            assert receipt["price"]["amount"] == "0.0057"
            assert receipt["to"] == message["to"] == "+12015555522"
            assert receipt["occurred_at"] == message["delivered_at"] == "2026-06-29T22:40:30Z"
            assert message["error"] is None

    run(test())


def test_a_failure_says_why(database_url: str) -> None:
    async def test() -> None:
        async with web(database_url) as hub:
            await hub.receipt("inbox", **FAILED)
            (message,) = await hub.items("/v1/messages")
            assert message["error"]["code"] == "2"
            assert message["error"]["reason"]
            assert message["error"]["permanent"] in (True, False)
            assert message["error"]["explanation"]

    run(test())


def test_a_repeated_receipt_counts_and_names_its_requests(database_url: str) -> None:
    async def test() -> None:
        async with web(database_url) as hub:
            for _ in range(3):
                await hub.receipt("inbox", **DELIVERED)
            (receipt,) = (await hub.items("/v1/messages"))[0]["receipts"]
            requests = await hub.items("/v1/requests")
            assert receipt["count"] == 3
            assert sorted(receipt["requests"]) == sorted(r["id"] for r in requests)

    run(test())


def test_a_message_is_found_by_its_providers_id(database_url: str) -> None:
    async def test() -> None:
        async with web(database_url) as hub:
            await hub.receipt("inbox", messageId="id-1", **DELIVERED)
            await hub.receipt("inbox", messageId="id-2", **DELIVERED)
            (found,) = await hub.items("/v1/messages", provider_message_id="id-2")
            assert found["receipts"][0]["provider_message_id"] == "id-2"
            assert await hub.items("/v1/messages", provider_message_id="id-3") == []

    run(test())


def test_failures_are_found_together_and_by_their_reason_and_code(database_url: str) -> None:
    async def test() -> None:
        async with web(database_url) as hub:
            await hub.receipt("inbox", messageId="id-1", **DELIVERED)
            await hub.receipt("inbox", messageId="id-2", **FAILED)
            (failed,) = await hub.items("/v1/messages", status="failed")
            why = {name: failed["error"][name] for name in ("reason", "code")}
            assert [m["id"] for m in await hub.items("/v1/messages", **why)] == [failed["id"]]
            assert await hub.items("/v1/messages", status="failed", code="no-such") == []
            assert len(await hub.items("/v1/messages", status="ended")) == 2
            assert await hub.items("/v1/messages", status="failed", reason="none") == []
            assert await hub.items("/v1/messages", country="none") == []

    run(test())


def test_messages_are_found_by_their_network(database_url: str) -> None:
    async def test() -> None:
        async with web(database_url) as hub:
            await hub.receipt("inbox", **{**DELIVERED, "messageId": "a", "network-code": "310090"})
            await hub.receipt("inbox", **{**DELIVERED, "messageId": "b", "network-code": "310410"})
            (found,) = await hub.items("/v1/messages", network="310090")
            assert found["network"] == "310090"
            queued = await hub.post("/v1/messages", NEW, 202)
            unknown = await hub.items("/v1/messages", network="none")
            assert [message["id"] for message in unknown] == [queued["id"]]

    run(test())


def test_pages_follow_the_cursor_to_the_end(database_url: str) -> None:
    async def test() -> None:
        async with web(database_url) as hub:
            made = [(await hub.post("/v1/messages", NEW, 202))["id"] for _ in range(5)]
            found = await hub.items("/v1/messages", limit=2)
            assert [message["id"] for message in found] == made[::-1]

    run(test())


@pytest.mark.parametrize(
    "written", ["+12015555522", "12015555522", " 12015555522", "+1 201 555 5522"]
)
def test_a_recipient_is_found_however_the_number_is_written(sqlite_url: str, written: str) -> None:
    async def test() -> None:
        async with web(sqlite_url) as hub:
            await hub.post("/v1/messages", NEW, 202)
            assert len(await hub.items("/v1/messages", to=written)) == 1

    run(test())


WRONG_QUERIES = [
    "cursor=zzz",
    "cursor=cmVjZWlwdHMuMQ",  # of another list
    "cursor=bWVzc2FnZXMuZmZmZmZmZmZmZmZmZmZmZg",  # beyond 63 bits
    "cursor=%C3%A9",
    "status=sent",
    "reason=sunspots",
    "account=nobody",
    "country=Germany",
    "country=%27;",
    "since=yesterday",
    "since=1795000000",
    "until=2026-13-01",
    "limit=0",
    "limit=201",
    "limit=ten",
    "colour=red",
    "to=%00",
    "reference=",
]


@pytest.mark.parametrize("query", WRONG_QUERIES)
def test_a_wrong_parameter_is_422_with_a_hint(sqlite_url: str, query: str) -> None:
    async def test() -> None:
        async with web(sqlite_url) as hub:
            problem = await hub.get(f"/v1/messages?{query}", 422)
            assert problem["field"] == query.partition("=")[0]
            assert problem["hint"]

    run(test())


@pytest.mark.parametrize(
    "when", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2026-11-21", "1969-12-31"]
)
def test_any_time_may_be_a_filter(database_url: str, when: str) -> None:
    async def test() -> None:
        async with web(database_url) as hub:
            await hub.get("/v1/messages", since=when)
            await hub.get("/v1/messages", until=when)

    run(test())


@pytest.mark.parametrize("written", ["%2B12025555511", "+12025555511"])
def test_a_sender_is_found_by_its_number_with_an_escaped_or_a_bare_plus(
    sqlite_url: str, written: str
) -> None:
    async def test() -> None:
        async with web(sqlite_url) as hub:
            made = await hub.post("/v1/messages", {**NEW, "from": "+12025555511"}, 202)
            (found,) = await hub.items(f"/v1/messages?from={written}")
            assert found["id"] == made["id"]
            rate = await hub.get(f"/v1/stats/delivery?sender={written}")
            assert rate["summary"]["total"] == 1

    run(test())


def test_a_number_is_one_sender_however_gateways_write_it(database_url: str) -> None:
    """In lists, by filter, in statistics and in events; receipts say what the gateway wrote."""
    bare, shown = "12025555511", "+12025555511"

    async def test() -> None:
        async with web(database_url) as hub:
            for written in (bare, shown):
                await hub.post("/v1/messages", {**NEW, "from": written}, 202)
                await hub.receipt("inbox", messageId=written, to=written, status="delivered")
            for written in (bare, shown):
                found = await hub.items("/v1/messages", **{"from": written})
                assert [message["from"] for message in found] == [shown] * 4
                said = {r["from"] for message in found for r in message["receipts"]}
                assert said == {bare, shown}
                counts = await hub.get("/v1/stats/delivery", by="sender", sender=written)
                assert [(i["sender"], i["total"]) for i in counts["items"]] == [(shown, 4)]
                page = await hub.client.get("/messages", params={"from": written})
                assert all(message["id"] in page.text for message in found)
            events = await hub.store.read(lambda tx: tx.fetch("SELECT data FROM event"))
            assert {json.loads(row[0])["from"] for row in events} == {shown}
            assert await verify(hub.store) == []

    run(test())


def test_a_gateway_is_handed_the_sender_as_its_caller_wrote_it(sqlite_url: str) -> None:
    """Some refuse a number with a plus, and others one without."""
    written = ["12025555511", "+12025555511"]

    async def test() -> None:
        async with web(sqlite_url) as hub:
            for sender in written:
                await hub.post("/v1/messages", {**NEW, "from": sender}, 202)
            accounts, ids = hub.store.accounts, hub.store.ids
            due = await hub.store.write(
                lambda tx: claim(tx, accounts, ids, now_micros(), accounts.ids, 10)
            )
            assert [handover.sender for handover in due] == written

    run(test())


def test_a_registration_may_repeat_its_sender_with_and_without_a_plus(sqlite_url: str) -> None:
    sent = {"account": "main", "provider_message_ids": ["id-1"], "to": "+12015555522"}

    async def test() -> None:
        async with web(sqlite_url) as hub:
            for sender in ("12025555511", "+12025555511"):
                made = await hub.post("/v1/messages/sent", {**sent, "from": sender}, 201)
                assert made["from"] == "+12025555511"

    run(test())


def test_a_parameter_that_is_given_twice_is_refused(sqlite_url: str) -> None:
    async def test() -> None:
        async with web(sqlite_url) as hub:
            both = "/v1/messages?status=delivered&status=undelivered"
            assert (await hub.get(both, 422))["detail"] == "status: is given more than once"

    run(test())


def test_a_message_that_does_not_exist_is_404(sqlite_url: str) -> None:
    async def test() -> None:
        async with web(sqlite_url) as hub:
            await hub.get(f"/v1/messages/{uuid.uuid4()}", 404)
            await hub.get(f"/v1/messages/{uuid.uuid4()}/wait", 404)
            problem = await hub.get("/v1/messages/02000000FEA5EE9B", 404)
            assert "?provider_message_id=" in problem["hint"]  # it may be the gateway's id

    run(test())


def test_a_merged_id_answers_with_the_survivor(database_url: str) -> None:
    async def test() -> None:
        async with web(database_url) as hub:
            await hub.receipt("inbox", messageId="id-1", **DELIVERED)
            await hub.receipt("inbox", messageId="id-2", **DELIVERED)
            before = {m["id"] for m in await hub.items("/v1/messages")}
            both = {"account": "inbox", "provider_message_ids": ["id-1", "id-2"]}
            kept = (await hub.post("/v1/messages/sent", {**both, "to": "+12015555522"}, 201))["id"]
            (gone,) = before - {kept}
            found = await hub.get(f"/v1/messages/{gone}")
            assert (found["id"], found["merged_into"]) == (kept, kept)
            assert [m["id"] for m in await hub.items("/v1/messages")] == [kept]

    run(test())


@pytest.mark.parametrize(
    "path", ["/v1/messages/{id}", "/v1/messages/{id}/wait?timeout=0",
             "/v1/messages?provider_message_id=id-1"],
)  # fmt: skip
def test_a_read_waits_until_what_was_acknowledged_is_folded(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    """Rule A6: the receipt is answered for, and its message not yet folded, when the read comes."""

    async def test() -> None:
        async with web(sqlite_url) as hub:
            await hub.receipt("inbox", status="accepted", messageId="id-1")
            (message,) = await hub.items("/v1/messages")
            waits = asyncio.Event()
            monkeypatch.setattr(folded, "PAUSE", 0.001)

            async def block(tx: Tx) -> None:
                row = (hub.store.ids.next(), 0, 1, now_micros(), b"", 0, 99, 1 << 62, 0)
                columns = tuple(column.name for column in schema.to_fold.columns)
                await tx.insert(schema.to_fold, columns, [row])

            async def unblock(tx: Tx) -> None:
                await tx.execute("DELETE FROM to_fold")

            await hub.store.write(block)

            async def read() -> Any:
                waits.set()
                return await hub.get(path.format(id=message["id"]))

            reading = asyncio.create_task(read())
            await waits.wait()
            done, _ = await asyncio.wait([reading], timeout=0.1)
            assert not done
            await hub.store.write(unblock)
            found = await reading
            assert found.get("items", [found])[0]["id"] == message["id"]

    run(test())


def test_wait_answers_as_soon_as_the_status_is_final(database_url: str) -> None:
    async def test() -> None:
        async with web(database_url) as hub:
            await hub.receipt("inbox", status="accepted")
            (message,) = await hub.items("/v1/messages")
            waiting = asyncio.create_task(hub.get(f"/v1/messages/{message['id']}/wait", timeout=30))
            await asyncio.sleep(0)
            await hub.receipt("inbox", **DELIVERED)
            assert (await waiting)["status"] == "delivered"

    run(test(), 20)


def test_wait_answers_at_its_timeout_with_what_is_known(database_url: str) -> None:
    async def test() -> None:
        async with web(database_url) as hub:
            made = await hub.post("/v1/messages", NEW, 202)
            found = await hub.get(f"/v1/messages/{made['id']}/wait", timeout=0.05)
            assert (found["status"], found["final"]) == ("pending", False)

    run(test())


@pytest.mark.parametrize("timeout", ["-1", "nan", "inf", "301", "soon"])
def test_an_invalid_timeout_is_422(sqlite_url: str, timeout: str) -> None:
    async def test() -> None:
        async with web(sqlite_url) as hub:
            path = f"/v1/messages/{uuid.uuid4()}/wait?timeout={timeout}"
            assert (await hub.get(path, 422))["field"] == "timeout"

    run(test())


def test_simulated_data_is_marked(sqlite_url: str) -> None:

    accounts = {"inbox": account("vonage", receive_only=True, simulated=True)}

    async def test() -> None:
        async with web(sqlite_url, accounts=accounts) as hub:
            await hub.receipt("inbox", **DELIVERED)
            (message,) = await hub.items("/v1/messages")
            assert message["simulated"] is True
            assert message["receipts"][0]["simulated"] is True
            assert (await hub.items("/v1/requests"))[0]["simulated"] is True
            ((told,),) = await hub.store.read(lambda tx: tx.fetch("SELECT data FROM event"))
            assert json.loads(told)["simulated"] is True

    run(test())


@pytest.mark.parametrize(
    ("path", "body", "field", "close"),
    [
        ("/v1/messages", {"form": "Acme"}, "form", "from"),
        ("/v1/messages", {"Reference": "order-1"}, "Reference", "reference"),
        ("/v1/alerts/rules", {"name": "a", "contries": ["GB"]}, "contries", "countries"),
    ],
)
def test_a_misspelt_field_of_a_body_is_told_the_nearest_one(
    sqlite_url: str, path: str, body: dict[str, Any], field: str, close: str
) -> None:
    async def test() -> None:
        async with web(sqlite_url) as hub:
            known = NEW if path == "/v1/messages" else {"kind": "failure_rate", "over": "5 %"}
            problem = await hub.post(path, {**known, **body}, 422)
            assert (problem["field"], problem["hint"]) == (field, f"Did you mean {close}?")

    run(test())


@pytest.mark.parametrize("deadline", [None, 60])
def test_a_receipt_is_waited_for_until_the_deadline_or_as_long_as_the_gateway_tries(
    sqlite_url: str, deadline: int | None
) -> None:
    async def test() -> None:
        async with web(sqlite_url) as hub:
            given = {} if deadline is None else {"deadline_seconds": deadline}
            await hub.post("/v1/messages", {**NEW, **given}, 202)
            waits = await scalar(
                hub.store,
                "SELECT a.expires_at - m.created_at FROM attempt a "
                "JOIN message m ON m.id = a.message_id",
            )
            usual = provider("vonage").default_validity + hub.context.config.sending.grace_seconds
            assert waits == (deadline or usual) * SECOND

    run(test())


@pytest.mark.parametrize(("kind", "parts"), [("vonage", 2), ("smspm", 1)])
def test_as_many_ids_are_expected_as_the_gateway_gives(
    sqlite_url: str, kind: str, parts: int
) -> None:
    async def test() -> None:
        async with web(sqlite_url, accounts={"main": account(kind)}) as hub:
            await hub.post("/v1/messages", {**NEW, "text": "x" * 200}, 202)
            assert await scalar(hub.store, "SELECT parts_expected FROM attempt") == parts

    run(test())
