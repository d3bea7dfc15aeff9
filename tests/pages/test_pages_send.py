"""The form that sends: it counts while one types, and says what is wrong where it is."""

from typing import Any

from playwright.sync_api import expect

from delivrd.web.auth import CSRF_FIELD


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


def test_sending_opens_the_message(page: Any) -> None:
    page.goto("/send")
    page.get_by_label("To").fill("+44 7400 123456")
    page.get_by_label("From").fill("Acme")
    page.get_by_label("Text").fill("Hello")
    page.get_by_role("button", name="Send").click()
    page.wait_for_url("**/messages/*-*")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Pending")
    expect(page.locator("main")).to_contain_text("simulated")


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
