from __future__ import annotations

import csv
import io
import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.cli.runner import runs, weigh
from tests.cli.test_calibrate import HOW
from tests.facts.devices.programs import nvidia_smi
from tests.verbs.test_calibrate import three
from weighbridge.verbs.effects import open_workspace

ASKED = ("--context", "16k", "--users", "8", "--slo", "ttft_p95<2s,tpot_p95<40ms")
KEYS = {
    "machine", "workload", "slo", "task", "order", "ranked", "near_misses", "refused",
    "considered", "sentence", "notes", "provenance", "eur_per_hour",
}  # fmt: skip


@pytest.fixture(autouse=True)
def _own_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))


def test_it_prints_a_ranking_near_misses_and_how_to_start_the_winner(tmp_path: Path) -> None:
    done = weigh("plan", "--device", "RTX 4090", *ASKED, "--license", "commercial", cwd=tmp_path)
    assert done.code == 0
    assert done.err == ""
    lines = done.out.splitlines()
    assert re.match(r"RTX 4090: \d+ models meet all of it, here the first 15", lines[0])
    assert "8 users, prompts of 1024 and answers of 256 tokens, context 16k" in lines[1]
    for words in ("TTFT ms", "TPOT ms", "quality", "meets", "assumed", "Near misses"):
        assert words in done.out
    assert re.search(
        r"^(vllm serve|python -m sglang|trtllm-serve|llama-server)", done.out, re.MULTILINE
    )
    assert "left out of the fit" in done.out
    assert not (tmp_path / ".weighbridge").exists()


def test_json_has_the_documented_keys_and_figures(tmp_path: Path) -> None:
    done = weigh("plan", "--device", "2x RTX 3090", *ASKED, "--json", cwd=tmp_path)
    assert done.code == 0
    document = json.loads(done.out)
    assert set(document) == KEYS
    assert document["machine"]["label"] == "2 × RTX 3090"
    assert document["workload"]["context"] == 16384
    assert [one["rank"] for one in document["ranked"]] == list(
        range(1, len(document["ranked"]) + 1)
    )
    for one in document["ranked"]:
        for span in (one["ttft_ms"], one["tpot_ms"], one["tokens_per_s"]):
            assert span["low"] <= span["value"] <= span["high"]
            assert span["level"] == 0.8
        assert one["most_users"] >= 8
        assert one["quality"]["kind"] == "assumed"
    documented = (Path(__file__).parents[2] / "docs/json.md").read_text("utf-8")
    section = documented.partition("## `weigh plan")[2].partition("\n## ")[0]
    for key in KEYS | set(document["ranked"][0]) - {"provenance"}:
        assert f"`{key}`" in section, key


def test_csv_and_rows(tmp_path: Path) -> None:
    done = weigh("plan", "--device", "RTX 4090", "--max-rows", "4", "--csv", cwd=tmp_path)
    rows = list(csv.DictReader(io.StringIO(done.out)))
    assert [row["rank"] for row in rows if row["rank"]] == ["1", "2", "3", "4"]


def test_the_command_alone_can_be_piped_into_a_shell(tmp_path: Path) -> None:
    words = ("plan", "Qwen3-8B", "--device", "RTX 4090", "--engine", "vllm", "--quantization")
    done = weigh(*words, "native", "--context", "16k", "--command", "--max-rows", "1", cwd=tmp_path)
    assert done.out == (
        "# vLLM\nset -eu\nvllm serve Qwen/Qwen3-8B --max-model-len 16384 --max-num-seqs 1 "
        "--gpu-memory-utilization 0.9\n"
    )
    bad = weigh(*words, "native", "--command", "99", cwd=tmp_path)
    assert bad.code == 2
    assert "no row 99" in bad.err


def test_the_command_is_of_one_engine_and_fails_for_what_is_not_there(tmp_path: Path) -> None:
    words = ("plan", "Qwen3-8B", "--device", "2x RTX 4090", "--users", "4", "--command")
    for engine, start in (("llamacpp", "llama-server"), ("ollama", "ollama serve")):
        done = weigh(*words, "--engine", engine, cwd=tmp_path)
        assert start in done.out
        assert ("Modelfile" in done.out) is (engine == "ollama")
        assert ("llama-server" in done.out) is (engine == "llamacpp")
        ran = subprocess.run(
            ["sh"], input=done.out, capture_output=True, text=True, check=False, cwd=tmp_path
        )
        assert ran.returncode != 0
        assert "set GGUF" in ran.stderr


def test_two_kinds_of_load_or_of_output_are_too_many(tmp_path: Path) -> None:
    words = ("plan", "Qwen3-8B", "--device", "RTX 4090")
    both = weigh(*words, "--rate", "5", "--users", "4", cwd=tmp_path)
    assert both.code == 2
    assert "two kinds of load" in both.err
    assert weigh(*words, "--json", "--csv", cwd=tmp_path).code == 2


def test_a_plan_can_be_kept_and_is_listed(tmp_path: Path) -> None:
    done = weigh("plan", "Qwen3-8B", "--device", "RTX 4090", "--keep", cwd=tmp_path)
    assert done.code == 0
    (name,) = runs(tmp_path)
    assert name in done.err
    listed = weigh("runs", "--kind", "plan", cwd=tmp_path)
    assert name in listed.out
    assert "RTX 4090, 1 × 8192 tokens" in listed.out


def test_what_nothing_meets_is_a_sentence_and_one(tmp_path: Path) -> None:
    strict = weigh("plan", "--device", "RTX 4090", "--slo", "ttft<1ms", cwd=tmp_path)
    assert strict.code == 1
    assert "Nothing meets all of that" in strict.err
    assert "would meet with ttft_p95<" in strict.err
    large = weigh("plan", "DeepSeek-R1-0528", "--device", "RTX 4090", cwd=tmp_path)
    assert large.code == 1
    assert re.search(r"exceed the 23\.53 GiB of 1 × RTX 4090; they take \d+ of them", large.err)
    as_json = weigh("plan", "DeepSeek-R1-0528", "--device", "RTX 4090", "--json", cwd=tmp_path)
    assert as_json.code == 1
    assert "Nothing meets" in json.loads(as_json.out)["sentence"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--users", "0"], "0 users has nothing to serve"),
        (["--rate", "-1"], "-1 requests per second"),
        (["--context", "huge"], "is not a number of tokens"),
        (["--slo", "tftt<1s"], "Did you mean ttft"),
        (["--slo", "ttft<0ms"], "nothing can meet it"),
        (["--license", "comercial"], "Did you mean 'commercial'"),
        (["--engine", "vlm"], "There is no engine 'vlm'"),
        (["--quantization", "q9"], "is no number format"),
        (["--context", "1k", "--prompt", "2k"], "do not fit into a context"),
        (["no-such-model"], "The catalogue has no model"),
    ],
)
def test_bad_input_is_a_sentence_and_two(tmp_path: Path, words: list[str], message: str) -> None:
    done = weigh("plan", "--device", "RTX 4090", *words, cwd=tmp_path)
    assert done.code == 2
    assert message in done.err
    assert "Traceback" not in done.err
    assert not done.out


def test_an_unknown_device_is_a_sentence_and_two(tmp_path: Path) -> None:
    done = weigh("plan", "--device", "RTX 9999", cwd=tmp_path)
    assert done.code == 2
    assert "RTX 9999" in done.err
    several = weigh("plan", "--device", "A100", cwd=tmp_path)
    assert several.code in (0, 2)
    assert several.code == 0 or "Say which" in several.err


def test_a_machine_block_describes_any_other_device(tmp_path: Path) -> None:
    box = tmp_path / "box.yaml"
    box.write_text("machine: {device: RTX 4090, count: 2, memory: 48GiB}\n")
    done = weigh("plan", "Qwen3-8B", "--device", box, "--json", cwd=tmp_path)
    machine = json.loads(done.out)["machine"]
    assert machine["label"].startswith("2 × RTX 4090")
    box.write_text("machine: {devise: RTX 4090}\n")
    bad = weigh("plan", "--device", box, cwd=tmp_path)
    assert bad.code == 2
    assert "devise" in bad.err


def test_costs_are_shown_where_a_price_is_given(tmp_path: Path) -> None:
    words = ("plan", "Qwen3-8B", "--device", "RTX 4090", "--price", "0.36", "--sort", "cost")
    shown = weigh(*words, cwd=tmp_path)
    assert "EUR/M tokens" in shown.out
    document = json.loads(weigh(*words, "--json", cwd=tmp_path).out)
    costs = [one["eur_per_million_tokens"] for one in document["ranked"]]
    assert [one["value"] for one in costs] == sorted(one["value"] for one in costs)
    for cost, one in zip(costs, document["ranked"], strict=True):
        assert cost["value"] == pytest.approx(100 / one["tokens_per_s"]["value"])
        assert cost["low"] == pytest.approx(100 / one["tokens_per_s"]["high"])
        assert cost["low"] <= cost["value"] <= cost["high"]
    unpriced = weigh("plan", "--device", "RTX 4090", "--sort", "cost", cwd=tmp_path)
    assert unpriced.code == 2
    assert "--price" in unpriced.err
    assert weigh("plan", "--price", "0", cwd=tmp_path).code == 2


def test_a_calibrated_machine_is_planned_as_it_was_measured(tmp_path: Path) -> None:
    run = three(open_workspace(tmp_path / ".weighbridge"), slower=1.2)
    words = ("plan", "Qwen3-14B", "--device", "RTX 4090", "--engine", "llama.cpp", "--users", "2",
             "--quantization", "q4_k_m", "--json")  # fmt: skip
    before = json.loads(weigh(*words, cwd=tmp_path).out)
    assert weigh("calibrate", run, *HOW, cwd=tmp_path).code == 0
    after = json.loads(weigh(*words, cwd=tmp_path).out)
    old, new = (document["ranked"][0]["tpot_ms"] for document in (before, after))
    assert 1.08 < new["value"] / old["value"] < 1.25
    assert new["high"] / new["low"] < 0.9 * old["high"] / old["low"]
    assert run in after["ranked"][0]["provenance"]["source"]
    assert any(run in note and "3 measured points" in note for note in after["notes"])
    elsewhere = [word if word != "RTX 4090" else "RTX 3090" for word in words]
    assert run not in weigh(*elsewhere, cwd=tmp_path).out


def test_without_a_device_one_is_looked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nvidia_smi(tmp_path / "bin", "NVIDIA GeForce RTX 4090, 570.86, 24564, 467")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    done = weigh("plan", "Qwen3-8B", "--json", cwd=tmp_path)
    document = json.loads(done.out)
    assert document["machine"]["label"] == "RTX 4090"
    assert document["machine"]["detected"]
