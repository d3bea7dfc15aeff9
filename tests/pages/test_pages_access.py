"""For everybody: by keyboard, by screen reader, at every zoom, without colours and on paper."""

from typing import Any

import pytest
from playwright.sync_api import expect

from tests.pages.pages_support import PagesHub
from tests.pages.test_pages_everywhere import PAGES

ZOOMED = {"width": 320, "height": 256}
"""A window of 1280 by 1024 at 400 %: WCAG 2.2, 1.4.10."""
ONES = ("endpoint", "delivery", "read", "refused", "unreadable")
A4 = {"width": 688, "height": 1016}
"""What is left of the paper between margins of 14 mm, in pixels of CSS."""


@pytest.fixture
def one(hub: PagesHub) -> str:
    """The search that opens a failed message."""
    return f"/search?q={hub.receipt('failed')}"


def unfold(page: Any) -> None:
    """Opens what is folded away, and waits for what is loaded then."""
    page.evaluate("document.querySelectorAll('details').forEach((one) => (one.open = true))")
    page.wait_for_load_state("networkidle")


def violations(page: Any) -> dict[str, list[str]]:
    """What axe finds against WCAG 2.2, levels A and AA, and good practice; by rule.

    In the dark the colours alone are other ones.
    """
    unfold(page)
    page.emulate_media(color_scheme="light")
    found = _axe(page, {"rules": {"target-size": {"enabled": True}}})
    page.emulate_media(color_scheme="dark")
    dark = _axe(page, {"runOnly": ["color-contrast"]})
    return found | {f"{rule} in the dark": nodes for rule, nodes in dark.items()}


def _axe(page: Any, options: dict[str, Any]) -> dict[str, list[str]]:
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page, options={"resultTypes": ["violations"], **options})
    return {
        rule["id"]: [node["html"] for node in rule["nodes"]]
        for rule in found.response["violations"]
    }


@pytest.mark.parametrize("path", [*PAGES, "/docs", "/sign-in", "/messages/none"])
def test_a_page_has_no_barrier_that_axe_knows(
    hub: PagesHub, page: Any, need: Any, path: str
) -> None:
    need("axe_playwright_python")
    hub.receipt("failed")
    page.goto(path)
    assert violations(page) == {}


def test_a_message_and_its_request_have_no_barrier_that_axe_knows(
    page: Any, need: Any, one: str
) -> None:
    need("axe_playwright_python")
    page.goto(one)
    assert violations(page) == {}
    page.get_by_role("link", name="Open the request").first.click()
    page.wait_for_url("**/requests/*")
    assert violations(page) == {}


@pytest.mark.parametrize("kind", ONES)
def test_the_page_of_one_has_no_barrier_that_axe_knows(
    page: Any, need: Any, ones: dict[str, str], kind: str
) -> None:
    need("axe_playwright_python")
    page.goto(ones[kind])
    assert violations(page) == {}


@pytest.mark.parametrize("path", PAGES)
def test_a_page_reflows_at_400_percent(
    hub: PagesHub, new_page: Any, signed_in: Any, path: str
) -> None:
    hub.receipt("failed")
    page = new_page(hub.url, viewport=ZOOMED, storage_state=signed_in)
    page.goto(path)
    assert page.evaluate("document.documentElement.scrollWidth") <= 320


def test_an_unfolded_receipt_fits_a_window_of_320_pixels(
    hub: PagesHub, new_page: Any, signed_in: Any, one: str
) -> None:
    page = new_page(hub.url, viewport=ZOOMED, storage_state=signed_in)
    page.goto(one)
    unfold(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 320


def test_the_documentation_of_the_api_reflows_at_400_percent(
    hub: PagesHub, new_page: Any, signed_in: Any
) -> None:
    page = new_page(hub.url, viewport=ZOOMED, storage_state=signed_in)
    page.goto("/docs")
    assert page.evaluate("document.documentElement.scrollWidth") <= 320


def test_the_documentation_breaks_no_heading_of_a_table_in_two(
    hub: PagesHub, new_page: Any, signed_in: Any
) -> None:
    page = new_page(hub.url, storage_state=signed_in)
    page.goto("/docs")
    heights = page.locator("th").evaluate_all("heads => heads.map(head => head.clientHeight)")
    assert len(heights) > 50
    assert len(set(heights)) == 1


def test_the_first_key_skips_to_the_content(page: Any) -> None:
    page.goto("/messages")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    expect(page.get_by_role("link", name="Skip to content")).to_be_in_viewport()
    page.keyboard.press("Enter")
    expect(page.get_by_role("main")).to_be_focused()


def test_the_keyboard_leads_from_a_list_to_the_reason(hub: PagesHub, page: Any) -> None:
    hub.receipt("failed", msisdn="447400920001")
    page.goto("/messages?to=%2B447400920001")
    page.keyboard.press("j")
    expect(page.locator("a.row")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Not delivered")


def test_the_present_page_is_marked_in_forced_colours(
    hub: PagesHub, new_page: Any, signed_in: Any
) -> None:
    page = new_page(hub.url, forced_colors="active", storage_state=signed_in)
    page.goto("/messages")
    style = "one => getComputedStyle(one).borderTopStyle"
    assert page.locator(".nav a[aria-current]").evaluate(style) == "solid"
    assert page.locator(".nav a:not([aria-current])").first.evaluate(style) == "none"


def test_paper_has_what_is_read_and_nothing_to_press(
    hub: PagesHub, new_page: Any, signed_in: Any, one: str
) -> None:
    """In the light theme, at the width of A4, with times that are true tomorrow too."""
    page = new_page(hub.url, viewport=A4, color_scheme="dark", storage_state=signed_in)
    page.emulate_media(media="print")
    page.goto(one)
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    expect(page.get_by_role("navigation", name="Pages")).to_be_hidden()
    expect(page.get_by_role("search")).to_be_hidden()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(251, 251, 249)"
    page.goto("/messages")
    assert page.evaluate("document.documentElement.scrollWidth") <= A4["width"]
    time = page.locator("td.num time").first
    shown = time.evaluate("one => getComputedStyle(one, '::after').content")
    assert shown.endswith('UTC"')


def test_a_strip_of_pages_that_goes_on_has_a_shade_at_its_edge(
    hub: PagesHub, new_page: Any, signed_in: Any
) -> None:
    page = new_page(hub.url, viewport={"width": 360, "height": 740}, storage_state=signed_in)
    page.goto("/messages")
    strip = page.locator(".side")
    assert strip.evaluate("one => one.scrollWidth > one.clientWidth")
    kept = strip.evaluate("one => getComputedStyle(one).backgroundAttachment")
    assert kept == "local, local, scroll, scroll"


def test_links_to_the_data_say_whose_data_it_is(hub: PagesHub, page: Any) -> None:
    hub.receipt()
    page.goto("/?range=24h")
    names = page.locator("a.data").evaluate_all("all => all.map((one) => one.ariaLabel)")
    assert len(names) == len(set(names)) >= 7
    expect(page.get_by_role("link", name="JSON: By country")).to_be_visible()
