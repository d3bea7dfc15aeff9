"""Messages: the list that stays still while it is read, and the page of one message."""

from typing import Any

from playwright.sync_api import expect

from tests.pages.pages_support import PagesHub


def test_a_receipt_makes_its_message_appear_with_its_status(hub: PagesHub, page: Any) -> None:
    hub.receipt(msisdn="447400900001")
    page.goto("/messages?to=%2B447400900001")
    expect(page.locator("tr[data-row]")).to_have_count(1)
    expect(page.locator("tr[data-row]")).to_contain_text("delivered")


def test_no_time_is_told_for_a_message_that_another_program_sent(hub: PagesHub) -> None:
    hub.receipt(msisdn="447400900016")
    assert " ms</td>" not in hub.page("/messages?to=%2B447400900016")


def test_a_country_stands_before_its_number(hub: PagesHub, page: Any) -> None:
    hub.receipt("failed", msisdn="447400900018", to="ParcelGo Ltd", **{"err-code": "6"})
    page.goto("/messages?to=%2B447400900018")
    number = page.locator(".nowrap", has_text="+44 7400 900018")
    expect(number.locator(".cc")).to_have_text("GB")


def test_a_reason_is_told_in_words(hub: PagesHub, page: Any) -> None:
    theirs = hub.receipt("failed", msisdn="447400900019", **{"err-code": "6"})
    page.goto(f"/search?q={theirs}")
    expect(page.locator("main")).to_contain_text("blocked by carrier")
    assert "blocked_by_carrier" not in page.locator("main").inner_text()


def test_a_text_keeps_its_lines(hub: PagesHub, page: Any) -> None:
    order = {"to": "+447400900020", "from": "Acme", "text": "One\nTwo", "via": ["away"]}
    made = hub.api("POST", "/v1/messages", order)
    page.goto(f"/messages/{made['id']}")
    assert page.locator("bdi").inner_text() == "One\nTwo"


def test_a_filter_narrows_the_rows_and_stands_in_the_address(hub: PagesHub, page: Any) -> None:
    hub.receipt("failed", msisdn="447400900002")
    hub.receipt("delivered", msisdn="447400900002")
    page.goto("/messages?to=%2B447400900002")
    expect(page.locator("tr[data-row]")).to_have_count(2)
    page.get_by_text("Undelivered", exact=True).click()
    expect(page.locator("tr[data-row]")).to_have_count(1)
    expect(page.locator("tr[data-row]")).to_contain_text("undelivered")
    assert "status=undelivered" in page.url
    assert "account" not in page.url  # an empty filter does not belong in the address


def test_a_filter_works_without_any_script(hub: PagesHub, new_page: Any) -> None:
    hub.receipt("failed", msisdn="447400900003")
    page = new_page(hub.url, java_script_enabled=False)
    page.goto("/sign-in")
    page.get_by_label("Key").fill("a-key-of-the-pages-tests")
    page.get_by_role("button", name="Sign in").click()
    page.goto("/messages")
    page.get_by_label("To", exact=True).fill("+447400900003")
    page.get_by_role("button", name="Filter").click()
    expect(page.locator("tr[data-row]")).to_have_count(1)


def test_a_time_by_its_name_takes_the_place_of_moments(hub: PagesHub, page: Any) -> None:
    hub.receipt(msisdn="447400900015")
    page.goto("/messages?to=%2B447400900015&since=2020-01-01T00:00:00Z")
    expect(page.locator(".marks")).to_contain_text("Since 1 Jan 00:00 UTC")
    page.get_by_label("Time").select_option("24h")
    page.wait_for_url("**range=24h**")
    page.reload()
    expect(page.locator(".marks")).to_have_count(0)
    expect(page.locator("tr[data-row]")).to_have_count(1)


def test_a_new_message_is_announced_and_moves_no_row(hub: PagesHub, page: Any) -> None:
    hub.receipt(msisdn="447400900004")
    page.goto("/messages")
    shown = page.locator("tr[data-row]").first.get_attribute("data-row")
    hub.receipt(msisdn="447400900005")
    bar = page.get_by_role("button", name="new message")
    expect(bar).to_be_visible()
    assert page.locator("tr[data-row]").first.get_attribute("data-row") == shown
    bar.click()
    expect(page.locator("tr[data-row]").first).to_contain_text("900005")


def test_a_row_changes_in_place_when_its_status_does(hub: PagesHub, page: Any) -> None:
    theirs = hub.receipt("accepted", msisdn="447400900006")
    page.goto("/messages?to=%2B447400900006")
    expect(page.locator("tr[data-row]")).to_contain_text("pending")
    hub.receipt("delivered", msisdn="447400900006", messageId=theirs)
    expect(page.locator("tr[data-row]")).to_contain_text("delivered")
    expect(page.locator("tr[data-row]")).to_have_count(1)


def test_a_row_opens_by_the_keyboard(hub: PagesHub, page: Any) -> None:
    hub.receipt(msisdn="447400900007")
    page.goto("/messages?to=%2B447400900007")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_url("**/messages/*-*")


def test_the_search_goes_from_the_gateways_id_to_the_message(hub: PagesHub, page: Any) -> None:
    theirs = hub.receipt(msisdn="447400900008")
    page.goto("/messages")
    page.keyboard.press("/")
    page.keyboard.type(theirs)
    page.keyboard.press("Enter")
    page.wait_for_url("**/messages/*-*")
    expect(page.locator("main")).to_contain_text(theirs)


def test_the_search_takes_a_number_as_people_write_it(hub: PagesHub, page: Any) -> None:
    hub.receipt(msisdn="447400900009")
    page.goto("/search?q=44+7400+900009")
    assert "to=%2B447400900009" in page.url
    expect(page.locator("tr[data-row]")).to_have_count(1)


def test_the_search_says_when_nothing_is_found(page: Any) -> None:
    page.goto("/search?q=nothing-like-it")
    expect(page.get_by_role("heading", name="No messages match")).to_be_visible()
    expect(page.locator("main")).to_contain_text("nothing-like-it")


def test_the_verdict_says_why_and_what_to_do(hub: PagesHub, page: Any) -> None:
    theirs = hub.receipt("failed", **{"err-code": "4"})
    page.goto(f"/search?q={theirs}")
    expect(page.get_by_role("heading", level=1)).to_have_text(
        "Not delivered: the recipient opted out or blocks these messages."
    )
    expect(page.locator(".verdict")).to_contain_text(
        "Code 4 of main, “Call barred by user”; permanent."
    )
    expect(page.locator(".verdict")).to_contain_text("Do not send again until")


def test_the_timeline_explains_what_came_late_and_twice(hub: PagesHub, page: Any) -> None:
    at = {"msisdn": "447400900010", "message-timestamp": "2026-01-02 03:04:09"}
    theirs = hub.receipt("delivered", **at)
    hub.receipt("delivered", messageId=theirs, **at)
    before = {**at, "message-timestamp": "2026-01-02 03:04:01"}
    hub.receipt("accepted", messageId=theirs, **before)
    page.goto(f"/search?q={theirs}")
    timeline = page.locator(".timeline")
    expect(timeline).to_contain_text("it came 2 times; copies change nothing")
    expect(timeline).to_contain_text("After the final status:")
    expect(timeline).to_contain_text("Out of order:")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Delivered")


def test_the_page_of_a_message_follows_it_while_it_is_open(hub: PagesHub, page: Any) -> None:
    theirs = hub.receipt("buffered", msisdn="447400900011")
    page.goto(f"/search?q={theirs}")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Pending")
    hub.receipt("delivered", msisdn="447400900011", messageId=theirs)
    expect(page.get_by_role("heading", level=1)).to_contain_text("Delivered")


def test_a_receipt_opens_into_its_fields_and_its_request(hub: PagesHub, page: Any) -> None:
    theirs = hub.receipt("buffered", msisdn="447400900012")
    hub.receipt("delivered", msisdn="447400900012", messageId=theirs)
    page.goto(f"/search?q={theirs}")
    event = page.locator(".event", has_text="“buffered”")
    event.get_by_text("Fields and request").click()
    expect(event).to_contain_text("GET /webhooks/main")
    expect(event).to_contain_text("447400900012")


def test_what_a_gateway_sends_is_text_and_never_markup(hub: PagesHub, page: Any) -> None:
    hub.receipt(messageId="<b id=evil>x</b>", msisdn="447400900013", to="<img src=x>")
    page.goto("/messages?to=%2B447400900013")
    page.locator("a.row").first.click()
    expect(page.locator("main")).to_contain_text("<b id=evil>x</b>")
    expect(page.locator("#evil")).to_have_count(0)


def test_what_a_gateway_sends_turns_no_sentence_round(hub: PagesHub, page: Any) -> None:
    """What is copied is what it sent."""
    turned = "\u202e7"
    theirs = hub.receipt("\u202edereviled", msisdn="447400900017", messageId=turned)
    page.goto("/messages?to=%2B447400900017")
    page.locator("a.row").first.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("reports “\\u202edereviled”")
    page.get_by_text("Fields and request").first.click()
    expect(page.locator("main")).to_contain_text("\\u202e7")
    assert "\u202e" not in page.locator("body").inner_text()
    copied = page.get_by_role("button", name="Copy the gateway id").first.get_attribute("data-copy")
    assert copied == theirs == turned


def test_a_message_that_is_not_there_is_told_in_words(hub: PagesHub, page: Any) -> None:
    answer = page.goto("/messages/00000000-0000-7000-8000-000000000000")
    assert answer.status == 404
    expect(page.get_by_role("heading", name="There is no such message")).to_be_visible()


def test_the_copy_button_copies(hub: PagesHub, new_page: Any, page: Any) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    theirs = hub.receipt(msisdn="447400900014")
    page.goto(f"/search?q={theirs}")
    page.get_by_role("button", name="Copy the message id").click()
    expect(page.locator("#said")).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == page.url.rpartition("/")[2]


def test_a_time_stands_beside_what_happened_then(
    hub: PagesHub, new_page: Any, signed_in: Any
) -> None:
    theirs = hub.receipt("failed")
    page = new_page(hub.url, viewport={"width": 360, "height": 740}, storage_state=signed_in)
    page.goto(f"/search?q={theirs}")
    for event in page.locator(".event").all():
        top = event.locator(".what").bounding_box()["y"]
        assert abs(event.locator(".when").bounding_box()["y"] - top) <= 2
        assert event.locator(".gap").bounding_box()["y"] - top <= 22  # the line under the clock


def test_a_time_of_a_clock_that_is_ahead_is_now(hub: PagesHub, page: Any) -> None:
    hub.receipt(msisdn="447400900099")
    page.goto("/messages?to=%2B447400900099")
    time = page.locator("tr[data-row] time[data-ago]").last
    time.evaluate("one => one.dateTime = new Date(Date.now() + 90_000).toISOString()")
    page.evaluate("delivrd.tick()")
    expect(time).to_have_text("now")
    time.evaluate("one => one.dataset.due = ''")
    page.evaluate("delivrd.tick()")
    expect(time).to_contain_text("in 1 min")


def test_a_text_from_right_to_left_reads_so(hub: PagesHub, page: Any) -> None:
    """Its full stop stands at its left end, and the note on its length stays out of it."""
    sent = {"account": "main", "provider_message_ids": ["RTL1"], "to": "+447400900098"}
    made = hub.api("POST", "/v1/messages/sent", {**sent, "text": "رمزك هو 123456."})
    page.goto(f"/messages/{made['id']}")
    text = page.locator("bdi")
    expect(text).to_have_text("رمزك هو 123456.")
    assert text.evaluate("one => getComputedStyle(one).direction") == "rtl"
