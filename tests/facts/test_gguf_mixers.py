"""A GGUF file keeps what the config.json that it was made from says."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest

from tests.facts import gguf_models
from tests.facts.architectures.fixtures import raw
from tests.facts.gguf_from_config import (
    CONVERSIONS,
    compressed,
    conv,
    converted,
    delta,
    expanded,
    gemma,
    header_of,
    in_blocks,
    kimi,
    latent,
    mamba1,
    mamba2,
    sparse,
)
from tests.facts.gguf_models import Model
from tests.facts.gguf_writer import Array, gguf_bytes
from tests.shared_data import shared
from weighbridge.core.architecture import Cache, ModelArchitecture
from weighbridge.facts.architectures.read import read_config
from weighbridge.facts.gguf import parse_gguf
from weighbridge.facts.gguf_architecture import describe
from weighbridge.facts.gguf_mixers import NO_MIXER, UNKNOWN

PUBLISHED = {
    "LiquidAI--LFM2-8B-A1B": ("lfm2moe", conv),
    "Qwen--Qwen3-Next-80B-A3B-Instruct": ("qwen3next", delta),
    "Qwen--Qwen3.5-27B": ("qwen35", delta),
    "ai21labs--Jamba-v0.1": ("jamba", mamba1),
    "deepseek-ai--DeepSeek-R1": ("deepseek2", latent),
    "deepseek-ai--DeepSeek-V2-Lite": ("deepseek2", latent),
    "deepseek-ai--DeepSeek-V3.2": ("deepseek32", sparse),
    "deepseek-ai--DeepSeek-V4-Pro": ("deepseek4", compressed),
    "google--gemma-3n-E4B": ("gemma3n", gemma),
    "google--gemma-4-31B": ("gemma4", gemma),
    "google--gemma-4-E4B": ("gemma4", gemma),
    "ibm-granite--granite-4.0-h-small": ("granitehybrid", mamba2),
    "MiniMaxAI--MiniMax-M3": ("minimax-m3", in_blocks),
    "moonshotai--Kimi-Linear-48B-A3B-Instruct": ("kimi-linear", kimi),
    "tiiuae--Falcon-H1-7B-Instruct": ("falcon-h1", mamba2),
    "tiiuae--falcon-mamba-7b": ("mamba", mamba1),
    "zai-org--GLM-5.2": ("glm-dsa", sparse),
}

GEMMA_3N: dict[str, Any] = {
    "model_type": "gemma3n_text",
    "hidden_size": 384,
    "num_hidden_layers": 6,
    "num_attention_heads": 12,
    "num_key_value_heads": 4,
    "head_dim": 40,
    "intermediate_size": 1088,
    "vocab_size": 50368,
    "sliding_window": 640,
    "num_kv_shared_layers": 3,
    "layer_types": ["sliding_attention", "full_attention"] * 3,
}


def inspected(model: Model) -> ModelArchitecture:
    whole = gguf_bytes(*model)
    return describe(parse_gguf(io.BytesIO(whole), len(whole), "m"), name="m", stem="m")[0]


def same_cache(architecture: ModelArchitecture, config: dict[str, Any]) -> None:
    expected = read_config(config, name="m")
    assert [layer.mixer for layer in architecture.layers] == [
        layer.mixer for layer in expected.layers
    ]
    for tokens in (0, 1, 1000, 100_000):
        assert architecture.kv_bytes(tokens) == expected.kv_bytes(tokens)
        assert architecture.kv_bytes(tokens, 1.0) == expected.kv_bytes(tokens, 1.0)
    assert architecture.kv_bytes(1000) is not None
    assert architecture.state_bytes() == expected.state_bytes()


@pytest.mark.parametrize("name", CONVERSIONS)
def test_a_file_keeps_what_its_configuration_says(name: str) -> None:
    arch, fill = CONVERSIONS[name]
    architecture = inspected(converted(raw(name), arch, fill))
    assert architecture.assumptions == ()
    same_cache(architecture, raw(name))


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_models_keep_what_their_configurations_say(name: str) -> None:
    config = json.loads(shared("data", "configs", f"{name}.json").read_text("utf-8"))
    header = header_of(converted(config, *PUBLISHED[name]))
    architecture, _ = describe(header, name="m", stem="m")
    assert architecture.assumptions == ()
    same_cache(architecture, config)


def test_gemma_3n_stores_projections_that_its_shared_layers_do_not_use() -> None:
    same_cache(inspected(converted(GEMMA_3N, "gemma3n", gemma)), GEMMA_3N)


def test_full_layers_of_gemma_4_may_have_keys_that_double_as_values() -> None:
    config = raw("gemma4_text") | {"attention_k_eq_v": True, "num_global_key_value_heads": 2}
    same_cache(inspected(converted(config, "gemma4", gemma)), config)


def test_shared_indexers_keep_no_keys_of_their_own() -> None:
    config = raw("glm_moe_dsa") | {"index_topk": 64}
    kinds = ["full", "full", "shared", "shared"] * 2
    config |= {"indexer_types": kinds}
    architecture = inspected(converted(config, "glm-dsa", sparse))
    same_cache(architecture, config)
    latents = {layer.mixer.cache for layer in architecture.layers}
    assert latents == {Cache(per_token=96 + 24 + 40), Cache(per_token=96 + 24)}


@pytest.mark.parametrize(("name", "arch"), [("minicpm3", "minicpm3"), ("deepseek_v3", "deepseek2")])
def test_files_without_absorbed_latents_say_what_llama_cpp_keeps(name: str, arch: str) -> None:
    config = raw(name) | {"v_head_dim": 56}
    architecture = inspected(converted(config, arch, expanded))
    same_cache(architecture, config)
    (note,) = architecture.assumptions
    kept = 12 * (40 + 24 + 56)
    assert note == (
        "Layers 0-7 are counted as 120 numbers per token (MLA); llama.cpp itself keeps"
        f" {kept}, because this file does not split the projection up from the latents."
    )


def test_layers_of_experts_alone_have_no_mixer() -> None:
    arch, fill = CONVERSIONS["nemotron_h"]
    architecture = inspected(converted(raw("nemotron_h"), arch, fill))
    assert [layer.mixer == NO_MIXER for layer in architecture.layers] == [
        plan in {"moe", "mlp"} for plan in raw("nemotron_h")["layers_block_type"]
    ]


def rwkv(arch: str, **own: object) -> Model:
    tensors = gguf_models.ends() | gguf_models.mlp(0)
    tensors["blk.0.time_mix_output.weight"] = ((64, 64), "Q8_0")
    tensors["blk.0.channel_mix_key.weight"] = ((64, 128), "Q8_0")
    return gguf_models.keys(arch, 1, attention__head_count=0, wkv__head_size=16, **own), tensors


def test_rwkv_keeps_a_matrix_per_head_and_its_last_inputs() -> None:
    metadata, tensors = rwkv("rwkv6")
    (layer,) = inspected((metadata, tensors)).layers
    assert layer.mixer.cache == Cache(state=2 * 64, state_float32=64 * 16)
    (layer,) = inspected(rwkv("arwkv7", token_shift_count=1)).layers
    assert layer.mixer.cache == Cache(state=64, state_float32=64 * 16)
    del tensors["blk.0.channel_mix_key.weight"]
    architecture = inspected((metadata, tensors))
    assert architecture.kv_bytes(1) is None
    assert "lacks rwkv6.token_shift_count" in architecture.assumptions[0]


def plamo(channels: int = 64) -> Model:
    own = {"ssm__inner_size": 64, "ssm__state_size": 8, "ssm__conv_kernel": 4}
    metadata = gguf_models.keys("plamo2", 1, ssm__time_step_rank=4, ssm__group_count=0, **own)
    metadata["plamo2.attention.head_count_kv"] = Array(5, [0])
    tensors = gguf_models.ends() | gguf_models.mlp(0)
    tensors |= {
        "blk.0.ssm_conv1d.weight": ((4, channels), "F32"),
        "blk.0.ssm_a": ((1, 4), "F32"),
        "blk.0.ssm_b_norm.weight": ((8,), "F32"),
        "blk.0.ssm_out.weight": ((64, 64), "Q8_0"),
    }
    return metadata, tensors


def test_plamo_2_convolves_its_input_alone() -> None:
    (layer,) = inspected(plamo()).layers
    assert layer.mixer.cache == Cache(state=64 * 3, state_float32=64 * 8)
    assert inspected(plamo(channels=80)).kv_bytes(1) is None


@pytest.mark.parametrize(
    ("name", "key", "value", "says"),
    [
        ("deepseek_v3", "rope.dimension_count", 16, "attn_kv_a_mqa tensors of shape 384x120"),
        ("deepseek_v3", "rope.dimension_count", None, "lack deepseek2.rope.dimension_count"),
        ("deepseek_v3", "attention.kv_lora_rank", 128, "attn_kv_a_mqa tensors"),
        ("deepseek_v32", "attention.indexer.key_length", 8, "indexer.attn_k tensors"),
        ("deepseek_v32", "attention.indexer.kpool", 4, "keeps an index of keys"),
        ("deepseek_v4", "attention.compress_ratios", Array(4, [0] * 8), "have a compressor"),
        ("deepseek_v4", "attention.compress_ratios", Array(4, [4] * 8), "attn_compressor_kv"),
        ("deepseek_v4", "attention.key_length", 32, "attn_kv tensors of shape 384x64"),
        ("minimax_m3_vl_text", "attention.indexer.key_length", 8, "indexer.k_proj tensors"),
        ("minimax_m3_vl_text", "attention.indexer.key_length", None, "lacks its key_length"),
        ("minimax_m3_vl_text", "attention.key_length", 32, "attn_k tensors"),
        ("minimax_m3_vl_text", "attention.indexer.kpool", 4, "keeps an index of keys"),
        ("qwen3_next", "ssm.state_size", 32, "ssm_conv1d tensors"),
        ("qwen3_next", "ssm.time_step_rank", 4, "ssm_a tensors of shape 8"),
        ("kimi_linear", "kda.head_dim", 8, "ssm_conv1d_q tensors"),
        ("falcon_mamba", "ssm.state_size", 16, "ssm_a tensors of shape 24x768"),
        ("mamba2", "ssm.group_count", 4, "ssm_conv1d tensors"),
        ("mamba2", "ssm.conv_kernel", None, "lacks mamba2.ssm.conv_kernel"),
        ("falcon_h1", "attention.key_length", 32, "attn_k tensors"),
        ("lfm2", "shortconv.l_cache", 5, "shortconv.conv tensors of shape 3x384"),
        ("gemma4_text", "attention.key_length", 80, "attn_k tensors"),
    ],
)
def test_keys_that_the_tensors_contradict_give_no_number(
    name: str, key: str, value: object, says: str
) -> None:
    arch, fill = CONVERSIONS[name]
    metadata, tensors = converted(raw(name), arch, fill)
    metadata[f"{arch}.{key}"] = value
    kept = {key: value for key, value in metadata.items() if value is not None}
    architecture = inspected((kept, tensors))
    assert UNKNOWN in [layer.mixer for layer in architecture.layers]
    assert architecture.kv_bytes(10) is None
    assert says in " ".join(architecture.assumptions)


def test_a_tensor_that_is_not_there_gives_no_number() -> None:
    arch, fill = CONVERSIONS["granitemoehybrid"]
    metadata, tensors = converted(raw("granitemoehybrid"), arch, fill)
    del tensors["blk.1.ssm_out.weight"]
    architecture = inspected((metadata, tensors))
    assert [layer.mixer == UNKNOWN for layer in architecture.layers] == [
        number == 1 for number in range(8)
    ]
    assert architecture.assumptions[0].startswith("Layers 1 lack the tensor ssm_out")


@pytest.mark.parametrize(
    ("arch", "name", "fill"),
    [("invented", "qwen3_next", delta), ("invented", "mamba2", mamba2)],
)
def test_a_state_of_an_unknown_family_is_not_guessed(arch: str, name: str, fill: Any) -> None:
    architecture = inspected(converted(raw(name), arch, fill))
    assert architecture.kv_bytes(10) is None
    assert "of a kind that is not modelled for invented" in architecture.assumptions[0]


def test_a_convolution_beside_attention_is_not_overlooked() -> None:
    metadata, tensors = gguf_models.llama()
    tensors = tensors | {"blk.1.shortconv_k.weight": ((4, 64), "F32")}
    architecture = inspected((metadata, tensors))
    assert [layer.mixer == UNKNOWN for layer in architecture.layers] == [False, True]
    assert architecture.kv_bytes(10) is None


def test_sharing_is_believed_of_the_families_that_do_it() -> None:
    architecture = inspected(converted(raw("gemma4_text"), "invented", gemma))
    assert architecture.kv_bytes(10) is None
    assert "shares KV between layers" in architecture.assumptions[0]


def test_linear_heads_may_differ_from_those_of_full_attention() -> None:
    own = {"head_dim": 24, "num_heads": 10, "short_conv_kernel_size": 3, "full_attn_layers": [5]}
    config = raw("kimi_linear") | {"linear_attn_config": own}
    same_cache(inspected(converted(config, "kimi-linear", kimi)), config)


def test_latents_of_a_model_with_its_own_number_of_layers() -> None:
    config = raw("deepseek_v3") | {"num_hidden_layers": 3}
    assert inspected(converted(config, "deepseek2", latent)).kv_bytes(10) == 3 * 10 * 120 * 2
