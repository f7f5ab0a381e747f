from __future__ import annotations

import pytest
from msgspec.structs import replace

from tests.fakes.gateway import GIB, HOSTILE, MODELS, FakeGateway
from tests.report.html_check import Page
from weighbridge.core.errors import ConnectError
from weighbridge.core.gateway import GatewayView, RouteCount
from weighbridge.report import gateway_bars as bars
from weighbridge.report.gateway_page import (
    HISTORY_S,
    Moment,
    figures_of,
    gateway_page,
    moment_of,
    no_gateway_page,
    silent_page,
)
from weighbridge.report.page import STATIC

VIEW = replace(FakeGateway().view(), time=1_700_000_000.0, uptime_s=7380.0)
ADDRESS = "http://127.0.0.1:8081"


def page(view: GatewayView = VIEW, *, may_act: bool = True) -> Page:
    return Page(gateway_page(view, address=ADDRESS, may_act=may_act))


def test_it_shows_everything_in_words() -> None:
    text = page().text.replace("\xa0", " ")
    for said in (
        "4 models: 2 ready, 1 stopped, 1 failed.",
        "up 2 h 3 min",
        "2023-11-14 22:13:20 UTC",
        "porter failed. The engine ended with code 1: out of memory.",
        "12.3",
        "17 of 20,211 requests failed",
        "p90 90.0 ms, p99 99.0 ms",
        "tally 5.00 GiB, 19.00 GiB free of 24.00 GiB",
        "2 of 3 servers well",
        "74.2 %",
        "$12.50 of $50.00",
        "used up",
        "Started.",
    ):
        assert said in text, said


def test_ids_are_unique_and_keys_are_among_siblings() -> None:
    made = page()
    assert len(made.ids()) == len(set(made.ids()))
    rows = [values["data-key"] for values in made.tags("tr") if "data-key" in values]
    assert len(rows) == len(set(rows)) == 4 + 3 + 3


def test_whatever_others_wrote_is_text() -> None:
    made = page(replace(VIEW, config_error=HOSTILE, models=(replace(MODELS[0], model=HOSTILE),)))
    assert not made.tags("img")
    assert made.text.count(HOSTILE) > 5
    assert not any(name.startswith("on") for _, values in made.elements for name in values)


def test_buttons_are_for_this_gateways_engines_and_named_after_them() -> None:
    buttons = [one for one in page().tags("button") if "data-act" in one]
    assert {(one["aria-label"], one["data-act"]) for one in buttons} == {
        ("Stop tally", "/gateway/models/tally/stop"),
        ("Start qwen/clerk 7b", "/gateway/models/qwen%2Fclerk%207b/start"),
        ("Start porter", "/gateway/models/porter/start"),
    }
    looking = page(may_act=False)
    assert not [one for one in looking.tags("button") if "data-act" in one]
    assert "on the gateway's own machine only" in looking.text


def test_it_loads_only_its_own_assets() -> None:
    loaded = [address for tag, address in page().addresses if tag in ("script", "link", "img")]
    assert "/static/gateway.js" in loaded
    assert all(address.removeprefix("/static/") in STATIC for address in loaded)


def test_an_empty_gateway_has_a_page() -> None:
    empty = replace(
        VIEW, models=(), routes=(), budgets=(), recent=(), ttft_ms=(), duration_ms=(), requests=0
    )
    text = page(replace(empty, memory_bytes=None)).text
    assert "No models." in text
    assert "No request has been answered yet." in text
    assert "no answers yet" in text
    assert "Budgets" not in text
    assert "Recent messages None since it began." in text


def test_many_routes_are_cut_and_that_is_said() -> None:
    routes = tuple(RouteCount(f"reason {n}", "tally", 100 - n) for n in range(50))
    text = page(replace(VIEW, routes=routes)).text
    assert "reason 19" in text
    assert "reason 20" not in text
    assert "30 rarer ones are left out" in text


def test_without_a_gateway_it_says_how_to_start_one() -> None:
    text = Page(no_gateway_page()).text
    assert "weigh serve router.config.yaml" in text
    assert "weigh ui --gateway" in text


def test_one_that_was_killed_is_told() -> None:
    text = Page(no_gateway_page("The gateway (process 7) has ended.")).text
    assert "The gateway (process 7) has ended. Start it again" in text
    assert "admin:" not in text


def test_one_that_does_not_answer_says_so() -> None:
    made = Page(silent_page(ADDRESS, ConnectError("Nobody answers.", fix="Run `weigh serve`.")))
    assert "Nobody answers. Run weigh serve ." in made.text
    assert [one["data-state"] for one in made.tags("article")] == ["silent"]


def moment(time: float, rate: float = 1.0) -> Moment:
    return Moment(time, rate, 10 * rate, 1, None, None)


def spark(past: list[Moment]) -> str:
    figures = figures_of(VIEW, [*past, moment_of(VIEW)])
    return str(figures[0].spark)


def test_lines_have_gaps_where_nobody_looked() -> None:
    now = VIEW.time
    steady = spark([moment(now - back) for back in range(60, 0, -1)])
    assert steady.count("M") == 2, "the floor and one line"
    gap = spark([moment(now - back) for back in range(60, 0, -1) if not 20 < back < 40])
    assert gap.count("M") == 3
    one_left_out = spark([moment(now - back) for back in range(60, 0, -1) if back != 30])
    assert one_left_out.count("M") == 2
    assert spark([moment(now - HISTORY_S - 5)]) == spark([])


class TestBars:
    def test_parts_of_the_machine_lie_side_by_side_within_the_budget(self) -> None:
        models = (MODELS[0], replace(MODELS[1], state="starting"), *MODELS[2:])
        view = replace(VIEW, models=models, used_bytes=14 * GIB)
        bar = bars.machine_bar(view)
        assert 'class="g-used g-1" x="0.00%" width="20.83%"' in bar.drawing
        assert 'class="g-coming g-2" x="20.83%" width="37.50%"' in bar.drawing
        words = bar.words.replace("\xa0", " ")
        assert words == (
            "tally 5.00 GiB, qwen/clerk 7b 9.00 GiB when it is ready, 10.00 GiB free of 24.00 GiB"
        )

    def test_what_the_ledger_has_besides_is_shown(self) -> None:
        bar = bars.machine_bar(replace(VIEW, used_bytes=8 * GIB))
        assert "3.00\xa0GiB more set aside" in bar.words
        assert "16.00\xa0GiB free" in bar.words

    def test_more_than_the_budget_is_said(self) -> None:
        view = replace(VIEW, memory_bytes=4 * GIB, used_bytes=5 * GIB)
        bar = bars.machine_bar(view)
        assert "1.00\xa0GiB over the budget of 4.00\xa0GiB" in bar.words
        assert bars.scale_of(view) == 12 * GIB, "the largest model still fits its own bar"

    def test_without_a_budget_none_is_drawn(self) -> None:
        bar = bars.machine_bar(replace(VIEW, memory_bytes=None))
        assert "m-limit" not in bar.drawing
        assert "no budget is known" in bar.words

    @pytest.mark.parametrize("used", [0.0, 0.5, 1.0, 7.0])
    def test_no_budget_bar_is_longer_than_its_rail(self, used: float) -> None:
        drawing = bars.budget_bar("team", used)
        assert f'width="{100 * min(used, 1):.2f}%"' in drawing
        assert ("g-over" in drawing) == (used >= 1)
        assert f"team: {100 * used:.0f} % used" in drawing

    def test_colours_stay_with_their_models(self) -> None:
        stopped = tuple(replace(one, state="stopped", memory_bytes=None) for one in MODELS)
        colours = {share.model.model: share.colour for share in bars.shares_of(MODELS)}
        assert colours == {s.model.model: s.colour for s in bars.shares_of(stopped)}
        assert "remote" not in colours
