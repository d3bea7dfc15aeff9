"""The pages that read counts open on both stores, with traffic and without."""

import pytest

from tests.support import run
from tests.web.web_support import web

PATHS = ("/?range=24h", "/?range=all&account=main&country=US", "/compare", "/alerts",
         "/alerts/rules/many-failures", "/messages?status=failed&reason=expired")  # fmt: skip


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
