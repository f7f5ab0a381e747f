"""Without a configured context every engine keeps its own default."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from weighbridge.engines.adapter import Wanted
from weighbridge.engines.adapters import ADAPTERS
from weighbridge.engines.llamacpp_embedded import usual_context


@pytest.mark.parametrize(
    ("engine", "flag"),
    [
        ("vllm", "--max-model-len"),
        ("sglang", "--context-length"),
        ("trtllm", "--max_seq_len"),
        ("llamacpp", "--ctx-size"),
    ],
)
def test_no_flag_is_passed_for_what_nobody_said(engine: str, flag: str) -> None:
    adapter = ADAPTERS[engine]
    silent = adapter.command(Wanted("m", engine, "org/model", "m"), 1)
    said = adapter.command(Wanted("m", engine, "org/model", "m", context=1000, slots=1), 1)
    assert flag not in silent.argv
    assert said.argv[said.argv.index(flag) + 1] == "1000"


def test_ollama_is_told_in_its_environment() -> None:
    ollama = ADAPTERS["ollama"]
    assert "OLLAMA_CONTEXT_LENGTH" not in ollama.command(Wanted("m", "ollama", "m", "m"), 1).env
    said = ollama.command(Wanted("m", "ollama", "m", "m", context=1000), 1)
    assert said.env["OLLAMA_CONTEXT_LENGTH"] == "1000"


def test_the_embedded_engine_takes_what_the_model_was_trained_for_within_bounds(
    models: Path,
) -> None:
    source = str(models / "tally-f16.gguf")  # trained for 512 tokens
    argv = (
        ADAPTERS["llamacpp-embedded"].command(Wanted("m", "llamacpp-embedded", source, "m"), 1).argv
    )
    assert json.loads(argv[-1])["context"] == 512
    assert [usual_context(trained) for trained in (100, 131072, None)] == [100, 4096, 4096]
