"""The pages in a real browser: Debian's chromium, driven by Playwright."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.report.sample_study import HOSTILE, sample_route, sample_study
from tests.ui.browsing import MARKS, serving
from tests.web.workspaces import fill
from weighbridge.report.numbers import percent
from weighbridge.report.study import all_infos, study_page

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

STUDY = sample_study()
ROUTE = sample_route()
ID = STUDY.run.info.id

pytestmark = MARKS


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    root = tmp_path_factory.mktemp("workspace")
    fill(root, STUDY)
    with serving(root) as address:
        yield address


def drawn(page: Page, address: str) -> None:
    page.goto(address)
    wait_for_charts(page)


def wait_for_charts(page: Page) -> None:
    # Not page.wait_for_function: it evaluates strings in the page, which our policy forbids.
    for plot in page.locator(".plot").all():
        plot.locator(".main-svg").first.wait_for()


def test_every_link_from_the_overview_leads_somewhere_clean(
    page: Page, url: str, errors: list[str]
) -> None:
    visited: set[str] = set()
    waiting = ["/"]
    while waiting:
        path = waiting.pop()
        visited.add(path)
        answer = page.goto(url + path)
        assert answer is not None
        assert answer.status == 200
        if path.endswith(".json"):
            continue
        wait_for_charts(page)
        links = page.eval_on_selector_all("a[href^='/']", "all => all.map((a) => a.pathname)")
        waiting += sorted(set(links) - visited - set(waiting))
    assert {f"/runs/{info.id}" for info in all_infos(STUDY)} <= visited
    assert errors == []


def test_figures_on_the_page_equal_the_record(page: Page, url: str) -> None:
    drawn(page, f"{url}/runs/{ROUTE.info.id}")
    record = page.request.get(f"{url}/runs/{ROUTE.info.id}.json").json()
    rows = page.locator("main table tbody tr")
    shown = {row.split("\t")[0]: row for row in rows.all_inner_texts()}
    for share in record["shares"]:
        assert percent(share["accuracy"]["value"]) in shown[share["who"]]
    traces: list[dict[str, Any]] = page.evaluate(
        "document.querySelector('.plot').data.map(({name, x, y}) => ({name, x: [...x], y: [...y]}))"
    )
    drawn_points = {
        (trace["name"], task): value
        for trace in traces
        for task, value in zip(trace["y"], trace["x"], strict=True)
    }
    assert drawn_points == {
        (share["who"], share["task"]): 100 * share["accuracy"]["value"]
        for share in record["shares"]
    }


def test_hostile_answers_do_nothing_but_show(page: Page, url: str, errors: list[str]) -> None:
    page.goto(f"{url}/runs/{STUDY.evals[0].info.id}")
    assert page.get_by_text(HOSTILE, exact=True).first.is_visible()
    assert page.locator("main img").count() == 0
    assert errors == []


def test_dark_and_light_follow_the_system_and_the_button(
    page: Page, url: str, errors: list[str]
) -> None:
    def colours() -> list[str]:
        return page.evaluate(  # type: ignore[no-any-return]
            """() => [getComputedStyle(document.body).backgroundColor,
                      document.querySelector(".plot .xtick text").style.fill,
                      document.querySelector(".plot .points path").style.fill]"""
        )

    drawn(page, f"{url}/runs/{ID}")
    light = colours()
    page.emulate_media(color_scheme="dark")
    for _ in range(100):  # the change is noticed by the page, not by us
        if not set(light) & set(colours()):
            break
        page.wait_for_timeout(50)
    dark = colours()
    assert not set(light) & set(dark)
    button = page.locator("#theme")
    button.click()
    assert button.inner_text() == "Theme: light"
    assert colours() == light
    page.reload()
    wait_for_charts(page)
    assert colours() == light, "the choice is remembered"
    assert errors == []


@pytest.mark.parametrize("width", [360, 1400, 2560])
@pytest.mark.parametrize("path", ["/", "/runs", f"/runs/{ID}", "/runs/nope"])
def test_no_page_scrolls_sideways(
    page: Page, url: str, errors: list[str], width: int, path: str
) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    drawn(page, url + path)
    if path == "/runs/nope":
        assert "404" in errors.pop(), "a page about what is not there says so to the browser too"
    page.evaluate("document.querySelectorAll('details').forEach((box) => { box.open = true; })")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_runs_can_be_filtered_and_sorted(page: Page, url: str) -> None:
    page.goto(f"{url}/runs")
    visible = page.locator("#runs-table tbody tr:visible")
    assert visible.count() == len(all_infos(STUDY))
    page.get_by_label("Filter").fill("eval porter")
    assert visible.count() == 2
    assert page.locator("#runs-table-status").inner_text() == f"2 of {len(all_infos(STUDY))} runs"
    page.get_by_label("Filter").fill("")
    page.get_by_role("button", name="Kind").click()
    kinds = visible.locator("td:nth-child(2)").all_inner_texts()
    assert kinds == sorted(kinds)
    assert page.locator("th[aria-sort=ascending]").inner_text().startswith("Kind")


def test_keyboard_reaches_the_content_first(page: Page, url: str) -> None:
    page.goto(f"{url}/runs/{ID}")
    page.keyboard.press("Tab")
    assert page.locator(":focus").inner_text() == "Skip to the content"
    assert page.locator(":focus").evaluate("(link) => link.getBoundingClientRect().left >= 0")


def test_single_file_works_from_disk_and_asks_for_nothing(
    page: Page, tmp_path: Path, errors: list[str]
) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    file = tmp_path / "study.html"
    file.write_text(study_page(STUDY, standalone=True), encoding="utf-8")
    drawn(page, file.as_uri())
    page.locator("details").first.locator("summary").click()
    assert page.get_by_text(HOSTILE, exact=True).first.is_visible()
    assert [address for address in asked if not address.startswith("data:")] == [file.as_uri()]
    assert errors == []


def test_without_scripts_the_tables_say_it_all(browser: Browser, url: str) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{url}/runs/{ID}")
    assert page.get_by_text("The same numbers are in the table that follows.").first.is_visible()
    assert not page.locator("#theme").is_visible()
    context.close()
