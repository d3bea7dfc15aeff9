"""The search box: whatever somebody has in the clipboard leads to what became of it."""

import re

from tests.pages.pages_support import PagesHub


def rows(markup: str) -> list[str]:
    return re.findall(r'<tr id="m-[^"]*".*?title="(\+\d+)"', markup, re.DOTALL)


def test_a_number_as_it_is_written_at_home_is_found(hub: PagesHub) -> None:
    hub.receipt(msisdn="447400910001")
    assert rows(hub.page("/search?q=07400%20910001")) == ["+447400910001"]
    assert rows(hub.page("/search?q=(07400)%20910-001")) == ["+447400910001"]


def test_a_number_at_home_is_found_though_its_digits_could_begin_with_a_country_code(
    hub: PagesHub,
) -> None:
    """+20 is Egypt's, and (201) 555-5522 would be long enough for it."""
    hub.receipt(msisdn="12015555522")
    assert rows(hub.page("/search?q=(201)%20555-5522")) == ["+12015555522"]


def test_a_number_of_two_countries_is_asked_about_and_not_guessed(hub: PagesHub) -> None:
    hub.receipt(msisdn="447400910002")
    hub.receipt(msisdn="497400910002")
    asked = hub.page("/search?q=07400910002")
    assert rows(asked) == []
    assert "Which number is it?" in asked
    for number in ("%2B447400910002", "%2B497400910002"):
        assert f"/messages?to={number}" in asked


def test_a_number_that_nothing_was_sent_to_is_named(hub: PagesHub) -> None:
    assert "No message to +44 7400 910003" in hub.page("/search?q=%2B447400910003")


def test_a_number_that_nobody_knows_without_its_country_is_asked_for_with_it(hub: PagesHub) -> None:
    assert "try it with its country code" in hub.page("/search?q=07400910004")
    assert "try it with its country code" not in hub.page("/search?q=an-order")


def test_a_receipt_without_a_message_leads_to_its_request(hub: PagesHub) -> None:
    hub.call(
        "/webhooks/away",
        {"msisdn": "447400910005", "messageId": "NOBODYS1", "status": "delivered"},
    )
    found = hub.page("/search?q=NOBODYS1")
    assert "Read: one receipt that says delivered" in found
    assert "NOBODYS1" in found


def test_an_id_in_letters_of_the_other_case_is_found(hub: PagesHub) -> None:
    """A log or a letter to support may have changed them."""
    hub.receipt(msisdn="447400910006", messageId="CaPiTaL6")
    hub.receipt(msisdn="447400910007", messageId="CAPITAL7")
    hub.receipt(msisdn="447400910008", messageId="small8")
    for written, number in (
        ("CaPiTaL6", "+447400910006"),
        ("capital7", "+447400910007"),
        ("SMALL8", "+447400910008"),
    ):
        assert number in hub.page(f"/search?q={written}"), written


def test_the_last_digits_of_a_number_are_enough(hub: PagesHub) -> None:
    hub.receipt(msisdn="447400912709")
    assert rows(hub.page("/search?q=2709")) == ["+447400912709"]
    hub.receipt(msisdn="497400912709")
    assert "Which number is it?" in hub.page("/search?q=912709")


def test_a_filter_may_be_typed(hub: PagesHub) -> None:
    hub.receipt(msisdn="447400910011", status="failed")
    hub.receipt(msisdn="447400910012")
    assert "+447400910011" in rows(hub.page("/search?q=status:failed"))
    assert "+447400910012" not in rows(hub.page("/search?q=status:failed"))
    assert rows(hub.page("/search?q=to:%2B447400910012")) == ["+447400910012"]


def test_the_id_of_a_call_leads_to_its_page(hub: PagesHub) -> None:
    hub.receipt(msisdn="447400910013", messageId="CALL13")
    (call,) = set(re.findall(r'href="/requests/(\d+)', hub.page("/search?q=CALL13")))
    assert "CALL13" in hub.page(f"/search?q={call}")
