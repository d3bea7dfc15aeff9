"""Alerts: what fires, with its evidence; rules that are tried on history before they are saved."""

import re
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.pages.pages_support import PagesHub, look_again, rule
from tests.pages.test_pages_access import violations
from tests.pages.test_pages_keys import walk


@pytest.fixture
def firing(old_page: Any) -> Any:
    """The page of alerts, once the route that went bad has been noticed."""
    for _ in range(300):
        old_page.goto("/alerts")
        if old_page.locator(".fire").count():
            return old_page
        old_page.wait_for_timeout(200)
    raise AssertionError("nothing fires")


def test_what_fires_tells_where_how_bad_and_why(firing: Any) -> None:
    card = firing.locator(".fire").first
    expect(card.get_by_role("heading")).to_contain_text("fail")
    expect(card).to_contain_text("Reasons:")
    expect(card.get_by_role("link", name="Messages behind it")).to_be_visible()


def test_what_fires_stands_on_top_of_the_overview(firing: Any) -> None:
    firing.goto("/?range=24h")
    firing.locator(".alarm").first.click()
    expect(firing.get_by_role("heading", name="Evidence")).to_be_visible()


def test_the_messages_behind_a_firing_are_those_that_failed(firing: Any) -> None:
    firing.get_by_role("link", name="Messages behind it").first.click()
    rows = firing.locator("tr[data-row]")
    expect(rows.first).to_be_visible()
    states = {row.get_attribute("data-status") for row in rows.all()}
    assert states <= {"undelivered", "rejected", "expired"}


def test_a_firing_is_acknowledged_and_snoozed(firing: Any) -> None:
    firing.locator(".fire h2 a").first.click()
    firing.wait_for_url("**/alerts/firings/*")
    firing.get_by_role("button", name="Acknowledge").click()
    expect(firing.get_by_text("Acknowledged by")).to_be_visible()
    expect(firing.get_by_role("button", name="Acknowledge")).to_have_count(0)
    firing.get_by_label("Snooze for").select_option("28800")
    firing.get_by_role("button", name="Snooze").click()
    expect(firing.get_by_text("Snoozed until")).to_be_visible()
    firing.get_by_role("button", name="End the snooze").click()
    expect(firing.get_by_text("Snoozed until")).to_have_count(0)


def test_the_next_try_of_a_notice_lies_ahead(firing: Any) -> None:
    firing.locator(".fire h2 a").first.click()
    firing.wait_for_url("**/alerts/firings/*")
    notice = firing.locator("tr", has_text="next try").first
    expect(notice).to_contain_text(re.compile(r"next try (in \d|due now)"))


def test_every_action_of_a_firing_is_reached_by_tab_and_shows_its_focus(firing: Any) -> None:
    firing.locator(".fire h2 a").first.click()
    firing.wait_for_url("**/alerts/firings/*")
    walk(firing)


def test_a_firing_has_no_barrier_that_axe_knows(firing: Any, need: Any) -> None:
    need("axe_playwright_python")
    firing.locator(".fire h2 a").first.click()
    firing.wait_for_url("**/alerts/firings/*")
    assert violations(firing) == {}


def test_somebody_elses_acknowledgement_does_not_put_another_button_under_the_focus(
    firing: Any, old_hub: PagesHub
) -> None:
    firings = old_hub.api("GET", "/v1/alerts/firings")["items"]
    one = next(each["id"] for each in firings if each["acknowledged_at"] is None)
    firing.clock.install()
    firing.goto(f"/alerts/firings/{one}")
    button = firing.get_by_role("button", name="Acknowledge")
    button.focus()
    old_hub.api("POST", f"/v1/alerts/firings/{one}/acknowledge")
    firing.clock.run_for(15_000)
    expect(firing.get_by_text("Acknowledged by")).to_be_visible()
    expect(firing.locator("#firing .actions")).to_be_focused()


def test_a_rule_is_drawn_on_history(old_page: Any) -> None:
    old_page.goto("/alerts/rules/more-failures")
    count = old_page.locator(".preview .count")
    expect(count).to_contain_text("It would have fired", timeout=60_000)
    expect(old_page.locator(".preview .chart svg")).to_be_visible()
    expect(old_page.locator(".preview tbody tr").first).to_contain_text("% fail (normal")


def test_a_rule_is_previewed_before_it_is_saved(old_page: Any) -> None:
    old_page.set_default_timeout(60_000)
    old_page.goto("/alerts/new?kind=failure_rate")
    expect(old_page.get_by_role("button", name="Save the rule")).to_have_count(0)
    old_page.get_by_label("Name").fill("ee-failures")
    old_page.get_by_label("Countries").fill("ee")
    old_page.get_by_label("Over", exact=True).fill("20")
    old_page.get_by_label("At least").fill("15")
    old_page.get_by_role("button", name="Preview").click()
    expect(old_page.locator(".said")).to_contain_text("Failure rate of EE over 20 %")
    expect(old_page.locator(".preview .count")).to_contain_text("1 time")
    old_page.get_by_role("button", name="Save the rule").click()
    old_page.wait_for_url("**/alerts/rules/ee-failures")
    old_page.get_by_role("button", name="Disable").click()
    expect(old_page.get_by_role("button", name="Enable")).to_be_visible()
    old_page.get_by_role("button", name="Delete").click()
    old_page.wait_for_url("**/alerts")
    expect(old_page.get_by_text("ee-failures")).to_have_count(0)


def test_a_mistake_in_a_rule_is_told_at_its_field(old_page: Any) -> None:
    old_page.goto("/alerts/new?kind=failure_rate")
    old_page.get_by_label("Name").fill("Mine!")
    old_page.get_by_label("Within").fill("soon")
    old_page.get_by_role("button", name="Preview").click()
    expect(old_page.get_by_label("Name")).to_have_attribute("aria-invalid", "true")
    expect(old_page.locator("#e-within")).to_contain_text("must be a span of time")


def test_a_country_that_is_not_there_is_told_at_its_field_once(old_page: Any) -> None:
    old_page.goto("/alerts/new?kind=failure_rate")
    old_page.get_by_label("Name").fill("uk")
    old_page.get_by_label("Countries").fill("UK")
    old_page.get_by_role("button", name="Preview").click()
    old_page.get_by_role("button", name="Save the rule").click()
    expect(old_page.locator("#e-countries")).to_have_text(
        "Countries: there is no country 'UK'. UK is not an ISO 3166 code; the United Kingdom is GB."
    )


def test_another_kind_brings_its_own_fields(old_page: Any) -> None:
    old_page.goto("/alerts/new")
    old_page.get_by_label("Name").fill("slow")
    old_page.get_by_label("Condition", exact=True).select_option("latency")
    expect(old_page.get_by_label("Percentile")).to_be_visible()
    expect(old_page.get_by_label("Name")).to_have_value("slow")


def test_a_rule_of_the_settings_is_read_only(old_page: Any) -> None:
    old_page.goto("/alerts/rules/gb-rate")
    expect(old_page.get_by_text("read-only here")).to_be_visible()
    expect(old_page.get_by_role("link", name="Edit")).to_have_count(0)
    expect(old_page.get_by_role("button", name="Switch")).to_have_count(0)


def test_a_channel_that_fails_says_why_and_never_its_address(old_page: Any) -> None:
    old_page.set_default_timeout(60_000)
    old_page.goto("/alerts")
    old_page.get_by_role("button", name="Test ops").click()
    expect(old_page.get_by_role("status")).to_contain_text("The test notice to ops failed")
    assert "a-secret-of-the-channel" not in old_page.content()


def test_a_rule_on_a_hub_without_history_has_nothing_to_judge(hub: PagesHub, page: Any) -> None:
    page.goto("/alerts/new?kind=failure_rate")
    page.get_by_label("Name").fill("nowhere")
    page.get_by_label("Countries").fill("AQ")
    page.get_by_role("button", name="Preview").click()
    expect(page.locator(".preview .count")).to_have_text("There is no history to evaluate.")
    expect(page.locator(".preview .chart")).to_have_count(0)


def test_without_a_channel_the_next_step_is_told(hub: PagesHub, page: Any) -> None:
    page.goto("/alerts")
    expect(page.get_by_text("No channel is configured")).to_be_visible()
    expect(page.locator(".code")).to_contain_text("[alerts.channels.ops]")


def test_a_form_without_the_token_of_its_page_does_nothing(old_page: Any) -> None:
    old_page.goto("/alerts")
    answer = old_page.request.post("/alerts/rules/more-failures/switch", form={"csrf": "wrong"})
    assert answer.status == 403
    old_page.goto("/alerts/rules/more-failures")
    expect(old_page.get_by_role("button", name="Disable")).to_be_visible()


def test_what_came_of_a_test_stays(old_page: Any, old_hub: PagesHub) -> None:
    old_page.clock.install()
    old_page.goto("/alerts")
    old_page.get_by_role("button", name="Test ops").click()
    notice = old_page.get_by_role("status")
    expect(notice).to_contain_text("The test notice to ops failed")
    with rule(old_hub, "since-then"):
        look_again(old_page)
        expect(old_page.locator("#rule-since-then")).to_be_visible()
        expect(notice).to_contain_text("The test notice to ops failed")


def test_a_choice_that_is_being_made_stays(firing: Any, old_hub: PagesHub) -> None:
    firing.clock.install()
    first = firing.locator(".fire select").first.get_attribute("id")
    choice = firing.locator(f"#{first}")  # the new rule may fire too, and stand before it
    choice.select_option("28800")
    with rule(old_hub, "another"):
        look_again(firing)
        expect(firing.locator("#rule-another")).to_be_visible()
        expect(choice).to_have_value("28800")


def test_a_preview_that_takes_a_while_shows_that_it_is_at_work(page: Any) -> None:
    held: list[Any] = []

    def hold(route: Any) -> None:
        held.append(route)

    page.route("**/alerts/rules/more-failures/preview", hold)
    with page.expect_request("**/preview"):
        page.goto("/alerts/rules/more-failures")
    bar = page.get_by_role("progressbar", name="Evaluating the rule over history")
    expect(bar).to_be_visible()
    held.pop().continue_()
    expect(page.locator(".preview .count")).to_be_visible()
    expect(bar).to_have_count(0)


def test_the_button_of_a_preview_is_busy_until_a_page_is_shown(page: Any) -> None:
    """Also where one goes back to the form."""
    page.goto("/alerts/new?kind=change&name=takes-a-while")
    page.evaluate("document.addEventListener('submit', (event) => event.preventDefault())")
    button = page.get_by_role("button", name="Preview on the last")
    button.click()
    expect(button).to_have_attribute("aria-busy", "true")
    page.evaluate("window.dispatchEvent(new Event('pageshow'))")
    expect(button).not_to_have_attribute("aria-busy", "true")
