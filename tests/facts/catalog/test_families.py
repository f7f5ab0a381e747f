from __future__ import annotations

import pytest

from weighbridge.facts.catalog.families import family_of


@pytest.mark.parametrize(
    ("model", "family"),
    [
        ("Qwen/Qwen3.5-27B", "qwen"),
        ("nvidia/Llama-3_3-Nemotron-Super-49B-v1", "nemotron"),
        ("meta-llama/Meta-Llama-3.1-8B", "llama"),
        ("codellama/CodeLlama-34b-Instruct-hf", "llama"),
        ("deepseek-ai/DeepSeek-R1-Distill-Qwen-14B", "qwen"),
        ("mistralai/Mixtral-8x7B-Instruct-v0.1", "mistral"),
        ("mistralai/Devstral-Small-2-24B-Instruct-2512", "mistral"),
        ("tencent/Hy3", "hunyuan"),
        ("XiaomiMiMo/MiMo-V2.5", "mimo"),
        ("acme/Anvil-7B", "anvil"),
        ("7b", "7b"),
    ],
)
def test_families(model: str, family: str) -> None:
    assert family_of(model) == family
