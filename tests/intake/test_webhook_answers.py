"""What a webhook answers, over real sockets (rules A9, B2, H3)."""

import asyncio
import http.client
from typing import Any
from urllib.parse import urlencode

import aiohttp
import pytest

from delivrd.config import Limits
from delivrd.intake import protocol
from delivrd.providers import provider
from tests.intake.calls import RECEIPT, Caller, body, calling
from tests.support import account, open_hub, run, serving, settings, until


@pytest.mark.parametrize(
    "how",
    [
        {"method": "GET", "params": RECEIPT},
        {"method": "POST", "data": RECEIPT},
        {"method": "POST", "json": RECEIPT},
        {"method": "POST", "data": body(RECEIPT), "headers": {"content-type": "text/plain"}},
    ],
    ids=["GET", "POST form", "POST JSON", "JSON called text"],
)
def test_the_published_receipt_of_vonage_lands_in_its_message(
    database_url: str, how: dict[str, Any]
) -> None:
    async def test() -> None:
        async with calling(database_url) as hub:
            assert await hub.status(how["method"], "/webhooks/vonage", **_without(how)) == 200
            await hub.folded()
            assert await hub.rows(
                "SELECT to_number, sender, network, price, status, delivered_at FROM message"
            ) == [("+12015555522", "12025555511", "310090", "0.00570000", "delivered",
                   1498776030000000)]  # fmt: skip

    run(test())


def _without(how: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in how.items() if name != "method"}


def test_ruach_and_smspm_are_answered_in_their_own_way(database_url: str) -> None:
    async def test() -> None:
        async with calling(database_url) as hub:
            told = {"messageId": "7", "mobile": "447700900123", "status": "DELIVRD"}
            assert await hub.call("GET", "/webhooks/ruach", params=told) == (200, "")
            shown = {"messageId": "8", "status": "delivered", "to": "+447700900123"}
            assert await hub.call("POST", "/webhooks/smspm", json=shown) == (200, "OK")
            await hub.folded()
            assert await hub.rows("SELECT DISTINCT status FROM message") == [("delivered",)]

    run(test())


def test_a_described_gateway_is_answered_as_its_account_says(database_url: str) -> None:
    settings = provider("generic").Settings(receive_only=True, answer={"body": "ACK"})

    async def test() -> None:
        async with calling(database_url, accounts={"acme": settings}) as hub:
            told = {"id": "7", "status": "delivered"}
            assert await hub.call("GET", "/webhooks/acme", params=told) == (200, "ACK")
            assert await hub.call("POST", "/webhooks/acme", data=b"{") == (200, "ACK")

    run(test())


@pytest.mark.parametrize("method", ["HEAD", "GET"])
def test_a_probe_gets_200_and_leaves_no_request(database_url: str, method: str) -> None:
    async def test() -> None:
        async with calling(database_url) as hub:
            assert await hub.call(method, "/webhooks/vonage") == (200, "")
            assert await hub.one("SELECT count(*) FROM request") == 0
            assert await hub.refused() == [("/webhooks/vonage", 200, "probe", False)]

    run(test())


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "/webhooks/nobody", 404),
        ("POST", "/webhooks/", 404),
        ("POST", "/webhooks/vonage/a/b", 404),
        ("PUT", "/webhooks/vonage", 405),
        ("DELETE", "/webhooks/vonage", 405),
        ("POST", "/webhooks/vonage/%00", 200),
        ("POST", "/webhooks/%00%ff", 404),
    ],
)
def test_each_call_is_answered_and_those_refused_can_be_looked_at(
    database_url: str, method: str, path: str, status: int
) -> None:
    async def test() -> None:
        async with calling(database_url) as hub:
            assert await hub.status(method, path, json=RECEIPT) == status
            refused = [row[1] for row in await hub.refused()]
            assert refused == ([] if status == 200 else [status])
            assert await hub.one("SELECT count(*) FROM request") == (status == 200)

    run(test())


def test_a_wrong_method_is_told_the_right_ones(sqlite_url: str) -> None:
    async def test() -> None:
        async with calling(sqlite_url) as hub:
            answer = await hub.raw(b"PATCH /webhooks/vonage HTTP/1.1\r\nhost: localhost\r\n\r\n")
            assert b"allow: GET, POST, HEAD" in answer

    run(test())


def test_what_nothing_can_be_told_from_is_acknowledged_and_kept_visibly(
    database_url: str,
) -> None:
    """D8, D12: the gateway would only send it again."""

    async def test() -> None:
        async with calling(database_url) as hub:
            for content in (b"", b"hello", b"{", b"\xff\xfe\x00", b"[1, 2]", b"{}"):
                assert await hub.status("POST", "/webhooks/vonage", data=content) == 200
            assert await hub.status("GET", "/webhooks/vonage", params={"x": "1"}) == 200
            rows = await hub.rows("SELECT kind, why, faults FROM request ORDER BY id")
            assert len(rows) == 7
            assert all((kind == "unreadable" and why) or faults for kind, why, faults in rows)

    run(test())


# --- limits -------------------------------------------------------------------------------------

SMALL = Limits(max_body=1000, body_budget=4000, receive_seconds=0.2)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The server looks at its deadlines more often than a real one needs to."""
    monkeypatch.setattr(protocol, "GRACE_SECONDS", 0.1)
    monkeypatch.setattr(protocol, "SWEEP_SECONDS", 0.05)


@pytest.mark.parametrize("told", [True, False], ids=["content-length", "chunked"])
def test_a_body_over_the_limit_gets_413(sqlite_url: str, told: bool) -> None:
    async def test() -> None:
        async with calling(sqlite_url, limits=SMALL) as hub:

            async def chunks() -> Any:
                for _ in range(20):
                    yield b"x" * 100

            data = b"x" * 2000 if told else chunks()
            assert await hub.status("POST", "/webhooks/vonage", data=data) == 413
            assert await hub.post("/webhooks/vonage", RECEIPT) == 200

    run(test())


@pytest.mark.parametrize("connection", ["keep-alive", "close"])
def test_whoever_sends_far_too_much_gets_the_answer(sqlite_url: str, connection: str) -> None:
    """Also a client that writes its whole body before it reads, as most in Python do."""

    def post(base: str) -> int:
        client = http.client.HTTPConnection(base.removeprefix("http://"), timeout=10)
        client.request("POST", "/webhooks/vonage", b"x" * 10_000_000, {"connection": connection})
        return client.getresponse().status

    async def test() -> None:
        async with calling(sqlite_url) as hub:
            assert await asyncio.to_thread(post, hub.base) == 413
            assert await hub.post("/webhooks/vonage", RECEIPT) == 200
            assert [row[1] for row in await hub.refused()] == [413]

    run(test())


def test_after_the_last_answer_a_connection_lasts_until_its_request_has_come(
    sqlite_url: str,
) -> None:
    async def test() -> None:
        async with calling(sqlite_url, limits=SMALL) as hub:
            head = (
                b"POST /webhooks/vonage HTTP/1.0\r\nhost: localhost\r\ncontent-length: 2000\r\n\r\n"
            )
            for rest in (b"x" * 2000, b""):  # without it, the time for receiving ends it
                reader, writer = await hub.connect()
                writer.write(head)
                async with asyncio.timeout(5):
                    answer = await reader.readuntil(b"1000 bytes\n")
                    assert answer.startswith(b"HTTP/1.1 413 ")
                    writer.write(rest)
                    assert await reader.read() == b""
                writer.close()

    run(test())


@pytest.mark.parametrize(
    "begun",
    [
        b"POST /webhooks/vonage HTTP/1.1\r\nhost: localhost\r\ncontent-length: 9\r\n\r\nabc",
        b"POST /webhooks/vonage HTTP/1.1\r\nhost: localhost\r\ncontent-length: 9\r\n\r\n",
        b"POST /webhooks/vonage HTTP/1.1\r\nhost: loc",
        b"",
    ],
    ids=["half a body", "no body", "half a head", "nothing"],
)
def test_a_client_that_is_too_slow_gets_408(sqlite_url: str, begun: bytes) -> None:
    async def test() -> None:
        async with calling(sqlite_url, limits=SMALL) as hub:
            answer = await hub.raw(begun)
            assert answer.startswith(b"HTTP/1.1 408 ")
            assert await hub.post("/webhooks/vonage", RECEIPT) == 200

    run(test())


def test_a_client_that_sends_byte_after_byte_is_cut_off(sqlite_url: str) -> None:
    async def test() -> None:
        async with calling(sqlite_url, limits=SMALL) as hub:
            reader, writer = await hub.connect()
            head = b"POST /webhooks/vonage HTTP/1.1\r\nhost: a\r\ncontent-length: 999\r\n\r\n"
            writer.write(head)
            bodies = hub.hub.webhook.bodies

            async def drip() -> None:
                for size in range(1, 999):
                    writer.write(b"x")
                    await until(lambda: bodies.in_flight == size)  # noqa: B023

            dripping = asyncio.create_task(drip())
            async with asyncio.timeout(5):
                assert (await reader.readline()).startswith(b"HTTP/1.1 408 ")
            dripping.cancel()
            writer.close()

    run(test())


def test_a_head_that_never_ends_is_refused(sqlite_url: str) -> None:
    async def test() -> None:
        async with calling(sqlite_url) as hub:
            reader, writer = await hub.connect()
            writer.write(b"GET /webhooks/vonage?a=1 HTTP/1.1\r\n" + b"x: y\r\n" * 20_000)
            async with asyncio.timeout(5):
                answer = await reader.read(100)
            assert answer.startswith((b"HTTP/1.1 431 ", b"HTTP/1.1 400 "))
            writer.close()

    run(test())


def test_bodies_in_flight_have_a_budget_and_it_is_given_back(sqlite_url: str) -> None:
    async def test() -> None:
        limits = Limits(max_body=1000, body_budget=500, receive_seconds=5)
        async with calling(sqlite_url, limits=limits) as hub:
            too_much = b"x" * 600
            status, text = await hub.call("POST", "/webhooks/vonage", data=too_much)
            assert (status, "try again" in text) == (503, True)
            for _ in range(4):
                assert await hub.post("/webhooks/vonage", RECEIPT) == 200

    run(test())


def test_bodies_that_have_come_in_part_count_too(sqlite_url: str) -> None:
    async def test() -> None:
        limits = Limits(max_body=1000, body_budget=1000, receive_seconds=5)
        async with calling(sqlite_url, limits=limits) as hub:
            _, writer = await hub.connect()
            writer.write(
                b"POST /webhooks/vonage HTTP/1.1\r\nhost: localhost\r\n"
                b"content-length: 900\r\n\r\n" + b"x" * 899
            )
            await until(lambda: hub.hub.webhook.bodies.in_flight == 899)
            assert await hub.post("/webhooks/vonage", RECEIPT) == 503
            writer.transport.abort()
            await until(lambda: hub.hub.webhook.bodies.in_flight == 0)
            assert await hub.post("/webhooks/vonage", RECEIPT) == 200

    run(test())


def test_a_caller_that_goes_away_in_the_middle_leaves_nothing(sqlite_url: str) -> None:
    async def test() -> None:
        async with calling(sqlite_url) as hub:
            for _ in range(5):
                _, writer = await hub.connect()
                writer.write(
                    b"POST /webhooks/vonage HTTP/1.1\r\nhost: localhost\r\n"
                    b"content-length: 100\r\n\r\n{"
                )
                await writer.drain()
                writer.transport.abort()
            assert await hub.post("/webhooks/vonage", RECEIPT) == 200
            assert await hub.one("SELECT count(*) FROM request") == 1
            assert hub.hub.webhook.bodies.in_flight == 0

    run(test())


def test_calls_on_one_connection_are_answered_in_turn(sqlite_url: str) -> None:
    async def test() -> None:
        async with calling(sqlite_url) as hub:
            reader, writer = await hub.connect()
            query = urlencode(RECEIPT)
            one = f"GET /webhooks/vonage?{query} HTTP/1.1\r\nhost: localhost\r\n\r\n".encode()
            writer.write(one * 3)
            async with asyncio.timeout(5):
                for _ in range(3):
                    head = await reader.readuntil(b"\r\n\r\n")
                    assert head.startswith(b"HTTP/1.1 200 ")
            writer.close()
            assert await hub.one("SELECT count(*) FROM request") == 3

    run(test())


def test_many_callers_at_once_are_all_answered_and_all_kept(database_url: str) -> None:
    """D11: each 200 stands for a row."""

    async def test() -> None:
        async with calling(database_url) as hub:

            async def one(number: int) -> int:
                told = {**RECEIPT, "messageId": f"M{number}"}
                return await hub.post("/webhooks/vonage", told)

            answers = await asyncio.gather(*(one(i) for i in range(300)))
            assert answers == [200] * 300
            assert await hub.one("SELECT count(*) FROM request") == 300
            assert hub.hub.commit.batches < 300
            await hub.folded()
            assert await hub.one("SELECT count(*) FROM message WHERE status = 'delivered'") == 300

    run(test())


# --- addresses ----------------------------------------------------------------------------------

SECRET, OLDER = "path-secret-0001", "path-secret-0000"
GUARDED = {
    "ruach": account("ruach", receive_only=True, webhook_secret=[SECRET, OLDER]),
}
TOLD = {"messageId": "7", "mobile": "447700900123", "status": "DELIVRD"}


@pytest.mark.parametrize(
    ("path", "status"),
    [
        (f"/webhooks/ruach/{SECRET}", 200),
        (f"/webhooks/ruach/{OLDER}", 200),
        (f"/webhooks/ruach//{SECRET}/", 200),
        ("/webhooks/ruach", 404),
        ("/webhooks/ruach/path-secret-0002", 404),
        (f"/webhooks/ruach/x/{SECRET}", 404),
        (f"/webhooks/raach/{SECRET}", 404),
        (f"/webhooks/ruach/{SECRET}x", 404),
    ],
)
def test_the_secret_in_the_path_is_asked_for_and_never_kept(
    sqlite_url: str, path: str, status: int
) -> None:
    """D30."""

    async def test() -> None:
        async with calling(sqlite_url, accounts=GUARDED) as hub:
            assert await hub.status("GET", path, params=TOLD) == status
            await hub.hub.ring.flush()
            kept = str(await hub.rows("SELECT path FROM request UNION SELECT path FROM ring"))
            assert "path-secret" not in kept
            if status == 200:
                auth = "path-secret" if SECRET in path else "path-secret#1"
                assert await hub.one("SELECT auth FROM request") == auth

    run(test())


@pytest.mark.parametrize("where", ["address", "reference", "id"])
def test_a_message_without_an_id_of_its_gateway_is_known_by_the_reference_wherever_it_stands(
    sqlite_url: str, where: str
) -> None:
    """D1: whether or not the receipts bear an id of their own beside it."""
    from delivrd.core.units import SECOND
    from delivrd.providers import generic
    from delivrd.providers.base import Accepted
    from delivrd.sending.submit import Order, submit
    from delivrd.store.ids import now_micros
    from delivrd.store.messages import reference_of
    from delivrd.store.outbox import Answered, claim, store_answer

    async def test() -> None:
        send = {"url": "http://127.0.0.1:9", "accepted": "ok", "accepted_values": ["1"]}
        any_other = generic.Settings(webhook_secret=SECRET, send=send)
        config = settings(sqlite_url, accounts={"any": any_other})
        async with (
            open_hub(config, roles=("intake",)) as opened,
            serving(opened) as base,
            aiohttp.ClientSession() as client,
        ):
            hub, store, now = Caller(opened, base, client), opened.store, now_micros() + SECOND
            parts = store.accounts, store.ids, now
            order = Order("+447700900123", "Acme", "Hello", ("any",))
            uuid = (await submit(store, config, order)).uuid
            (taken,) = await store.write(lambda tx: claim(tx, *parts, [1], 1))
            said = Answered(taken.attempt_id, Accepted(()), now, None)
            await store.write(lambda tx: store_answer(tx, *parts, said))
            mine = reference_of(taken.attempt_id)
            told = {"id": "9", "status": "delivered"}
            told |= {} if where == "address" else {where: mine}
            path = f"/webhooks/any/{SECRET}" + (f"/{mine}" if where == "address" else "")
            assert await hub.post(path, told) == 200
            arrived = "SELECT 1 FROM message WHERE uuid = $1 AND status = 'delivered'"
            await until(lambda: hub.rows(arrived, uuid))

    run(test())


def test_the_last_segment_of_the_address_is_the_reference_of_the_message(
    database_url: str,
) -> None:
    """D1: SMSPM's receipts come to an address of their message, before the answer is stored."""
    from delivrd.sending.submit import Order, submit
    from delivrd.store.messages import reference_of

    async def test() -> None:
        accounts = {"smspm": account("smspm", webhook_secret=SECRET,
                                     base_url="http://127.0.0.1:9")}  # fmt: skip
        async with calling(database_url, accounts=accounts) as hub:
            order = Order("+447700900123", "Acme", "Hello", ("smspm",))
            uuid = (await submit(hub.hub.store, hub.hub.config, order)).uuid
            attempt = await hub.one("SELECT id FROM attempt")
            path = f"/webhooks/smspm/{SECRET}/{reference_of(attempt)}"
            told = {"messageId": "9", "status": "delivered", "to": "447700900123"}
            assert await hub.post(path, told) == 200
            arrived = "SELECT 1 FROM message WHERE uuid = $1 AND status = 'delivered'"
            await until(lambda: hub.rows(arrived, uuid))

    run(test())
