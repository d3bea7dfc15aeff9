"""The overview follows what happens while it is looked at, and nothing that is being read moves."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.pages.pages_support import PagesHub, sign_in


def total(page: Any) -> int:
    return int(re.sub(r"\D", "", page.locator(".figure .value").first.inner_text()))


def more_than(page: Any, before: int) -> None:
    """Waits until the number of messages has grown."""
    page.wait_for_function(
        "n => +document.querySelector('.figure .value').textContent.replace(/\\D/g, '') > n",
        arg=before,
    )


@pytest.fixture
def overview(hub: PagesHub, page: Any) -> Any:
    """The overview of a hub with a message, and a mark that a reload would take away."""
    hub.receipt()
    page.goto("/?range=24h")
    expect(page.locator("[data-chart=outcomes] svg")).to_be_visible()
    page.evaluate("window.mark = document.querySelector('[data-chart=outcomes] svg')")
    return page


def test_the_numbers_follow_without_a_reload(hub: PagesHub, overview: Any) -> None:
    for _ in range(3):
        before = total(overview)
        hub.receipt()
        more_than(overview, before)
    assert overview.evaluate("window.mark !== undefined")


def test_the_chart_follows_and_is_not_drawn_from_nothing(hub: PagesHub, overview: Any) -> None:
    before = total(overview)
    hub.receipt("failed")
    more_than(overview, before)
    assert overview.evaluate("window.mark.isConnected")
    bars = overview.evaluate(
        """() => {
          const chart = echarts.getInstanceByDom(document.querySelector("#outcomes .plot"));
          return chart.getOption().series.flatMap((one) => one.data.map((bar) => bar.value));
        }"""
    )
    assert sum(bars) == total(overview)


def test_focus_place_and_what_was_opened_stay(hub: PagesHub, overview: Any) -> None:
    """Where what is read stands in the window, not how far the page is scrolled: an alert that
    comes in above it makes the page longer there."""
    overview.get_by_text("As a table").first.click()
    # what is missing above comes in with the next look
    overview.evaluate("document.querySelector('#overview > .title').remove()")
    link = overview.locator("#by-account-main a").first
    link.focus()
    overview.evaluate("scrollTo(0, 400)")
    stood = link.bounding_box()["y"]
    before = total(overview)
    hub.receipt()
    more_than(overview, before)
    expect(overview.locator("#overview > .title")).to_be_attached()
    expect(link).to_be_focused()
    assert link.bounding_box()["y"] == pytest.approx(stood, abs=1)
    expect(overview.locator("details[open] table").first).to_be_visible()


def test_the_chosen_time_stays(hub: PagesHub, page: Any) -> None:
    hub.receipt()
    page.goto("/?range=1h&account=main")
    before = total(page)
    hub.receipt()
    more_than(page, before)
    expect(page.locator(".ranges [aria-current]")).to_have_text("Hour")
    expect(page.locator(".marks")).to_contain_text("account main")


def test_a_table_waits_while_somebody_reads_it(hub: PagesHub, overview: Any) -> None:
    overview.clock.install()
    row = overview.locator("#by-account-main")
    row.hover()
    before = total(overview)
    hub.receipt()
    overview.clock.run_for(3000)
    assert total(overview) == before
    overview.clock.run_for(10_000)
    more_than(overview, before)


def test_looking_can_be_paused_and_goes_on_with_what_was_missed(
    hub: PagesHub, overview: Any
) -> None:
    overview.get_by_role("button", name="Live").click()
    button = overview.locator("button.live")
    expect(button).to_have_attribute("aria-pressed", "false")
    expect(button).to_contain_text("Paused")
    before = total(overview)
    asked: list[str] = []
    overview.on("request", lambda request: asked.append(request.url))
    hub.receipt()
    expect(button).to_contain_text(re.compile(r"Paused [2-9] s ago"))
    assert asked == []
    assert total(overview) == before
    button.click()
    expect(button).to_have_attribute("aria-pressed", "true")
    more_than(overview, before)


@pytest.mark.parametrize("which", ["endpoint", "delivery", "/start"])
def test_what_updates_by_itself_can_be_paused(page: Any, ones: dict[str, str], which: str) -> None:
    """WCAG 2.2, 2.2.2."""
    page.goto(ones.get(which, which))
    button = page.locator("button.live")
    expect(button).to_have_text("Live")
    button.click()
    expect(button).to_contain_text("Paused")
    page.clock.install()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.clock.run_for(60_000)
    assert asked == []


def test_a_hidden_page_asks_for_nothing(hub: PagesHub, overview: Any) -> None:
    overview.clock.install()
    hide(overview, hidden=True)
    expect(overview.locator("button.live")).to_have_text("Paused")
    asked: list[str] = []
    overview.on("request", lambda request: asked.append(request.url))
    before = total(overview)
    hub.receipt()
    overview.clock.run_for(60_000)
    assert asked == []
    hide(overview, hidden=False)
    more_than(overview, before)


def test_a_session_that_ended_leads_to_signing_in_and_back(hub: PagesHub, page: Any) -> None:
    page.goto("/messages?range=24h")
    expect(page.locator("[data-live]")).to_be_attached()
    page.context.clear_cookies()
    page.wait_for_url("**/sign-in?next=/messages*range*")
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")


def hide(page: Any, *, hidden: bool) -> None:
    page.evaluate(
        """(hidden) => {
          Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
          document.dispatchEvent(new Event("visibilitychange"));
        }""",
        hidden,
    )


def test_it_says_how_it_follows_before_the_stream_stands_and_where_it_does_not(
    hub: PagesHub, page: Any
) -> None:
    hub.receipt()
    held: list[Any] = []

    def hold(route: Any) -> None:
        if held:
            route.continue_()
        held.append(route)

    page.route("**/v1/events/stream", hold)
    page.goto("/?range=24h")
    button = page.locator("button.live")
    expect(button).to_have_text("Connecting…")
    held[0].abort()
    expect(button).to_have_text("Live by polling")
    expect(button).to_have_text("Live")  # the browser tries it again


def test_a_hub_of_minutes_is_drawn_by_the_minute(
    empty_hub: PagesHub, new_page: Callable[..., Any]
) -> None:
    page = sign_in(new_page(empty_hub.url))
    for status in ("delivered", "delivered", "failed"):
        empty_hub.receipt(status)
    page.goto("/?range=24h")
    expect(page.get_by_role("heading", name="Outcomes by minute")).to_be_visible()
    items = page.evaluate("JSON.parse(document.querySelector('#outcomes').dataset.items)")
    assert len(items) >= 15
    assert sum(item["total"] for item in items) == total(page) == 3
    page.get_by_text("As a table").first.click()
    page.locator("#outcomes ~ details tbody a").first.click()
    page.wait_for_url("**/messages?*since=*until=*")
    rows = page.locator("tr[data-row]")
    expect(rows.first).to_be_visible()
    assert rows.count() == max(item["total"] for item in items if item["total"])


def test_without_any_script_nothing_claims_to_be_live(
    hub: PagesHub, new_page: Callable[..., Any], signed_in: Any
) -> None:
    page = new_page(hub.url, java_script_enabled=False, storage_state=signed_in)
    page.goto("/?range=24h")
    expect(page.get_by_role("heading", name="Overview")).to_be_visible()
    expect(page.locator(".live")).to_be_hidden()
