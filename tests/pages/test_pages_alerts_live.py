"""The alerts page follows what fires while it is looked at, and nothing moves under the hand."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.pages.pages_support import ACCOUNT, RULE, PagesHub, look_again, rule, sign_in
from tests.pages.test_pages_live import hide
from tests.support import soon


def firing_of(hub: PagesHub, rule: str) -> str:
    """The id of what a rule fires for, once it does: rules are evaluated each half a minute."""
    found = soon(lambda: hub.api("GET", f"/v1/alerts/firings?rule={rule}")["items"], 120, 0.2)
    return str(found[0]["id"])


@pytest.fixture
def alerts(hub: PagesHub, clocked: Any) -> Any:
    """The alerts page, and a mark that a reload would take away."""
    clocked.goto("/alerts")
    clocked.evaluate("window.mark = document.querySelector('#alerts')")
    expect(clocked.locator("button.live")).to_have_text("Live")
    return clocked


def test_what_begins_to_fire_shows_without_a_reload(
    empty_hub: PagesHub, new_page: Callable[..., Any]
) -> None:
    page = new_page(empty_hub.url)
    sign_in(page)
    page.clock.install()
    page.goto("/alerts")
    expect(page.locator("#alerts .title")).to_contain_text("No alert is firing.")
    page.evaluate("window.mark = 1")
    empty_hub.api("POST", "/v1/alerts/rules", {"name": "rate", **RULE})
    for _ in range(12):
        empty_hub.receipt("failed")
    one = firing_of(empty_hub, "rate")
    look_again(page)
    card = page.locator(".fire", has_text="100 % fail")
    expect(card).to_be_visible()
    expect(page.locator("#alerts .title")).to_contain_text("firing.")
    expect(page.locator("#rule-rate")).to_contain_text("firing")
    expect(page.locator("#log")).to_contain_text("100 % fail")
    empty_hub.api("POST", f"/v1/alerts/firings/{one}/acknowledge")
    look_again(page)
    expect(card).to_contain_text("Acknowledged by")
    assert page.evaluate("window.mark") == 1


def test_rules_come_and_go_without_a_reload(hub: PagesHub, alerts: Any) -> None:
    with rule(hub, "comes"):
        look_again(alerts)
        expect(alerts.locator("#rule-comes")).to_be_visible()
    look_again(alerts)
    expect(alerts.locator("#rule-comes")).to_have_count(0)
    assert alerts.evaluate("window.mark.isConnected")


def test_looking_at_alerts_can_be_paused_and_goes_on(hub: PagesHub, alerts: Any) -> None:
    alerts.get_by_role("button", name="Live").click()
    asked: list[str] = []
    alerts.on("request", lambda request: asked.append(request.url))
    with rule(hub, "missed"):
        alerts.clock.run_for(60_000)
        expect(alerts.locator("button.live")).to_contain_text("Paused")
        assert asked == []
        expect(alerts.locator("#rule-missed")).to_have_count(0)
        alerts.locator("button.live").click()
        expect(alerts.locator("#rule-missed")).to_be_visible()


def test_a_hidden_page_of_alerts_asks_for_nothing(hub: PagesHub, alerts: Any) -> None:
    hide(alerts, hidden=True)
    asked: list[str] = []
    alerts.on("request", lambda request: asked.append(request.url))
    with rule(hub, "unseen"):
        alerts.clock.run_for(60_000)
        assert asked == []
        hide(alerts, hidden=False)
        expect(alerts.locator("#rule-unseen")).to_be_visible()


def test_focus_and_the_chosen_page_of_the_log_stay(hub: PagesHub, clocked: Any) -> None:
    clocked.goto("/alerts?before=fir_0000000000000001")
    link = clocked.get_by_role("link", name="New rule").first
    link.focus()
    with rule(hub, "meanwhile"):
        look_again(clocked)
        expect(clocked.locator("#rule-meanwhile")).to_be_visible()
        expect(link).to_be_focused()
    expect(clocked.get_by_role("link", name="Newest")).to_have_count(0)  # that log is empty


# --- one firing, one rule -------------------------------------------------------------------------


@pytest.fixture
def firing_hub(tmp_path: Path) -> Iterator[PagesHub]:
    """A hub for which a rule fires since its start: then, rules are evaluated at once."""
    made = PagesHub(tmp_path, ACCOUNT)
    made.api("POST", "/v1/alerts/rules", {"name": "rate", **RULE})
    for _ in range(12):
        made.receipt("failed")
    made.stop()
    made = PagesHub(tmp_path, ACCOUNT)
    yield made
    made.stop()


def test_the_page_of_a_firing_follows_what_becomes_of_it(
    firing_hub: PagesHub, new_page: Callable[..., Any]
) -> None:
    one = firing_of(firing_hub, "rate")
    page = new_page(firing_hub.url)
    sign_in(page)
    page.clock.install()
    page.goto(f"/alerts/firings/{one}")
    expect(page.locator("button.live")).to_have_text("Live")
    page.evaluate("window.mark = document.querySelector('#firing')")
    firing_hub.api("POST", f"/v1/alerts/firings/{one}/acknowledge")
    look_again(page)
    expect(page.get_by_text("Acknowledged by")).to_be_visible()
    assert page.evaluate("window.mark.isConnected")


def test_the_page_of_a_firing_says_that_its_rule_was_taken_away(
    firing_hub: PagesHub, new_page: Callable[..., Any], tmp_path: Path
) -> None:
    one = firing_of(firing_hub, "rate")
    firing_hub.api("DELETE", "/v1/alerts/rules/rate")
    firing_hub.stop()
    again = PagesHub(tmp_path, ACCOUNT)  # which evaluates the rules at once
    try:
        soon(lambda: again.api("GET", f"/v1/alerts/firings/{one}")["state"] == "withdrawn")
        page = sign_in(new_page(again.url))
        page.goto(f"/alerts/firings/{one}")
        expect(page.locator(".verdict .line")).to_contain_text("rule changed")
    finally:
        again.stop()


def test_the_page_of_a_rule_follows_its_firings_and_runs_no_preview_again(
    hub: PagesHub, clocked: Any
) -> None:
    asked: list[str] = []
    clocked.on("request", lambda request: asked.append(request.url))
    with rule(hub, "looked-at"):
        clocked.goto("/alerts/rules/looked-at")
        expect(clocked.locator(".preview .count")).to_be_visible()
        clocked.evaluate("window.mark = document.querySelector('.preview')")
        expect(clocked.locator("button.live")).to_have_text("Live")
        hub.api("POST", "/v1/alerts/rules/looked-at/snooze", {"seconds": 3600})
        look_again(clocked)
        expect(clocked.locator(".verdict .line").first).to_contain_text("snoozed")
        assert clocked.evaluate("window.mark.isConnected")
        assert len([url for url in asked if url.endswith("/preview")]) == 1


def test_a_rule_that_somebody_changes_is_tried_on_history_anew(hub: PagesHub, clocked: Any) -> None:
    with rule(hub, "changed"):
        clocked.goto("/alerts/rules/changed")
        expect(clocked.locator(".preview .count")).to_be_visible()
        clocked.evaluate("window.mark = document.querySelector('.preview')")
        hub.api("PUT", "/v1/alerts/rules/changed", {**RULE, "over": "50 %"})
        look_again(clocked)
        expect(clocked.locator(".verdict h1")).to_contain_text("50 %")
        expect(clocked.locator(".preview .count")).to_be_visible()
        assert not clocked.evaluate("window.mark.isConnected")


def test_the_page_of_a_rule_that_is_taken_away_says_so(hub: PagesHub, clocked: Any) -> None:
    with rule(hub, "goes"):
        clocked.goto("/alerts/rules/goes")
        expect(clocked.locator("button.live")).to_have_text("Live")
    look_again(clocked)
    expect(clocked.locator("button.live")).to_have_text("No longer available")


def test_a_hidden_page_of_a_rule_asks_for_nothing(hub: PagesHub, clocked: Any) -> None:
    with rule(hub, "hidden"):
        clocked.goto("/alerts/rules/hidden")
        expect(clocked.locator(".preview .count")).to_be_visible()
        expect(clocked.locator("button.live")).to_have_text("Live")
        hide(clocked, hidden=True)
        asked: list[str] = []
        clocked.on("request", lambda request: asked.append(request.url))
        hub.api("POST", "/v1/alerts/rules/hidden/snooze", {"seconds": 3600})
        clocked.clock.run_for(60_000)
        assert asked == []
        hide(clocked, hidden=False)
        expect(clocked.locator(".verdict .line").first).to_contain_text("snoozed")
