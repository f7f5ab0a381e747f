from __future__ import annotations

import pytest

from tests.predict.scenarios import KINDS, load_of
from weighbridge.core.architecture import Layer, LayerRun, Mixer, Mlp, ModelArchitecture
from weighbridge.core.quantization import Quantization
from weighbridge.facts.catalog.catalogue import load
from weighbridge.predict.work import work


@pytest.mark.parametrize("name", KINDS)
def test_all_weights_that_a_token_meets_are_in_a_group(name: str) -> None:
    built, found = load().find(name).architecture(), load_of(name)
    groups = found.attention.parameters + found.dense.parameters + found.experts.parameters
    outside = {"embedding", "lm_head", "norm", "vision", "audio", "mtp", "other"}
    inside = sum(count for part, count in built.by_component.items() if part not in outside)
    assert groups == inside
    assert found.head.parameters == built.vocabulary * built.hidden


@pytest.mark.parametrize("name", KINDS)
def test_each_layer_has_one_mixer_and_one_feed_forward_part(name: str) -> None:
    found = load_of(name)
    kernels = found.kernels
    assert kernels.softmax + kernels.latent + kernels.recurrent == found.depth
    assert kernels.dense + kernels.routed == found.depth
    assert kernels.sparse <= kernels.latent


def test_llama_like_attention_by_hand() -> None:
    found = load_of("Qwen/Qwen3-8B")  # 36 layers, 32 heads on 8 KV heads of 128
    assert found.kv_values == 36 * 2 * 8 * 128
    assert found.score_width == found.decode_score_width == 36 * 32 * 256
    assert found.kernels.normed == 36
    assert (found.kv_limited_values, found.kv_heads) == (0, 8)


def test_mla_attends_to_its_latent_vector() -> None:
    found = load_of("deepseek-ai/DeepSeek-R1")  # 61 layers, 128 heads, latent 512 + 64
    assert found.kv_values == 61 * 576
    assert found.decode_score_width == 61 * 128 * (2 * 512 + 64)
    assert found.kv_heads == 1


def test_sparse_attention_reads_what_it_selects_and_its_index_keys() -> None:
    found = load_of("deepseek-ai/DeepSeek-V3.2")
    assert (found.kv_limited_values, found.kv_limit) == (61 * 576, 2048)
    assert found.kv_values == 61 * 128
    assert found.score_width == 0


def test_windows_limit_what_is_read() -> None:
    found = load_of("openai/gpt-oss-120b")  # every other layer slides over 128 tokens
    assert found.kv_limit == 128
    assert found.kv_values == found.kv_limited_values == 18 * 2 * 8 * 64


@pytest.mark.parametrize(
    ("quantization", "attention", "experts"),
    [
        ("bf16", "bf16", "bf16"),
        ("fp8", "fp8", "fp8"),
        ("int8", "int8", "int8"),
        ("NVFP4", "fp4", "fp4"),
        ("mxfp4", "bf16", "fp4"),
        ("AWQ int4 g128", "weights only", "weights only"),
        ("Q8_0", "weights only", "weights only"),
    ],
)
def test_formats_say_which_arithmetic_they_run_in(
    quantization: str, attention: str, experts: str
) -> None:
    found = load_of("Qwen/Qwen3-30B-A3B", quantization)
    assert (found.attention.format, found.experts.format) == (attention, experts)


def test_a_model_with_unknown_layers_has_no_speed() -> None:
    layer = Layer(Mixer("unknown", "new", cache=None), Mlp("dense", 8))
    built = ModelArchitecture("m", "new", 8, 10, (LayerRun(2, (layer,)),), (), 100, True)
    assert work(built, Quantization("bf16")) is None
