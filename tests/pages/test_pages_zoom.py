"""Picking a time on a chart: by dragging, by keys, by a finger, and without any of them."""

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlparse

import pytest
from playwright.sync_api import expect

from tests.pages.pages_support import PagesHub, highest_bar


@pytest.fixture
def chart(old_page: Any) -> Any:
    """The outcomes of a day, drawn."""
    old_page.goto("/?range=24h&country=GB")
    expect(old_page.locator("#outcomes svg")).to_be_visible()
    return old_page.locator("#outcomes")


def drag(page: Any, chart: Any, first: float, last: float) -> None:
    """Presses at one share of the chart's width and lets go at another."""
    box = chart.bounding_box()
    y = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] * first, y)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * (first + last) / 2, y, steps=4)
    page.mouse.move(box["x"] + box["width"] * last, y, steps=4)


def asked(page: Any) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlparse(page.url).query).items()}


def zoomed(page: Any) -> dict[str, str]:
    """What the address asks for, once it asks for moments."""
    page.wait_for_url(re.compile("since=.*until="))
    return asked(page)


def test_a_drag_over_bars_becomes_the_time_of_the_page(old_page: Any, chart: Any) -> None:
    drag(old_page, chart, 0.4, 0.6)
    expect(chart.locator(".pick")).to_be_visible()
    expect(chart.locator(".pick")).to_contain_text("–")
    old_page.mouse.up()
    found = zoomed(old_page)
    assert found["since"].endswith(":00:00Z")
    assert (found["zoomed"], found["country"]) == ("24h", "GB")
    expect(old_page.get_by_role("heading", name="Outcomes by quarter of an hour")).to_be_visible()
    expect(chart.locator(".pick")).to_be_hidden()
    shown = old_page.locator(".figure").first
    assert parse_qs(urlparse(shown.get_attribute("href")).query)["since"] == [found["since"]]


def test_zooming_in_reloads_nothing_and_stays_where_one_is(old_page: Any, chart: Any) -> None:
    old_page.evaluate("scrollTo(0, 150); window.mark = true")
    drag(old_page, chart, 0.3, 0.7)
    old_page.mouse.up()
    zoomed(old_page)
    expect(old_page.locator(".mark").first).to_contain_text("UTC")
    # more where an alert came in above meanwhile; a page opened anew would be at its top
    assert old_page.evaluate("window.mark && scrollY >= 150")


def test_the_browsers_way_back_leads_back(old_page: Any, chart: Any) -> None:
    drag(old_page, chart, 0.3, 0.7)
    old_page.mouse.up()
    zoomed(old_page)
    old_page.go_back()
    expect(old_page.get_by_role("heading", name="Outcomes by hour")).to_be_visible()
    assert asked(old_page) == {"range": "24h", "country": "GB"}


def test_a_picked_time_is_taken_away_or_widened_by_a_link(old_page: Any, chart: Any) -> None:
    drag(old_page, chart, 0.4, 0.6)
    old_page.mouse.up()
    inner = zoomed(old_page)
    old_page.get_by_role("link", name="Zoom out").click()
    old_page.wait_for_url(lambda url: inner["since"].replace(":", "%3A") not in url)
    outer = asked(old_page)
    assert outer["since"] < inner["since"]
    assert outer["zoomed"] == "24h"
    old_page.locator(".mark").first.click()
    old_page.wait_for_url(re.compile("range=24h"))
    assert asked(old_page) == {"range": "24h", "country": "GB"}


def test_a_press_that_does_not_move_leads_to_the_messages(old_page: Any, chart: Any) -> None:
    old_page.mouse.click(*highest_bar(chart))
    old_page.wait_for_url("**/messages?*status=delivered*")


def test_escape_lets_go_of_what_is_picked(old_page: Any, chart: Any) -> None:
    chart.focus()
    old_page.keyboard.press("Home")
    old_page.keyboard.press("Shift+ArrowRight")
    expect(chart.locator(".pick")).to_be_visible()
    old_page.keyboard.press("Escape")
    expect(chart.locator(".pick")).to_be_hidden()
    assert asked(old_page) == {"range": "24h", "country": "GB"}


def test_the_keyboard_goes_from_bar_to_bar_and_tells_each(old_page: Any, chart: Any) -> None:
    chart.focus()
    old_page.keyboard.press("End")
    old_page.keyboard.press("ArrowLeft")
    expect(old_page.locator("#said")).to_have_text(re.compile(r"\d\d:00–\d\d:00.*\d+ messages"))
    expect(chart.locator(".tip")).to_be_visible()


def test_the_keyboard_picks_a_time(old_page: Any, chart: Any) -> None:
    chart.focus()
    old_page.keyboard.press("End")
    old_page.keyboard.press("ArrowLeft")
    for _ in range(3):
        old_page.keyboard.press("Shift+ArrowLeft")
    old_page.keyboard.press("Enter")
    found = zoomed(old_page)
    hours = [int(found[name][11:13]) for name in ("since", "until")]
    assert (hours[1] - hours[0]) % 24 == 4
    expect(old_page.locator("#said")).to_have_text("Zoomed in")
    expect(chart).to_be_focused()


@pytest.fixture
def touched(old_hub: PagesHub, new_page: Callable[..., Any], old_session: Any) -> Any:
    """Opens the outcomes of a day, drawn, on a screen of that size that is touched."""

    def opened(width: int, height: int) -> tuple[Any, Any]:
        size = {"width": width, "height": height}
        page = new_page(old_hub.url, viewport=size, has_touch=True, storage_state=old_session)
        page.goto("/?range=24h")
        chart = page.locator("#outcomes")
        expect(chart.locator("svg")).to_be_visible()
        return page, chart

    return opened


def test_a_finger_that_goes_sideways_picks_and_one_that_goes_down_scrolls(touched: Any) -> None:
    page, chart = touched(360, 740)
    chart.scroll_into_view_if_needed()
    box = chart.bounding_box()
    y, width = box["y"] + box["height"] / 2, box["width"]
    swipe(page, [(box["x"] + width * share, y) for share in (0.4, 0.5, 0.6, 0.7)])
    zoomed(page)
    assert chart.evaluate("element => getComputedStyle(element).touchAction") == "pan-y"


def swipe(page: Any, points: list[tuple[float, float]]) -> None:
    """A finger over the screen, as the browser gets it from a touch screen."""
    session = page.context.new_cdp_session(page)
    for kind, place in zip(("touchStart", *["touchMove"] * (len(points) - 1)), points, strict=True):
        where = [{"x": place[0], "y": place[1]}]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": where})
    session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})


def test_a_finger_sees_the_numbers_of_a_bar_before_it_follows_it(touched: Any) -> None:
    page, chart = touched(1280, 900)
    bar = highest_bar(chart)
    page.touchscreen.tap(*bar)
    expect(chart.locator(".tip")).to_be_visible()
    assert urlparse(page.url).path == "/"
    page.touchscreen.tap(*bar)
    page.wait_for_url("**/messages?*status=delivered*")


def test_a_time_is_chosen_by_its_fields_without_any_script(
    old_hub: PagesHub, new_page: Callable[..., Any], old_session: Any
) -> None:
    page = new_page(old_hub.url, java_script_enabled=False, storage_state=old_session)
    page.goto("/?range=7d&country=GB")
    page.get_by_text("Custom range").click()
    page.get_by_label("From", exact=True).fill("2026-01-02T03:00")
    page.get_by_label("to", exact=True).fill("2026-01-02T05:00")
    page.get_by_role("button", name="Show").click()
    expect(page.locator(".marks")).to_contain_text("2 Jan 03:00 to 05:00 UTC")
    expect(page.locator(".marks")).to_contain_text("country GB")


def test_nothing_moves_by_itself_where_less_motion_is_wanted(
    old_hub: PagesHub, new_page: Callable[..., Any], old_session: Any
) -> None:
    page = new_page(old_hub.url, reduced_motion="reduce", storage_state=old_session)
    page.goto("/?range=24h")
    chart = page.locator("#outcomes")
    expect(chart.locator("svg")).to_be_visible()
    drag(page, chart, 0.4, 0.6)
    page.mouse.up()
    zoomed(page)
    expect(page.locator(".mark").first).to_be_visible()
    assert page.evaluate("document.getAnimations().length") == 0
    option = "echarts.getInstanceByDom(document.querySelector('#outcomes .plot')).getOption()"
    assert page.evaluate(f"{option}.animation") is False


def test_a_previewed_rule_is_seen_closer_and_whole_again(old_page: Any) -> None:
    old_page.goto("/alerts/rules/more-failures")
    chart = old_page.locator(".preview .chart")
    expect(chart.locator("svg")).to_be_visible(timeout=60_000)
    expect(old_page.get_by_role("button", name="All 14 days")).to_be_hidden()
    drag(old_page, chart, 0.85, 0.95)
    old_page.mouse.up()
    found = zoomed(old_page)
    axis = "echarts.getInstanceByDom(document.querySelector('.preview .plot')).getOption().xAxis[0]"
    assert old_page.evaluate(f"[{axis}.min, {axis}.max]") == [found["since"], found["until"]]
    old_page.get_by_role("button", name="All 14 days").click()
    assert "since" not in asked(old_page)
    old_page.go_back()
    expect(old_page.get_by_role("button", name="All 14 days")).to_be_visible()
