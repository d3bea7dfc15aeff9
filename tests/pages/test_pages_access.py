"""For everybody: by keyboard, by screen reader, at every zoom, without colours and on paper."""

from typing import Any

import pytest
from playwright.sync_api import expect

from tests.pages.pages_support import PagesHub
from tests.pages.test_pages_everywhere import PAGES

ZOOMED = {"width": 320, "height": 256}
"""A window of 1280 by 1024 at 400 %: WCAG 2.2, 1.4.10."""
A4 = {"width": 688, "height": 1016}
"""What is left of the paper between margins of 14 mm, in pixels of CSS."""


def test_the_documentation_of_the_api_fits_a_window_of_360_pixels(
    hub: PagesHub, new_page: Any, signed_in: Any
) -> None:
    page = new_page(hub.url, viewport={"width": 360, "height": 740}, storage_state=signed_in)
    page.goto("/docs")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
