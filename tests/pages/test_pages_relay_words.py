"""Endpoints and deliveries in words and bars: pure functions over the API's JSON."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delivrd.web.pages import relay_words
from delivrd.web.pages.bars import DOWN, UP, bars, summary

WELL = {
    "enabled": True, "state": "ok", "disabled_why": None, "disabled_at": None, "kind": "endpoint",
    "failing_since": None, "last_success_at": "2026-01-02T03:04:05Z", "statuses": None,
    "accounts": None, "countries": None, "final_only": False, "now": "2026-01-02T03:05:05Z",
    "last_24h": {"delivered": 5, "failed": 0},
}  # fmt: skip
TOLD = {
    "state": "delivered", "why": None, "tries": 1, "created_at": "2026-01-02T03:04:05Z",
    "ended_at": "2026-01-02T03:04:07Z", "next_try_at": None,
}  # fmt: skip


@pytest.mark.parametrize(
    ("fields", "word"),
    [
        ({}, "healthy"),
        ({"last_success_at": None}, "tested"),
        ({"last_success_at": None, "last_24h": {"delivered": 0, "failed": 1}}, "test failed"),
        ({"last_success_at": None, "last_24h": {"delivered": 0, "failed": 0}}, "not called yet"),
        ({"state": "failing"}, "retrying"),
        ({"state": "open"}, "failing"),
        ({"state": "paused"}, "asked to wait"),
        ({"enabled": False, "disabled_why": "by hand"}, "paused"),
        ({"enabled": False, "disabled_why": "it answered 410 Gone"}, "disabled"),
    ],
)
def test_how_an_endpoint_is_in_a_word(fields: dict[str, Any], word: str) -> None:
    assert relay_words.state({**WELL, **fields}).word == word


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({}, "all statuses"),
        ({"final_only": True}, "final statuses"),
        (
            {"statuses": ["delivered", "expired"], "accounts": ["main"]},
            "delivered or expired · of main",
        ),
        ({"countries": ["DE", "GB"]}, "all statuses · to DE, GB"),
    ],
)
def test_its_subscription_in_a_line(fields: dict[str, Any], said: str) -> None:
    assert relay_words.subscription({**WELL, **fields}) == said


def test_one_that_fails_says_for_how_long_and_why() -> None:
    failing = {**WELL, "state": "failing", "failing_since": "2026-01-02T03:03:05Z"}
    said = relay_words.of_endpoint(failing, "it answered 500: an error of its own")
    assert said.what == "Retrying for 2 min: it answered 500: an error of its own."
    assert relay_words.of_endpoint(failing, "it answered 500: Sorry.").what == (
        "Retrying for 2 min: it answered 500: Sorry."
    )


@pytest.mark.parametrize(
    ("accepted", "failed", "said"),
    [
        (1, 1, "Tested: it accepts calls."),
        (0, 1, "Tested: it did not accept the call."),
        (0, 0, "Not called yet."),
    ],
)
def test_one_that_was_only_tested_says_how_that_went(accepted: int, failed: int, said: str) -> None:
    day = {"delivered": accepted, "failed": failed}
    tested = {**WELL, "last_success_at": None, "last_24h": day}
    assert relay_words.of_endpoint(tested, None).what == said


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({}, "Delivered at the first try, 2.0 s after the change."),
        ({"tries": 3}, "Delivered at try 3, 2.0 s after the change."),
        (
            {"state": "parked", "why": "given up after 10 tries: no answer"},
            "Parked: given up after",
        ),
        ({"state": "waiting", "tries": 0}, "Waiting to be sent."),
        ({"state": "waiting", "why": "it answered 500"}, "Waiting: try 1 failed, it answered 500."),
        ({"state": "superseded", "why": "a later event took its place"}, "Superseded: a later"),
        ({"state": "in_flight"}, "In flight"),
    ],
)
def test_what_became_of_a_delivery_in_one_sentence(fields: dict[str, Any], said: str) -> None:
    assert relay_words.of_delivery({**TOLD, **fields}).what.startswith(said)


HOUR = st.fixed_dictionaries(
    {
        "at": st.just("2026-01-02T03:00:00Z"),
        "delivered": st.integers(0, 10**9),
        "failed": st.integers(0, 10**9),
    }
)


@given(st.lists(HOUR, max_size=24))
def test_bars_stay_in_their_room_and_every_try_shows(hours: list[dict[str, Any]]) -> None:
    for hour, bar in zip(hours, bars(hours), strict=True):
        assert 0 <= bar.up <= UP
        assert 0 <= bar.down <= DOWN
        assert bool(bar.up) == bool(hour["delivered"])
        assert bool(bar.down) == bool(hour["failed"])


def test_a_bar_says_its_numbers() -> None:
    (bar,) = bars([{"at": "2026-01-02T03:00:00Z", "delivered": 4, "failed": 1}])
    assert bar.title == "03:00 UTC: 4 delivered, 1 failed"
    assert summary({"delivered": 0, "failed": 0}) == "No calls in the last 24 hours"
