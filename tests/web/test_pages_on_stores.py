"""The pages that read counts open on both stores, with traffic and without."""

import pytest

from tests.support import run
from tests.web.web_support import web

PATHS = ("/?range=24h", "/?range=all&account=main&country=US", "/compare", "/alerts",
         "/alerts/rules/many-failures", "/messages?status=failed&reason=expired")  # fmt: skip


def test_the_overview_leads_to_the_comparison_with_the_filters_that_it_has(
    sqlite_url: str,
) -> None:
    async def test() -> None:
        async with web(sqlite_url) as hub:
            await hub.receipt("inbox", status="delivered")
            page = await hub.client.get("/?account=inbox&country=US&range=7d")
            assert 'href="/compare?country=US&amp;range=7d"' in page.text

    run(test())


def test_a_list_goes_on_and_a_row_opens_where_ids_have_one_digit_more(database_url: str) -> None:
    """As new ones have from September 2027 on."""

    async def test() -> None:
        async with web(database_url) as hub:
            rows = (10**18, 10**18 + 1)
            for row in rows:
                await hub.receipt("inbox", messageId=f"id-{row}")
                await hub.store.write(
                    lambda tx, row=row: tx.execute(
                        "UPDATE request SET id = $1 WHERE id = (SELECT min(id) FROM request)", row
                    )
                )
            second = (await hub.client.get(f"/requests?cursor={rows[1]}")).text
            assert [f"/requests/{row}" in second for row in rows] == [True, False]
            assert (await hub.client.get(f"/requests/{rows[0]}")).status_code == 200

    run(test())


@pytest.mark.parametrize("receipts", [0, 2])
def test_a_page_opens(database_url: str, receipts: int) -> None:
    async def test() -> None:
        async with web(database_url) as hub:
            for number in range(receipts):
                status = ("delivered", "failed")[number % 2]
                await hub.receipt("inbox", messageId=f"id-{number}", status=status)
            for path in PATHS:
                answer = await hub.client.get(path)
                assert answer.status_code == 200, path
                assert "<h1" in answer.text

    run(test())


@pytest.mark.parametrize(
    ("address", "said"),
    [
        (
            "/messages?status=delivred",
            "status is not understood: “delivred”. Did you mean delivered?",
        ),
        (
            "/messages?country=UX",
            "country is not understood: “UX”. Write a country&#39;s two letters",
        ),
        ("/messages?since=yesterday", "since is not understood: “yesterday”. Write a time like"),
        ("/messages?account=mian", "account is not understood: “mian”. Did you mean main?"),
        ("/messages?range=7days", "Possible: all, 1h, 24h, 7d, 30d."),
        ("/requests?verdict=wrong", "verdict is not understood: “wrong”."),
        ("/deliveries?state=parkd", "state is not understood: “parkd”. Did you mean parked?"),
        ("/deliveries?message=id-1", "message is not understood: “id-1”. Ids of messages look"),
        ("/?account=mian", "Possible: "),
        ("/?until=soon", "until is not understood: “soon”. Write a time like"),
        ("/compare?country=none", "country is not understood: “none”."),
    ],
)
def test_a_filter_that_cannot_be_is_named_with_what_can(
    sqlite_url: str, address: str, said: str
) -> None:
    async def test() -> None:
        async with web(sqlite_url) as hub:
            await hub.receipt("inbox", status="delivered")
            page = await hub.client.get(address)
            assert page.status_code == 200
            assert said in page.text

    run(test())


@pytest.mark.parametrize(
    "address",
    ["/messages?status=failed&country=none&account=inbox&range=all&network=none", "/?country=uk",
     "/messages?since=2026-11-21T20:50:00%2B02:00", "/requests?verdict=read", "/compare",
     "/deliveries?state=parked&range=7d", "/?range=24h",
     "/deliveries?message=0199A2B4-0000-7000-8000-000000000000",
     "/compare?country=US&account=another-page-s"],
)  # fmt: skip
def test_filters_that_can_be_are_not_remarked_on(sqlite_url: str, address: str) -> None:
    async def test() -> None:
        async with web(sqlite_url) as hub:
            await hub.receipt("inbox", status="delivered")
            assert "is not understood" not in (await hub.client.get(address)).text

    run(test())


def test_the_price_of_a_part_is_told_like_that_of_a_message(sqlite_url: str) -> None:
    async def test() -> None:
        async with web(sqlite_url) as hub:
            ids = ["id-1", "id-2"]
            sent = {"account": "inbox", "to": "+12015555522", "provider_message_ids": ids}
            made = await hub.post("/v1/messages/sent", sent, 201)
            await hub.receipt("inbox", status="delivered", price="0.04000000")
            page = (await hub.client.get(f"/messages/{made['id']}")).text
            assert "Parts</h2>" in page
            assert "0.04000000 " not in page

    run(test())


def test_a_person_at_an_address_that_is_none_is_shown_a_page(sqlite_url: str) -> None:
    async def test() -> None:
        async with web(sqlite_url) as hub:
            person, program = {"accept": "text/html,*/*"}, {"accept": "*/*"}
            page = await hub.client.get("/mesages", headers=person)
            assert page.status_code == 404
            assert "There is no such page" in page.text
            assert 'href="/messages"' in page.text
            for path, headers in (("/mesages", program), ("/v1/mesages", person)):
                problem = await hub.client.get(path, headers=headers)
                assert problem.json()["hint"] == "/docs lists all paths."
            refused = await hub.client.delete("/messages", headers=person)
            assert refused.status_code == 405

    run(test())
