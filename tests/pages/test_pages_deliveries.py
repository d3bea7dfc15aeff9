"""Deliveries: found by filters in the address, explained try by try, and sent again."""

import json
from typing import Any

from playwright.sync_api import expect

from tests.pages.pages_sink import Sink
from tests.pages.pages_support import PagesHub, failing

NARROW = {"width": 360, "height": 740}


def heading(page: Any) -> Any:
    return expect(page.get_by_role("heading", level=1))


def test_a_try_shows_what_was_sent_and_answered_and_when_the_next_one_goes_out(
    hub: PagesHub, page: Any, sink: Sink
) -> None:
    _, waiting = failing(hub, sink, "/bad-try")
    page.goto(f"/deliveries/{waiting}")
    heading(page).to_contain_text("it answered 500: an error of its own")
    expect(page.locator(".verdict p")).to_contain_text("The next try")
    main = page.locator("main")
    for said in ("out of order", "first byte after", "in total", '"type": "message.rejected"'):
        expect(main).to_contain_text(said)
    page.get_by_text("Request headers").first.click()
    expect(main).to_contain_text("webhook-signature")
    page.get_by_text("As curl").click()
    expect(main).to_contain_text(f"curl -X POST {sink.url}/bad-try")


def test_sent_again_it_bears_the_same_id(hub: PagesHub, page: Any, sink: Sink) -> None:
    endpoint = hub.endpoint(f"{sink.url}/ok-again", statuses=["rejected"])
    hub.receipt("rejected")
    told = hub.delivery(endpoint["id"], "delivered")
    hub.api("PATCH", f"/v1/endpoints/{endpoint['id']}", {"statuses": ["expired"]})
    page.goto(f"/deliveries/{told}")
    page.get_by_role("button", name="Send again").click()
    heading(page).to_contain_text("Delivered at try 2")
    calls = sink.at("/ok-again")
    ids = [call.headers["webhook-id"] for call in calls]
    assert ids.count(ids[-1]) == 2
    assert json.loads(calls[0].body) == json.loads(calls[-1].body)


def test_what_waits_can_be_given_up(hub: PagesHub, page: Any, sink: Sink) -> None:
    _, waiting = failing(hub, sink, "/bad-given-up")
    page.goto(f"/deliveries/{waiting}")
    page.get_by_role("button", name="Cancel delivery").click()
    heading(page).to_have_text("Cancelled: cancelled by hand.")


def test_filters_stand_in_the_address(hub: PagesHub, page: Any, sink: Sink) -> None:
    endpoint, waiting = failing(hub, sink, "/bad-filtered")
    page.goto("/deliveries")
    page.get_by_label("Endpoint", exact=True).select_option(endpoint["id"])
    page.wait_for_url(f"**/deliveries?*endpoint={endpoint['id']}*")
    page.locator(".chips label", has_text="Delivered").click()
    page.wait_for_url("**state=delivered*")
    expect(page.get_by_role("heading", name="No deliveries match")).to_be_visible()
    page.goto(f"/deliveries?endpoint={endpoint['id']}&state=waiting")
    expect(page.locator(f"#{waiting}")).to_contain_text("waiting")


def test_a_selection_is_told_again_with_the_count_first(
    hub: PagesHub, page: Any, sink: Sink
) -> None:
    endpoint = hub.endpoint(f"{sink.url}/ok-selected", statuses=["rejected"])
    hub.receipt("rejected")
    hub.delivery(endpoint["id"], "delivered")
    hub.api("PATCH", f"/v1/endpoints/{endpoint['id']}", {"statuses": ["expired"]})
    before = len(sink.at("/ok-selected"))
    page.goto(f"/deliveries?endpoint={endpoint['id']}&state=delivered")
    page.get_by_role("button", name="Send all of these again").click()
    expect(page.locator("#again")).to_contain_text(f"{before} would be sent again")
    assert len(sink.at("/ok-selected")) == before
    page.get_by_role("button", name=f"Send {before} again").click()
    expect(page.locator("#again")).to_contain_text("being sent again")
    hub.delivery(endpoint["id"], "delivered")


def test_what_cannot_be_chosen_at_once_has_no_button(page: Any) -> None:
    page.goto("/deliveries?state=delivered")
    expect(page.get_by_role("button", name="Send all of these again")).to_have_count(0)


def test_the_page_of_a_message_says_whom_it_was_told_to(
    hub: PagesHub, page: Any, sink: Sink
) -> None:
    endpoint = hub.endpoint(f"{sink.url}/ok-message", statuses=["rejected"])
    theirs = hub.receipt("rejected")
    hub.delivery(endpoint["id"], "delivered")
    hub.api("PATCH", f"/v1/endpoints/{endpoint['id']}", {"statuses": ["expired"]})
    page.goto(f"/search?q={theirs}")
    told = page.locator("section", has_text="Sent to your systems")
    expect(told.last).to_contain_text("delivered")
    told.last.get_by_role("link", name="All").click()
    page.wait_for_url("**/deliveries?message=*")
    expect(page.locator("tbody tr").first).to_contain_text("message.rejected")


def test_an_endpoint_is_told_from_others_of_its_host(hub: PagesHub, page: Any, sink: Sink) -> None:
    described = {"statuses": ["rejected"], "description": "Billing"}
    endpoint = hub.endpoint(f"{sink.url}/ok-billing", **described)
    theirs = hub.receipt("rejected")
    delivery = hub.delivery(endpoint["id"], "delivered")
    hub.api("PATCH", f"/v1/endpoints/{endpoint['id']}", {"statuses": ["expired"]})
    page.goto(f"/deliveries?endpoint={endpoint['id']}")
    expect(page.locator(f"#{delivery}")).to_contain_text("(Billing)")
    page.goto(f"/deliveries/{delivery}")
    expect(page.locator(".verdict")).to_contain_text("(Billing)")
    page.goto(f"/search?q={theirs}")
    expect(page.locator("section", has_text="Sent to your systems").last).to_contain_text(
        "(Billing)"
    )


def test_a_deliverys_page_fits_a_window_of_360_pixels(
    hub: PagesHub, new_page: Any, signed_in: Any, sink: Sink
) -> None:
    _, waiting = failing(hub, sink, "/" + "bad" * 40)
    page = new_page(hub.url, viewport=NARROW, storage_state=signed_in)
    page.goto(f"/deliveries/{waiting}")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_one_that_is_not_there_is_told_in_words(page: Any) -> None:
    assert page.goto("/deliveries/dlv_0000000000000001").status == 404
    expect(page.get_by_role("heading", name="There is no such delivery")).to_be_visible()
