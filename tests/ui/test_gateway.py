"""The page of a running gateway in a real browser, over a real admin port."""

from __future__ import annotations

import asyncio
import json
import os
import re
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest

from tests.fakes.gateway import HOSTILE, MODELS, FakeFleet, FakeGateway, admin_port
from tests.ui.browsing import MARKS, serving
from tests.ui.test_plan import accessibility
from weighbridge.core.errors import ConfigError
from weighbridge.core.gateway import ModelView
from weighbridge.core.routing import ModelEntry, Route, RouterConfig
from weighbridge.verbs.serve import Running
from weighbridge.verbs.serve import gateway as real_gateway
from weighbridge.wire.client import Client
from weighbridge.workspace.gateways import announce, withdraw

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

CLERK = "qwen/clerk 7b"
# Reads the contrast of all that is written on the page, as the check of plans does for plans.
CONTRAST = """() => {
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
  const paper = getComputedStyle(document.body).backgroundColor
  const wrong = []
  for (const one of document.querySelectorAll('.gateway *')) {
    const writes = [...one.childNodes].some((node) => node.nodeType === 3 && node.data.trim())
    if (!writes || !one.checkVisibility() || one.closest('svg')) continue
    if (contrast(getComputedStyle(one).color, paper) < 4.5) wrong.push(one.textContent)
  }
  for (const one of document.querySelectorAll('.g-used, .g-coming, .g-over')) {
    const style = getComputedStyle(one)
    const color = one.matches('.g-coming') ? style.stroke : style.fill
    if (contrast(color, paper) < 3) wrong.push(one.getAttribute('class'))
  }
  return wrong
}"""

pytestmark = MARKS


@pytest.fixture
def gateway() -> FakeGateway:
    return FakeGateway(FakeFleet(takes_s=0.8, broken={"porter": "The model file is gone."}))


@pytest.fixture
def admin(gateway: FakeGateway) -> Iterator[str]:
    with admin_port(gateway) as address:
        yield address


@pytest.fixture
def url(tmp_path: Path, admin: str) -> Iterator[str]:
    announce(tmp_path, admin, os.getpid())
    with serving(tmp_path) as address:
        yield address


def row_of(page: Page, model: str) -> Locator:
    return page.locator("table.fleet tr", has=page.get_by_role("rowheader", name=model))


def state(page: Page, model: str) -> str:
    return row_of(page, model).locator(".state").inner_text()


@contextmanager
def running(config: RouterConfig, folder: Path) -> Iterator[Running]:
    """The real gateway with real engines, on a thread of its own."""
    ready, over = threading.Event(), asyncio.Event()
    found: list[tuple[Running, asyncio.AbstractEventLoop]] = []

    async def serve() -> None:
        async with (
            Client() as client,
            real_gateway(config, folder, client, port=0, workspace=folder) as one,
        ):
            found.append((one, asyncio.get_running_loop()))
            ready.set()
            await over.wait()

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    assert ready.wait(30)
    one, loop = found[0]
    try:
        yield one
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join(timeout=30)
    assert not thread.is_alive()


def ask(url: str, text: str) -> str:
    """The answer of ``auto``."""
    body = {"model": "auto", "messages": [{"role": "user", "content": text}], "max_tokens": 8}
    headers = {"content-type": "application/json"}
    request = urllib.request.Request(  # noqa: S310 -- our own gateway
        f"{url}/v1/chat/completions", json.dumps(body).encode(), headers
    )
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
        content: str = json.load(answer)["choices"][0]["message"]["content"]
        return content


class TestLive:
    def test_figures_move_by_themselves(self, page: Page, url: str, gateway: FakeGateway) -> None:
        page.goto(url)
        page.get_by_role("link", name="the gateway").click()
        page.get_by_text("12.3", exact=True).wait_for()
        gateway.figures = replace(gateway.figures, requests_in_window=456)
        gateway.told.append("Something has happened.")
        page.get_by_text("45.6", exact=True).wait_for(timeout=5000)
        page.get_by_text("Something has happened.").wait_for()
        assert page.locator("svg.spark").count() == 5

    def test_the_line_grows(self, page: Page, url: str) -> None:
        page.goto(f"{url}/gateway")
        line = page.locator("svg.spark .line").first
        before = line.get_attribute("d") or ""
        page.wait_for_timeout(3500)
        assert len(line.get_attribute("d") or "") > len(before)

    def test_a_wrong_configuration_is_said_and_forgotten(
        self, page: Page, url: str, gateway: FakeGateway
    ) -> None:
        page.goto(f"{url}/gateway")
        gateway.fault = ConfigError("`modles` is unknown.")
        warning = page.get_by_text("The configuration on disk is not the one in use.")
        warning.wait_for(timeout=5000)
        gateway.fault = None
        warning.wait_for(state="detached", timeout=5000)

    def test_it_notices_the_end_and_the_next_beginning(
        self, page: Page, tmp_path: Path, url: str, admin: str
    ) -> None:
        page.goto(f"{url}/gateway")
        withdraw(tmp_path, os.getpid())
        page.get_by_text("No gateway runs here.").wait_for(timeout=5000)
        assert page.title() == "No gateway. Weighbridge"
        announce(tmp_path, admin, os.getpid())
        page.get_by_text("4 models").wait_for(timeout=8000)
        assert page.title().startswith("4 models")

    def test_models_come_and_go_without_mixing_up(
        self, page: Page, url: str, gateway: FakeGateway
    ) -> None:
        page.goto(f"{url}/gateway")
        kept = page.get_by_role("rowheader", name="tally").evaluate_handle("(one) => one")
        new = ModelView("abacus", "stopped", is_ours=True)
        gateway.fleet.views = {"abacus": new, "tally": MODELS[0], "remote": MODELS[3]}
        page.get_by_role("rowheader", name="abacus").wait_for(timeout=5000)
        names = page.locator("table.fleet tbody th").all_inner_texts()
        assert [name.strip() for name in names] == ["abacus", "tally", "remote"]
        assert [state(page, name) for name in ("abacus", "tally")] == ["stopped", "ready"]
        assert kept.evaluate("(one) => one.isConnected"), "rows move, they are not made anew"


class TestButtons:
    def test_a_model_is_started_slept_and_stopped(
        self, page: Page, url: str, gateway: FakeGateway
    ) -> None:
        page.goto(f"{url}/gateway")
        page.get_by_role("button", name=f"Start {CLERK}").click()
        page.get_by_role("button", name=f"Stop {CLERK}").wait_for(timeout=5000)
        page.get_by_text(f"{CLERK} is ready.").wait_for()
        assert state(page, CLERK) == "ready"
        page.get_by_role("button", name=f"Sleep {CLERK}").click()
        page.get_by_role("button", name=f"Wake {CLERK}").wait_for(timeout=5000)
        page.get_by_role("button", name=f"Stop {CLERK}").click()
        page.get_by_role("button", name=f"Start {CLERK}").wait_for(timeout=5000)
        assert [action for action, _ in gateway.fleet.asked] == ["start", "sleep", "stop"]

    def test_what_takes_long_is_watched(self, page: Page, url: str, gateway: FakeGateway) -> None:
        gateway.fleet.takes_s = 3.0
        page.goto(f"{url}/gateway")
        page.get_by_role("button", name=f"Start {CLERK}").click()
        page.get_by_text("4 models: 2 ready, 1 starting, 1 failed.").wait_for(timeout=5000)
        page.get_by_text("its state tells when it is ready").wait_for()
        assert page.locator("svg.machine-bar .g-coming").count() == 1
        page.get_by_text("4 models: 3 ready, 1 failed.").wait_for(timeout=8000)
        assert page.locator("svg.machine-bar .g-coming").count() == 0

    def test_a_failure_says_why(
        self, page: Page, url: str, gateway: FakeGateway, errors: list[str]
    ) -> None:
        page.goto(f"{url}/gateway")
        page.get_by_role("button", name="Start porter").click()
        page.locator("#live-status", has_text="The model file is gone.").wait_for(timeout=5000)
        assert gateway.told[-1] == "Could not start porter: The model file is gone."
        assert "502" in errors.pop(), "the browser, too, notes that it failed"

    def test_a_double_click_does_not_hit_the_next_button(
        self, page: Page, url: str, gateway: FakeGateway
    ) -> None:
        gateway.fleet.takes_s = 3.0
        page.goto(f"{url}/gateway")
        button = page.get_by_role("button", name=f"Start {CLERK}")
        button.dblclick()
        page.wait_for_timeout(600)
        button.click(force=True)
        page.get_by_role("button", name=f"Stop {CLERK}").wait_for(timeout=5000)
        assert gateway.fleet.asked == [("start", CLERK)]

    def test_the_keyboard_stays_in_the_row(
        self, page: Page, url: str, gateway: FakeGateway
    ) -> None:
        page.goto(f"{url}/gateway")
        page.get_by_role("button", name="Stop tally").focus()
        page.wait_for_timeout(2500)
        assert page.locator(":focus").get_attribute("aria-label") == "Stop tally"
        page.keyboard.press("Enter")
        page.get_by_role("button", name="Start tally").wait_for(timeout=5000)
        assert page.locator(":focus").get_attribute("aria-label") == "Start tally"
        assert gateway.fleet.asked == [("stop", "tally")]

    def test_another_site_cannot_press_them(
        self, page: Page, url: str, gateway: FakeGateway, admin: str, errors: list[str]
    ) -> None:
        # A page of another origin: the admin port's own answer will do.
        page.goto(f"{admin}/health")
        outcome = page.evaluate(
            """async (targets) => Promise.all(targets.map(async (target) => {
              try {
                const headers = { 'x-weighbridge-ui': 'act' }
                await fetch(target, { method: 'POST', mode: 'no-cors', headers })
                await fetch(target, { method: 'POST', headers })
                return 'read'
              } catch { return 'refused' }
            }))""",
            [f"{url}/gateway/models/tally/stop", f"{admin}/admin/models/tally/stop"],
        )
        assert outcome[0] == "refused"
        assert gateway.fleet.asked == []
        errors.clear()  # the browser complains of what it refused


class TestReal:
    def test_a_real_engine_from_the_button_to_the_route_taken(
        self, page: Page, tmp_path: Path, models: Path
    ) -> None:
        source = str(models / "tally-f16.gguf")
        entry = ModelEntry(engine="llamacpp-embedded", source=source, context=256, slots=2)
        config = RouterConfig({"tally": entry}, (Route(use=("tally",)),), admin="127.0.0.1:0")
        with running(config, tmp_path) as gateway, serving(tmp_path) as url:
            page.goto(f"{url}/gateway")
            assert state(page, "tally") == "stopped"
            page.get_by_text("No request has been answered yet.").wait_for()
            page.get_by_role("button", name="Start tally").click()
            row_of(page, "tally").get_by_text("ready", exact=True).wait_for(timeout=30_000)
            memory = row_of(page, "tally").locator(".memory-of").inner_text()
            assert re.search(r"\d+(\.\d+)? MiB", memory), memory
            assert ask(gateway.url, "12+35=") == "47"
            routes = page.locator("section[data-key=routes] tbody tr")
            routes.wait_for(timeout=5000)
            assert routes.inner_text().split("\t")[1:3] == ["tally", "1"]
            rate = page.locator("dl.sparks div", has_text="Requests/s").locator(".figure")
            # A second counts once it is over.
            page.wait_for_timeout(2500)
            assert 0.0 < float(rate.inner_text()) <= 1.0
            page.get_by_role("button", name="Stop tally").click()
            row_of(page, "tally").get_by_text("stopped", exact=True).wait_for(timeout=30_000)
            assert gateway.center.fleet.used_bytes == 0


class TestPage:
    @pytest.mark.parametrize("width", [360, 768, 1400, 2560])
    @pytest.mark.parametrize("many", [False, True])
    def test_it_does_not_scroll_sideways(
        self, page: Page, url: str, gateway: FakeGateway, width: int, *, many: bool
    ) -> None:
        if many:
            long = [
                msgspec.structs.replace(MODELS[0], model=f"organisation/a-long-name-{n}-Q4")
                for n in range(9)
            ]
            gateway.fleet.views = {one.model: one for one in long}
            gateway.told.append("x" * 500)
        page.set_viewport_size({"width": width, "height": 800})
        page.goto(f"{url}/gateway")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        boxes = "[...document.querySelectorAll('table')].map((one) => one.parentElement)"
        if width == 360:  # there, rows are cards
            assert page.evaluate(f"{boxes}.every((box) => box.scrollWidth <= box.clientWidth)")
        nav = page.locator("header nav a").last.bounding_box()
        assert nav is not None
        assert nav["x"] + nav["width"] <= width

    @pytest.mark.parametrize("scheme", ["light", "dark"])
    def test_names_focus_and_contrast(self, page: Page, url: str, scheme: str) -> None:
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        page.goto(f"{url}/gateway")
        page.get_by_role("button", name="Start porter").wait_for()
        assert accessibility(page) == []
        assert page.evaluate(CONTRAST) == []

    def test_the_contrast_check_can_fail(self, page: Page, url: str) -> None:
        page.goto(f"{url}/gateway")
        page.locator("h1").evaluate("(one) => { one.style.color = 'rgb(220, 220, 220)' }")
        assert len(page.evaluate(CONTRAST)) == 1

    def test_what_others_wrote_does_nothing_but_show(self, page: Page, url: str) -> None:
        page.goto(f"{url}/gateway")
        page.wait_for_timeout(1500)
        assert page.get_by_text(HOSTILE).first.is_visible()
        assert page.locator("main img").count() == 0

    def test_without_scripts_it_is_a_snapshot(
        self, browser: Browser, url: str, gateway: FakeGateway
    ) -> None:
        context = browser.new_context(java_script_enabled=False)
        page = context.new_page()
        page.goto(f"{url}/gateway")
        assert page.get_by_text("reload it to see the present").is_visible()
        assert page.locator("table.fleet tbody tr").count() == len(gateway.fleet.views)
        assert page.locator("button[data-act]:visible").count() == 0
        context.close()
