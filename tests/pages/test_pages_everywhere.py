"""What holds for every page: nothing without a session, no complaint, no sideways scrolling."""

from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import pytest
from playwright.sync_api import TimeoutError, expect

from tests.pages.pages_support import KEY, PagesHub, sign_in
from tests.support import soon

NARROW = {"width": 360, "height": 740}
PAGES = (
    *("/?range=24h", "/messages", "/alerts", "/alerts/new", "/compare"),
    *("/requests", "/endpoints", "/endpoints/new", "/deliveries", "/send", "/start"),
)


@pytest.mark.parametrize("path", PAGES)
def test_a_page_opens_without_a_complaint_of_the_browser(
    hub: PagesHub, page: Any, path: str
) -> None:
    hub.receipt()
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        page.goto(path)
        page.wait_for_load_state("load")
        expect(page.get_by_role("heading", level=1)).to_be_visible()


@pytest.mark.parametrize("path", PAGES)
def test_a_page_fits_a_window_of_360_pixels(
    hub: PagesHub, new_page: Any, signed_in: Any, path: str
) -> None:
    hub.receipt("failed", messageId="X" * 60)
    page = new_page(hub.url, viewport=NARROW, storage_state=signed_in)
    page.goto(path)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


@pytest.mark.parametrize("path", PAGES)
def test_a_page_fits_half_a_screen_and_a_tablet(hub: PagesHub, page: Any, path: str) -> None:
    hub.receipt("failed", messageId="X" * 60, **{"err-code": "99", "to": "ParcelGo Ltd"})
    page.goto(path)
    widths = (1241, 1121, 1061, 1024, 941, 800, 600)
    assert [width for width in widths if not fits(page, width)] == []


def fits(page: Any, width: int) -> bool:
    """Whether a page fits a window that is made narrower, once its charts are drawn anew."""
    page.set_viewport_size({"width": width, "height": 740})
    try:
        page.wait_for_function(
            "width => document.documentElement.scrollWidth <= width", arg=width, timeout=10_000
        )
    except TimeoutError:
        return False
    return True


@pytest.mark.parametrize("width", [360, 1280])
def test_what_a_gateway_says_at_length_fits_the_window(
    hub: PagesHub, new_page: Any, signed_in: Any, width: int
) -> None:
    long = "W" * 80
    theirs = hub.receipt(long, msisdn=long, to=long, **{"err-code": long})
    page = new_page(hub.url, viewport={"width": width, "height": 740}, storage_state=signed_in)
    for path in ("/messages", f"/search?q={theirs}", "/requests"):
        page.goto(path)
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_a_long_word_that_finds_nothing_fits_the_window(
    hub: PagesHub, new_page: Any, signed_in: Any
) -> None:
    page = new_page(hub.url, viewport=NARROW, storage_state=signed_in)
    page.goto(f"/search?q={'W' * 200}")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_the_page_of_a_message_fits_a_window_of_360_pixels(
    hub: PagesHub, new_page: Any, signed_in: Any
) -> None:
    theirs = hub.receipt("failed", messageId="W" * 60)
    page = new_page(hub.url, viewport=NARROW, storage_state=signed_in)
    page.goto(f"/search?q={theirs}")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_what_is_not_there_leads_back_to_its_list(page: Any) -> None:
    page.goto("/messages/01a21be4-0000-7000-8000-000000000000")
    expect(page.get_by_role("heading", level=1)).to_have_text("There is no such message.")
    page.locator("main").get_by_role("link", name="Messages").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Messages")


@pytest.mark.parametrize(
    "path", ["/deliveries/none", "/endpoints/none", "/alerts/firings/none", "/requests/none"]
)
def test_what_is_not_there_is_told_without_calls_of_the_api(hub: PagesHub, path: str) -> None:
    with pytest.raises(HTTPError) as told:
        hub.page(path)
    text = told.value.read().decode()
    assert "pruned" in text
    assert "/v1/" not in text


def test_a_short_page_does_not_stretch_the_strip_of_pages_in_a_narrow_window(
    new_page: Any, empty_hub: PagesHub
) -> None:
    page = sign_in(new_page(empty_hub.url, viewport=NARROW))
    page.goto("/endpoints")
    assert page.locator(".side").bounding_box()["height"] < 80


@pytest.mark.parametrize("path", PAGES)
def test_nothing_is_shown_without_a_session(hub: PagesHub, new_page: Any, path: str) -> None:
    page = new_page(hub.url)
    page.goto(path)
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_a_wrong_key_opens_nothing(hub: PagesHub, new_page: Any) -> None:
    page = new_page(hub.url)
    page.goto("/sign-in")
    page.get_by_label("Key").fill("not-the-key-of-anybody")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert").first).to_contain_text("Sign-in failed")


def test_opening_a_link_asks_before_it_is_spent(hub: PagesHub, new_page: Any) -> None:
    page = new_page(hub.url)
    page.goto("/sign-in?token=abc")
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()
    expect(page.get_by_label("Key")).to_have_count(0)


def test_signing_out_ends_the_session(hub: PagesHub, new_page: Any) -> None:
    page = sign_in(new_page(hub.url))
    page.get_by_role("button", name="Sign out").click()
    page.goto("/messages")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_who_may_only_look_is_told_why_a_button_does_nothing(
    hub: PagesHub, new_page: Any, ones: dict[str, str]
) -> None:
    made = hub.api("POST", "/v1/keys", {"name": "looks", "scopes": ["read"]})
    page = sign_in(new_page(hub.url), made["key"])
    page.goto(ones["read"])
    page.get_by_role("button", name="Show what would change").click()
    expect(page.locator("#toast")).to_contain_text("This needs a key with the scope admin.")
    page.get_by_role("button", name="Close").click()
    expect(page.locator("#toast")).to_be_hidden()


def test_the_chart_is_drawn_and_stands_beside_its_numbers(hub: PagesHub, page: Any) -> None:
    hub.receipt()
    page.goto("/")
    expect(page.locator(".chart svg").first).to_be_visible()
    page.get_by_text("As a table").first.click()
    expect(page.get_by_role("columnheader", name="Delivered").first).to_be_visible()


def test_simulated_accounts_are_marked(page: Any) -> None:
    for path in ("/messages", "/start", "/?range=24h"):
        page.goto(path)
        expect(page.locator("main .badge").first).to_be_visible()


def test_secrets_stand_on_no_page(hub: PagesHub, page: Any) -> None:
    for path in (*PAGES, "/requests?verdict=refused"):
        page.goto(path)
        assert "signature-of-pages-tests" not in page.content()
        assert KEY not in page.content()


def test_the_first_steps_of_a_hub_without_accounts_point_at_nothing_that_is_not_there(
    tmp_path: Path,
) -> None:
    hub = PagesHub(tmp_path)
    try:
        steps = hub.page("/start")
    finally:
        hub.stop()
    assert "Configure an account" in steps
    assert "Send a" not in steps
    assert "enter this address" not in steps


def test_a_first_run_leads_to_three_steps_that_notice_the_first_call(
    empty_hub: PagesHub, new_page: Any
) -> None:
    page = sign_in(new_page(empty_hub.url), goal="/start")
    page.goto("/")
    page.wait_for_url("**/start")
    expect(page.get_by_role("heading", name="Watch it arrive")).to_be_visible()
    empty_hub.receipt()
    expect(page.get_by_role("heading", name="It arrived")).to_be_visible()


def test_a_first_call_that_is_refused_is_no_step_done(
    empty_hub: PagesHub, new_page: Callable[..., Any]
) -> None:
    page = sign_in(new_page(empty_hub.url), goal="/start")
    empty_hub.call("/webhooks/mistyped", {"status": "delivered"})
    expect(page.get_by_role("heading", name="A call came, but no receipt")).to_be_visible()
    expect(page.locator(".step.done")).to_have_count(1)
    expect(page.locator(".step").last).to_contain_text("Refused with 404")
    page.get_by_role("link", name="Open it").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Refused")


def test_the_last_call_of_an_account_is_marked_by_what_was_made_of_it(hub: PagesHub) -> None:
    hub.receipt(account="signed")

    def of_signed() -> str:
        return hub.page("/start").partition("/webhooks/signed")[2].partition('class="hook"')[0]

    assert "tone-bad" in soon(lambda: of_signed() if ": refused" in of_signed() else None)
