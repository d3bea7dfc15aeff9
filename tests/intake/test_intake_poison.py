"""Nothing that a gateway can send hurts a neighbour, and nothing authentic is lost (D8)."""

import asyncio
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from delivrd.providers import provider
from tests.intake.calls import RECEIPT, calling
from tests.support import run


def told(**more: Any) -> dict[str, Any]:
    return {**RECEIPT, **more}


LANDED = "SELECT count(*) FROM part WHERE provider_message_id IN ('before', 'after')"


def nested(depth: int) -> bytes:
    return b'{"messageId": ' + b"[" * depth + b"]" * depth + b"}"


POISON: dict[str, bytes] = {
    "NUL": json.dumps(told(messageId="A\0B", to="\0", price="\0")).encode(),
    "lone surrogates": b'{"messageId": "A\\ud800", "status": "delivered\\udfff", "to": "\\ud83d"}',
    "80 bits": b'{"messageId": 1208925819614629174706175, "err-code": 1208925819614629174706175,'
    b' "price": 1208925819614629174706175, "status": "delivered"}',
    "huge exponent": b'{"messageId": "E", "price": 1e999999999, "err-code": -0.0}',
    "absurd dates": json.dumps(
        told(messageId="D", **{"message-timestamp": "9999-99-99 99:99:99", "scts": "0" * 400})
    ).encode(),
    "years ahead": json.dumps(told(messageId="Y", **{"message-timestamp": "8999-01-01"})).encode(),
    "deep": nested(100_000),
    "deep inside an array": b"[" + nested(50_000) + b"]",
    "invalid UTF-8": b'{"messageId": "I\xff\xfe", "status": "delivered"}',
    "UTF-16": json.dumps(told(messageId="W")).encode("utf-16"),
    "long id": json.dumps(told(messageId="L" * 100_000)).encode(),
    "many fields": json.dumps({f"f{i}": "x" for i in range(20_000)}).encode(),
    "wrong types": b'{"messageId": {}, "status": [], "err-code": null, "price": true}',
    "other words": json.dumps(told(messageId="O", status="quux" * 5000)).encode(),
    "control characters": json.dumps(told(messageId="C\r\n\x1b[2J", status="\x07")).encode(),
    "right to left": json.dumps(told(messageId="\u202e7", status="\u202edereviled")).encode(),
    "script": json.dumps(told(messageId="<script>", to="';DROP TABLE part;--")).encode(),
}


@pytest.mark.parametrize("name", POISON)
def test_a_poisonous_receipt_is_answered_and_its_neighbours_land(
    database_url: str, name: str
) -> None:
    async def test() -> None:
        async with calling(database_url) as hub:
            calls = [
                hub.post("/webhooks/vonage", told(messageId="before")),
                hub.status("POST", "/webhooks/vonage", data=POISON[name]),
                hub.post("/webhooks/vonage", told(messageId="after")),
            ]
            assert await asyncio.gather(*calls) == [200, 200, 200]
            await hub.folded()
            assert await hub.one("SELECT count(*) FROM request") == 3
            assert await hub.one(LANDED) == 2

    run(test())


ITEMS = [name for name, raw in POISON.items() if raw.isascii() and not raw.startswith(b"[")]
"""Those that may stand in an array, which has one encoding."""


@pytest.mark.parametrize("name", ITEMS)
@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_poisonous_item_of_an_array_is_a_fault_and_its_neighbours_land(
    sqlite_url: str, name: str, place: int
) -> None:
    items = [json.dumps(told(messageId=word)).encode() for word in ("before", "after")]
    items.insert(place, POISON[name])

    async def test() -> None:
        async with calling(sqlite_url) as hub:
            body = b"[" + b",".join(items) + b"]"
            assert await hub.status("POST", "/webhooks/vonage", data=body) == 200
            await hub.folded()
            assert await hub.one(LANDED) == 2
            assert await hub.one("SELECT kind FROM request") == "receipts"

    run(test())


def test_ten_thousand_receipts_in_one_body_land_while_others_are_served(
    database_url: str,
) -> None:
    async def test() -> None:
        async with calling(database_url) as hub:
            many = [{"messageId": f"M{i}", "status": "delivered"} for i in range(10_000)]
            assert await hub.post("/webhooks/vonage", many) == 200
            assert await hub.post("/webhooks/vonage", told(messageId="next")) == 200
            await hub.folded()
            assert (
                await hub.one("SELECT count(*) FROM message WHERE status = 'delivered'") == 10_001
            )

    run(test(), seconds=90)


@settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    bodies=st.lists(st.binary(max_size=300) | st.text(max_size=100).map(str.encode), max_size=20)
)
@pytest.mark.parametrize("name", ["vonage", "ruach", "smspm"])
def test_whatever_bytes_come_are_acknowledged_and_kept(
    sqlite_url: str, name: str, bodies: list[bytes]
) -> None:
    async def test() -> None:
        async with calling(sqlite_url) as hub:
            before = await hub.one("SELECT count(*) FROM request")
            for body in bodies:
                assert await hub.status("POST", f"/webhooks/{name}", data=body) == 200
            assert await hub.one("SELECT count(*) FROM request") == before + len(bodies)

    run(test())


@pytest.mark.parametrize("name", ["vonage", "ruach", "smspm"])
def test_whatever_stands_in_a_query_is_acknowledged_and_kept(database_url: str, name: str) -> None:
    queries = [
        b"messageId=%00", b"messageId=%ff%fe", b"messageId=%ED%A0%80", b"=&=&&", b"%%%",
        b"a" * 9000,
        b"messageId=1&messageId=2", b"messageId=%F0%9F%92%A9&status=%00",
    ]  # fmt: skip

    async def test() -> None:
        async with calling(database_url) as hub:
            for query in queries:
                request = b"GET /webhooks/%s?%s HTTP/1.1\r\nhost: localhost\r\n\r\n"
                answer = await hub.raw(request % (name.encode(), query))
                assert answer.startswith(b"HTTP/1.1 200 "), query
            await hub.folded()
            assert await hub.one("SELECT count(*) FROM request") == len(queries)

    run(test())


@pytest.mark.parametrize("broken", ["read", "own_answer"])
def test_an_adapter_that_fails_costs_no_request(
    database_url: str, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    """A9: the gateway would not send it again, or only so often."""

    def fails(*args: Any) -> Any:
        raise TypeError("a mistake of ours")

    monkeypatch.setattr(provider("vonage"), broken, fails)

    async def test() -> None:
        async with calling(database_url) as hub:
            assert await hub.status("POST", "/webhooks/vonage", data=json.dumps(told())) == 200
            assert await hub.one("SELECT count(*) FROM request") == 1

    run(test())
