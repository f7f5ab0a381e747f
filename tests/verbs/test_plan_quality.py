from __future__ import annotations

from pathlib import Path

import pytest

from tests.fakes.clock import FakeClock
from tests.fakes.runs import accurate, eval_run
from weighbridge.verbs.plan_quality import is_of, key, scores
from weighbridge.workspace.folder import Workspace

MODELS = ("Qwen/Qwen3-8B", "Qwen/Qwen3-32B", "openai/gpt-oss-20b")


def workspace(folder: Path, *runs: tuple[str, str, int, str]) -> Workspace:
    """A store with runs of ten items: model, suite, how many right, version of the suite."""
    clock = FakeClock()
    store = Workspace(folder, clock, lambda: "a machine")
    for number, (model, suite, right, version) in enumerate(runs):
        run = eval_run(model, suite, accurate(right, 10), run_id=f"eval-{number:06d}",
                       suite_hash=version)  # fmt: skip
        store.save(run.info, run)
        clock.advance(60)
    return store


@pytest.mark.parametrize(
    ("served", "model"),
    [
        ("qwen3-8b", "Qwen/Qwen3-8B"),
        ("Qwen3-8B-Q4_K_M", "Qwen/Qwen3-8B"),
        ("Qwen/Qwen3-8B-AWQ", "Qwen/Qwen3-8B"),
        ("qwen3:8b", "Qwen/Qwen3-8B"),
        ("gpt-oss-20b-GGUF:latest", "openai/gpt-oss-20b"),
    ],
)
def test_served_names_are_recognised(served: str, model: str) -> None:
    assert key(served) == key(model)


def test_sizes_are_not_confused() -> None:
    assert key("Qwen/Qwen3-8B") != key("Qwen/Qwen3-0.8B")


def test_a_task_is_a_word_of_the_suite() -> None:
    assert is_of("code", "code")
    assert is_of("my-code_review", "CODE")
    assert not is_of("decode", "code")


def test_evaluations_of_the_task_are_scores_with_their_runs(tmp_path: Path) -> None:
    store = workspace(
        tmp_path / "w",
        ("Qwen3-8B-Q4_K_M", "code-review", 7, "1"),
        ("gpt-oss-20b", "code-review", 9, "1"),
        ("gpt-oss-20b", "poems", 1, "1"),
        ("unheard-of", "code-review", 10, "1"),
    )
    found = scores(store, "code", MODELS)
    assert set(found) == {"Qwen/Qwen3-8B", "openai/gpt-oss-20b"}
    value, provenance = found["Qwen/Qwen3-8B"]
    assert value == 0.7
    assert provenance.kind == "measured"
    assert provenance.source == "eval-000000"
    assert scores(store, "sums", MODELS) == {}


def test_only_scores_on_the_same_items_are_compared(tmp_path: Path) -> None:
    store = workspace(
        tmp_path / "w",
        ("qwen3-8b", "code", 2, "trial"),
        ("qwen3-8b", "code", 6, "whole"),
        ("gpt-oss-20b", "code", 8, "whole"),
        ("qwen3-32b", "code", 10, "trial"),
    )
    found = scores(store, "code", MODELS)
    assert {name: value for name, (value, _) in found.items()} in (
        {"Qwen/Qwen3-8B": 0.6, "openai/gpt-oss-20b": 0.8},
        {"Qwen/Qwen3-8B": 0.2, "Qwen/Qwen3-32B": 1.0},
    )


def test_several_suites_of_a_task_are_averaged(tmp_path: Path) -> None:
    store = workspace(
        tmp_path / "w",
        ("qwen3-8b", "code-a", 4, "1"),
        ("qwen3-8b", "code-b", 8, "1"),
        ("gpt-oss-20b", "code-a", 9, "1"),
    )
    assert {name: value for name, (value, _) in scores(store, "code", MODELS).items()} == {
        "Qwen/Qwen3-8B": pytest.approx(0.6)
    }
