"""Rarer mixers and older families: their caches as the classes of transformers fill them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.facts.architectures.fixtures import raw
from weighbridge.core.architecture import ModelArchitecture
from weighbridge.core.errors import FormatError
from weighbridge.facts.architectures.read import read_config

# Numbers per further token of a short text, convolution inputs and float32 states of our fixtures.
# The first and the last were traced in the caches of transformers 5.23.0. It keeps as many inputs
# of a convolution as the kernel is long; one fewer is needed, which is what stands here. States of
# mLSTM are in the cache's own format there, in float32 by the configuration of the published model.
KEPT = {
    "zamba": (1024, 8 * 768 * 3, 147_456),
    "zamba2": (6144, 8 * 816 * 3, 147_456),
    "rwkv": (0, 8 * 2 * 384, 9216),
    "xlstm": (0, 0, 8 * 6 * (32 * 64 + 32 + 1)),
    "jetmoe": (2560, 0, 0),
    "diffllama": (2048, 0, 0),
    "doge": (2048, 0, 0),
    "nemotron": (2048, 0, 0),
    "biogpt": (6144, 0, 0),
    "xglm": (6144, 0, 0),
    "ctrl": (6144, 0, 0),
    "gpt_neox_japanese": (6144, 0, 0),
    "cpmant": (7680, 0, 0),
    "flint": (2560, 0, 0),
    "beam": (2560, 0, 0),
    "hrm_text": (23_040, 0, 0),
    "hy_v4": (1080, 0, 0),
    "axk2": (1280, 0, 0),
    "inkling_text": (1888, 0, 32_128 // 4 * 3),
    "inkling2_text": (1888, 0, 32_128 // 4 * 3),
    "lfm3": (960, 5 * 384 * 6, 0),
    "zaya": (2560, 8 * (640 * 3 + 80), 0),
    "aria_text": (2048, 0, 0),
    "opt": (6144, 0, 0),
    "bloom": (6144, 0, 0),
    "mpt": (6144, 0, 0),
    "gptj": (6144, 0, 0),
    "codegen": (6144, 0, 0),
    "gpt_bigcode": (512, 0, 0),
    "gpt_neo": (6144, 0, 0),
    "mamba": (0, 8 * 640 * 3, 122_880),
    "persimmon": (6144, 0, 0),
    "nanochat": (2048, 0, 0),
    "dots1": (2048, 0, 0),
    "seed_oss": (2560, 0, 0),
    "solar_open": (2560, 0, 0),
    "vaultgemma": (2560, 0, 0),
    "hunyuan_v1_dense": (2560, 0, 0),
    "hunyuan_v1_moe": (2560, 0, 0),
    "flex_olmo": (2048, 0, 0),
    "cohere_compass_text": (2048, 0, 0),
}


def read(name: str, **changes: Any) -> ModelArchitecture:
    return read_config({**raw(name), **changes}, name=name)


@pytest.mark.parametrize("name", sorted(KEPT))
def test_caches_are_those_of_the_class(name: str) -> None:
    found = read(name)
    per_token, inputs, states = KEPT[name]
    short = (found.kv_bytes(33, 1.0) or 0) - (found.kv_bytes(32, 1.0) or 0)
    assert (short, found.state_bytes()) == (per_token, 2 * inputs + 4 * states)


def test_recurrent_gemma_keeps_a_number_per_channel_beside_its_windows() -> None:
    found = read("recurrent_gemma")
    assert found.state_bytes() == 6 * (480 * 3 * 2 + 480 * 4)
    assert found.kv_bytes_per_token() == 0
    assert found.kv_bytes(10_000, 1.0) == 2 * 640 * 2 * 4 * 32 + (found.state_bytes() or 0)


@pytest.mark.parametrize(("name", "hybrids", "blocks"), [("zamba", 2, 1), ("zamba2", 4, 2)])
def test_shared_blocks_are_counted_once_and_cached_by_every_user(
    name: str, hybrids: int, blocks: int
) -> None:
    found = read(name)
    mixed = [layer for layer in found.layers if layer.mixer.kind == "parallel"]
    assert len(mixed) == hybrids
    assert all((layer.mixer.cache and layer.mixer.cache.per_token) for layer in mixed)
    shared = [part for part in found.outside if part.name == "shared output"]
    assert [part.parameters for part in shared] == [blocks * 768 * 384]
    assert [part.again for part in shared] == [(hybrids - blocks) * 768 * 384]
    assert not any(part.name.startswith("shared") for layer in mixed for part in layer.parts)


@pytest.mark.parametrize("name", ["zamba", "zamba2"])
def test_blocks_that_may_not_be_shared_are_said(name: str) -> None:
    assert read(name, tie_word_embeddings=False).incomplete == ("layers",)


def test_passes_of_a_stack_have_caches_but_no_weights() -> None:
    """Three layers in each of two stacks, passed 2 × (3 + 1) times."""
    found = read("hrm_text")
    assert found.depth == 3 * 2 * (3 + 1)
    assert sum(layer.parameters for layer in found.layers) == 0
    query = next(part for part in found.outside if part.name == "query")
    assert query.parameters == 2 * 3 * 384 * 12 * 40
    assert query.again == (24 - 6) * 384 * 12 * 40


def test_experts_of_attention_are_idle_where_a_token_is_not_routed_to_them() -> None:
    layer = read("jetmoe").layers[0]
    experts = next(part for part in layer.parts if part.name == "query and output experts")
    assert experts.parameters == 6 * 2 * 384 * 4 * 40
    assert experts.idle * 2 == experts.parameters
    assert layer.mixer.number("heads") == 3 * 4


def test_experts_without_a_number_per_token_are_all_counted_as_active() -> None:
    keys = {k: v for k, v in raw("deepseek_v2").items() if k != "num_experts_per_tok"}
    found = read_config(keys, name="model")
    assert found.active == found.parameters == read("deepseek_v2").parameters
    assert any("how many experts see each token" in said for said in found.assumptions)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("zamba", "layers_block_type"),
        ("zamba2", "layers_block_type"),
        ("recurrent_gemma", "block_types"),
        ("beam", "layer_types"),
        ("flint", "layer_types"),
        ("lfm3", "layer_types"),
        ("inkling_text", "layer_types"),
        ("zaya", "layer_types"),
        ("hy_v4", "indexer_types"),
        ("modernbert-decoder", "layer_types"),
    ],
)
def test_a_class_has_kinds_of_layers_where_the_file_has_none(name: str, change: str) -> None:
    found = read(name, **{change: None})
    assert found.kv_known
    assert found.incomplete == ()
    assert {layer.mixer.kind for layer in found.layers} <= {
        layer.mixer.kind for layer in read(name).layers
    } | {"full", "sliding"}


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("recurrent_gemma", "intermediate_size"),
        ("xlstm", "ffn_proj_factor"),
        ("gpt_neox_japanese", "intermediate_multiple_size"),
        ("jetmoe", "num_experts_per_tok"),
        ("zamba", "attn_layer_period"),
    ],
)
def test_a_number_that_cannot_be_is_named(name: str, key: str) -> None:
    with pytest.raises(FormatError, match=key):
        read(name, **{key: "wide", "layers_block_type": None})


@pytest.mark.parametrize(
    ("model_type", "says"),
    [
        ("xlnet", "any order"),
        ("reformer", "buckets"),
        ("roc_bert", "is an encoder"),
        ("gemma4_assistant", "drafts tokens for another model"),
    ],
)
def test_forms_without_a_list_of_tokens_are_refused(model_type: str, says: str) -> None:
    with pytest.raises(FormatError, match=says):
        read_config({"model_type": model_type, "d_model": 8}, name="model")


HYBRIDS = {6, 11, 17, 23, 29, 35, 41, 47, 53, 59, 65, 71, 77}

# Models of other people: their own numbers, and the totals that the Hub shows for them.
PUBLISHED: list[tuple[str, dict[str, Any], int]] = [
    ("Zamba-7B-v1", {"model_type": "zamba"}, 7_232_490_496),
    ("Zamba2-7B", {
        "model_type": "zamba2", "hidden_size": 3584, "num_hidden_layers": 81,
        "layers_block_type": ["hybrid" if i in HYBRIDS else "mamba" for i in range(81)],
        "n_mamba_heads": 112, "mamba_ngroups": 2, "intermediate_size": 14336, "num_mem_blocks": 2,
    }, 7_356_749_648),
    ("RWKV-4 169M", {
        "model_type": "rwkv", "hidden_size": 768, "num_hidden_layers": 12, "vocab_size": 50277,
    }, 169_342_464),
    ("xLSTM-7b", {"model_type": "xlstm", "embedding_dim": 4096, "num_blocks": 32}, 6_865_424_896),
    ("RecurrentGemma 2B", {
        "model_type": "recurrent_gemma", "intermediate_size": 15360, "num_key_value_heads": 1,
    }, 2_682_862_080),
    ("JetMoE-8B", {"model_type": "jetmoe", "num_hidden_layers": 24}, 8_522_237_952),
    ("OPT-350M", {
        "model_type": "opt", "hidden_size": 1024, "num_hidden_layers": 24, "ffn_dim": 4096,
        "num_attention_heads": 16, "word_embed_proj_dim": 512, "do_layer_norm_before": False,
    }, 331_196_416),
    ("GPT-J 6B", {"model_type": "gptj"}, 6_050_882_784),
    ("BLOOM-560M", {
        "model_type": "bloom", "n_embed": 1024, "n_layer": 24, "num_attention_heads": 16,
        "vocab_size": 250_880,
    }, 559_214_592),
    ("MPT-7B", {
        "model_type": "mpt", "d_model": 4096, "n_heads": 32, "n_layers": 32, "vocab_size": 50432,
    }, 6_649_286_656),
    ("XGLM-564M", {
        "model_type": "xglm", "d_model": 1024, "num_layers": 24, "ffn_dim": 4096,
        "vocab_size": 256_008,
    }, 564_463_616),
]  # fmt: skip


@pytest.mark.parametrize(("name", "keys", "total"), PUBLISHED, ids=[row[0] for row in PUBLISHED])
def test_totals_of_published_models(name: str, keys: dict[str, Any], total: int) -> None:
    found = read_config(keys, name=name)
    assert (found.parameters, found.incomplete) == (total, ())
