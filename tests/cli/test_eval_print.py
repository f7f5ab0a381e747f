"""What stands for the expected answer where tests judge instead."""

from __future__ import annotations

from dataclasses import replace

import pytest
from click.testing import CliRunner

from tests.fakes.runs import eval_run
from weighbridge.cli.eval_print import show
from weighbridge.cli.suites import show_command
from weighbridge.core.runs import EvalRun
from weighbridge.verbs.eval_figures import Sum, figures_from


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


def test_a_suite_of_programs_says_who_judges() -> None:
    told = CliRunner().invoke(show_command, ["code", "--items", "1"], standalone_mode=False)
    assert told.exception is None
    assert "[expected]\nno one answer: the scorer code judges it" in told.output
    assert "None" not in told.output.rpartition("[expected]")[2]
