"""Every number of the overview leads to exactly as many messages as it says."""

import re
from html import unescape
from urllib.parse import parse_qsl, urlencode, urlparse

import pytest

from tests.pages.pages_support import PagesHub

PANELS = {
    "five numbers": 'aria-label="Figures"',
    "by country": 'aria-labelledby="h-country"',
    "by account": 'aria-labelledby="h-account"',
    "by day": 'aria-labelledby="h-day"',
    "what goes wrong": 'aria-labelledby="h-wrong"',
    "routes to doubt": 'aria-labelledby="h-doubt"',
}
LINK = re.compile(r'<a [^>]*href="(/messages[^"]*)"[^>]*>(.*?)</a>', re.DOTALL)
VALUE = re.compile(r'<span class="value">(.*?)</span>')
NUMBER = re.compile(r"(\d[\d\s]*)( messages)?")


def panel_of(hub: PagesHub, path: str, marked: str) -> str:
    """The markup of a panel of the page."""
    found = re.search(rf"<section [^>]*{marked}.*?</section>", hub.page(path), re.DOTALL)
    assert found is not None
    return found[0]


def numbers(markup: str) -> dict[str, int]:
    """The links that are numbers, with what they say."""
    told = {}
    for href, inner in LINK.findall(markup):
        value = VALUE.search(inner)
        number = NUMBER.fullmatch(unescape(value[1] if value else inner).strip())
        if number:
            told[unescape(href)] = int(re.sub(r"\D", "", number[1]))
    return told


def listed(hub: PagesHub, href: str) -> int:
    """How many messages the list of that address holds, to its end."""
    asked = dict(parse_qsl(urlparse(href).query)) | {"limit": "200"}
    found = 0
    while True:
        page = hub.api("GET", f"/v1/messages?{urlencode(asked)}")
        found += len(page["items"])
        if page["next_cursor"] is None:
            return found
        asked["cursor"] = page["next_cursor"]


@pytest.mark.parametrize("panel", PANELS)
def test_a_number_leads_to_as_many_messages(old_hub: PagesHub, panel: str) -> None:
    found = numbers(panel_of(old_hub, "/?range=24h", PANELS[panel]))
    assert found
    assert {href: listed(old_hub, href) for href in found} == found


@pytest.mark.parametrize("query", ["range=24h", "range=1h&country=GB", "range=7d&account=other"])
def test_so_does_the_table_beside_the_chart(old_hub: PagesHub, query: str) -> None:
    markup = panel_of(old_hub, f"/?{query}", 'aria-labelledby="h-outcomes"')
    rows = [row for row in re.findall(r"<tr>.*?</tr>", markup, re.DOTALL) if "status=" in row]
    for row in {rows[0], rows[1], rows[-1]}:  # those that are cut, and a whole one
        found = numbers(row)
        assert {href: listed(old_hub, href) for href in found} == found


def test_the_rate_is_that_of_the_messages_it_leads_to(old_hub: PagesHub) -> None:
    markup = panel_of(old_hub, "/?range=24h&country=EE", PANELS["five numbers"])
    links = {VALUE.search(inner)[1]: unescape(href) for href, inner in LINK.findall(markup)}  # type: ignore[index]
    rate, href = next((value, href) for value, href in links.items() if value.endswith("%"))
    ended = listed(old_hub, href.replace("status=delivered", "status=ended"))
    assert float(rate.removesuffix(" %")) == round(100 * listed(old_hub, href) / ended, 1)


def test_a_comparison_leads_to_as_many_messages(old_hub: PagesHub) -> None:
    found = numbers(old_hub.page("/compare?country=GB&range=24h"))
    assert len(found) == 2
    assert {href: listed(old_hub, href) for href in found} == found
