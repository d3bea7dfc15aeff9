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
