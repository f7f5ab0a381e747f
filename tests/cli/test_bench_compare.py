from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.runner import Outcome, runs, weigh
from tests.fakes.llm_server import Behaviour, fake_llm_thread

LOAD = ["--concurrency", "2", "--requests", "8", "--max-tokens", "1", "--metrics", "off"]
# Slow enough that a client on a busy machine is not the bottleneck.
QUICK = Behaviour(tokens=1, first_delay_s=0.25)
SLOW = Behaviour(tokens=1, first_delay_s=0.6)


def between(a: Behaviour, b: Behaviour, *more: str, cwd: Path) -> Outcome:
    with fake_llm_thread(a) as one, fake_llm_thread(b) as two:
        words = ["bench", "compare", one, two, "--model", "fake", *LOAD, "--interleave", "3"]
        outcome = weigh(*words, *more, cwd=cwd)
    if "CLIENT-LIMITED" in outcome.err:
        pytest.skip("this machine is too busy to measure on")
    return outcome


def test_a_real_difference_is_told_and_kept_runs_compare_alike(tmp_path: Path) -> None:
    outcome = between(QUICK, SLOW, "--json", cwd=tmp_path)
    assert outcome.code == 0, outcome.err
    (found,) = json.loads(outcome.out)["comparisons"]
    assert found["pairs"] == 3
    assert any(one["metric"] == "ttft_ms_p50" and one["is_real"] for one in found["differences"])
    assert len(runs(tmp_path)) == 6
    a, b = found["a"], found["b"]
    table = weigh("bench", "compare", a.split(" ")[0], b.split(" ")[0], cwd=tmp_path)
    assert table.code in (0, 4), table.err
    assert "pass for a difference" in table.out  # one after the other


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["load-1", "load-2"], "load-1"),
        (
            ["http://a/v1", "http://b/v1", "--interleave", "3"],
            "--interleave needs the model's name",
        ),
        (["http://a/v1", "http://b/v1", "--interleave", "2", "--model", "m"], "2 is not in the"),
        (["load-1"], "Missing argument 'B'"),
    ],
)
def test_what_cannot_be_compared_is_said(words: list[str], said: str, tmp_path: Path) -> None:
    outcome = weigh("bench", "compare", *words, cwd=tmp_path)
    assert outcome.code == 2
    assert said in outcome.err
