"""Costs in a real browser: sliders, the form without scripts, charts, keyboard, narrow pages."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import pytest

from tests.predict.cost.examples import DEMAND, api, between, rented
from tests.report.sample_study import HOSTILE
from tests.ui.browsing import MARKS, serving, written
from tests.ui.test_plan import accessibility
from weighbridge.core.cost import CostQuestion, CostRun
from weighbridge.core.runs import RunInfo
from weighbridge.predict.cost.report import answer
from weighbridge.report.run_page import run_page

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

BASE = {
    "volume": "20M", "tokens_per_s": "500", "gpu_price": "0.40..0.44..0.90", "device": "L4",
    "api": "2/10", "same": "host=0.02/0.05",
}  # fmt: skip

pytestmark = MARKS


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The live pages over an empty workspace."""
    with serving(tmp_path_factory.mktemp("workspace")) as address:
        yield address


def asked(**changed: str) -> str:
    return f"/cost?{urlencode(BASE | changed)}"


def no_sideways_scroll(page: Page) -> bool:
    page.evaluate("document.querySelectorAll('details').forEach((one) => (one.open = true))")
    wide: bool = page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    return wide


def test_a_slider_counts_anew_and_the_address_follows(page: Page, url: str) -> None:
    page.goto(url + asked())
    assert page.get_by_role("heading", level=1).inner_text() == "host costs least: $16.74 a month."
    assert page.get_by_label("Prompt", exact=True).get_attribute("placeholder") == "750"
    slider = page.get_by_role("slider", name="Traffic a day, slider")
    before = int(slider.input_value())
    slider.focus()
    for _ in range(20):
        page.keyboard.press("ArrowLeft")
    page.locator("[data-status]", has_text="costs least").wait_for()
    page.locator("[data-live-result][aria-busy]").wait_for(state="detached")
    typed = page.get_by_label("Traffic a day", exact=True).input_value()
    assert int(slider.input_value()) == before - 20
    # Seven decades are 200 steps, so that 20 steps down leave a fifth of the volume, near enough.
    assert typed == "3.9M"
    assert f"volume={typed}" in page.url
    assert "3.90M tokens a day" in page.locator(".eyebrow").inner_text()
    assert slider.evaluate("(one) => one === document.activeElement"), "the focus stays"
    page.reload()
    assert page.get_by_label("Traffic a day", exact=True).input_value() == typed


def test_empty_fields_and_the_source_of_the_speed_follow_the_answer(page: Page, url: str) -> None:
    page.goto(url + asked(gpu_price=""))
    price = page.get_by_label("Rented GPU", exact=True)
    before = price.get_attribute("placeholder")
    page.get_by_label("GPUs of a replica").fill("H100")
    page.locator("h1", has_text="This cannot be counted.").or_(
        page.locator("td", has_text="rented H100").first
    ).first.wait_for()
    page.get_by_label("GPUs of a replica").fill("H100 SXM")
    page.locator("h2", has_text="rented H100 SXM").first.wait_for()
    assert price.get_attribute("placeholder") not in (before, "known offers")
    page.get_by_label("Speed of a replica", exact=True).fill("400..500..800")
    page.locator("#speed-taken", has_text="500 tokens/s (400 to 800)").wait_for()
    page.get_by_label("Traffic a day", exact=True).fill("many")
    page.get_by_role("heading", name="This cannot be counted.").wait_for()
    page.get_by_label("Traffic a day", exact=True).fill("1M")
    page.get_by_role("heading", name="costs least").wait_for()


def test_charts_are_read_by_keyboard(page: Page, url: str) -> None:
    page.goto(url + asked())
    chart = page.get_by_role("group", name="Cost a month over volume")
    assert chart.locator("svg.graph").first.is_visible()
    assert page.locator("svg.tornado").count() == 2
    assert page.locator("svg.cost-spread rect.self-less").count() > 5
    chart.focus()
    page.keyboard.press("ArrowRight")
    first = page.locator("#break-even [data-readout]").inner_text()
    assert "the model on rented L4" in first
    assert "2/10" in first
    page.keyboard.press("ArrowRight")
    assert page.locator("#break-even [data-readout]").inner_text() != first
    # And what comes later is read like what was there.
    page.get_by_label("Traffic a day", exact=True).fill("30M")
    page.locator(".eyebrow", has_text="30.0M").wait_for()
    page.get_by_role("group", name="Cost a month over volume").focus()
    page.keyboard.press("ArrowRight")
    assert "USD/month" in page.locator("#break-even [data-readout]").inner_text()


def test_without_scripts_the_form_is_a_form(browser: Browser, url: str) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(url + "/cost")
    for name, value in (
        ("Traffic a day", "20M"), ("Speed of a replica", "500"), ("Rented GPU", "0.44"),
        ("API displaced", "2/10"),
    ):  # fmt: skip
        page.get_by_label(name, exact=True).fill(value)
    page.get_by_role("button", name="Count").click()
    assert "the model on rented GPU costs least: $321 a month." in page.locator("h1").inner_text()
    assert page.get_by_label("Traffic a day", exact=True).input_value() == "20M"
    context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_scrolls_sideways_and_all_can_be_read(page: Page, url: str, scheme: str) -> None:
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    page.goto(url + asked(volume="5..20..80M", pass_rate="80..90%", model=HOSTILE[:150]))
    assert page.locator("main img").count() == 0
    assert HOSTILE[:150] in page.locator("h2").nth(2).inner_text()
    for width in (360, 1400, 3840):
        page.set_viewport_size({"width": width, "height": 900})
        assert no_sideways_scroll(page), width
    assert accessibility(page) == []


def test_a_kept_report_is_one_file(page: Page, tmp_path_factory: pytest.TempPathFactory) -> None:
    own = rented(between(0.4, 0.44, 0.9), name=HOSTILE)
    question = CostQuestion(DEMAND, (own,), (api(2, 10, name=f"api {HOSTILE}"),))
    info = RunInfo("cost-1", "cost", "2026-11-21T12:00:00Z", HOSTILE, "s", "k", "a machine", "0")
    html = run_page(CostRun(info, answer(question, draws=500)), standalone=True)
    page.goto(written(tmp_path_factory.mktemp("pages"), {"cost": html})["cost"])
    assert page.locator("main img").count() == 0
    page.get_by_role("group", name="Cost a month over volume").focus()
    page.keyboard.press("ArrowRight")
    assert "USD/month" in page.locator("#break-even [data-readout]").inner_text()
    page.set_viewport_size({"width": 360, "height": 800})
    assert no_sideways_scroll(page)
