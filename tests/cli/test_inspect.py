from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tests.facts import gguf_models
from tests.facts.gguf_writer import write_gguf
from weighbridge.cli.inspect import command, parse_contexts
from weighbridge.core.errors import InputError


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(command, [str(argument) for argument in arguments])


@pytest.fixture
def llama(tmp_path: Path) -> Path:
    return write_gguf(tmp_path / "llama.gguf", *gguf_models.llama())


@pytest.fixture
def hybrid(tmp_path: Path) -> Path:
    return write_gguf(tmp_path / "hybrid.gguf", *gguf_models.unmodelled())


def test_one_model_is_one_object_of_json(llama: Path) -> None:
    result = run(llama, "--json", "--kv-dtype", "q8_0", "--context", "512,8k")
    record = json.loads(result.stdout)
    assert record["name"] == "tiny llama"
    assert record["kv_cache"]["dtype"] == "q8_0"
    assert list(record["kv_cache"]["bytes_at"]) == ["512", "8192"]
    assert record["provenance"]["source"] == str(llama)


def test_several_models_are_a_list(llama: Path, hybrid: Path) -> None:
    records = json.loads(run(llama, hybrid, "--json").stdout)
    assert [record["model_type"] for record in records] == ["llama", "invented"]


def test_the_table_fits_one_screen(llama: Path) -> None:
    result = run(llama)
    assert result.stderr == ""
    lines = result.stdout.splitlines()
    assert len(lines) <= 32
    assert all(len(line.rstrip()) <= 100 or str(llama) in line for line in lines)
    for expected in ("tiny llama", "parameters", "GQA 4 heads on 2 KV heads of 16", "256 B"):
        assert expected in result.stdout


def test_the_number_of_users_says_what_it_leaves_out(llama: Path, hybrid: Path) -> None:
    note = "Users: counted by weights and cache alone; `weigh plan MODEL --device …` counts engines"
    output = run(llama).stdout
    assert re.search(r"users at 32k tokens in 24 GiB +at most [\d,]+ \*", output)
    assert note in output
    assert note not in run(hybrid).stdout, "there is no number to explain"


def test_models_stand_side_by_side_with_their_assumptions(llama: Path, hybrid: Path) -> None:
    output = run(llama, hybrid).stdout
    assert "tiny llama" in output.splitlines()[0]
    assert "tiny invented" in output.splitlines()[0]
    assert "not modelled" in output
    assert "keep a recurrent state" in output


def test_what_is_beyond_the_trained_context_is_marked(llama: Path) -> None:
    lines = [line.rstrip() for line in run(llama, "--context", "512,1k").stdout.splitlines()]
    caches = [line for line in lines if line.startswith("  at ")]
    assert [line.endswith("*") for line in caches] == [False, True]
    assert any(line.startswith("* tiny llama: trained for 512 tokens") for line in lines)


def windowed(folder: Path) -> Path:
    """A config.json with the dimensions of Gemma 3 12B's text model."""
    config = {
        "model_type": "gemma3_text", "hidden_size": 3840, "num_hidden_layers": 48,
        "num_attention_heads": 16, "num_key_value_heads": 8, "head_dim": 256,
        "intermediate_size": 15360, "vocab_size": 262144, "sliding_window": 1024,
        "sliding_window_pattern": 6, "max_position_embeddings": 131072,
    }  # fmt: skip
    path = folder / "gemma.json"
    path.write_text(json.dumps(config))
    return path


def test_windows_take_what_named_engines_allocate(tmp_path: Path) -> None:
    text = " ".join(run(windowed(tmp_path), "--context", "8k,1M").stdout.split())
    row = "832.00 MiB at least; llama.cpp 992.00 MiB; vLLM 1.44 GiB (3.00 GiB before 0.10)"
    assert f"at 8k tokens {row}" in text
    assert "at 1M tokens" in text
    assert "batches of 512 tokens" in text
    record = json.loads(run(windowed(tmp_path), "--context", "8k", "--json").stdout)
    assert record["kv_cache"]["bytes_at"] == {"8192": 832 * 1024**2}
    assert record["kv_cache"]["allocated_at"]["llama.cpp"] == {"8192": 992 * 1024**2}


def test_models_without_windows_have_one_figure(llama: Path) -> None:
    assert "at least" not in run(llama).stdout
    assert "batches of" not in run(llama).stdout


def test_the_page_has_the_answers_and_no_folders(tmp_path: Path, llama: Path) -> None:
    page = tmp_path / "page.html"
    asked = run(llama, "--license-for", "commercial,redistribute", "--html", page)
    html = page.read_text(encoding="utf-8")
    assert "May I?" in html
    for line in asked.stdout.splitlines():
        if line.startswith("  commercial: "):
            assert line.partition(" – ")[2][:40] in html
    assert str(tmp_path) not in html
    assert "llama.gguf" in html


def test_small_models_have_no_exponents(llama: Path, hybrid: Path) -> None:
    output = run(llama, hybrid).stdout
    assert "e+0" not in output
    assert "MFLOP per token" in output


def test_names_are_not_markup(tmp_path: Path) -> None:
    metadata, tensors = gguf_models.llama()
    metadata["general.name"] = "[red]x[/red] :smile:"
    assert "[red]x[/red] :smile:" in run(write_gguf(tmp_path / "x.gguf", metadata, tensors)).stdout


def test_errors_are_raised_for_the_group_to_show(tmp_path: Path, llama: Path) -> None:
    assert isinstance(run(tmp_path / "absent.gguf").exception, InputError)
    assert isinstance(run(llama, "--context", "8 apples").exception, InputError)
    assert run().exit_code == 2


def test_contexts() -> None:
    assert parse_contexts("512, 8k,1M,8192") == (512, 8192, 1024**2)
    for wrong in ("", "0", "-1", "8k,", "8g", "1" * 30):
        with pytest.raises(InputError):
            parse_contexts(wrong)


def test_help_shows_an_example_and_importing_needs_no_rich() -> None:
    assert "weigh inspect Qwen/Qwen3-8B" in run("--help").stdout
    code = "import sys, weighbridge.cli.inspect; sys.exit('rich' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_row_that_only_one_model_has_stands_in_any_order(tmp_path: Path, llama: Path) -> None:
    config = {
        "model_type": "falcon_mamba", "hidden_size": 64, "state_size": 8, "conv_kernel": 4,
        "intermediate_size": 128, "num_hidden_layers": 2, "vocab_size": 100, "time_step_rank": 4,
    }  # fmt: skip
    mamba = tmp_path / "mamba.json"
    mamba.write_text(json.dumps(config))
    for order in ((mamba, llama), (llama, mamba)):
        output = run(*order).stdout
        assert "state per sequence" in output
        assert "–" in output
