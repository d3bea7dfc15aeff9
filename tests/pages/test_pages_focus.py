"""The focus stays where it is while pages change, and never comes to stand on another button."""

import re
from typing import Any

from playwright.sync_api import expect

from tests.pages.pages_sink import Sink
from tests.pages.pages_support import PagesHub, failing, look_again

SHOWN = 10
"""Deliveries on the page of an endpoint."""


def press(page: Any, name: str | re.Pattern[str]) -> Any:
    """Presses a button by keyboard."""
    button = page.get_by_role("button", name=name)
    button.focus()
    page.keyboard.press("Enter")
    return button


def test_a_count_is_read_out_and_its_button_keeps_the_focus(
    hub: PagesHub, page: Any, sink: Sink
) -> None:
    endpoint = hub.endpoint(f"{sink.url}/ok-counted", statuses=["expired"])
    page.goto(f"/endpoints/{endpoint['id']}")
    count = press(page, "Count")
    expect(page.locator("#said")).to_have_text(re.compile("^Nothing to send"))
    expect(count).to_be_focused()


def test_what_was_sent_is_read_out_and_its_place_has_the_focus(
    hub: PagesHub, page: Any, sink: Sink
) -> None:
    endpoint, _ = failing(hub, sink, "/bad-sent-by-key")
    page.goto(f"/deliveries?endpoint={endpoint['id']}&state=waiting")
    press(page, "Send all of these again")
    expect(page.locator("#said")).to_contain_text("1 would be sent again")
    expect(page.locator("#said")).to_contain_text("Not counted: what is due already.")
    expect(page.locator("#again")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name=re.compile(r"^Send \d"))).to_be_focused()


def test_a_difference_is_read_out_and_its_button_keeps_the_focus(
    page: Any, ones: dict[str, str]
) -> None:
    page.goto(ones["read"])
    show = press(page, "Show what would change")
    expect(page.locator("#said")).to_have_text(re.compile("^No difference"))
    expect(show).to_be_focused()


def test_trying_again_takes_the_focus_back_to_what_was_tried(
    page: Any, ones: dict[str, str]
) -> None:
    page.goto(ones["read"])
    page.route("**/replay**", lambda route: route.abort(), times=1)
    show = press(page, "Show what would change")
    press(page, "Try again")
    expect(page.locator("#said")).to_have_text(re.compile("^No difference"))
    expect(page.locator("#toast")).to_be_hidden()
    expect(show).to_be_focused()


def test_copying_without_a_clipboard_keeps_the_focus(page: Any, ones: dict[str, str]) -> None:
    """Browsers have none for pages by plain HTTP from another machine."""
    page.add_init_script("delete Navigator.prototype.clipboard")
    page.goto(ones["delivery"])
    copy = press(page, "Copy the delivery id")
    expect(page.locator("#said")).to_have_text("Copied")
    expect(copy).to_be_focused()


def test_an_update_does_not_put_another_button_under_the_focus(
    hub: PagesHub, clocked: Any, sink: Sink
) -> None:
    endpoint = hub.endpoint(f"{sink.url}/ok-focused", statuses=["expired"])
    clocked.goto(f"/endpoints/{endpoint['id']}")
    test = clocked.get_by_role("button", name="Send a test event")
    test.focus()
    hub.api("POST", f"/v1/endpoints/{endpoint['id']}/disable")
    look_again(clocked)
    expect(clocked.get_by_role("button", name="Resume")).to_be_visible()
    expect(test).to_be_focused()


def test_from_a_button_that_is_gone_the_focus_goes_to_what_was_around_it(
    hub: PagesHub, clocked: Any, sink: Sink
) -> None:
    endpoint = hub.endpoint(f"{sink.url}/ok-gone", statuses=["expired"])
    clocked.goto(f"/endpoints/{endpoint['id']}")
    clocked.get_by_role("button", name="Pause").focus()
    hub.api("POST", f"/v1/endpoints/{endpoint['id']}/disable")
    look_again(clocked)
    expect(clocked.locator(".actions.above")).to_be_focused()
    clocked.keyboard.press("Tab")
    expect(clocked.get_by_role("button", name="Resume")).to_be_focused()


def test_a_delivery_that_ends_does_not_put_sending_it_again_under_the_focus(
    hub: PagesHub, clocked: Any, sink: Sink
) -> None:
    _, waiting = failing(hub, sink, "/bad-ends")
    clocked.goto(f"/deliveries/{waiting}")
    clocked.get_by_role("button", name="Try now").focus()
    hub.api("POST", f"/v1/deliveries/{waiting}/cancel")
    look_again(clocked)
    again = clocked.get_by_role("button", name="Send again")
    expect(again).to_be_visible()
    expect(clocked.locator("form", has=again)).to_be_focused()
    clocked.keyboard.press("Tab")
    expect(again).to_be_focused()


def test_the_focus_goes_with_its_row_and_to_the_one_in_its_place(
    hub: PagesHub, clocked: Any, sink: Sink
) -> None:
    endpoint = hub.endpoint(f"{sink.url}/ok-rows", statuses=["rejected"])
    for _ in range(SHOWN):
        hub.receipt("rejected")
    hub.delivery(endpoint["id"], "delivered")
    clocked.goto(f"/endpoints/{endpoint['id']}")
    rows = clocked.locator("a.row")
    expect(rows).to_have_count(SHOWN)
    last, lowest = (rows.nth(at).get_attribute("href") for at in (SHOWN - 2, SHOWN - 1))
    rows.nth(SHOWN - 2).focus()
    for expected in (last, last):
        hub.receipt("rejected")
        look_again(clocked)
        expect(clocked.locator(f"a.row[href='{lowest}']")).to_have_count(0)
        expect(rows.nth(SHOWN - 1)).to_be_focused()
        lowest = expected


def test_a_message_that_changes_in_its_list_keeps_the_focus(hub: PagesHub, clocked: Any) -> None:
    theirs = hub.receipt("accepted", msisdn="447400930001")
    clocked.goto("/messages?to=%2B447400930001")
    row = clocked.locator("a.row")
    row.focus()
    hub.receipt("delivered", msisdn="447400930001", messageId=theirs)
    look_again(clocked)
    expect(clocked.locator("tr.fresh")).to_contain_text("delivered")
    expect(row).to_be_focused()
