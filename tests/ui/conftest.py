"""The browser that the tests of this folder share, and the pages that they open in it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.ui.browsing import ARGUMENTS, CHROMIUM, LISTENER

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's chromium, driven by Playwright."""
    api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed.")
    with api.sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield running
        running.close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A window that remembers nothing of others."""
    made = browser.new_context(viewport={"width": 1400, "height": 900}, color_scheme="light")
    made.add_init_script(LISTENER)
    yield made
    made.close()


@pytest.fixture
def errors() -> list[str]:
    """What the page has complained of so far."""
    return []


@pytest.fixture
def page(context: BrowserContext, errors: list[str]) -> Iterator[Page]:
    """A page; whatever it complains of fails the test."""
    opened = context.new_page()
    opened.on("console", lambda message: errors.append(message.text))
    opened.on("pageerror", lambda error: errors.append(str(error)))
    opened.on("dialog", lambda dialog: errors.append(dialog.message))
    yield opened
    assert errors == []
