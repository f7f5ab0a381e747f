"""Totals by transformers' own classes, caches by published numbers, words for what is unknown."""

from __future__ import annotations

import re
from math import prod
from typing import Any

import pytest

from tests.facts.architectures.fixtures import PARAMETERS, raw
from weighbridge.core.architecture import ModelArchitecture, Part
from weighbridge.core.errors import FormatError
from weighbridge.facts.architectures.read import read_config

LLAMA = {
    "model_type": "llama",
    "hidden_size": 4096,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "intermediate_size": 14336,
    "vocab_size": 128256,
    "max_position_embeddings": 131072,
    "tie_word_embeddings": False,
}


def read(keys: dict[str, Any]) -> ModelArchitecture:
    return read_config(keys, name="model")


def parts_of(architecture: ModelArchitecture) -> list[Part]:
    inside = [p for run in architecture.runs for layer in run.layers for p in layer.parts]
    return [*inside, *architecture.outside]


@pytest.mark.parametrize("name", sorted(PARAMETERS))
def test_the_number_of_weights_is_that_of_the_class(name: str) -> None:
    assert read_config(raw(name), name=name).parameters == PARAMETERS[name]


@pytest.mark.parametrize("name", sorted(PARAMETERS))
def test_every_formula_gives_its_number(name: str) -> None:
    for part in parts_of(read_config(raw(name), name=name)):
        terms = [re.findall(r"(?:^|[ ])(\d+)(?= ×|$)", term) for term in part.formula.split(" + ")]
        if "rank + 2 × state" in part.formula:
            continue  # the one label that is a sum itself
        assert sum(prod(map(int, numbers)) for numbers in terms) == part.parameters, part


@pytest.mark.parametrize("name", sorted(PARAMETERS))
def test_caches_are_known_and_grow(name: str) -> None:
    architecture = read_config(raw(name), name=name)
    assert architecture.kv_known
    sizes = [architecture.kv_bytes(tokens) or 0 for tokens in (1, 100, 10_000)]
    assert sizes == sorted(sizes)
    assert sizes[0] > 0
    assert (architecture.kv_full_length_bytes(10_000) or 0) >= sizes[2]


def test_llama() -> None:
    architecture = read(LLAMA)
    assert architecture.parameters == architecture.active == 8_030_261_248
    assert architecture.kv_bytes_per_token() == 131_072
    assert architecture.depth == 32
    assert len(architecture.runs) == 1
    assert architecture.by_component["lm_head"] == 128_256 * 4096
    query = architecture.layers[0].parts[0]
    assert query.formula == "hidden 4096 × heads 32 × head_dim 128"


# Published: https://github.com/ggml-org and vendors' cards, collected in tests of public loaders.
PUBLISHED = [
    ("gemma 3 27B", {
        "model_type": "gemma3_text", "hidden_size": 5376, "num_hidden_layers": 62,
        "num_attention_heads": 32, "num_key_value_heads": 16, "head_dim": 128,
        "intermediate_size": 21504, "sliding_window": 1024, "vocab_size": 262208,
    }, 81_920, 436_207_616, 0),
    ("gpt-oss 20B", {
        "model_type": "gpt_oss", "hidden_size": 2880, "num_hidden_layers": 24,
        "num_attention_heads": 64, "num_key_value_heads": 8, "head_dim": 64,
        "intermediate_size": 2880, "sliding_window": 128, "vocab_size": 201_088,
        "num_local_experts": 32, "num_experts_per_tok": 4,
    }, 24_576, 3_145_728, 0),
    ("Jamba", {
        "model_type": "jamba", "hidden_size": 4096, "num_hidden_layers": 32,
        "num_attention_heads": 32, "num_key_value_heads": 8, "intermediate_size": 14336,
        "attn_layer_period": 8, "attn_layer_offset": 4, "expert_layer_period": 2,
        "expert_layer_offset": 1, "num_experts": 16, "num_experts_per_tok": 2,
        "mamba_d_state": 16, "mamba_d_conv": 4, "mamba_expand": 2, "mamba_dt_rank": 256,
        "vocab_size": 65536,
    }, 16_384, 0, 16_056_320),
    ("DeepSeek V3", {
        "model_type": "deepseek_v3", "hidden_size": 7168, "num_hidden_layers": 61,
        "num_attention_heads": 128, "intermediate_size": 18432, "kv_lora_rank": 512,
        "q_lora_rank": 1536, "qk_nope_head_dim": 128, "qk_rope_head_dim": 64, "v_head_dim": 128,
        "n_routed_experts": 256, "num_experts_per_tok": 8, "moe_intermediate_size": 2048,
        "n_shared_experts": 1, "first_k_dense_replace": 3, "vocab_size": 129280,
    }, 70_272, 0, 0),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "keys", "per_token", "windows", "states"), PUBLISHED, ids=[row[0] for row in PUBLISHED]
)
def test_caches_that_others_published(
    name: str, keys: dict[str, Any], per_token: int, windows: int, states: int
) -> None:
    architecture = read_config(keys, name=name)
    assert architecture.kv_bytes_per_token() == per_token
    assert architecture.state_bytes() == states
    long = 1_000_000
    assert architecture.kv_bytes(long) == per_token * long + windows + states


def test_an_engine_that_pages_windows_at_full_length() -> None:
    """vLLM's log of gpt-oss-120b: 36 layers × 2048 bytes per token, sliding or not."""
    keys = {**PUBLISHED[1][1], "num_hidden_layers": 36, "num_local_experts": 128}
    assert read(keys).kv_full_length_bytes(1) == 73_728


def test_experts_that_a_token_is_not_routed_to_are_idle() -> None:
    architecture = read_config(PUBLISHED[3][1], name="DeepSeek V3")
    assert architecture.parameters == 671_026_404_352
    assert architecture.active == 37_552_282_624


def test_multi_token_prediction_is_not_in_the_total() -> None:
    keys = {**PUBLISHED[3][1], "num_nextn_predict_layers": 1}
    architecture = read(keys)
    assert architecture.parameters == 671_026_404_352
    # The Hub counts 684 489 845 504, of which 59 × 256 router biases are not weights.
    assert architecture.mtp_parameters == 684_489_845_504 - 671_026_404_352 - 59 * 256


@pytest.mark.parametrize(
    ("scaling", "native", "extended"),
    [
        (None, 131_072, None),
        ({"rope_type": "llama3", "factor": 8.0, "original_max_position_embeddings": 8192},
         131_072, None),
        ({"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32_768},
         32_768, 131_072),
    ],
)  # fmt: skip
def test_native_and_extended_context(scaling: object, native: int, extended: int | None) -> None:
    architecture = read({**LLAMA, "rope_scaling": scaling})
    assert (architecture.context, architecture.context_extended) == (native, extended)


def test_absent_keys_take_class_defaults_and_say_so() -> None:
    keys = {key: value for key, value in LLAMA.items() if key != "num_hidden_layers"}
    architecture = read(keys)
    assert architecture.depth == 32
    assert "num_hidden_layers 32" in architecture.assumptions[0]


def test_no_default_gives_a_dense_model_experts() -> None:
    keys = {
        "model_type": "nemotron_h", "hidden_size": 2048, "hybrid_override_pattern": "M-M-*-",
        "num_attention_heads": 16, "num_key_value_heads": 4, "intermediate_size": 6144,
        "vocab_size": 32_000,
    }  # fmt: skip
    counts = read(keys).by_component
    assert counts["experts"] == counts["router"] == 0
    assert counts["mlp"] == 3 * 2 * 2048 * 6144


def test_layers_that_a_search_made() -> None:
    blocks = [
        {"attention": {"n_heads_in_group": 8, "no_op": False}, "ffn": {"ffn_mult": 5.25}},
        {"attention": {"n_heads_in_group": None, "no_op": True}, "ffn": {"ffn_mult": 0.5}},
    ]
    keys = {**LLAMA, "model_type": "nemotron-nas", "num_hidden_layers": 2,
            "block_configs": blocks, "intermediate_size": None}  # fmt: skip
    first, second = read(keys).layers
    assert (first.mixer.number("kv_heads"), first.mlp.width) == (4, 14_336)
    assert (second.mixer.kind, second.mlp.width) == ("none", 1536)


def test_an_unknown_family_is_read_by_its_keys_and_says_so() -> None:
    known, unknown = read(LLAMA), read({**LLAMA, "model_type": "brand_new"})
    assert unknown.parameters == known.parameters
    assert unknown.kv_bytes(1000) == known.kv_bytes(1000)
    assert "not a family" in unknown.assumptions[0]


def test_a_layer_that_is_two() -> None:
    """LongCat-Flash: 560 billion weights by its card; each of 28 layers keeps two latents."""
    keys = {
        "model_type": "longcat_flash", "hidden_size": 6144, "num_layers": 28,
        "num_attention_heads": 64, "ffn_hidden_size": 12288, "expert_ffn_hidden_size": 2048,
        "n_routed_experts": 512, "zero_expert_num": 256, "moe_topk": 12, "q_lora_rank": 1536,
        "kv_lora_rank": 512, "qk_nope_head_dim": 128, "qk_rope_head_dim": 64, "v_head_dim": 128,
        "vocab_size": 131_072,
    }  # fmt: skip
    architecture = read(keys)
    assert round(architecture.parameters / 1e9) in {560, 561, 562}
    assert architecture.kv_bytes_per_token() == 56 * (512 + 64) * 2


def test_an_unknown_family_with_mla() -> None:
    known = PUBLISHED[3][1]
    assert read({**known, "model_type": "brand_new"}).kv_bytes_per_token() == 70_272


@pytest.mark.parametrize(
    "extra",
    [
        {"sliding_window": 4096},
        {"my_ssm_width": 64},
        {"layer_types": ["wormhole_attention"] * 32},
        {"layer_types": ["linear_attention"] * 32},
    ],
    ids=["window somewhere", "unread key", "unknown kind", "linear without dimensions"],
)
def test_what_is_not_known_has_no_cache(extra: dict[str, Any]) -> None:
    architecture = read({**LLAMA, "model_type": "brand_new", **extra})
    assert not architecture.kv_known
    assert architecture.kv_bytes(1000) is None
    assert len(architecture.assumptions) >= 2


def test_types_that_no_reader_models_are_refused_by_name() -> None:
    architecture = read({**LLAMA, "model_type": "glm5_next_text"})
    assert {layer.mixer.kind for layer in architecture.layers} == {"unknown"}
    assert any("glm5_next_text" in sentence for sentence in architecture.assumptions)


def test_towers_that_are_not_modelled_are_said() -> None:
    keys = {"model_type": "brand_new_vl", "text_config": LLAMA,
            "vision_config": {"model_type": "wormhole_vision"},
            "audio_config": {"a": 1}}  # fmt: skip
    architecture = read(keys)
    assert architecture.by_component["vision"] == 0
    assert any("wormhole_vision" in sentence for sentence in architecture.assumptions)
    assert any("audio" in sentence for sentence in architecture.assumptions)


@pytest.mark.parametrize(
    "keys",
    [
        {},
        {"model_type": "llama", "hidden_size": "wide"},
        {**LLAMA, "num_hidden_layers": 10**9},
        {**LLAMA, "hidden_size": 10**30},
        {**LLAMA, "hidden_size": -1},
        {**LLAMA, "num_attention_heads": 0},
        {**LLAMA, "model_type": "gpt_oss", "layer_types": ["full_attention"]},
        {**LLAMA, "is_encoder_decoder": True},
        {**LLAMA, "num_experts": 4, "num_experts_per_tok": 5},
    ],
)
def test_what_cannot_be_is_refused_with_a_sentence(keys: dict[str, Any]) -> None:
    with pytest.raises(FormatError) as caught:
        read(keys)
    assert caught.value.message.endswith(".")
    assert caught.value.fix


def test_a_list_is_not_a_configuration() -> None:
    with pytest.raises(FormatError, match="outermost"):
        read_config([], name="model")  # type: ignore[arg-type]
