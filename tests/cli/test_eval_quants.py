"""`weigh eval compare-quants` on the demo's model in three precisions, and on servers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.runner import runs, weigh
from tests.fakes.llm_server import Behaviour, fake_llm_thread
from weighbridge.verbs.demo import data_folder

MODELS = data_folder() / "models"
ARITHMETIC = data_folder() / "suites" / "arithmetic"
PORTER = [MODELS / f"porter-{name}.gguf" for name in ("f16", "q8_0", "q4_0")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("xllamacpp")
    return tmp_path_factory.mktemp("quants")


@pytest.fixture(scope="module")
def told(folder: Path) -> dict[str, Any]:
    outcome = weigh(
        "eval", "compare-quants", ARITHMETIC, *PORTER, "--context", "256", "--kl-items", "25",
        "--limit", "60", "--json", cwd=folder, timeout=120,
    )  # fmt: skip
    assert outcome.code == 0, outcome.err
    found: dict[str, Any] = json.loads(outcome.out)
    return found


def test_precisions_of_one_model(told: dict[str, Any], folder: Path) -> None:
    full, eight, four = told["quants"]
    assert [one["model"] for one in told["quants"]] == ["porter-f16", "porter-q8_0", "porter-q4_0"]
    assert told["n"] == 60
    assert [one["file_bytes"] for one in told["quants"]] == [p.stat().st_size for p in PORTER]
    assert full["kl_nats_at_least"] is None
    # Half the bits cost much more than half a bit: by orders of magnitude.
    assert 0 <= eight["kl_nats_at_least"]["value"] < 0.002
    assert four["kl_nats_at_least"]["value"] > 10 * eight["kl_nats_at_least"]["value"]
    assert four["kl_nats_at_least"]["low"] < four["kl_nats_at_least"]["value"]
    assert eight["same_top"]["value"] > 0.97
    assert eight["places"] == four["places"] >= 25
    assert len(runs(folder)) == 3


def test_flips_are_those_of_the_runs_kept(told: dict[str, Any], folder: Path) -> None:
    ids = [one["run"] for one in told["quants"]]
    outcome = weigh("compare", *ids, "--json", cwd=folder)
    kept = json.loads(outcome.out)["pairs"]
    names = ("n", "difference", "low", "high", "flips_up", "flips_down", "p_mcnemar")
    # Only the reference is compared with the others.
    assert [[one[name] for name in names] for one in told["pairs"]] == [
        [one[name] for name in names] for one in kept if one["a"] == kept[0]["a"]
    ]


def test_another_model_is_no_precision(folder: Path) -> None:
    outcome = weigh(
        "eval", "compare-quants", ARITHMETIC, PORTER[0], MODELS / "tally-f16.gguf", cwd=folder
    )
    assert outcome.code == 2
    assert "another model than" in outcome.err


def test_one_model_cannot_be_compared(folder: Path) -> None:
    outcome = weigh("eval", "compare-quants", ARITHMETIC, PORTER[0], cwd=folder)
    assert outcome.code == 2
    assert "It takes two" in outcome.err


def test_servers_that_tell_no_probabilities_are_compared_without(tmp_path: Path) -> None:
    with (
        fake_llm_thread(Behaviour(text="42"), model="m") as one,
        fake_llm_thread(Behaviour(text="41"), model="m") as two,
    ):
        outcome = weigh(
            "eval", "compare-quants", ARITHMETIC, f"full={one}", f"half={two}", "--limit", "20",
            "--json", cwd=tmp_path,
        )  # fmt: skip
    assert outcome.code == 0, outcome.err
    found = json.loads(outcome.out)
    assert [(quant["model"], quant["file_bytes"]) for quant in found["quants"]] == [
        ("full", None), ("half", None),
    ]  # fmt: skip
    assert all(quant["kl_nats_at_least"] is None for quant in found["quants"])
    assert any("full: the divergence is not known" in note for note in found["notes"])
    assert (found["pairs"][0]["a"], found["pairs"][0]["b"]) == ("full", "half")
