"""The alerts page follows what fires while it is looked at, and nothing moves under the hand."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.pages.pages_support import RULE, PagesHub, rule, sign_in
from tests.pages.test_pages_live import hide


@pytest.fixture
def alerts(hub: PagesHub, page: Any) -> Any:
    """The alerts page, and a mark that a reload would take away."""
    page.goto("/alerts")
    page.evaluate("window.mark = document.querySelector('#alerts')")
    expect(page.locator("button.live")).to_have_text("Live")
    return page


def test_what_begins_to_fire_shows_without_a_reload(
    empty_hub: PagesHub, new_page: Callable[..., Any]
) -> None:
    page = new_page(empty_hub.url)
    sign_in(page)
    page.goto("/alerts")
    expect(page.locator("#alerts .title")).to_contain_text("Nothing is bad now.")
    page.evaluate("window.mark = 1")
    empty_hub.api("POST", "/v1/alerts/rules", {"name": "rate", **RULE})
    for _ in range(12):
        empty_hub.receipt("failed")
    card = page.locator(".fire", has_text="100 % fail")
    expect(card).to_be_visible()
    expect(page.locator("#alerts .title")).to_contain_text("bad now.")
    expect(page.locator("#rule-rate")).to_contain_text("firing")
    expect(page.locator("#log")).to_contain_text("100 % fail")
    (one,) = empty_hub.api("GET", "/v1/alerts/firings?rule=rate")["items"]
    empty_hub.api("POST", f"/v1/alerts/firings/{one['id']}/acknowledge")
    expect(card).to_contain_text("Acknowledged by")
    assert page.evaluate("window.mark") == 1


def test_rules_come_and_go_without_a_reload(hub: PagesHub, alerts: Any) -> None:
    with rule(hub, "comes"):
        expect(alerts.locator("#rule-comes")).to_be_visible()
    expect(alerts.locator("#rule-comes")).to_have_count(0)
    assert alerts.evaluate("window.mark.isConnected")


def test_looking_at_alerts_can_be_paused_and_goes_on(hub: PagesHub, alerts: Any) -> None:
    alerts.get_by_role("button", name="Live").click()
    asked: list[str] = []
    alerts.on("request", lambda request: asked.append(request.url))
    alerts.clock.install()
    with rule(hub, "missed"):
        alerts.clock.run_for(60_000)
        expect(alerts.locator("button.live")).to_contain_text("Paused")
        assert asked == []
        expect(alerts.locator("#rule-missed")).to_have_count(0)
        alerts.locator("button.live").click()
        expect(alerts.locator("#rule-missed")).to_be_visible()


def test_a_hidden_page_of_alerts_asks_for_nothing(hub: PagesHub, alerts: Any) -> None:
    alerts.clock.install()
    hide(alerts, hidden=True)
    asked: list[str] = []
    alerts.on("request", lambda request: asked.append(request.url))
    with rule(hub, "unseen"):
        alerts.clock.run_for(60_000)
        assert asked == []
        hide(alerts, hidden=False)
        expect(alerts.locator("#rule-unseen")).to_be_visible()


def test_focus_and_the_chosen_page_of_the_log_stay(hub: PagesHub, page: Any) -> None:
    page.goto("/alerts?before=fir_0000000000000001")
    link = page.get_by_role("link", name="New rule").first
    link.focus()
    with rule(hub, "meanwhile"):
        expect(page.locator("#rule-meanwhile")).to_be_visible()
        expect(link).to_be_focused()
    expect(page.get_by_role("link", name="Newest")).to_have_count(0)  # that log is empty
