"""What stands for the expected answer where tests judge instead."""

from __future__ import annotations

from dataclasses import replace

import pytest
from click.testing import CliRunner

from tests.fakes.runs import eval_run
from weighbridge.cli.eval_print import show, show_dry_run
from weighbridge.cli.suites import show_command
from weighbridge.core.routing import Price
from weighbridge.core.runs import EvalRun
from weighbridge.verbs.eval_dry_run import DryRun
from weighbridge.verbs.eval_figures import Sum, figures_from, figures_of


def shown(run: EvalRun, capsys: pytest.CaptureFixture[str]) -> str:
    told = Sum()
    for item in run.items:
        told.add(item)
    show(run, figures_from(told, run))
    return capsys.readouterr().out


def test_wrong_programs_have_no_expected_answer(capsys: pytest.CaptureFixture[str]) -> None:
    golds = eval_run("m", "s", [True, False, False])
    tests = replace(golds, items=tuple(replace(item, expected=None) for item in golds.items))
    text = shown(tests, capsys)
    assert "First wrong answers" in text
    assert "None" not in text
    assert "expected" not in text
    assert "expected" in shown(golds, capsys)


def test_failures_begin_with_the_status_and_stand_in_the_suites_order(
    capsys: pytest.CaptureFixture[str],
) -> None:
    run = eval_run("m", "s", [True, False, False, False])
    url = "http://127.0.0.1:18300/v1/chat/completions"
    details = {
        "item-1": f"{url} answered with status 503: the model is being loaded, try later.",
        "item-2": f"{url} reported an error: out of memory.",
        "item-3": "http://127.0.0.1:18300: the server closed the connection early.",
    }
    items = tuple(
        replace(item, error="http_503", detail=details[item.id]) if item.id in details else item
        for item in run.items
    )
    told = Sum()
    for item in (items[3], items[0], items[2], items[1]):
        told.add(item)
    run = replace(run, items=items)
    figures = figures_from(told, run)
    assert [one.id for one in figures.failed] == ["item-1", "item-2", "item-3"]
    show(run, figures)
    text = capsys.readouterr().out
    assert "status 503: the model is being loaded, try later." in text
    assert "reported an error: out of memory." in text
    assert "the server closed the connection early." in text
    assert "18300" not in text


@pytest.mark.parametrize(
    ("usd", "said"),
    [
        (0.0, "$0"),
        (0.0031523, "$0.00316"),
        (0.0032, "$0.00320"),
        (1.2e-7, "$0.000000120"),
        (0.5601, "$0.57"),
        (99.991, "$100"),
        (1234.1, "$1,235"),
    ],
)
def test_a_bound_on_a_cost_is_never_rounded_below_itself(
    usd: float, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    show_dry_run(DryRun("s", 10, 10, (), (981, 1232), 960, usd))
    assert f"At these prices at most {said}." in capsys.readouterr().out


def test_a_cost_below_a_cent_is_not_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    run = eval_run("m", "s", [True])
    show(run, figures_of(run), Price(prompt=1.0, output=2.0))
    assert "Cost at these prices: $0.00000600." in capsys.readouterr().out


def test_a_suite_of_programs_says_who_judges() -> None:
    told = CliRunner().invoke(show_command, ["code", "--items", "1"], standalone_mode=False)
    assert told.exception is None
    assert "[expected]\nno one answer: the scorer code judges it" in told.output
    assert "None" not in told.output.rpartition("[expected]")[2]
