"""A newcomer's walk in a real browser: from an empty workspace to a gateway that serves."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from tests.ui.browsing import MARKS, serving
from tests.ui.test_plan import accessibility

if TYPE_CHECKING:
    from playwright.sync_api import Page

TOKEN = "shown-in-the-terminal"
LONG_MS = 240_000  # a whole study, on a machine that does other things as well

pytestmark = MARKS


def test_from_nothing_to_a_gateway(page: Page, tmp_path: Path) -> None:
    with serving(tmp_path / ".weighbridge", TOKEN) as url:
        page.goto(f"{url}/?token={TOKEN}")
        page.get_by_text("Nothing has been weighed here yet.").wait_for()
        page.get_by_role("link", name="the same study from this browser").click()
        page.get_by_text("Nothing is done yet").wait_for()
        assert accessibility(page) == []
        page.get_by_role("button", name="Run all that is to do").click()
        page.get_by_text("Running:").wait_for()
        page.get_by_role("button", name="Stop").wait_for()
        page.get_by_role("heading", name="It depends on the task").wait_for(timeout=LONG_MS)
        page.get_by_text("tally has 100.0 % of arithmetic right.").wait_for()
        _look_at_the_units(page)
        _read_the_report(page)
        _visit_the_steps(page, url)
        _let_it_serve(page)
        page.set_viewport_size({"width": 360, "height": 800})
        page.goto(f"{url}/study/demo")
        width = "document.documentElement.scrollWidth"
        assert page.evaluate(width) <= 360


def _look_at_the_units(page: Page) -> None:
    page.get_by_text(re.compile("^Eval: done, 9 of 9")).click()
    page.get_by_role("button", name="Run eval again").wait_for()
    link = page.get_by_role("row", name="porter × extraction").get_by_role("link").first
    assert (link.get_attribute("href") or "").startswith("/runs/eval-")


def _read_the_report(page: Page) -> None:
    page.get_by_role("link", name="Read the report").click()
    page.get_by_role("heading", name="It depends on the task").wait_for()
    page.go_back()


def _visit_the_steps(page: Page, url: str) -> None:
    for name in ("Inspect", "Plan", "Place", "Rate", "Cost", "Gateway", "Runs", "Study"):
        page.get_by_role("navigation", name="Site").get_by_role("link", name=name).click()
        page.wait_for_url(f"{url}/{name.lower()}")
        assert page.get_by_role("heading", level=1).count() == 1
        current = page.locator("nav a[aria-current=page]")
        assert current.text_content() == name


def _let_it_serve(page: Page) -> None:
    page.get_by_role("link", name="demo", exact=True).click()
    page.get_by_role("button", name="Start the gateway with this decision").click()
    page.get_by_role("link", name="its page").click(timeout=LONG_MS)
    page.get_by_role("heading", name="2 models: 2 stopped.").wait_for()


def test_a_study_of_ones_own(page: Page, errors: list[str], tmp_path: Path) -> None:
    with serving(tmp_path / ".weighbridge", TOKEN) as url:
        page.goto(f"{url}/study?token={TOKEN}")
        page.get_by_label("Models, one a line").fill("tally=demo:tally-f16.gguf")
        page.get_by_label("arithmetic", exact=True).check()
        page.get_by_role("button", name="Write the file").click()
        page.wait_for_url("**/study/study")
        assert (tmp_path / "study.yaml").is_file()
        box = page.get_by_role("textbox")
        text = box.input_value()
        box.fill(text.replace("seed: 0", "sed: 0"))
        page.get_by_role("button", name="Keep the file").click()
        page.get_by_role("status").get_by_text("seed").wait_for()
        assert (tmp_path / "study.yaml").read_text() == text
        assert ["422" in error for error in errors] == [True]  # as chromium tells of a refusal
        errors.clear()
        box.fill(text.replace("seed: 0", "seed: 3"))
        page.get_by_role("button", name="Keep the file").click()
        page.get_by_role("status").get_by_text("Kept.").wait_for()
        assert "seed: 3" in (tmp_path / "study.yaml").read_text()
