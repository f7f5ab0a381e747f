"""Plans in a real browser: the form with and without scripts, filters, the plot, the keyboard."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.report import plans
from tests.ui.browsing import MARKS, serving, written
from weighbridge.report.plan_page import plan_page
from weighbridge.verbs.effects import open_workspace

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

PLANS = {
    "full": plans.plan(),
    "nothing": plans.nothing(),
    "devices": plans.several_devices(),
    "sources": plans.two_sources(),
    "hostile": plans.hostile(),
}
ASKED = "/plan?device=RTX+4090&users=8&context=16k&tpot=40"

pytestmark = MARKS


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Addresses of standalone files of every plan."""
    pages = {name: plan_page(plan, standalone=True) for name, plan in PLANS.items()}
    return written(tmp_path_factory.mktemp("pages"), pages)


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The live pages over a workspace with one plan."""
    root = tmp_path_factory.mktemp("workspace")
    run = plans.kept(plans.plan())
    open_workspace(root).save(run.info, run)
    with serving(root) as address:
        yield address


def shown_rows(page: Page) -> int:
    """Ways that pass, be they among the first fifteen or not."""
    return page.locator("#ranking .ways tbody tr:not([hidden])").count()


def planned(page: Page) -> str:
    """The status line, once the server has answered."""
    page.locator("#plan-result[aria-busy]").wait_for(state="detached")
    return page.locator("[data-status]").inner_text()


class TestLive:
    def test_a_slider_plans_anew_and_the_address_follows(self, page: Page, url: str) -> None:
        page.goto(url + ASKED)
        before = shown_rows(page)
        slider = page.get_by_role("slider", name="Users at once, slider")
        page.get_by_role("radio", name="Memory").check()
        slider.focus()
        for _ in range(40):
            page.keyboard.press("ArrowRight")
        page.locator("[data-status]", has_text="meet").wait_for()
        status = planned(page)
        assert 0 < shown_rows(page) < before
        assert status.startswith(f"{shown_rows(page)} ways meet it; first:")
        users = int(page.get_by_label("Users at once", exact=True).input_value())
        assert users > 8
        assert f"users={users}" in page.url
        assert f"{users} users at 16k context" in page.locator(".eyebrow").inner_text()
        assert page.get_by_role("radio", name="Memory").is_checked(), "the axis stays"
        assert slider.evaluate("(one) => one === document.activeElement"), "so does the focus"
        assert page.title().startswith("Serve ")

    def test_typing_boxes_and_lists_plan_anew(self, page: Page, url: str) -> None:
        page.goto(url + ASKED)
        page.get_by_text("Engines, formats and requests").click()
        page.get_by_label("llama.cpp").check()
        page.locator("[data-status]", has_text="llama.cpp").wait_for()
        engines = page.eval_on_selector_all(
            "#ranking tr[data-engine]", "all => all.map((one) => one.dataset.engine)"
        )
        assert set(engines) == {"llama.cpp"}
        page.get_by_label("Licence allows").select_option("commercial")
        page.get_by_text("not allowed").first.wait_for(state="attached")
        page.get_by_label("Machine", exact=True).fill("no such device")
        page.get_by_role("heading", name="This cannot be planned.").wait_for()
        page.get_by_label("Machine", exact=True).fill("RTX 3090")
        page.get_by_role("heading", name="Serve").wait_for()
        assert "RTX 3090" in page.locator(".eyebrow").inner_text()

    def test_sorting_works_on_what_came_later(self, page: Page, url: str) -> None:
        page.goto(url + ASKED)
        page.get_by_label("Users at once", exact=True).fill("4")
        page.locator("[data-status]", has_text="meet").wait_for()
        planned(page)
        page.get_by_role("button", name="TPOT").click()
        times = page.eval_on_selector_all(
            "#ranking tr[data-tpot]", "all => all.map((one) => Number(one.dataset.tpot))"
        )
        assert times == sorted(times)
        assert len(set(times)) > 3

    def test_without_scripts_the_form_is_a_form(self, browser: Browser, url: str) -> None:
        context = browser.new_context(java_script_enabled=False)
        page = context.new_page()
        page.goto(url + ASKED)
        before = shown_rows(page)
        page.get_by_label("Users at once", exact=True).fill("64")
        page.get_by_role("button", name="Plan", exact=True).click()
        page.wait_for_url("**users=64**")
        assert 0 < shown_rows(page) < before
        assert not page.locator("input[type=range]").count()
        page.get_by_role("radio", name="Throughput").check()
        assert page.locator(".view-throughput").is_visible()
        assert not page.locator(".view-tpot").is_visible()
        context.close()

    def test_fifteen_rows_are_shown_until_all_are_asked_for(
        self, browser: Browser, url: str
    ) -> None:
        context = browser.new_context(java_script_enabled=False)
        page = context.new_page()
        page.goto(url + ASKED)
        rows = page.locator("#ranking .ways tbody tr:visible")
        count = shown_rows(page)
        assert count > 15
        assert rows.count() == 15
        page.goto(f"{url}{ASKED}#way-{count}")
        assert page.locator(f"#way-{count}").is_visible(), "where a mark of the plot leads"
        page.get_by_label(f"Show all {count} ways").check()
        assert rows.count() == count
        context.close()

    def test_a_narrow_screen_shows_every_figure_of_a_way(self, browser: Browser, url: str) -> None:
        page = browser.new_context(viewport={"width": 400, "height": 900}).new_page()
        page.goto(url + ASKED)
        assert page.evaluate("document.documentElement.scrollWidth") <= 400
        for box in page.locator("#way-1 > *").all():
            place = box.bounding_box()
            assert place is not None
            assert place["x"] >= 0
            assert place["x"] + place["width"] <= 400
        page.context.close()

    def test_empty_fields_show_what_is_taken_and_sliders_stand_there(
        self, page: Page, url: str
    ) -> None:
        page.goto(url + "/plan?device=nothing+known")
        context = page.get_by_label("Context", exact=True)
        assert context.input_value() == ""
        assert context.get_attribute("placeholder") == "8k"
        slider = page.get_by_role("slider", name="Context, slider")
        assert slider.get_attribute("aria-valuetext") == "8k"
        assert 70 < int(slider.input_value()) < 80, "3 of 8 doublings from 1k to 256k"

    def test_the_table_is_whole_on_a_usual_screen(self, page: Page, url: str) -> None:
        for price in ("", "&price=0.5"):
            page.goto(url + ASKED + price)
            box = page.locator("#ranking .scroll")
            assert box.evaluate("(one) => one.scrollWidth <= one.clientWidth"), price

    def test_a_price_draws_the_cost(self, page: Page, url: str) -> None:
        page.goto(url + ASKED)
        page.get_by_label("Price of the machine").fill("0.5")
        page.get_by_role("radio", name="Cost").check()
        assert page.locator(".view-cost a.way").count() > 5
        page.get_by_role("button", name="€ per million").click()
        costs = page.eval_on_selector_all(
            "#ranking tbody td:last-child", "all => all.map((one) => Number(one.dataset.sort))"
        )
        assert costs == sorted(costs)
        assert len(set(costs)) > 3

    def test_narrow_pages_mark_the_whole_first_row(self, page: Page, url: str) -> None:
        page.set_viewport_size({"width": 360, "height": 800})
        page.goto(url + ASKED)
        painted = "(one) => getComputedStyle(one).backgroundImage"
        assert "gradient" in page.locator("#ranking tr.winner th").evaluate(painted)
        assert (
            page.locator("#ranking tr:not(.winner) th[scope=row]").first.evaluate(painted) == "none"
        )
        boxes = page.eval_on_selector_all(
            ".view-tpot .place",
            """all => all.filter((one) => one.checkVisibility()).map((one) => {
              const { left, right, top, bottom } = one.getBoundingClientRect()
              return [left, right, top, bottom]
            })""",
        )
        assert len(boxes) > 2
        for at, (left, right, top, bottom) in enumerate(boxes):
            for others in boxes[at + 1 :]:
                apart = right <= others[0] or others[1] <= left
                assert apart or bottom <= others[2] or others[3] <= top

    def test_a_kept_plan_leads_to_the_form(self, page: Page, url: str) -> None:
        page.goto(f"{url}/runs")
        page.get_by_role("link", name="plan-0a1b2c").click()
        assert shown_rows(page) == 6
        page.get_by_role("link", name="Plan anew from here").click()
        assert page.get_by_label("Machine", exact=True).input_value() == "1x RTX 4090"
        assert page.get_by_label("Further tokens within", exact=True).input_value() == "40"


class TestFile:
    def test_it_asks_for_nothing(self, page: Page, files: dict[str, str]) -> None:
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.goto(files["full"])
        page.get_by_label("Further tokens within", exact=True).fill("20")
        page.keyboard.press("Enter")
        assert [one for one in asked if not one.startswith("data:")] == [files["full"]]

    def test_filters_choose_among_rows_and_marks(self, page: Page, files: dict[str, str]) -> None:
        page.goto(files["full"])
        status = page.locator("[data-shown]")
        marks = page.locator(".view-tpot a.way:visible")
        assert (shown_rows(page), marks.count()) == (6, 5)
        page.get_by_label("Further tokens within", exact=True).fill("29")
        assert (shown_rows(page), marks.count()) == (4, 3)
        assert status.inner_text() == "4 of 6 ways shown."
        page.get_by_label("fp8").uncheck()
        assert shown_rows(page) == 0
        page.get_by_label("Further tokens within", exact=True).fill("")
        assert shown_rows(page) == 2
        page.get_by_label("llama.cpp").uncheck()
        assert shown_rows(page) == 1

    def test_a_slider_is_a_filter(self, page: Page, files: dict[str, str]) -> None:
        page.goto(files["full"])
        slider = page.get_by_role("slider", name="Further tokens within, slider")
        assert slider.get_attribute("aria-valuetext") == "any"
        slider.focus()
        page.keyboard.press("Home")
        assert shown_rows(page) == 0
        assert page.get_by_label("Further tokens within", exact=True).input_value() == "2"
        page.keyboard.press("End")
        assert shown_rows(page) == 6

    def test_the_axis_switches_by_keyboard(self, page: Page, files: dict[str, str]) -> None:
        page.goto(files["full"])
        page.get_by_role("radio", name="Time per token").focus()
        for key in ("ttft", "throughput", "memory"):
            page.keyboard.press("ArrowRight")
            assert page.locator(".view:visible").get_attribute("class") == f"view view-{key}"

    def test_arrows_walk_through_the_plot_and_enter_leads_to_the_row(
        self, page: Page, files: dict[str, str]
    ) -> None:
        page.goto(files["full"])
        plot = page.locator(".view-tpot .pareto")
        assert plot.locator('a.way[tabindex="0"]').count() == 1
        plot.locator('a.way[tabindex="0"]').focus()
        told = [page.locator("[data-readout]").inner_text()]
        for _ in range(4):
            page.keyboard.press("ArrowRight")
            told.append(page.locator("[data-readout]").inner_text())
        names = [text.split(":")[1].split()[0] for text in told]
        assert names == ["Tiny-1B", "Quick-8B", "Doubt-14B", "Best-30B", "Spill-26B"]
        page.keyboard.press("Home")
        page.keyboard.press("Enter")
        page.wait_for_url(re.compile("#way-5$"))  # the browser goes there a moment later
        assert page.locator("#way-5").is_visible()

    def test_marks_say_their_figures_when_pointed_at(
        self, page: Page, files: dict[str, str]
    ) -> None:
        page.goto(files["full"])
        page.get_by_role("link", name="No. 2: Quick-8B").first.hover()
        assert (
            "12.5\xa0ms (8.75\xa0ms to 18.8\xa0ms)" in page.locator("[data-readout]").inner_text()
        )

    @pytest.mark.parametrize("name", list(PLANS))
    def test_no_page_scrolls_sideways(self, page: Page, files: dict[str, str], name: str) -> None:
        for width in (360, 1000, 1400, 2560):
            page.set_viewport_size({"width": width, "height": 800})
            page.goto(files[name])
            page.evaluate(
                "document.querySelectorAll('details').forEach((one) => (one.open = true))"
            )
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), width

    @pytest.mark.parametrize("name", list(PLANS))
    @pytest.mark.parametrize("scheme", ["light", "dark"])
    def test_names_and_contrast(
        self, page: Page, files: dict[str, str], name: str, scheme: str
    ) -> None:
        page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        page.goto(files[name])
        assert accessibility(page) == []

    def test_the_check_of_names_and_contrast_can_fail(
        self, page: Page, files: dict[str, str]
    ) -> None:
        page.goto(files["full"])
        page.evaluate(
            """() => {
              document.querySelector('.pareto text').style.fill = 'rgb(210, 210, 210)'
              document.querySelector('a.way title').remove()
              document.querySelector('a.way:first-of-type text')?.remove()
              document.querySelector('.m-weights').style.fill = 'rgb(240, 240, 240)'
            }"""
        )
        kinds = {line.partition(":")[0] for line in accessibility(page)}
        assert kinds == {"contrast", "no name", "colour"}

    def test_hostile_names_do_nothing_but_show(self, page: Page, files: dict[str, str]) -> None:
        page.goto(files["hostile"])
        assert page.locator("main img").count() == 0
        page.get_by_role("radio", name="Memory").check()
        page.locator(".view-memory a.way").first.hover()

    def test_paper_has_the_table_without_the_tools(self, page: Page, files: dict[str, str]) -> None:
        page.goto(files["full"])
        page.emulate_media(media="print")
        assert page.locator(".ways").first.is_visible()
        assert not page.locator(".filters").is_visible()


def accessibility(page: Page) -> list[str]:
    """Breaches of the rules that matter here: names of what can be used, contrast, focus."""
    found: list[str] = page.evaluate(
        """() => {
          const wrong = []
          const all = (selector) => [...document.querySelectorAll(selector)]
            .filter((one) => one.checkVisibility())
          const name = (one) => one.getAttribute('aria-label') || one.textContent.trim()
            || [...(one.labels ?? [])].map((label) => label.textContent.trim()).join()
          for (const one of all('a, button, input, select, svg[role], [role=region]'))
            if (!name(one)) wrong.push('no name: ' + one.outerHTML.slice(0, 80))
          for (const one of all('[tabindex]'))
            if (Number(one.getAttribute('tabindex')) > 0) wrong.push('focus: out of order')
          const numbers = (color) => color.match(/[\\d.]+/g).map(Number)
          const light = (color) => {
            const [r, g, b] = numbers(color).slice(0, 3).map((part) => part / 255)
              .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4))
            return 0.2126 * r + 0.7152 * g + 0.0722 * b
          }
          const contrast = (a, b) => {
            const [low, high] = [light(a), light(b)].sort((x, y) => x - y)
            return (high + 0.05) / (low + 0.05)
          }
          const clear = (color) => numbers(color)[3] === 0
          const behind = (one) => {
            for (let at = one; at; at = at.parentElement) {
              const color = getComputedStyle(at).backgroundColor
              if (!clear(color)) return color
            }
            return getComputedStyle(document.body).backgroundColor
          }
          for (const text of all('.pareto text, .placement text'))
            if (contrast(getComputedStyle(text).fill, behind(text)) < 4.5)
              wrong.push('contrast: ' + text.textContent)
          const words = '.plan :is(p, td, th, li, dt, dd, label, legend, span, h1, h2, a)'
          for (const text of all(words).filter((one) => one.textContent.trim()))
            if (contrast(getComputedStyle(text).color, behind(text)) < 4.5)
              wrong.push('contrast: ' + text.textContent.slice(0, 60))
          for (const one of all('.memory rect:not(.m-room, .m-spare), .placement .hue'))
            if (contrast(getComputedStyle(one).fill, behind(one)) < 3)
              wrong.push('colour: ' + one.getAttribute('class'))
          return [...new Set(wrong)]
        }"""
    )
    return found
