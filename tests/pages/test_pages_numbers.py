"""Every number of the overview leads to exactly as many messages as it says."""

import re
from typing import Any
from urllib.parse import parse_qsl, urlparse

import pytest

from tests.pages.pages_support import PagesHub

PANELS = {
    "five numbers": "section[aria-label=Figures]",
    "by country": "section[aria-labelledby=h-country]",
    "by account": "section[aria-labelledby=h-account]",
    "by day": "section[aria-labelledby=h-day]",
    "what goes wrong": "section[aria-labelledby=h-wrong]",
    "routes to doubt": "section[aria-labelledby=h-doubt]",
}
COUNTED = """
  (panel) => [...panel.querySelectorAll("a[href^='/messages']")].map((link) => [
    (link.querySelector(".value") ?? link).textContent, link.getAttribute("href"),
  ])
"""


def numbers(page: Any, panel: str) -> dict[str, int]:
    """The links of a panel that are numbers, with what they say."""
    found = page.locator(panel).evaluate(COUNTED)
    return {
        href: int(re.sub(r"\D", "", text))
        for text, href in found
        if re.fullmatch(r"[\d\s]+( messages)?", text.strip())
    }


def listed(hub: PagesHub, href: str) -> int:
    """How many messages the list of that address holds, to its end."""
    query = dict(parse_qsl(urlparse(href).query))
    found, cursor = 0, {}
    while True:
        asked = "&".join(
            f"{name}={value}" for name, value in {**query, "limit": "500", **cursor}.items()
        )
        page = hub.api("GET", f"/v1/messages?{asked}")
        found += len(page["items"])
        if page["next_cursor"] is None:
            return found
        cursor = {"cursor": page["next_cursor"]}


@pytest.mark.parametrize("panel", PANELS)
def test_a_number_leads_to_as_many_messages(old_hub: PagesHub, old_page: Any, panel: str) -> None:
    old_page.goto("/?range=24h")
    found = numbers(old_page, PANELS[panel])
    assert found
    assert {href: listed(old_hub, href) for href in found} == found


@pytest.mark.parametrize("query", ["range=24h", "range=1h&country=GB", "range=7d&account=main"])
def test_the_table_beside_the_chart_does_so_for_each_bar(
    old_hub: PagesHub, old_page: Any, query: str
) -> None:
    old_page.goto(f"/?{query}")
    rows = old_page.locator("section[aria-labelledby=h-outcomes] tbody tr")
    for row in {rows.first, rows.nth(1), rows.last}:  # those that are cut, and a whole one
        found = row.evaluate(COUNTED)
        told = {href: int(re.sub(r"\D", "", text)) for text, href in found if "status=" in href}
        assert {href: listed(old_hub, href) for href in told} == told


def test_the_rate_is_that_of_the_messages_it_leads_to(old_hub: PagesHub, old_page: Any) -> None:
    old_page.goto("/?range=24h&country=EE")
    figure = old_page.locator(".figure", has_text="Delivery rate")
    href = figure.get_attribute("href")
    ended = listed(old_hub, href.replace("status=delivered", "status=ended"))
    shown = float(figure.locator(".value").inner_text().removesuffix(" %"))
    assert shown == round(100 * listed(old_hub, href) / ended, 1)


def test_the_list_that_opens_is_the_one_that_was_counted(old_page: Any) -> None:
    old_page.goto("/?range=1h&country=EE")
    figure = old_page.locator(".figure", has_text="Failed")
    shown = int(re.sub(r"\D", "", figure.locator(".value").inner_text()))
    figure.click()
    old_page.wait_for_url("**/messages?*")
    assert old_page.locator("tr[data-row]").count() == shown
    # a time by its name takes the place of the moments that were counted between
    old_page.get_by_label("Time").select_option("24h")
    old_page.wait_for_url("**range=24h**")
    assert old_page.locator("select[name=range]").input_value() == "24h"
    assert old_page.locator(".marks").count() == 0
