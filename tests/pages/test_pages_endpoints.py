"""Endpoints: made, tried, paused and told again on the pages; how each is, in words."""

import re
from typing import Any

import pytest
from playwright.sync_api import expect
from standardwebhooks import Webhook

from tests.pages.pages_sink import Sink
from tests.pages.pages_support import FILED, PagesHub

NARROW = {"width": 360, "height": 740}
UNHEARD = {"statuses": ["expired"]}
"""A filter that keeps what other tests do away from an endpoint."""


def heading(page: Any) -> Any:
    return expect(page.get_by_role("heading", level=1))


def opened(page: Any, endpoint: Any) -> Any:
    page.goto(f"/endpoints/{endpoint['id']}")
    return page


def row(page: Any, holding: str) -> Any:
    return page.locator("tbody tr", has_text=holding)


def test_the_form_makes_an_endpoint_whose_secret_is_shown_once(
    hub: PagesHub, page: Any, sink: Sink
) -> None:
    page.goto("/endpoints")
    page.get_by_role("link", name="New endpoint").click()
    page.get_by_label("URL").fill(f"{sink.url}/ok-made")
    page.get_by_label("Description").fill("Order service")
    page.get_by_label("expired").check()
    page.get_by_label("Final statuses only").check()
    page.get_by_label("Only to these countries").fill("gb, de")
    page.get_by_role("button", name="Create endpoint").click()
    secret = page.locator(".secret pre").inner_text()
    assert secret.startswith("whsec_")
    expect(page.locator("#endpoint")).to_contain_text("expired · final only · to DE, GB")
    page.get_by_role("button", name="Send a test event").click()
    heading(page).to_contain_text("Delivered at the first try")
    (call,) = sink.at("/ok-made")
    assert Webhook(secret).verify(call.body, call.headers)["type"] == "message.delivered"
    page.goto("/endpoints")
    expect(row(page, "Order service")).to_contain_text("tested")
    row(page, "Order service").get_by_role("link").click()
    page.wait_for_url("**/endpoints/ep_*")
    assert secret not in page.content()


def test_the_form_loaded_again_makes_no_second_one(hub: PagesHub, page: Any, sink: Sink) -> None:
    page.goto("/endpoints/new")
    page.get_by_label("URL").fill(f"{sink.url}/ok-once")
    page.get_by_label("expired").check()
    page.get_by_role("button", name="Create endpoint").click()
    expect(page.locator(".secret")).to_be_visible()
    page.reload()
    page.wait_for_url("**/endpoints/ep_*")
    expect(page.locator(".secret")).to_have_count(0)
    urls = [each["url"] for each in hub.api("GET", "/v1/endpoints")["items"]]
    assert urls.count(f"{sink.url}/ok-once") == 1


@pytest.mark.parametrize(
    ("label", "value", "field", "said"),
    [
        ("URL", "ftp://example.org", "url", "http"),
        ("Only to these countries", "England", "countries", "two letters"),
        ("Only to these countries", "UK", "countries", "the United Kingdom is GB"),
        ("Maximum calls per second", "many", "rate_limit", "Must be a whole number"),
    ],
)
def test_what_is_wrong_is_told_at_its_field_and_nothing_is_lost(
    page: Any, label: str, value: str, field: str, said: str
) -> None:
    page.goto("/endpoints/new")
    page.get_by_label("URL").fill("https://app.example.org/sms")
    page.get_by_label("Description").fill("Keep me")
    page.get_by_text("Order, limits, batches").click()
    page.get_by_label(label).fill(value)
    page.get_by_role("button", name="Create endpoint").click()
    expect(page.locator(f"#e-{field}")).to_contain_text(said)
    expect(page.get_by_label(label)).to_have_value(value)
    expect(page.get_by_label("Description")).to_have_value("Keep me")


def test_a_format_asks_for_its_own_options_and_covers_secrets(
    hub: PagesHub, page: Any, sink: Sink
) -> None:
    page.goto("/endpoints/new")
    page.get_by_label("URL").fill(f"{sink.url}/ok-twilio")
    page.get_by_label("expired").check()
    page.get_by_label("Format").select_option("twilio")
    page.get_by_label("Auth token").fill("an-auth-token-of-length")
    page.get_by_role("button", name="Create endpoint").click()
    page.get_by_role("link", name="Edit").click()
    assert "an-auth-token-of-length" not in page.content()
    page.get_by_label("Description").fill("Old handler")
    page.get_by_role("button", name="Save").click()
    page.get_by_role("button", name="Send a test event").click()
    heading(page).to_contain_text("Delivered at the first try")
    (call,) = sink.at("/ok-twilio")
    assert "x-twilio-signature" in call.headers  # the covered token was kept


def test_a_bar_of_what_was_delivered_has_the_colour_of_its_legend(
    hub: PagesHub, page: Any, sink: Sink
) -> None:
    endpoint = hub.endpoint(f"{sink.url}/ok-bars", **UNHEARD)
    opened(page, endpoint)
    page.get_by_role("button", name="Send a test event").click()
    heading(page).to_contain_text("Delivered")
    opened(page, endpoint)
    fills = page.locator(".fill-delivered").evaluate_all(
        "all => all.map((one) => getComputedStyle(one).fill)"
    )
    assert len(fills) == 2  # in the legend, and of the hour
    assert len(set(fills)) == 1


def test_one_that_fails_says_why_wherever_it_stands(hub: PagesHub, page: Any, sink: Sink) -> None:
    failing = hub.endpoint(f"{sink.url}/bad-why", description="Broken", statuses=["undelivered"])
    hub.receipt("failed")
    hub.delivery(failing["id"], "waiting")
    page.goto("/endpoints")
    broken = row(page, "Broken")
    expect(broken).to_contain_text("retrying")
    expect(broken).to_contain_text("it answered 500")
    expect(broken.get_by_role("img")).to_have_attribute(
        "aria-label", "Last 24 hours: 0 delivered, 1 failed"
    )
    opened(page, failing)
    expect(page.locator(".verdict")).to_contain_text("Broken")
    heading(page).to_contain_text("Retrying")
    heading(page).to_contain_text("it answered 500: an error of its own")
    page.get_by_role("button", name="Pause").click()
    heading(page).to_contain_text("Paused")


def test_paused_it_is_told_afterwards_what_it_missed_with_the_count_first(
    hub: PagesHub, page: Any, sink: Sink
) -> None:
    endpoint = hub.endpoint(f"{sink.url}/ok-missed", statuses=["rejected"])
    opened(page, endpoint)
    expect(page.locator(".figure", has_text="Next try")).to_contain_text("nothing waiting")
    page.get_by_role("button", name="Pause").click()
    heading(page).to_contain_text("Paused")
    for _ in range(2):
        hub.receipt("rejected")
    page.get_by_role("button", name="Resume").click()
    page.wait_for_url("**#recover")
    page.get_by_role("button", name="Count").click()
    expect(page.locator("#recovery")).to_contain_text("events would be sent")
    assert sink.at("/ok-missed") == []
    page.get_by_role("button", name=re.compile(r"^Send \d")).click()
    expect(page.locator("#recovery")).to_contain_text("being sent")
    hub.delivery(endpoint["id"], "delivered")
    assert len(sink.at("/ok-missed")) >= 2


def test_a_new_secret_is_shown_once_and_the_old_one_signs_beside_it(
    hub: PagesHub, page: Any, sink: Sink
) -> None:
    endpoint = hub.endpoint(f"{sink.url}/ok-rotated", **UNHEARD)
    opened(page, endpoint)
    page.get_by_role("button", name="Rotate secret").click()
    secret = page.locator(".secret pre").inner_text()
    page.reload()
    expect(page.locator(".secret")).to_have_count(0)
    page.get_by_role("button", name="Send a test event").click()
    heading(page).to_contain_text("Delivered")
    (call,) = sink.at("/ok-rotated")
    for each in (secret, endpoint["secret"]):
        assert Webhook(each).verify(call.body, call.headers)


def test_one_of_the_settings_is_changed_there_alone(hub: PagesHub, page: Any) -> None:
    page.goto("/endpoints")
    row(page, "filed").get_by_role("link").click()
    page.wait_for_url("**/endpoints/ep_*")
    expect(page.locator("#endpoint")).to_contain_text("[endpoints.filed] in delivrd.toml")
    expect(page.get_by_role("link", name="Edit")).to_have_count(0)
    expect(page.get_by_role("button", name="Rotate secret")).to_have_count(0)
    expect(page.get_by_role("button", name="Pause")).to_be_visible()
    assert FILED not in page.content()


def test_deleting_takes_it_off_the_list(hub: PagesHub, page: Any, sink: Sink) -> None:
    opened(page, hub.endpoint(f"{sink.url}/ok-deleted", description="Short-lived", **UNHEARD))
    page.get_by_text("Delete permanently").click()
    page.get_by_role("button", name="Delete").click()
    page.wait_for_url("**/endpoints")
    expect(row(page, "Short-lived")).to_have_count(0)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_its_page_fits_a_window_of_360_pixels(
    hub: PagesHub, new_page: Any, signed_in: Any, sink: Sink, scheme: str
) -> None:
    endpoint = hub.endpoint(f"{sink.url}/{'bad' * 30}", statuses=["undelivered"])
    hub.receipt("failed")
    hub.delivery(endpoint["id"], "waiting")
    page = new_page(hub.url, viewport=NARROW, color_scheme=scheme, storage_state=signed_in)
    for path in (f"/endpoints/{endpoint['id']}", f"/endpoints/{endpoint['id']}/edit", "/endpoints"):
        page.goto(path)
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
    hub.api("DELETE", f"/v1/endpoints/{endpoint['id']}")


def test_without_endpoints_the_page_says_the_next_step(empty_hub: PagesHub, new_page: Any) -> None:
    from tests.pages.pages_support import sign_in

    page = sign_in(new_page(empty_hub.url), goal="/endpoints")
    expect(page.get_by_role("heading", name="No endpoints yet")).to_be_visible()
    page.goto("/deliveries")
    page.get_by_role("link", name="Create an endpoint").click()
    heading(page).to_have_text("New endpoint")


def test_one_that_is_not_there_is_told_in_words(page: Any) -> None:
    for name in ("ep_0000000000000001", "nonsense", "ep_" + "z" * 16):
        assert page.goto(f"/endpoints/{name}").status == 404
        expect(page.get_by_role("heading", name="There is no such endpoint")).to_be_visible()
