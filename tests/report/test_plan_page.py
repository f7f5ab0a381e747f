from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.report import plans
from tests.report.html_check import Page
from weighbridge.core.errors import InputError
from weighbridge.core.plan import Plan
from weighbridge.report.plan_form import PlanForm
from weighbridge.report.plan_page import live_plan_page, plan_page
from weighbridge.report.run_page import run_page

EMPTY_FORM = PlanForm((), (), False, (), (), (), (), ())
MAKERS = [plans.plan, plans.nothing, plans.several_devices, plans.two_sources, plans.hostile]


def text_of(plan: Plan, *, standalone: bool = True) -> str:
    return Page(plan_page(plan, standalone=standalone)).text.replace("\xa0", " ")


@pytest.mark.parametrize("standalone", [True, False])
@pytest.mark.parametrize("make", MAKERS)
def test_every_plan_has_a_page_with_unique_ids(make: Callable[[], Plan], standalone: bool) -> None:
    page = Page(plan_page(make(), standalone=standalone))
    assert len(page.ids()) == len(set(page.ids()))
    links = [value for tag, value in page.addresses if tag == "a" and value.startswith("#")]
    assert {value[1:] for value in links} <= set(page.ids())


def test_the_winner_is_the_headline_and_its_figures_have_intervals() -> None:
    text = text_of(plans.plan())
    assert "Serve Best-30B AWQ int4 g128 with vLLM." in text
    assert "30.0 ms" in text
    assert "21.0–45.0" in text
    assert "Of 321 ways to serve 11 models" in text
    assert "quality is assumed" in text


def test_doubts_changes_and_reasons_are_told() -> None:
    text = text_of(plans.plan())
    assert "meets, with doubt" in text
    assert "36 ms expected, 25 to 54" in text
    assert "fp8 KV cache" in text
    assert "5 users" in text
    assert "licence research-only: not for money" in text
    assert "The version of vLLM is not given" in text


def test_a_doubtful_winner_says_so_at_the_top() -> None:
    full = plans.plan()
    text = text_of(replace(full, ranked=full.ranked[2:]))
    assert "In doubt: tpot_p95<40ms may not hold" in text


def test_nothing_that_meets_leads_with_what_comes_closest() -> None:
    page = Page(plan_page(plans.nothing(), standalone=True))
    assert "Nothing meets all of it on RTX 4090." in page.text
    assert "would meet it with fp8 KV cache or 5 users" in page.text
    assert not [values for values in page.tags("table") if "data-sortable" in values]


def test_the_command_of_the_winner_is_there() -> None:
    assert "vllm serve" in text_of(plans.plan())


def test_what_is_not_known_has_no_number() -> None:
    html = plan_page(plans.plan(), standalone=True)
    row = html[html.index('id="way-6"') :].partition("</tr>")[0]
    assert "not known" in row
    near = html[html.index('id="near"') :].partition("</tr>\n<tr>")[0]
    assert "\N{EN DASH}" in near


def test_a_file_loads_nothing_and_is_small() -> None:
    html = plan_page(plans.plan(), standalone=True)
    page = Page(html)
    outside = [address for _, address in page.addresses if not address.startswith(("data:", "#"))]
    assert outside == []
    assert len(html.encode()) < 500_000
    assert not page.tags("form")


def test_a_long_ranking_stays_small() -> None:
    full = plans.plan()
    names = [f"some-organisation/Model-with-a-long-name-{number}-Instruct" for number in range(120)]
    ranked = tuple(
        plans.way(name, 100 - number, use=plans.memory(8, 10), tpot=9 + number * 37 % 120 / 4)
        for number, name in enumerate(names)
    )
    html = plan_page(replace(full, ranked=ranked, front=tuple(range(120))), standalone=True)
    assert len(html.encode()) < 500_000


def test_scripts_of_a_file_are_those_that_its_policy_names() -> None:
    page = Page(plan_page(plans.plan(), standalone=True))
    (policy,) = [values["content"] or "" for values in page.tags("meta") if "http-equiv" in values]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert len(page.tags("script")) == 2
    assert not [values for _, values in page.elements if "style" in values]


@pytest.mark.parametrize("standalone", [True, False])
def test_hostile_names_are_text(standalone: bool) -> None:
    page = Page(plan_page(plans.hostile(), standalone=standalone))
    assert not page.tags("img")
    assert page.text.count(plans.HOSTILE) >= 5
    assert not [name for _, values in page.elements for name in values if name.startswith("on")]


def test_a_run_names_itself_and_leads_to_the_same_question() -> None:
    page = Page(run_page(plans.kept(plans.plan()), standalone=False))
    assert "plan-0a1b2c" in page.text
    (again,) = {value for tag, value in page.addresses if value.startswith("/plan?")}
    for part in ("device=1x+RTX+4090", "users=8", "context=16384", "ttft=2000", "tpot=40"):
        assert part in again


def test_cost_is_a_column_only_where_a_price_is_known() -> None:
    assert "€ per million" not in text_of(plans.plan())
    assert "the price of this machine is not known" in text_of(plans.plan())
    assert "€0.4" in text_of(plans.two_sources())


def test_devices_are_told_only_where_there_are_several() -> None:
    assert "Devices" not in text_of(plans.plan())
    text = text_of(plans.several_devices())
    assert "on 4 of 5 devices" in text
    assert "TP2 · 2 replicas" in text
    assert "On the devices" in text


def test_a_problem_stands_beside_the_form() -> None:
    problem = InputError("There is no device 'RTX'.", fix="Say `RTX 4090`.")
    page = Page(live_plan_page(EMPTY_FORM, problem=problem))
    assert "There is no device 'RTX'." in page.text
    assert page.tags("form")
    assert "plan-result" in page.ids()


def test_without_a_machine_the_page_asks_for_one() -> None:
    assert "Say on what it is to run" in Page(live_plan_page(EMPTY_FORM)).text


def test_every_row_names_the_format_of_its_cache() -> None:
    usual = plans.plan()
    rows = len(usual.ranked) + len(usual.near_misses)
    assert text_of(usual).count("fp8 KV cache") >= rows
    first = usual.ranked[0]
    told = replace(first.candidate.settings, kv_bytes_per_value=2.0, utilisation=0.92)
    long = replace(first, candidate=replace(first.candidate, settings=told))
    text = text_of(replace(usual, ranked=(long, *usual.ranked[1:])))
    assert text.count("16-bit KV cache, 92 % of the memory") == 1
