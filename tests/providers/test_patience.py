"""How long a call waits for the store: as long as its gateway does, and no longer (rule A7)."""

import pytest

from delivrd.providers import names, provider

GIVES_UP = {
    "aws": 15,
    "azure": 30,
    "bandwidth": 10,
    "gatewayapi": 5,  # the newer platform; the older one waits for 15 s
    "jasmin": 30,
    "ruach": 10,
    "seven": 5,
    "telnyx": 2,
    "twilio": 15,
    "vonage": 15,
}
"""Seconds after which the vendors' pages say that they wait for no answer any more."""


@pytest.mark.parametrize("name", GIVES_UP)
def test_a_gateway_hears_of_it_before_it_gives_up_and_not_long_before(name: str) -> None:
    assert GIVES_UP[name] * 0.75 <= provider(name).patience < GIVES_UP[name]


@pytest.mark.parametrize("name", sorted(set(names()) - set(GIVES_UP)))
def test_others_are_thought_to_wait_for_ten_seconds(name: str) -> None:
    assert provider(name).patience == 10
