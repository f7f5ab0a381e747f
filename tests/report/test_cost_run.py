from __future__ import annotations

from dataclasses import replace

import pytest

from tests.predict.cost.examples import DEMAND, api, between, rented
from tests.report.html_check import Page
from tests.report.sample_study import HOSTILE
from weighbridge.core.cost import CostQuestion, CostRun, certain
from weighbridge.core.runs import RunInfo
from weighbridge.predict.cost.report import answer
from weighbridge.report.run_page import run_page

INFO = RunInfo(
    "cost-1", "cost", "2026-11-21T12:00:00Z", "m", "20M tokens/day", "k", "a machine", "0"
)


def page(name: str = "own", *, standalone: bool = True) -> str:
    own = replace(rented(between(0.4, 0.44, 0.9), name=name), pass_rate=certain(0.9))
    question = CostQuestion(DEMAND, (own,), (api(2, 10), api(9, 9, name="host", same_model=True)))
    return run_page(CostRun(INFO, answer(question, draws=200)), standalone=standalone)


@pytest.mark.parametrize("standalone", [True, False])
def test_all_figures_have_a_place(standalone: bool) -> None:
    text = Page(page(standalone=standalone)).text
    for said in ("cost-1", "own against api: cheaper from 2.64M tokens a day on.", "$2,435"):
        assert said in text


def test_hostile_names_stay_text() -> None:
    assert HOSTILE in Page(page(HOSTILE)).text


def test_an_upper_bound_that_is_dearer_has_no_chance() -> None:
    own = rented(between(0.4, 0.44, 0.9), name="own")
    own = replace(own, capacity=replace(own.capacity, at_least=True))
    report = answer(CostQuestion(DEMAND, (own,), (api(0.1, 0.4),)), draws=200)
    text = Page(run_page(CostRun(INFO, report), standalone=True)).text
    assert "api costs $107 a month; whether own costs less is not known." in text
    assert "own is dearer than api by at most $215 a month" in text
    assert "not known as its bill is an upper bound" in " ".join(text.split())
    assert "api is cheaper than" not in text
    assert "of the draws" not in text.replace("difference in the draws", "")
