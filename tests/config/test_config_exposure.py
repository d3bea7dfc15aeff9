"""Accounts that anybody could forge receipts for are named before the hub is open to the world."""

import pytest

from delivrd.config import Config, exposure
from delivrd.providers import provider

SECRET = "0123456789abcdef"


def exposed(host: str = "0.0.0.0", public_url: str | None = None, **account: object) -> list[str]:
    settings = provider("vonage").Settings.model_validate({"receive_only": True, **account})
    config = Config(host=host, public_url=public_url, accounts={"main": settings})
    return [problem.key for problem in exposure(config)]


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "localhost"])
def test_on_loopback_no_proof_is_needed(host: str) -> None:
    assert exposed(host) == []


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.org", ""])
def test_off_loopback_an_account_without_proof_is_named(host: str) -> None:
    assert exposed(host) == ["accounts.main"]


def test_a_public_address_counts_as_off_loopback() -> None:
    assert exposed("127.0.0.1", "https://sms.example.org") == ["accounts.main"]


@pytest.mark.parametrize(
    "proof",
    [
        {"webhook_secret": (SECRET,)},
        {"basic_auth": f"user:{SECRET}"},
        {"allow_from": ("192.0.2.0/24",)},
        {"signature_secret": (SECRET,)},
        {"open": True},
    ],
)
def test_any_proof_or_the_operators_word_is_enough(proof: dict[str, object]) -> None:
    assert exposed(**proof) == []


def test_an_api_secret_proves_nothing_of_those_who_call() -> None:
    assert exposed(api_key="key", api_secret=SECRET) == ["accounts.main"]
