from __future__ import annotations

import pytest

from weighbridge.core.errors import InputError
from weighbridge.facts.catalog.catalogue import load
from weighbridge.facts.catalog.served_names import find_served, split_precision

# Checkpoints that public tables of serving runs name.
SERVED = (
    ("nvidia/Llama-3.1-8B-Instruct-FP8", "meta-llama/Llama-3.1-8B-Instruct", "fp8"),
    ("meta-llama/Meta-Llama-3.1-8B-Instruct", "meta-llama/Llama-3.1-8B-Instruct", ""),
    ("meta-llama/Llama-3.1-70B-Instruct", "meta-llama/Llama-3.1-70B-Instruct", ""),
    ("nvidia/Llama-3.3-70B-Instruct-NVFP4", "meta-llama/Llama-3.3-70B-Instruct", "nvfp4"),
    ("Qwen/Qwen3-32B", "Qwen/Qwen3-32B", ""),
    ("nvidia/Qwen3-32B-NVFP4", "Qwen/Qwen3-32B", "nvfp4"),
    ("Qwen/Qwen3-235B-A22B-FP8", "Qwen/Qwen3-235B-A22B", "fp8"),
    ("nvidia/Qwen3.5-397B-A17B-NVFP4", "Qwen/Qwen3.5-397B-A17B", "nvfp4"),
    ("amd/gpt-oss-120b-MXFP4", "openai/gpt-oss-120b", "mxfp4"),
    ("amd/gpt-oss-120b-w-mxfp4-a-fp8", "openai/gpt-oss-120b", "mxfp4"),
    ("deepseek-ai/DeepSeek-V3", "deepseek-ai/DeepSeek-V3", ""),
    ("nvidia/DeepSeek-V3.1-NVFP4", "deepseek-ai/DeepSeek-V3.1", "nvfp4"),
    ("nvidia/DeepSeek-R1-NVFP4", "deepseek-ai/DeepSeek-R1", "nvfp4"),
    ("nvidia/DeepSeek-R1-0528-FP4-v2", "deepseek-ai/DeepSeek-R1-0528", "nvfp4"),
    ("moonshotai/Kimi-K2.5", "moonshotai/Kimi-K2.5", ""),
    ("nvidia/Kimi-K2.5-NVFP4", "moonshotai/Kimi-K2.5", "nvfp4"),
    ("MiniMaxAI/MiniMax-M2.5", "MiniMaxAI/MiniMax-M2.5", ""),
    ("zai-org/GLM-5-FP8", "zai-org/GLM-5", "fp8"),
    ("nvidia/GLM-5-NVFP4", "zai-org/GLM-5", "nvfp4"),
)  # fmt: skip


@pytest.mark.parametrize(("name", "model", "precision"), SERVED)
def test_checkpoints_are_of_their_models(name: str, model: str, precision: str) -> None:
    found, said = find_served(load(), name)
    assert (found.id, said) == (model, precision)
    assert found.architecture().parameters == found.parameters


@pytest.mark.parametrize(
    ("name", "base", "precision"),
    [
        ("org/Model-7B-AWQ", "org/Model-7B", "awq"),
        ("org/Model-7B-GPTQ-Int4", "org/Model-7B", "gptq"),
        ("org/Model-7B-quantized.w4a16", "org/Model-7B", "int4"),
        ("org/Model-7B-FP8-dynamic", "org/Model-7B", "fp8"),
        ("org/Model-7B-GGUF:UD-Q4_K_XL", "org/Model-7B", "Q4_K_XL"),
        ("org/Model-7B-GGUF", "org/Model-7B", ""),
        ("org/FP8", "org/FP8", ""),
    ],
)
def test_endings_say_the_precision(name: str, base: str, precision: str) -> None:
    assert split_precision(name) == (base, precision)


def test_a_part_of_a_name_is_not_enough() -> None:
    with pytest.raises(InputError, match="no model 'deepseek-ai/DeepSeek-V'"):
        find_served(load(), "deepseek-ai/DeepSeek-V")
    with pytest.raises(InputError, match=r"Nearest are .*Qwen3-32B"):
        find_served(load(), "Qwen/Qwen3-33B")


def test_nothing_is_found_under_no_name() -> None:
    for name in ("", "  ", "/", "nvidia/-FP8"):
        with pytest.raises(InputError):
            find_served(load(), name)
