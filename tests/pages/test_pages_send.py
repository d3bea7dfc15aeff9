"""The form that sends: it counts while one types, and says what is wrong where it is."""

from typing import Any

from playwright.sync_api import expect

from delivrd.web.auth import CSRF_FIELD
from tests.pages.pages_support import sign_in


def test_the_length_is_counted_while_one_types(page: Any) -> None:
    page.goto("/send")
    page.get_by_label("Text").fill("a" * 161)
    expect(page.locator("#counter")).to_contain_text("2 SMS, GSM 7-bit")


def test_the_characters_that_make_it_longer_are_named(page: Any) -> None:
    page.goto("/send")
    page.get_by_label("Text").fill("a" * 100 + "’")
    expect(page.locator("#counter")).to_contain_text("2 SMS, UCS-2")
    expect(page.locator("#counter")).to_contain_text("’")
    expect(page.locator("#counter")).to_contain_text("without it 1 SMS")


def test_a_wrong_number_is_told_at_its_field_and_nothing_is_lost(page: Any) -> None:
    page.goto("/send")
    page.get_by_label("To").fill("12")
    page.get_by_label("From").fill("Acme")
    page.get_by_label("Text").fill("Hello")
    page.get_by_role("button", name="Send").click()
    expect(page.locator("#e-to")).to_be_visible()
    expect(page.get_by_label("To")).to_have_attribute("aria-invalid", "true")
    expect(page.get_by_label("Text")).to_have_value("Hello")


def typed(page: Any) -> None:
    """The form, filled in."""
    page.goto("/send")
    page.get_by_label("To").fill("+44 7400 123456")
    page.get_by_label("From").fill("Acme")
    page.get_by_label("Text").fill("Hello")


def test_what_is_typed_outlives_the_session_and_is_sent_after_signing_in_again(
    page: Any, browser: Any
) -> None:
    typed(page)
    page.context.clear_cookies()
    page.get_by_label("Text").press_sequentially(" there")
    toast = page.locator("#toast")
    expect(toast).to_contain_text("Your session has ended")
    with page.expect_popup() as opened:
        toast.get_by_role("link", name="Sign in").click()
    sign_in(opened.value)
    opened.value.close()
    page.evaluate("dispatchEvent(new Event('focus'))")
    expect(toast).to_be_hidden()
    expect(page.get_by_label("Text")).to_have_value("Hello there")
    page.get_by_role("button", name="Send").click()
    page.wait_for_url("**/messages/*-*")


def test_a_form_sent_without_a_session_leads_to_signing_in_and_back_to_what_was_typed(
    page: Any,
) -> None:
    typed(page)
    page.context.clear_cookies()
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Not signed in")
    with page.expect_popup() as opened:
        page.get_by_role("link", name="Sign in").click()
    sign_in(opened.value)
    opened.value.close()
    page.go_back()
    expect(page.get_by_label("Text")).to_have_value("Hello")


def test_sending_opens_the_message(page: Any) -> None:
    typed(page)
    page.get_by_role("button", name="Send").click()
    page.wait_for_url("**/messages/*-*")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Pending")
    expect(page.locator("main")).to_contain_text("simulated")


def test_who_comes_back_finds_what_was_typed(page: Any) -> None:
    typed(page)
    page.get_by_label("Reference").fill("order-1")
    page.get_by_role("button", name="Send").click()
    page.wait_for_url("**/messages/*-*")
    page.go_back()
    expect(page.get_by_label("To")).to_have_value("+44 7400 123456")
    expect(page.get_by_label("From")).to_have_value("Acme")
    expect(page.get_by_label("Text")).to_have_value("Hello")
    expect(page.get_by_label("Reference")).to_have_value("order-1")


def test_the_length_of_a_text_that_the_browser_brought_back_is_counted(page: Any) -> None:
    typed(page)
    page.get_by_role("button", name="Send").click()
    page.wait_for_url("**/messages/*-*")
    page.go_back()
    expect(page.locator("#counter")).to_contain_text("1 SMS, GSM 7-bit")


def test_the_browser_suggests_no_recipients(page: Any) -> None:
    page.goto("/send")
    for name in ("To", "From", "Reference"):
        expect(page.get_by_label(name)).to_have_attribute("autocomplete", "off")


def test_a_form_without_its_token_is_refused(page: Any) -> None:
    page.goto("/send")
    token = page.locator(f"form.panel input[name={CSRF_FIELD}]")
    token.evaluate("field => field.value = 'wrong'")
    page.get_by_label("To").fill("+44 7400 123456")
    page.get_by_label("From").fill("Acme")
    page.get_by_label("Text").fill("Hello")
    # to the navigation's end: closed amid it, a page may never go; it may forget what answered it
    with page.expect_navigation(), page.expect_response("**/send") as answer:
        page.get_by_role("button", name="Send").click()
    assert answer.value.status == 403
