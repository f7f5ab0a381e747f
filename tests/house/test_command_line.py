"""The verbs, their help and their documentation agree."""

from __future__ import annotations

import importlib
import keyword
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from weighbridge.cli.main import VERBS, weigh

ROOT = Path(__file__).parents[2]
CLI = ROOT / "src/weighbridge/cli"
SHARED = {
    "__init__", "__main__", "main", "diagnostics", "options", "plan_print", "plan_rows",
    "gateway_print", "progress", "serve_look", "tables", "tune_options",
    "cost_options", "cost_print",
    "eval_files", "eval_print", "eval_quants", "rate_print", "rate_start", "unwritten",
    "bench_compare", "bench_line", "bench_options", "bench_output", "bench_ramp", "bench_self_test",
    "bench_show", "bench_table", "decide_options", "decide_print",
    "study_init", "study_print", "called",
}  # fmt: skip


def command(verb: str) -> click.Command:
    word = f"{verb}_" if keyword.iskeyword(verb) else verb.replace("-", "_")
    found: click.Command = importlib.import_module(f"weighbridge.cli.{word}").command
    return found


def test_every_verb_has_its_module_and_every_module_its_verb() -> None:
    # `import` is a word of Python, so its module is import_; modules have no hyphens.
    modules = {path.stem.removesuffix("_") for path in CLI.glob("*.py") if path.stem not in SHARED}
    assert modules == {verb.replace("-", "_") for verb in VERBS}


@pytest.mark.parametrize("verb", VERBS)
def test_help_has_an_example_and_every_option_a_text(verb: str) -> None:
    result = CliRunner().invoke(weigh, [verb, "--help"])
    assert result.exit_code == 0
    assert "Example:" in result.output
    for parameter in command(verb).params:
        if isinstance(parameter, click.Option):
            assert parameter.help, f"{verb} {parameter.opts} has no help"


def test_main_help_lists_every_verb() -> None:
    output = CliRunner().invoke(weigh, ["--help"]).output
    for verb in VERBS:
        assert f"  {verb} " in output
