"""Single keys: they work where nobody writes, are listed by ``?``, and can be switched off."""

from typing import Any

import pytest
from playwright.sync_api import expect

from tests.pages.pages_support import PagesHub
from tests.pages.test_pages_access import ONES, violations
from tests.pages.test_pages_everywhere import NARROW

ACTIONS = "a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex='0']"
REACHED = """() => {
  const at = document.activeElement;
  if (at === document.body) return null;
  const row = at.matches(".row") ? at.closest("tr") : at;
  return [at.outerHTML.slice(0, 100), getComputedStyle(row).outlineStyle];
}"""
"""What the focus is on, and the line around it; of a row, around the whole row."""


@pytest.fixture
def messages(hub: PagesHub, page: Any) -> Any:
    """The list of messages, with one at least."""
    hub.receipt("failed")
    page.goto("/messages")
    return page


def keys(page: Any) -> Any:
    return page.get_by_role("dialog", name="Keyboard")


def walk(page: Any) -> None:
    """From action to action by Tab: all are reached, and each shows it."""
    page.evaluate("document.querySelector('.live')?.click()")  # an update would add actions
    actions = page.locator(ACTIONS).filter(visible=True).count()
    reached = []
    page.keyboard.press("Tab")
    while at := page.evaluate(REACHED):
        reached.append(at)
        page.keyboard.press("Tab")
    assert len(reached) == actions > 15
    assert [one for one, outline in reached if outline != "solid"] == []


@pytest.mark.parametrize("kind", ONES)
def test_every_action_is_reached_by_tab_and_shows_its_focus(
    page: Any, ones: dict[str, str], kind: str
) -> None:
    page.goto(ones[kind])
    walk(page)


def test_a_question_mark_lists_the_keys_and_escape_leads_back(messages: Any) -> None:
    messages.keyboard.press("j")
    messages.keyboard.press("?")
    expect(keys(messages)).to_contain_text("Next and previous row")
    expect(keys(messages).get_by_role("button", name="Close")).to_be_focused()
    messages.keyboard.press("Escape")
    expect(keys(messages)).to_be_hidden()
    expect(messages.locator("a.row").first).to_be_focused()


def test_a_slash_leads_to_the_search_where_keys_are_letters(messages: Any) -> None:
    messages.keyboard.press("/")
    search = messages.get_by_label("Find a message")
    expect(search).to_be_focused()
    messages.keyboard.type("j/?")
    expect(search).to_have_value("j/?")
    expect(keys(messages)).to_be_hidden()


def test_a_filter_that_was_chosen_by_key_does_not_hold_the_keys_back(messages: Any) -> None:
    messages.get_by_label("All", exact=True).focus()
    messages.keyboard.press("j")
    expect(messages.locator("a.row").first).to_be_focused()


def test_behind_the_list_of_keys_nothing_moves(messages: Any) -> None:
    messages.keyboard.press("?")
    messages.keyboard.press("j")
    messages.keyboard.press("/")
    expect(keys(messages).get_by_role("button", name="Close")).to_be_focused()


def test_single_keys_can_be_switched_off_and_on(messages: Any) -> None:
    """WCAG 2.2, 2.1.4: for those who speak to the machine, and for shaking hands."""
    messages.keyboard.press("?")
    messages.get_by_label("Use single keys").uncheck()
    messages.keyboard.press("Escape")
    messages.reload()
    for key in ("?", "/"):
        messages.keyboard.press(key)
    expect(keys(messages)).to_be_hidden()
    expect(messages.get_by_label("Find a message")).not_to_be_focused()
    expect(messages.locator(".search kbd")).to_be_hidden()
    messages.get_by_role("button", name="Keyboard").click()
    messages.get_by_label("Use single keys").check()
    messages.keyboard.press("Escape")
    messages.keyboard.press("/")
    expect(messages.get_by_label("Find a message")).to_be_focused()


def test_the_list_of_keys_fits_a_phone_and_has_no_barrier(
    hub: PagesHub, new_page: Any, signed_in: Any, need: Any
) -> None:
    need("axe_playwright_python")
    page = new_page(hub.url, viewport=NARROW, storage_state=signed_in)
    page.goto("/messages")
    page.keyboard.press("?")
    expect(keys(page)).to_be_in_viewport(ratio=1)
    assert violations(page) == {}


def test_without_any_script_no_button_claims_to_list_keys(
    hub: PagesHub, new_page: Any, signed_in: Any
) -> None:
    page = new_page(hub.url, java_script_enabled=False, storage_state=signed_in)
    page.goto("/messages")
    expect(page.get_by_role("heading", name="Messages")).to_be_visible()
    expect(page.get_by_role("button", name="Keyboard")).to_be_hidden()
