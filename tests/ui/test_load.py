"""Load runs in a real browser: charts by mouse and keyboard, runs under way, narrow screens."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.report import sample_load as sample
from tests.ui.browsing import MARKS, serving
from tests.web.test_load import LIVE
from weighbridge.report.load_page import load_page
from weighbridge.verbs.effects import open_workspace
from weighbridge.workspace.live_load import LiveLoads

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

RUNS = {
    "closed": sample.closed_run(),
    "open": sample.open_run(),
    "limited": sample.limited_run(),
    "plain": sample.plain_run(),
    "failed": sample.failed_run(),
    "other": replace(sample.closed_run(), info=sample.info("07e4", "clerk")),
}

pytestmark = MARKS


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("workspace")
    store = open_workspace(root)
    for run in RUNS.values():
        store.save(run.info, run)
    return root


@pytest.fixture(scope="module")
def url(root: Path) -> Iterator[str]:
    with serving(root) as address:
        yield address


class TestCharts:
    def test_pointing_reads_the_nearest_level_with_its_interval(self, page: Page, url: str) -> None:
        page.goto(f"{url}/runs/{RUNS['closed'].info.id}")
        figure = page.locator("figure", has_text="Time to first token (TTFT)").first
        box = figure.locator("[data-canvas]")
        box.scroll_into_view_if_needed()
        frame = box.bounding_box()
        assert frame is not None
        page.mouse.move(frame["x"] + 0.97 * frame["width"], frame["y"] + 0.5 * frame["height"])
        read = figure.locator("[data-readout]").inner_text().replace("\xa0", " ")
        ttft = RUNS["closed"].levels[3].ttft_ms
        assert ttft is not None
        assert read.startswith("64.0 users: p50 ")
        assert f"p50 {ttft.p50:.0f} ms (" in read
        page.mouse.move(0, 0)
        assert "arrow keys" in figure.locator("[data-readout]").inner_text()

    def test_arrow_keys_step_through_the_levels(self, page: Page, url: str) -> None:
        page.goto(f"{url}/runs/{RUNS['closed'].info.id}")
        figure = page.locator("figure", has_text="Time to first token (TTFT)").first
        page.keyboard.press("Tab")  # keyboards make focus visible
        figure.locator("[data-canvas]").focus()
        readout = figure.locator("[data-readout]")
        assert readout.inner_text().startswith("1.00")
        for _ in range(3):
            page.keyboard.press("ArrowRight")
        assert readout.inner_text().startswith("64.0")
        page.keyboard.press("ArrowRight")
        assert readout.inner_text().startswith("64.0")
        assert readout.get_attribute("role") == "status"

    def test_a_distribution_reads_the_share_of_each_level(self, page: Page, url: str) -> None:
        page.goto(f"{url}/runs/{RUNS['closed'].info.id}")
        section = page.locator("section", has=page.locator("#cdf-title"))
        figure = section.locator("figure").first
        box = figure.locator("[data-canvas]")
        box.scroll_into_view_if_needed()
        frame = box.bounding_box()
        assert frame is not None
        page.mouse.move(frame["x"] + 0.99 * frame["width"], frame["y"] + 50)
        read = figure.locator("[data-readout]").inner_text()
        assert read.count("100.0") == 4

    def test_the_timeline_reads_a_request(self, page: Page, url: str) -> None:
        page.goto(f"{url}/runs/{RUNS['closed'].info.id}")
        figure = page.locator("details.level-view[open] figure").first
        box = figure.locator("[data-canvas]")
        box.scroll_into_view_if_needed()
        frame = box.bounding_box()
        assert frame is not None
        page.mouse.move(frame["x"] + 30, frame["y"] + 3)
        read = figure.locator("[data-readout]").inner_text()
        assert read.startswith("Request 1: sent at 0")
        assert "24 tokens" in read

    def test_one_timeline_is_open_at_a_time(self, page: Page, url: str) -> None:
        page.goto(f"{url}/runs/{RUNS['closed'].info.id}")
        page.locator("details[name=timelines] summary").nth(3).click()
        opened = page.locator("details[name=timelines][open] summary")
        assert opened.count() == 1
        assert opened.inner_text().startswith("64 users")


class TestPages:
    def test_the_levels_fit_a_usual_page_and_begin_with_latency(self, page: Page, url: str) -> None:
        page.set_viewport_size({"width": 1400, "height": 900})
        page.goto(f"{url}/runs/{RUNS['closed'].info.id}")
        box = page.locator(".scroll[aria-label='Levels']")
        assert "Goodput" in box.inner_text()
        assert box.evaluate("box => box.scrollWidth <= box.clientWidth")
        page.set_viewport_size({"width": 400, "height": 800})
        cells = box.locator("tbody tr").first.locator("td")
        second = cells.nth(1).bounding_box()
        assert second is not None
        assert second["x"] + second["width"] <= 400  # TTFT p50 and p95, without scrolling

    @pytest.mark.parametrize("width", [400, 1400])
    @pytest.mark.parametrize("name", RUNS)
    def test_none_scrolls_sideways(self, page: Page, url: str, width: int, name: str) -> None:
        page.set_viewport_size({"width": width, "height": 800})
        page.goto(f"{url}/runs/{RUNS[name].info.id}")
        page.evaluate("document.querySelectorAll('details').forEach((one) => one.open = true)")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")

    @pytest.mark.parametrize("name", RUNS)
    def test_a_single_file_works_from_disk(self, page: Page, tmp_path: Path, name: str) -> None:
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        file = tmp_path / "run.html"
        file.write_text(load_page(RUNS[name], standalone=True), encoding="utf-8")
        page.goto(file.as_uri())
        page.locator("[data-readout]", has_text="arrow keys").first.wait_for(state="attached")
        assert [one for one in asked if not one.startswith("data:")] == [file.as_uri()]

    def test_lines_have_the_colours_of_the_theme(self, page: Page, url: str) -> None:
        def colour() -> object:
            return page.locator("path.line.series-1").first.evaluate(
                "(one) => getComputedStyle(one).stroke"
            )

        page.goto(f"{url}/runs/{RUNS['closed'].info.id}")
        light = colour()
        page.emulate_media(color_scheme="dark")
        assert colour() != light

    def test_without_scripts_tables_and_drawings_are_there(
        self, browser: Browser, url: str
    ) -> None:
        context = browser.new_context(java_script_enabled=False)
        page = context.new_page()
        page.goto(f"{url}/runs/{RUNS['closed'].info.id}")
        assert page.locator("table.levels tbody tr").count() == 4
        assert page.locator("svg.graph").first.is_visible()
        context.close()

    def test_a_comparison_is_picked_by_a_form(self, page: Page, url: str) -> None:
        page.goto(f"{url}/runs/{RUNS['closed'].info.id}")
        page.get_by_role("link", name="Compare with another run").click()
        page.get_by_label("B", exact=True).select_option(RUNS["other"].info.id)
        with page.expect_navigation():
            page.get_by_role("button", name="Compare").click()
        assert page.locator("svg.forest").count() == 4
        assert page.get_by_text("cannot tell").count() > 4, "they are the same"
        assert page.get_by_text("B is better").count() == 0

    @pytest.mark.parametrize("width", [400, 1400])
    def test_a_comparison_does_not_scroll_sideways(self, page: Page, url: str, width: int) -> None:
        page.set_viewport_size({"width": width, "height": 800})
        page.goto(f"{url}/bench/compare?a={RUNS['closed'].info.id}&b={RUNS['other'].info.id}")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        heights = page.locator("svg.forest").evaluate_all(
            "all => all.map((one) => one.getBoundingClientRect().height)"
        )
        assert min(heights) > 150


class TestLive:
    def test_figures_move_and_the_end_is_a_link(self, page: Page, root: Path, url: str) -> None:
        board = LiveLoads(root)
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        live = replace(LIVE, updated=now, points=LIVE.points[:10])
        board.write(live)
        page.goto(f"{url}/runs")
        page.locator(".under-way a").click()
        page.get_by_text("36 of 600 requests done").wait_for()
        board.write(replace(live, points=LIVE.points))
        page.get_by_text("236 of 600 requests done").wait_for(timeout=5000)
        assert page.locator("svg.spark").count() == 6
        done = replace(RUNS["plain"], info=LIVE.info)
        open_workspace(root).save(done.info, done)
        board.remove(LIVE.info.id)
        link = page.get_by_role("link", name="tally under load: levels")
        link.wait_for(timeout=5000)
        assert page.title().startswith("Finished")
        link.click()
        assert page.url.endswith(f"/runs/{LIVE.info.id}")

    @pytest.mark.parametrize("width", [400, 1400])
    def test_it_fits_narrow_and_wide_screens(
        self, page: Page, root: Path, url: str, width: int
    ) -> None:
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        live = replace(LIVE, info=sample.info(f"fit{width}"), updated=now)
        LiveLoads(root).write(live)
        page.set_viewport_size({"width": width, "height": 800})
        page.goto(f"{url}/bench/live/{live.info.id}")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        LiveLoads(root).remove(live.info.id)

    def test_without_scripts_the_page_refreshes_itself(
        self, browser: Browser, root: Path, url: str
    ) -> None:
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        live = replace(LIVE, info=sample.info("9051"), updated=now)
        LiveLoads(root).write(live)
        context = browser.new_context(java_script_enabled=False)
        page = context.new_page()
        page.goto(f"{url}/bench/live/{live.info.id}")
        refresh = page.locator("noscript meta[http-equiv=refresh], meta[http-equiv=refresh]")
        assert refresh.first.get_attribute("content") == "2"
        context.close()
        LiveLoads(root).remove(live.info.id)
