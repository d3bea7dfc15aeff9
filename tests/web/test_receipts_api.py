"""``/v1/receipts``, ``/v1/unmatched`` and ``/v1/unmapped``."""

from typing import Any

import pytest

from delivrd.providers import provider
from tests.support import account, run, until
from tests.web.web_support import web

DELIVERED = {"status": "delivered", "err-code": "0"}


def test_receipts_are_listed_newest_first_with_their_message(database_url: str) -> None:
    async def test() -> None:
        async with web(database_url) as hub:
            for name in ("id-1", "id-2"):
                await hub.receipt("inbox", messageId=name, **DELIVERED)
            found = await hub.items("/v1/receipts", limit=1)
            assert [r["provider_message_id"] for r in found] == ["id-2", "id-1"]
            messages = await hub.items("/v1/messages")
            assert [r["message_id"] for r in found] == [m["id"] for m in messages]

    run(test())


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ({"status": "delivered"}, ["id-1"]),
        ({"status": "undelivered"}, ["id-2"]),
        ({"status": "unknown"}, ["id-4"]),
        ({"status": "pending"}, ["id-3"]),
        ({"account": "main"}, ["id-3"]),
        ({"provider_message_id": "id-2"}, ["id-2"]),
        ({"account": "main", "status": "delivered"}, []),
        ({"since": "2100-01-01"}, []),
    ],
)
def test_receipts_are_filtered(
    database_url: str, filters: dict[str, Any], found: list[str]
) -> None:
    async def test() -> None:
        async with web(database_url) as hub:
            await hub.receipt("inbox", messageId="id-1", **DELIVERED)
            await hub.receipt("inbox", messageId="id-2", **{"status": "failed", "err-code": "1"})
            await hub.receipt("main", messageId="id-3", status="accepted")
            await hub.receipt("inbox", messageId="id-4", status="teleported")
            items = await hub.items("/v1/receipts", **filters)
            assert [item["provider_message_id"] for item in items] == found

    run(test())


def test_a_word_in_no_table_is_unknown_and_leaves_the_message_pending(
    database_url: str,
) -> None:
    async def test() -> None:
        async with web(database_url) as hub:
            await hub.receipt("inbox", **{"status": "teleported", "err-code": "99"})
            (receipt,) = await hub.items("/v1/receipts")
            assert (receipt["status"], receipt["final"]) == ("unknown", False)
            assert receipt["provider_status"] == "teleported"
            assert (receipt["error"]["code"], receipt["error"]["reason"]) == ("99", None)
            assert receipt["error"]["explanation"].startswith("No table knows")
            (message,) = await hub.items("/v1/messages")
            assert (message["status"], message["final"]) == ("pending", False)
            assert message["provider_status"] == "teleported"

    run(test())


def test_an_open_unknown_without_a_code_has_no_error(database_url: str) -> None:
    async def test() -> None:
        async with web(database_url) as hub:
            await hub.receipt("inbox", **{"status": "unknown", "err-code": "0"})
            (receipt,) = await hub.items("/v1/receipts")
            assert (receipt["status"], receipt["final"], receipt["error"]) == (
                "unknown",
                False,
                None,
            )

    run(test())


def test_a_receipt_that_nobody_sent_for_is_unmatched_until_its_message_is_known(
    database_url: str,
) -> None:
    async def test() -> None:
        async with web(database_url) as hub:
            await hub.receipt("main", messageId="id-1", **DELIVERED)
            (item,) = await hub.items("/v1/unmatched")
            assert (item["provider_message_id"], item["status"]) == ("id-1", "delivered")
            assert item["receipts"][0]["message_id"] is None
            sent = {"account": "main", "provider_message_ids": ["id-1"], "to": "+12015555522"}
            await hub.post("/v1/messages/sent", sent, 201)
            assert await hub.items("/v1/unmatched") == []

    run(test())


def test_unmatched_ids_are_those_of_the_account_asked_for(database_url: str) -> None:
    async def test() -> None:
        async with web(database_url) as hub:
            await hub.receipt("main", messageId="id-1", **DELIVERED)
            assert len(await hub.items("/v1/unmatched", account="main")) == 1
            assert await hub.items("/v1/unmatched", account="inbox") == []

    run(test())


def test_unknown_words_have_pages(database_url: str) -> None:
    async def test() -> None:
        async with web(database_url) as hub:
            for word in ("one", "two", "three"):
                await hub.receipt("inbox", status=word)
            whole = await hub.items("/v1/unmapped")
            first = await hub.get("/v1/unmapped?limit=2")
            last = await hub.get(f"/v1/unmapped?limit=2&cursor={first['next_cursor']}")
            assert [*first["items"], *last["items"]] == whole
            assert last["next_cursor"] is None

    run(test())


def test_unknown_words_and_codes_are_grouped(database_url: str) -> None:
    async def test() -> None:
        async with web(database_url) as hub:
            for number in range(3):
                await hub.receipt("inbox", messageId=f"id-{number}", status="teleported")
            await hub.receipt("inbox", messageId="id-9", **{"status": "failed", "err-code": "7777"})
            await hub.receipt("inbox", messageId="id-8", **DELIVERED)
            found = await hub.items("/v1/unmapped")
            assert {(g["provider_status"], g["error_code"], g["count"]) for g in found} == {
                ("teleported", None, 3),
                ("failed", "7777", 1),
            }
            assert all(g["provider"] == "vonage" and g["accounts"] == ["inbox"] for g in found)
            assert found[0]["sample"]["unmapped"] is True

    run(test())


def test_what_nothing_proves_the_origin_of_is_unverified(database_url: str) -> None:
    """H2: in the lists and with its message, until a call with a proof says the same."""

    async def test() -> None:
        both = {"webhook_secret": ("path-secret-0001",), "ids_with": "inbox"}
        accounts = {
            "inbox": account("vonage", receive_only=True),
            "proven": account("vonage", receive_only=True, **both),
            "main": account("vonage"),
        }
        async with web(database_url, accounts=accounts) as hub:
            await hub.receipt("inbox", messageId="id-1", **DELIVERED)
            await hub.receipt("main", messageId="id-2", **DELIVERED)
            (message,) = await hub.items("/v1/messages")
            (matched,) = message["receipts"]
            ((unmatched,),) = [found["receipts"] for found in await hub.items("/v1/unmatched")]
            assert [matched["unverified"], unmatched["unverified"]] == [True, True]
            await hub.receipt("proven/path-secret-0001", messageId="id-3", **DELIVERED)
            await hub.receipt("proven/path-secret-0001", messageId="id-1", **DELIVERED)
            found = await hub.items("/v1/receipts")
            assert {r["provider_message_id"]: r["unverified"] for r in found} == {
                "id-1": False, "id-2": True, "id-3": False
            }  # fmt: skip
            (first,) = [r for r in found if r["provider_message_id"] == "id-1"]
            detail = await hub.get(f"/v1/messages/{message['id']}")
            assert (first["count"], detail["receipts"]) == (2, [first])

    run(test())


@pytest.mark.parametrize("path", ["/v1/messages", "/v1/receipts"])
def test_an_id_that_stands_for_many_recipients_finds_them_all(database_url: str, path: str) -> None:
    """D3: a batch of Sinch has one id, and a report for each of its recipients."""

    async def test() -> None:
        accounts = {"many": provider("sinch").Settings(provider="sinch", receive_only=True)}
        async with web(database_url, accounts=accounts) as hub:
            kind = {"type": "recipient_delivery_report_sms", "status": "Delivered", "code": 0}
            for batch, to in (
                ("B1", "12015555522"),
                ("B1", "447700900123"),
                ("B10", "12015555523"),
            ):
                told = {**kind, "batch_id": batch, "recipient": to, "at": "2026-11-20T10:00:00Z"}
                await hub.post("/webhooks/many", told)
            await until(hub.folded)
            for batch, found in (("B1", ["+12015555522", "+447700900123"]),
                                 ("B10", ["+12015555523"]), ("B", [])):  # fmt: skip
                items = await hub.items(path, provider_message_id=batch)
                assert sorted(item["to"] for item in items) == found

    run(test())


def test_an_id_that_came_again_finds_every_message_that_had_it(database_url: str) -> None:
    """D3."""

    async def test() -> None:
        again = account("vonage", receive_only=True, id_reuse_after=0)
        async with web(database_url, accounts={"inbox": again}) as hub:
            for to in ("12015555522", "12015555523"):
                await hub.receipt("inbox", msisdn=to, **DELIVERED)
            found = await hub.items("/v1/messages", provider_message_id="id-1")
            assert [message["to"] for message in found] == ["+12015555523", "+12015555522"]

    run(test())
