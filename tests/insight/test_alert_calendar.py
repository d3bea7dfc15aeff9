"""Maintenance windows: when they are open, and which firings they suppress."""

from datetime import datetime

import pytest

from delivrd.alert_settings import Maintenance
from delivrd.insight.alerts.calendar import suppressed

PLACE = (("account", "main"), ("country", "GB"))


def quiet(at: str, rule: str = "rate", **window: object) -> bool:
    """Whether the window suppresses the rule's firings at `PLACE`, at an ISO 8601 time."""
    now = int(datetime.fromisoformat(at).timestamp())
    return suppressed([Maintenance.model_validate(window)], rule, PLACE, now)


@pytest.mark.parametrize(
    ("daily", "at", "is_open"),
    [
        ("02:00-04:00", "01:59:59", False),
        ("02:00-04:00", "02:00:00", True),
        ("02:00-04:00", "03:59:59", True),
        ("02:00-04:00", "04:00:00", False),
        ("23:00-01:00", "22:59:59", False),
        ("23:00-01:00", "23:00:00", True),
        ("23:00-01:00", "00:59:59", True),
        ("23:00-01:00", "01:00:00", False),
    ],
)
def test_a_daily_window_is_open_from_its_beginning_to_just_before_its_end(
    daily: str, at: str, is_open: bool
) -> None:
    assert quiet(f"2026-11-21T{at}Z", daily=daily) is is_open


def test_a_daily_window_is_in_local_time_in_summer_and_winter() -> None:
    berlin = {"daily": "02:00-04:00", "zone": "Europe/Berlin"}
    assert [quiet(f"2026-01-21T{hour:02}:30Z", **berlin) for hour in range(4)] == [
        False, True, True, False,
    ]  # fmt: skip
    assert [quiet(f"2026-07-21T{hour:02}:30Z", **berlin) for hour in range(4)] == [
        True, True, False, False,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("at", "is_open"),
    [("11:59:59", False), ("12:00:00", True), ("12:59:59", True), ("13:00:00", False)],
)
def test_a_single_window_is_open_from_its_beginning_to_just_before_its_end(
    at: str, is_open: bool
) -> None:
    window = {"begin": "2026-11-21T12:00:00Z", "end": "2026-11-21T13:00:00Z"}
    assert quiet(f"2026-11-21T{at}Z", **window) is is_open


@pytest.mark.parametrize(
    ("only", "concerned"),
    [
        ({}, True),
        ({"rules": ["rate"]}, True),
        ({"rules": ["other"]}, False),
        ({"accounts": ["main"]}, True),
        ({"accounts": ["other"]}, False),
        ({"countries": ["GB"]}, True),
        ({"countries": ["gb"]}, True),
        ({"countries": ["DE"]}, False),
        ({"accounts": ["main"], "countries": ["DE"]}, False),
    ],
)
def test_a_window_suppresses_only_the_rules_accounts_and_countries_it_names(
    only: dict[str, list[str]], concerned: bool
) -> None:
    assert quiet("2026-11-21T03:00:00Z", daily="02:00-04:00", **only) is concerned
