"""The browser that the other browser tests drive: it starts, shows a page and takes a click."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Page

COUNTER = """
<button onclick="this.textContent = Number(this.textContent) + 1">41</button>
"""


@pytest.mark.browser
def test_a_click_reaches_the_page(page: Page) -> None:
    page.set_content(COUNTER)
    page.get_by_role("button").click()
    assert page.get_by_role("button").text_content() == "42"
