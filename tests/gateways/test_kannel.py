"""The real Kannel: texts out through it, and what its receipts say of each."""

import pytest

from delivrd.providers import kannel as dialect
from tests.gateways.every_end import each_end_comes_back
from tests.gateways.kannel import PASSWORD, USER, kannel
from tests.support import run


def account(address: str) -> dialect.Settings:
    return dialect.Settings(
        base_url=address, username=USER, password=PASSWORD, webhook_secret="path-secret-01"
    )


@pytest.mark.usefixtures("needs_kannel")
def test_each_end_comes_back_through_kannel(sqlite_url: str) -> None:
    run(each_end_comes_back(kannel, account, sqlite_url), 110)
