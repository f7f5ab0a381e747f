"""The architecture diagram in a real browser: unfolding, keyboard, search, differences, saving."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.report import sample_architectures as samples
from tests.ui.browsing import MARKS, serving, written
from weighbridge.report.inspect_page import inspect_page
from weighbridge.verbs.effects import open_workspace
from weighbridge.verbs.inspect import keep

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

SETS = {
    "dense": [samples.dense()],
    "deep": [samples.deep()],
    "windowed": [samples.windowed()],
    "long names": [
        samples.dense(),
        samples.dense(36, name="a-name-that-takes-two-lines-above-its-narrow-column-9B"),
        samples.latent(),
    ],
    "hostile": [samples.hostile()],
    "two": [samples.dense(), samples.hybrid()],
    "three": [samples.hybrid(), samples.latent(), samples.windowed()],
    "four": [samples.dense(), samples.hybrid(), samples.latent(), samples.windowed()],
}

pytestmark = MARKS


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Addresses of standalone files of every set."""
    pages = {name: inspect_page(models, standalone=True) for name, models in SETS.items()}
    return written(tmp_path_factory.mktemp("pages"), pages)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, list[str]]]:
    """The live pages over a workspace with three inspections, and the ids of these."""
    root = tmp_path_factory.mktemp("workspace")
    store = open_workspace(root)
    kept = [keep(store, item).info.id for item in (*SETS["two"], samples.hostile())]
    with serving(root) as address:
        yield address, kept


def opened(page: Page, address: str) -> None:
    page.goto(address)
    page.locator(".tools").wait_for()


def block(page: Page, title: str, column: int = 0) -> Locator:
    drawing = page.locator("svg.diagram").nth(column)
    # Counterparts may be hidden inside other blocks; only what is in sight can be used.
    found = drawing.locator(".block", has=page.locator(":scope > .title", has_text=title))
    return found.locator("visible=true").first


def places(page: Page) -> list[str]:
    return page.eval_on_selector_all(  # type: ignore[no-any-return]
        ".blocks > .node", "all => all.map((one) => one.getAttribute('transform'))"
    )


def test_a_run_unfolds_and_folds_back_to_where_it_was(page: Page, files: dict[str, str]) -> None:
    opened(page, files["dense"])
    before = places(page)
    run = block(page, "32 × full GQA + MLP")
    assert run.get_attribute("aria-expanded") == "false"
    assert not page.get_by_text("norms", exact=True).first.is_visible()
    run.locator(".title").click()
    assert run.get_attribute("aria-expanded") == "true"
    assert block(page, "norms").is_visible()
    after = places(page)
    assert after[:2] == before[:2]
    assert after[2:] != before[2:]
    run.locator(".title").click()
    assert places(page) == before
    assert not page.locator(".inside").locator("visible=true").count()


def test_blocks_in_sight_never_overlap(page: Page, files: dict[str, str]) -> None:
    opened(page, files["two"])
    for _ in range(3):
        page.get_by_role("button", name="Unfold a level").click()
    tangled = page.evaluate(
        """() => [...document.querySelectorAll('.blocks, .inside')].flatMap((group) => {
          const boxes = [...group.children].filter((one) => !one.closest('[hidden]'))
            .map((one) => one.querySelector('.frame, .absent')?.getBoundingClientRect())
            .filter((box) => box && box.width > 200)
          return boxes.slice(1).filter((box, index) => box.top < boxes[index].bottom - 0.5)
        }).length"""
    )
    assert tangled == 0
    rows = page.eval_on_selector_all(
        "svg.diagram",
        """all => all.map((one) => Object.fromEntries(
          [...one.querySelectorAll('.node')].filter((node) => !node.closest('[hidden]'))
          .filter((node) => node.querySelector('.frame').getBBox().width > 200)
          .map((node) => [node.dataset.row,
            Math.round(node.querySelector('.frame').getBoundingClientRect().top)])))""",
    )
    shared = set(rows[0]) & set(rows[1])
    assert len(shared) >= 8
    assert {key: rows[0][key] for key in shared} == {key: rows[1][key] for key in shared}


def test_the_keyboard_does_it_all(page: Page, files: dict[str, str]) -> None:
    opened(page, files["dense"])

    def focused() -> str:
        name = page.evaluate("document.activeElement.getAttribute('aria-label')")
        return str(name).partition(" weights")[0]

    page.locator("svg.diagram [tabindex='0']").focus()
    assert focused() == "embedding"
    page.keyboard.press("ArrowDown")
    assert focused() == "32 × full GQA + MLP"
    page.keyboard.press("Enter")
    page.keyboard.press("ArrowRight")
    assert focused() == "full GQA"
    assert "hidden 4,096 × heads 32 × 128 = 16,777,216" in page.locator(".panel").inner_text()
    page.keyboard.press("Escape")
    assert focused() == "32 × full GQA + MLP"
    assert block(page, "32 × full GQA").get_attribute("aria-expanded") == "false"
    page.keyboard.press("Space")
    assert block(page, "32 × full GQA").get_attribute("aria-expanded") == "true"
    page.keyboard.press("ArrowLeft")
    assert block(page, "32 × full GQA").get_attribute("aria-expanded") == "false"
    page.keyboard.press("End")
    assert focused() == "output head"
    page.keyboard.press("Home")
    assert focused() == "embedding"
    page.keyboard.press("Tab")
    assert not page.evaluate("document.activeElement.matches('.block')"), "one stop per tree"


def test_126_layers_unfold_without_delay(page: Page, files: dict[str, str]) -> None:
    opened(page, files["deep"])
    block(page, "126 × full GQA").locator(".title").click()
    took = page.evaluate(
        """() => {
          const list = [...document.querySelectorAll('.block')]
            .find((one) => one.textContent.startsWith('every layer'))
          const began = performance.now()
          list.dispatchEvent(new MouseEvent('click', { bubbles: true }))
          document.querySelector('svg.diagram').getBoundingClientRect()
          return performance.now() - began
        }"""
    )
    assert page.locator(".block.layer").count() == 126
    # A tenth of a second feels instant; ten times that for a busy machine.
    assert took < 1000
    page.keyboard.press("End")
    page.keyboard.press("Home")
    block(page, "every layer").locator(".title").click()
    assert not page.locator(".block.layer").first.is_visible()


def test_search_counts_marks_and_leads_to_hits(page: Page, files: dict[str, str]) -> None:
    opened(page, files["two"])
    box = page.get_by_label("Find")
    box.fill("deltanet")
    hits = page.locator(".block.hit")
    count = hits.count()
    assert count >= 3
    status = page.locator("#diagram-found")
    assert status.inner_text().startswith(f"{count} blocks")
    box.press("Enter")
    box.focus()
    box.press("Enter")
    assert page.locator(".block.hit:focus").is_visible()
    hidden = page.evaluate(
        """() => {
          const title = document.querySelector('.block.hit:focus .title').getBoundingClientRect()
          const panel = document.querySelector('.panel').getBoundingClientRect()
          return title.bottom > panel.top && title.right > panel.left && title.left < panel.right
        }"""
    )
    assert not hidden, "the details never cover what has the focus"
    box.fill("there is no such block")
    assert status.inner_text() == "0 blocks"
    box.press("Escape")
    assert (box.input_value(), hits.count(), status.inner_text()) == ("", 0, "")


def test_differences_are_marked_with_both_numbers(page: Page, files: dict[str, str]) -> None:
    opened(page, files["two"])
    changed = page.locator("svg.diagram").nth(1).locator(".block.changed")
    assert changed.count() >= 3
    assert page.locator("svg.diagram").nth(0).locator(".block.changed").count() == 0
    run = block(page, "12 × [3 gated", column=1)
    assert "layers 32 → 48" in run.inner_html()
    run.locator(".title").first.hover()
    panel = page.locator(".panel").inner_text()
    assert "Against Dense-8B" in panel
    assert "layers: 32 → 48" in panel
    line = run.locator(".change").first
    assert line.is_visible()
    page.get_by_label("Mark differences").uncheck()
    assert not line.is_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_saved_drawing_stands_alone(
    page: Page, files: dict[str, str], tmp_path: Path, scheme: str
) -> None:
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    opened(page, files["four"])
    page.get_by_role("button", name="Unfold a level").click()
    with page.expect_download() as download:
        page.get_by_role("button", name="Save SVG").click()
    assert download.value.suggested_filename.endswith(".svg")
    file = tmp_path / "saved.svg"
    download.value.save_as(file)
    text = file.read_text(encoding="utf-8")
    assert "var(" not in text
    assert "light-dark(" not in text
    assert "class=" not in text
    root = ET.fromstring(text)  # noqa: S314 -- our own drawing
    words = " ".join(root.itertext())
    for inspection in SETS["four"]:
        assert inspection.name in words
    paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert root.find("{http://www.w3.org/2000/svg}rect").get("fill") == paper  # type: ignore[union-attr]
    page.goto(file.as_uri())
    assert page.locator("text").count() > 50


def test_colours_follow_the_theme(page: Page, files: dict[str, str]) -> None:
    def colours() -> list[str]:
        return page.evaluate(  # type: ignore[no-any-return]
            """() => ['.frame', '.hue.h1', '.diagram .title', '.link']
              .map((one) => getComputedStyle(document.querySelector(one)))
              .map((style) => style.fill + style.stroke)"""
        )

    opened(page, files["dense"])
    light = colours()
    page.locator("#theme").click()
    page.locator("#theme").click()
    assert page.locator("#theme").inner_text() == "Theme: dark"
    assert not set(light) & set(colours())


@pytest.mark.parametrize("name", ["windowed", "two", "four", "hostile"])
def test_no_page_scrolls_sideways(page: Page, files: dict[str, str], name: str) -> None:
    opened(page, files[name])
    page.get_by_role("button", name="Unfold a level").click()
    for width in (360, 933, 1400, 2560):  # 933: 1400 at a zoom of 150 %
        page.set_viewport_size({"width": width, "height": 800})
        page.locator(".block .title").first.hover()
        for _ in range(40):  # charts follow the window a moment later
            if page.evaluate("document.documentElement.scrollWidth <= innerWidth"):
                break
            page.wait_for_timeout(50)
        else:
            pytest.fail(f"The page is wider than {width}.")


@pytest.mark.parametrize("name", ["two", "three", "four"])
@pytest.mark.parametrize("width", [1000, 1400])
def test_several_models_fit_beside_each_other(
    page: Page, files: dict[str, str], name: str, width: int
) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    opened(page, files[name])
    columns = page.locator(".columns").evaluate("one => [one.scrollWidth, one.clientWidth]")
    assert columns[0] <= columns[1]
    tops = page.locator("svg.diagram").evaluate_all(
        "all => all.map((one) => Math.round(one.getBoundingClientRect().top))"
    )
    assert len(set(tops)) == 1
    letters = page.locator(".diagram .figure").first.evaluate("one => 12 * one.getScreenCTM().a")
    assert letters >= 9.5, "small, but it can be read"


def test_the_hint_covers_nothing_and_details_can_be_closed(
    page: Page, files: dict[str, str]
) -> None:
    page.set_viewport_size({"width": 360, "height": 700})
    opened(page, files["two"])
    panel = page.locator(".panel")
    position = "one => getComputedStyle(one).position"
    assert panel.evaluate(position) == "static"
    page.locator(".block .title").first.click()
    assert panel.evaluate(position) == "sticky"
    panel.get_by_role("button", name="Close").click()
    assert panel.evaluate(position) == "static"
    assert "Point at a block" in panel.inner_text()


def test_any_model_can_be_the_one_compared_with(page: Page, files: dict[str, str]) -> None:
    opened(page, files["four"])
    run = block(page, "58 × MLA + MoE", column=2)
    first = block(page, "32 × full GQA + MLP")
    assert "layers 32 → 58" in str(run.get_attribute("aria-label"))
    assert first.locator(".change").locator("visible=true").count() == 0
    frame = "one => getComputedStyle(one.querySelector('.frame')).strokeWidth"
    plain = first.evaluate(frame)
    pairs = page.locator("#differences > details").locator("visible=true")
    assert [text.split(" and ")[0] for text in pairs.all_inner_texts()] == ["Dense-8B"] * 3
    page.get_by_label("Compare with").select_option("Latent-671B")
    assert "→" not in str(run.get_attribute("aria-label"))
    assert "layers 58 → 32" in str(first.get_attribute("aria-label"))
    assert first.evaluate(frame) != plain
    first.locator(".title").click()
    panel = page.locator(".panel").inner_text()
    assert "Against Latent-671B" in panel
    assert "layers: 58 → 32" in panel
    assert all("Latent-671B" in text for text in pairs.all_inner_texts())
    figures = page.locator("table.overview tr", has_text="Vocabulary").locator("td.num")
    assert "×" in figures.nth(0).inner_text()
    assert "×" not in figures.nth(2).inner_text()
    assert page.locator("[data-base-name]").inner_text() == "Latent-671B"
    tangled = page.evaluate(
        """() => [...document.querySelectorAll('.blocks')].flatMap((group) => {
          const boxes = [...group.querySelectorAll(':scope > .node > .block > .frame')]
            .map((one) => one.getBoundingClientRect())
          return boxes.slice(1).filter((box, index) => box.top < boxes[index].bottom)
        }).length"""
    )
    assert tangled == 0


def test_names_of_two_lines_leave_rows_at_one_height(page: Page, files: dict[str, str]) -> None:
    opened(page, files["long names"])
    heights = page.locator(".model figcaption").evaluate_all(
        "all => all.map((one) => one.getBoundingClientRect().height)"
    )
    assert max(heights) > 1.5 * min(heights)
    tops = page.locator("svg.diagram").evaluate_all(
        "all => all.map((one) => Math.round(one.getBoundingClientRect().top))"
    )
    assert len(set(tops)) == 1


def test_models_below_each_other_leave_no_room_for_what_they_lack(
    page: Page, files: dict[str, str]
) -> None:
    opened(page, files["four"])
    assert page.locator(".ghost").locator("visible=true").count() > 0
    page.set_viewport_size({"width": 360, "height": 800})
    page.wait_for_function(
        "document.querySelectorAll('.blocks > .ghost:not([hidden])').length === 0"
    )
    gaps = page.evaluate(
        """() => [...document.querySelectorAll('.blocks')].flatMap((group) => {
          const boxes = [...group.querySelectorAll(':scope > .node > .block > .frame')]
            .map((one) => one.getBoundingClientRect())
          return boxes.slice(1).map((box, index) => box.top - boxes[index].bottom)
        })"""
    )
    assert 0 < min(gaps) <= max(gaps) < 25
    page.set_viewport_size({"width": 1400, "height": 800})
    page.wait_for_function("document.querySelectorAll('.blocks > .ghost:not([hidden])').length > 0")


@pytest.mark.parametrize("name", ["windowed", "dense"])
def test_nothing_of_one_model_is_cut_off_on_a_phone(
    page: Page, files: dict[str, str], name: str
) -> None:
    page.set_viewport_size({"width": 360, "height": 800})
    opened(page, files[name])
    right = page.locator(".block .frame").evaluate_all(
        "all => Math.max(...all.map((one) => one.getBoundingClientRect().right))"
    )
    assert right <= 360
    columns = page.locator(".columns").evaluate("one => [one.scrollWidth, one.clientWidth]")
    assert columns[0] <= columns[1]


class TestDetailsBelow:
    def test_they_are_low_and_nothing_lies_on_their_heading(
        self, page: Page, files: dict[str, str]
    ) -> None:
        opened(page, files["four"])
        block(page, "3 × MLA", column=2).locator(".title").click()
        panel = page.locator(".panel")
        assert "below" in str(panel.get_attribute("class"))
        box = panel.bounding_box()
        assert box
        assert box["height"] < 900 / 4
        heading = panel.locator("h3").bounding_box()
        close = panel.get_by_role("button", name="Close").bounding_box()
        assert heading
        assert close
        assert heading["x"] + heading["width"] <= close["x"]

    def test_only_a_click_brings_them(self, page: Page, files: dict[str, str]) -> None:
        opened(page, files["four"])
        title = block(page, "embedding").locator(".title")
        title.hover()
        assert "told" not in str(page.locator(".panel").get_attribute("class"))
        title.click()
        assert "told" in str(page.locator(".panel").get_attribute("class"))

    def test_a_search_takes_them_away(self, page: Page, files: dict[str, str]) -> None:
        opened(page, files["four"])
        block(page, "embedding").locator(".title").click()
        page.get_by_label("Find").fill("delta")
        assert "told" not in str(page.locator(".panel").get_attribute("class"))
        page.get_by_label("Find").press("Enter")
        assert "DeltaNet" in page.locator(".panel h3").inner_text()


def test_a_folded_group_says_how_its_numbers_come_about(page: Page, files: dict[str, str]) -> None:
    opened(page, files["dense"])
    block(page, "32 × full GQA").locator(".title").hover()
    told = page.locator(".panel").inner_text()
    part = SETS["dense"][0].architecture.layers[0]
    assert "How it comes about" in told
    assert "32 × (" in told
    assert f"= {32 * part.parameters:,}" in told


class TestCacheChart:
    def test_it_fills_its_box_at_every_width(self, page: Page, files: dict[str, str]) -> None:
        opened(page, files["windowed"])
        for width in (360, 1000, 1400):
            page.set_viewport_size({"width": width, "height": 800})
            outside = page.evaluate(
                """() => {
                  const box = document.querySelector('svg.kv').getBoundingClientRect()
                  return [...document.querySelectorAll('svg.kv text, svg.kv path')]
                    .map((one) => one.getBoundingClientRect())
                    .filter((one) => one.left < box.left - 1 || one.right > box.right + 1).length
                }"""
            )
            assert outside == 0
            size = page.locator("svg.kv text").first.evaluate("one => one.getScreenCTM().a")
            assert size == 1, "the writing keeps its size"

    def test_the_keyboard_reaches_every_line(self, page: Page, files: dict[str, str]) -> None:
        opened(page, files["windowed"])
        curves = page.locator("svg.kv .curve")
        assert curves.count() == 2
        thin = curves.first.locator("line").first.evaluate(
            "one => getComputedStyle(one).strokeWidth"
        )
        page.keyboard.press("Tab")
        curves.first.focus()
        assert "bytes by tokens" in str(curves.first.get_attribute("aria-label"))
        bold = curves.first.locator("line").first.evaluate(
            "one => getComputedStyle(one).strokeWidth"
        )
        assert float(bold.removesuffix("px")) > float(thin.removesuffix("px"))

    def test_it_follows_the_theme_with_contrast(self, page: Page, files: dict[str, str]) -> None:
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            opened(page, files["four"])
            weakest = page.evaluate(
                """() => {
                  const light = (color) => {
                    const [r, g, b] = color.match(/[\\d.]+/g).slice(0, 3).map((n) => n / 255)
                      .map((n) => (n <= 0.04045 ? n / 12.92 : ((n + 0.055) / 1.055) ** 2.4))
                    return 0.2126 * r + 0.7152 * g + 0.0722 * b
                  }
                  const paper = light(getComputedStyle(document.body).backgroundColor)
                  const ratio = (color) => {
                    const [low, high] = [light(color), paper].sort((x, y) => x - y)
                    return (high + 0.05) / (low + 0.05)
                  }
                  const all = (what) => [...document.querySelectorAll(what)].map(getComputedStyle)
                  return [
                    Math.min(...all('svg.kv .curve line').map((style) => ratio(style.stroke))),
                    Math.min(...all('svg.kv text').map((style) => ratio(style.fill))),
                  ]
                }"""
            )
            assert weakest[0] >= 3
            assert weakest[1] >= 4.5


def test_writing_stays_inside_its_block(page: Page, files: dict[str, str]) -> None:
    for name in ("four", "windowed", "hostile"):
        opened(page, files[name])
        for _ in range(3):
            page.get_by_role("button", name="Unfold a level").click()
        outside = page.evaluate(
            """() => [...document.querySelectorAll('.block text')]
              .filter((one) => !one.closest('[hidden]'))
              .filter((one) => {
                const frame = one.closest('.block').querySelector('.frame').getBoundingClientRect()
                const box = one.getBoundingClientRect()
                return box.right > frame.right + 1 || box.bottom > frame.bottom + 1
              }).map((one) => one.textContent)"""
        )
        assert outside == []


def accessibility(page: Page) -> list[str]:
    """Breaches of the rules that matter here: names, roles, states, focus, contrast."""
    found: list[str] = page.evaluate(
        """() => {
          const wrong = []
          const seen = (one) => one.checkVisibility() && !one.closest('[hidden]')
          const all = (selector) => [...document.querySelectorAll(selector)].filter(seen)
          const name = (one) => one.getAttribute('aria-label') || one.textContent.trim()
            || (one.labels?.[0]?.textContent ?? '').trim()
          const roles = ['treeitem', 'tree', 'img', 'region'].map((role) => `[role=${role}]`)
          const named = ['a[href]', 'button', 'input', ...roles].join()
          for (const one of all(named))
            if (!name(one)) wrong.push('no name: ' + one.outerHTML.slice(0, 80))
          for (const tree of all('[role=tree]')) {
            const stops = tree.querySelectorAll('[tabindex="0"]').length
            if (stops !== 1) wrong.push('a tree has ' + stops + ' stops')
            for (const item of tree.querySelectorAll('[role=treeitem]')) {
              const level = Number(item.getAttribute('aria-level'))
              const depth = item.parentElement.dataset.row.split('.').length
              if (level !== depth) wrong.push('level ' + level + ' at depth ' + depth)
              const beside = item.parentElement.querySelector(':scope > [role=group]')
              if (Boolean(beside) !== item.hasAttribute('aria-expanded')) wrong.push('expanded')
              const open = item.getAttribute('aria-expanded') === 'true'
              if (beside && open === beside.hasAttribute('hidden'))
                wrong.push('state of ' + name(item))
            }
          }
          for (const one of all('[tabindex]'))
            if (Number(one.getAttribute('tabindex')) > 0) wrong.push('focus out of order')
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
          for (const text of all('.block text, .block text tspan, .ghost text')) {
            const frame = text.closest('.block, .ghost').querySelector('.frame')
            const behind = frame ? getComputedStyle(frame).fill
              : getComputedStyle(document.body).backgroundColor
            if (contrast(getComputedStyle(text).fill, behind) < 4.5)
              wrong.push('contrast: ' + text.textContent)
          }
          for (const one of all('.hue')) {
            const paper = getComputedStyle(document.body).backgroundColor
            if (contrast(getComputedStyle(one).fill, paper) < 3)
              wrong.push('colour ' + one.getAttribute('class'))
          }
          return [...new Set(wrong)]
        }"""
    )
    return found


@pytest.mark.parametrize("name", ["four", "windowed", "hostile"])
def test_names_roles_states_focus_and_contrast(
    page: Page, files: dict[str, str], name: str
) -> None:
    opened(page, files[name])
    assert accessibility(page) == []
    page.get_by_role("button", name="Unfold a level").click()
    page.get_by_label("Find").fill("gqa")
    assert accessibility(page) == []
    page.emulate_media(color_scheme="dark")
    assert accessibility(page) == []


def test_the_accessibility_check_can_fail(page: Page, files: dict[str, str]) -> None:
    opened(page, files["dense"])
    page.evaluate(
        """() => {
          const item = document.querySelector('[role=treeitem][aria-expanded]')
          item.setAttribute('aria-expanded', 'true')
          document.querySelector('.block .title').style.fill = 'rgb(200, 200, 200)'
        }"""
    )
    assert {line.partition(" ")[0] for line in accessibility(page)} == {"state", "contrast:"}


def test_without_scripts_the_folded_drawing_and_the_numbers_remain(
    browser: Browser, files: dict[str, str]
) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(files["two"])
    drawing = page.get_by_role("img", name="Architecture of Hybrid-42B-A3B")
    assert drawing.is_visible()
    assert not page.locator(".tools").is_visible()
    assert not page.locator(".inside").locator("visible=true").count()
    page.get_by_text("Every block of the diagram in numbers").click()
    table = page.get_by_role("region", name="Every block of the diagram")
    shown = table.inner_text()
    for inspection in SETS["two"]:
        assert f"{inspection.architecture.by_component['embedding']:,}" in shown
    context.close()


def test_paper_has_the_drawing_without_the_tools(page: Page, files: dict[str, str]) -> None:
    opened(page, files["four"])
    page.locator(".block .title").first.hover()
    page.emulate_media(media="print")
    assert page.locator("svg.diagram").first.is_visible()
    assert not page.locator(".tools").is_visible()
    assert not page.locator(".panel").is_visible()


def test_a_file_asks_for_nothing(page: Page, files: dict[str, str]) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    opened(page, files["two"])
    assert [one for one in asked if not one.startswith(("data:", "blob:"))] == [files["two"]]


class TestLive:
    def test_from_the_list_to_a_comparison(self, page: Page, server: tuple[str, list[str]]) -> None:
        url, _ = server
        page.goto(f"{url}/inspect")
        page.get_by_role("link", name="show Dense-8B").click()
        page.get_by_role("link", name="Compare with another model").click()
        page.get_by_role("link", name="compare Hybrid-42B-A3B").click()
        assert page.locator("h1").inner_text() == "Dense-8B against Hybrid-42B-A3B"
        assert "a user of Hybrid-42B-A3B takes" in page.locator("p.lead").inner_text()
        assert page.get_by_text("More that follows").is_visible()
        page.locator(".tools").wait_for()
        block(page, "32 × full GQA").locator(".title").click()
        assert block(page, "full GQA + MoE", column=1).is_visible()
        assert page.locator("svg.kv .curve").count() == 2

    @pytest.mark.parametrize("width", [360, 1000])
    def test_the_list_does_not_scroll_sideways(
        self, page: Page, server: tuple[str, list[str]], width: int
    ) -> None:
        page.set_viewport_size({"width": width, "height": 800})
        page.goto(f"{server[0]}/inspect")
        page.get_by_label("Filter").wait_for()
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")

    def test_the_catalogue_is_a_click_away(self, page: Page, server: tuple[str, list[str]]) -> None:
        url, _ = server
        page.goto(f"{url}/inspect")
        page.get_by_label("Filter").fill("Qwen3-8B")
        page.get_by_role("link", name="show Qwen/Qwen3-8B", exact=True).click()
        assert "Qwen3-8B" in page.locator("h1").inner_text()
        page.locator(".tools").wait_for()

    def test_hostile_names_do_nothing_but_show(
        self, page: Page, server: tuple[str, list[str]]
    ) -> None:
        url, kept = server
        page.goto(f"{url}/inspect")
        opened(page, f"{url}/inspect/compare?run={kept[2]}&run={kept[0]}")
        page.get_by_role("button", name="Unfold a level").click()
        page.locator(".block .title").nth(2).hover()
        assert page.locator("main img").count() == 0
