"""Placements in a real browser: the form by hand, with and without scripts, wide and narrow."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import pytest

from tests.ui.browsing import MARKS, serving
from tests.ui.test_plan import accessibility
from tests.web.test_place import EXAMPLE, address

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

ASKED = address(device="RTX 4090, 2x H100 SXM")
PAGES = {
    "empty": "/place",
    "placed": ASKED,
    "infeasible": address(device="RTX 4090"),
    "error": address(device="RTX 9999"),
    "file": f"/place?{urlencode({'file': EXAMPLE.read_text()})}",
}

pytestmark = MARKS


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serving(tmp_path_factory.mktemp("workspace")) as address_of_server:
        yield address_of_server


@pytest.fixture(params=[True, False], ids=["scripts", "no scripts"])
def scripts(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


def test_asking_by_hand(browser: Browser, url: str, scripts: bool) -> None:
    context = browser.new_context(java_script_enabled=scripts)
    page = context.new_page()
    page.goto(url)
    page.get_by_label("Site").get_by_role("link", name="Place").click()
    page.get_by_label("Machine, or several with commas").fill("RTX 4090")
    page.get_by_label("Requests in flight, of each").fill("4")
    models = page.get_by_label("Model", exact=True)
    rates = page.get_by_label("Requests/s")
    for at, name in enumerate(("Qwen/Qwen3-8B", "qwen3-4b-instruct-2507")):
        models.nth(at).fill(name)
        rates.nth(at).fill("0.1")
    page.get_by_role("button", name="Place").click()
    page.get_by_role("heading", name="Not everything fits").wait_for()
    assert page.get_by_text("All would fit with").first.is_visible()
    page.get_by_label("int4 (AWQ)").check()
    page.get_by_role("button", name="Place").click()
    page.get_by_role("heading", name="All 2 have their place.").wait_for()
    assert page.locator("svg.placement g g").count() == 2
    assert page.locator("#start pre").inner_text().count("vllm serve") == 2
    assert page.get_by_label("int4 (AWQ)").is_checked()
    # There is a line for a third model, without scripts too.
    models.nth(2).fill("Qwen/Qwen3-32B")
    rates.nth(2).fill("0")
    page.get_by_label("Placed").nth(2).select_option("optional")
    page.get_by_role("button", name="Place").click()
    page.get_by_role("heading", name="All that is required has its place.").wait_for()
    assert page.get_by_label("Placed").nth(2).input_value() == "optional"
    assert models.count() == 4
    context.close()


def test_a_question_as_a_file_can_be_pasted_back(page: Page, url: str) -> None:
    page.goto(url + ASKED)
    commands = page.locator("#start pre").inner_text()
    text = page.locator("#file pre").inner_text()
    page.goto(f"{url}/place")
    page.get_by_text("Ask with a file instead").click()
    page.get_by_label("A placement file").fill(text)
    page.get_by_role("button", name="Place").click()
    page.locator("#start pre").wait_for()
    assert page.locator("#start pre").inner_text() == commands
    assert page.get_by_label("A placement file").is_visible(), "what was asked stays open"


def test_a_long_list_of_machines_can_be_read(page: Page, url: str) -> None:
    page.goto(url + ASKED)
    field = page.get_by_label("Machine, or several with commas")
    assert field.evaluate("(one) => one.scrollWidth <= one.clientWidth")


@pytest.mark.parametrize("name", list(PAGES))
def test_no_page_scrolls_sideways(page: Page, url: str, name: str) -> None:
    for width in (360, 400, 1000, 1400, 2560):
        page.set_viewport_size({"width": width, "height": 800})
        page.goto(url + PAGES[name])
        page.evaluate("document.querySelectorAll('details').forEach((one) => (one.open = true))")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), width


@pytest.mark.parametrize("name", list(PAGES))
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_names_and_contrast(page: Page, url: str, name: str, scheme: str) -> None:
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    for width in (400, 1400):
        page.set_viewport_size({"width": width, "height": 800})
        page.goto(url + PAGES[name])
        page.evaluate("document.querySelectorAll('details').forEach((one) => (one.open = true))")
        assert accessibility(page) == []
