"""The overview and the comparison over days of traffic: every number leads to what is behind."""

import re
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.pages.pages_support import PagesHub, highest_bar

FIGURES = ("Messages", "Delivery rate", "Failed", "Awaiting receipt", "Time to delivery")


def number_in(text: str) -> int:
    return int(re.sub(r"\D", "", text))


def panel_of(page: Any, heading: str) -> Any:
    return page.locator("section", has=page.get_by_role("heading", name=heading))


def test_five_numbers_answer_whether_it_is_fine(old_page: Any) -> None:
    old_page.goto("/?range=24h")
    assert old_page.locator(".figure .label").all_inner_texts() == list(FIGURES)
    for figure in old_page.locator(".figure").all():
        assert "–" not in figure.locator(".value").inner_text()
        assert figure.get_attribute("href").startswith("/messages?since=")
    expect(old_page.get_by_text("Changes are relative to the 24 hours before")).to_be_visible()


@pytest.mark.parametrize("width", [1440, 1280, 1121, 941, 360])
def test_a_table_stays_within_its_panel(old_page: Any, width: int) -> None:
    old_page.set_viewport_size({"width": width, "height": 900})
    old_page.goto("/?range=24h")
    beyond = old_page.locator(".panel > .table").evaluate_all(
        """tables => tables.filter((table) =>
          table.getBoundingClientRect().right > table.parentElement.getBoundingClientRect().right
        ).map((table) => table.innerText)"""
    )
    assert beyond == []


def test_the_number_of_failures_leads_to_failures_alone(old_page: Any) -> None:
    old_page.goto("/?range=1h&country=EE")
    figure = old_page.locator(".figure", has_text="Failed")
    shown = number_in(figure.locator(".value").inner_text())
    figure.click()
    expect(old_page.get_by_role("radio", name="Failed")).to_be_checked()
    found = old_page.locator("tr[data-row]")
    expect(found.first).to_be_visible()
    assert found.count() == shown
    states = {row.get_attribute("data-status") for row in found.all()}
    assert states <= {"undelivered", "rejected", "expired"}


def test_the_route_that_went_bad_stands_on_top_and_is_called_worse(old_page: Any) -> None:
    old_page.goto("/?range=24h")
    first = panel_of(old_page, "By country").locator("tbody tr").first
    expect(first).to_contain_text("EE")
    expect(first.locator(".mid .delta.bad")).to_contain_text("worse")


def test_a_small_sample_is_hatched_and_not_compared(old_page: Any) -> None:
    old_page.goto("/?range=24h")
    row = old_page.locator("tr", has=old_page.get_by_role("link", name="DE", exact=True)).first
    expect(row.locator(".mid", has_text="too few")).to_be_visible()
    expect(row.locator("rect[fill='url(#hatch)']")).to_have_count(1)


def test_a_country_narrows_the_page_and_can_be_taken_away(old_page: Any) -> None:
    old_page.goto("/?range=7d")
    old_page.get_by_role("link", name="GB", exact=True).first.click()
    old_page.wait_for_url("**/?*country=GB*")
    assert "range=7d" in old_page.url
    old_page.get_by_role("link", name="country GB").click()
    old_page.wait_for_url(lambda url: "country" not in url)


def test_a_reason_leads_to_the_messages_that_failed_for_it(old_page: Any) -> None:
    old_page.goto("/?range=24h")
    old_page.get_by_role("link", name="Unreachable").click()
    expect(old_page.locator(".marks")).to_contain_text("reason unreachable")
    expect(old_page.locator("tr[data-row]").first).to_be_visible()
    for row in old_page.locator("tr[data-row]").all():
        assert "unreachable" in row.text_content()


def test_a_row_of_the_table_leads_to_its_hour(old_page: Any) -> None:
    old_page.goto("/?range=24h")
    old_page.get_by_text("As a table").first.click()
    link = old_page.locator("details a[href*='status=delivered']").first
    shown = number_in(link.inner_text())
    link.click()
    expect(old_page.locator("tr[data-row]")).to_have_count(min(50, shown))


def test_a_bar_of_the_chart_leads_to_its_messages(old_page: Any) -> None:
    old_page.goto("/?range=24h")
    chart = old_page.locator("[data-chart=outcomes]")
    expect(chart.locator("svg")).to_be_visible()
    old_page.mouse.click(*highest_bar(chart))
    old_page.wait_for_url("**/messages?*status=delivered*since=*until=*")


def test_how_long_deliveries_take_is_drawn_and_stands_in_a_table(old_page: Any) -> None:
    old_page.goto("/?range=24h")
    expect(old_page.locator("[data-chart=delays] svg")).to_be_visible()
    panel = panel_of(old_page, "Time to delivery")
    expect(panel).to_contain_text("within 10 s")
    panel.get_by_text("As a table").click()
    expect(panel.get_by_role("columnheader", name="Within")).to_be_visible()


def test_a_route_that_never_reports_is_named_with_the_evidence(old_page: Any) -> None:
    old_page.goto("/?range=24h")
    panel = panel_of(old_page, "Suspect routes")
    expect(panel).to_contain_text("other → US")
    expect(panel).to_contain_text("0 with a final status from the network")


def test_receipts_that_look_made_up_are_flagged_with_the_evidence(old_page: Any) -> None:
    old_page.goto("/?range=24h")
    row = panel_of(old_page, "Suspect routes").locator("tr", has_text="main → ES")
    expect(row).to_contain_text("looks made up")
    expect(row.locator(".about").first).to_contain_text("second")


def test_an_empty_time_is_told_from_0_per_cent(old_page: Any) -> None:
    old_page.goto("/?since=2020-01-01T00:00:00Z&until=2020-01-02T00:00:00Z")
    expect(old_page.get_by_role("heading", name="No messages in this time range")).to_be_visible()
    expect(old_page.locator(".figure", has_text="Delivery rate")).to_contain_text("–")
    expect(old_page.locator(".figure", has_text="Delivery rate")).not_to_contain_text("0 %")


@pytest.mark.parametrize("path", ["/?range=7d", "/compare?country=GB", "/alerts"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_full_of_data_fit_a_window_of_360_pixels(
    old_hub: PagesHub, new_page: Any, old_session: Any, path: str, scheme: str
) -> None:
    narrow = {"width": 360, "height": 740}
    page = new_page(old_hub.url, viewport=narrow, color_scheme=scheme, storage_state=old_session)
    page.goto(path)
    page.wait_for_load_state("load")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_the_figures_are_reached_by_the_keyboard(old_page: Any) -> None:
    old_page.goto("/?range=24h")
    old_page.locator(".other summary").focus()
    old_page.keyboard.press("Tab")
    expect(old_page.locator(".figure").first).to_be_focused()
    outline = old_page.locator(".figure").first.evaluate("e => getComputedStyle(e).outlineStyle")
    assert outline == "solid"


def test_accounts_are_ranked_side_by_side_with_time_and_cost(old_page: Any) -> None:
    old_page.goto("/compare?country=GB&range=7d")
    first, second = old_page.locator("tbody tr").all()
    expect(first).to_contain_text("main")
    expect(second).to_contain_text("other")
    assert [row.locator(".rank").inner_text() for row in (first, second)] == ["1", "2"]
    expect(first.get_by_role("img", name=re.compile("half within"))).to_be_visible()
    expect(first).to_contain_text("EUR")
    expect(old_page.get_by_text("is better than all others, beyond chance")).to_be_visible()


def test_accounts_with_few_messages_are_not_ranked(old_page: Any) -> None:
    old_page.goto("/compare?country=DE&range=7d")
    expect(old_page.get_by_text("Not ranked")).to_be_visible()
    expect(old_page.locator(".rank")).to_have_count(0)


@pytest.mark.parametrize("width", [360, 1280])
def test_the_axis_of_rates_is_named_at_both_ends(
    old_hub: PagesHub, new_page: Any, old_session: Any, width: int
) -> None:
    size = {"width": width, "height": 740}
    page = new_page(old_hub.url, viewport=size, storage_state=old_session)
    for path in ("/?range=24h", "/compare?country=GB"):
        page.goto(path)
        scales = page.locator(".scale").all()
        assert scales
        for scale in scales:
            low, high = scale.locator("> span").all()
            expect(low).to_be_visible()
            assert low.bounding_box()["x"] + low.bounding_box()["width"] < high.bounding_box()["x"]
            assert high.inner_text() == "100 %"


def test_the_chart_of_times_says_what_its_bars_and_its_line_are(old_page: Any) -> None:
    old_page.goto("/?range=24h")
    legend = panel_of(old_page, "Time to delivery").locator(".legend")
    assert legend.locator("li").all_inner_texts() == ["deliveries", "share arrived, 0 to 100 %"]
