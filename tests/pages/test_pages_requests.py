"""Requests: a call explains itself, and can be read again."""

from typing import Any

from playwright.sync_api import expect

from tests.pages.pages_support import PagesHub


def newest(page: Any, verdict: str, account: str, holding: str) -> None:
    """Opens the newest call of that kind, once it is the one that holds this text.

    Refused calls are written down once a second.
    """
    for _ in range(50):
        page.goto(f"/requests?verdict={verdict}&account={account}")
        if page.locator("a.row").count():
            page.locator("a.row").first.click()
            page.wait_for_url("**/requests/*")
            if holding in page.content():
                return
        page.wait_for_timeout(100)
    raise AssertionError(f"no {verdict} call holds {holding}")


def test_a_refused_call_says_why_and_what_mends_it(hub: PagesHub, page: Any) -> None:
    hub.receipt(account="signed", messageId="REFUSED1")
    newest(page, "refused", "signed", "REFUSED1")
    expect(page.get_by_role("heading", level=1)).to_have_text(
        "Refused with 401: there is no signature (sig)."
    )
    expect(page.locator(".verdict")).to_contain_text("Switch signing on at the gateway")


def test_a_refused_call_can_be_admitted(hub: PagesHub, page: Any) -> None:
    hub.receipt(account="signed", messageId="ADMITTED1")
    newest(page, "refused", "signed", "ADMITTED1")
    page.get_by_role("button", name="Admit this call").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Read:")
    page.goto("/search?q=ADMITTED1")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Delivered")


def test_reading_again_shows_the_difference_first(hub: PagesHub, page: Any) -> None:
    hub.receipt(messageId="AGAIN1")
    newest(page, "read", "main", "AGAIN1")
    page.get_by_role("button", name="Show what would change").click()
    expect(page.locator("#replay")).to_contain_text("No difference.")
    expect(page.get_by_role("button", name="Apply")).to_have_count(0)


def test_the_fields_of_a_call_lead_to_its_message(hub: PagesHub, page: Any) -> None:
    hub.receipt(messageId="FIELDS1", price="0.0057")
    newest(page, "read", "main", "FIELDS1")
    expect(page.locator("main")).to_contain_text("FIELDS1")
    expect(page.locator("main")).to_contain_text("0.0057")
    expect(page.get_by_role("link", name="Open its message")).to_be_visible()


def test_an_unreadable_call_is_kept_and_says_so(hub: PagesHub, page: Any) -> None:
    hub.call("/webhooks/main", {"nonsense": "1"})
    newest(page, "unreadable", "main", "nonsense")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Kept, but nothing could be read")


def test_a_call_that_is_not_there_is_told_in_words(page: Any) -> None:
    for number in ("12345", "no-number", "9" * 40):
        assert page.goto(f"/requests/{number}").status == 404
        expect(page.get_by_role("heading", name="There is no such request")).to_be_visible()
