from __future__ import annotations

import pytest

from weighbridge.core.architecture import ModelArchitecture
from weighbridge.core.errors import InputError
from weighbridge.core.quantization import Quantization
from weighbridge.facts.catalog.catalogue import load
from weighbridge.facts.quantizations.served import served_as
from weighbridge.facts.quantizations.table import from_config
from weighbridge.facts.quantizations.what_if import what_if


def native(name: str) -> tuple[ModelArchitecture, Quantization]:
    model = load().find(name)
    built = model.architecture()
    stated = from_config(model.config or {}, built).quantization
    return built, stated or what_if("bf16", built)


@pytest.mark.parametrize(
    ("name", "precision", "found"),
    [
        ("Qwen/Qwen3-32B", "", "bf16"),
        ("Qwen/Qwen3-32B", "fp8", "fp8"),
        ("Qwen/Qwen3-32B", "FP8", "fp8"),
        ("Qwen/Qwen3-32B", "nvfp4", "NVFP4"),
        ("Qwen/Qwen3-32B", "w4a16", "AWQ int4 g128"),
        ("Qwen/Qwen3-32B", "q4_k_m", "Q4_K_M"),
        ("openai/gpt-oss-120b", "fp4", "mxfp4 (experts)"),  # published so
        ("openai/gpt-oss-120b", "fp8", "mxfp4 (experts)"),  # nobody lengthens it
        ("moonshotai/Kimi-K2.5", "", "compressed-tensors pack-quantized (4.5-bit)"),
        ("moonshotai/Kimi-K2.5", "int4", "compressed-tensors pack-quantized (4.5-bit)"),
        ("moonshotai/Kimi-K2.5", "nvfp4", "NVFP4"),  # integers are no floats
    ],
)
def test_words_of_tables(name: str, precision: str, found: str) -> None:
    built, own = native(name)
    assert served_as(precision, built, own).name == found


def test_fp4_of_mla_models_leaves_attention_alone() -> None:
    built, own = native("deepseek-ai/DeepSeek-R1")
    found = served_as("fp4", built, own)
    assert found.bits_of("attention") == 16
    assert found.bits_of("experts") == 4.5
    dense, plain = native("Qwen/Qwen3-32B")
    assert served_as("fp4", dense, plain).bits_of("attention") == 4.5


def test_an_unknown_precision_is_refused() -> None:
    built, own = native("Qwen/Qwen3-32B")
    with pytest.raises(InputError, match="no precision 'fp7'"):
        served_as("fp7", built, own)
