from __future__ import annotations

import io

import pytest

from tests.facts import gguf_models
from tests.facts.gguf_models import Model
from tests.facts.gguf_writer import Array, gguf_bytes
from weighbridge.core.architecture import Cache, Mixer, ModelArchitecture, attention
from weighbridge.facts.gguf import parse_gguf
from weighbridge.facts.gguf_architecture import describe
from weighbridge.facts.gguf_mixers import UNKNOWN

FULL = attention(4, 2, 16, 16)
WINDOWED = attention(4, 2, 16, 16, window=32)


def inspected(model: Model) -> ModelArchitecture:
    raw = gguf_bytes(*model)
    return describe(parse_gguf(io.BytesIO(raw), len(raw), "m"), name="m", stem="m")[0]


def mixers(architecture: ModelArchitecture) -> list[Mixer]:
    return [layer.mixer for layer in architecture.layers]


def llama_with(arch: str = "llama", /, **own: object) -> Model:
    return gguf_models.keys(arch, 2, **own), gguf_models.llama()[1]


def test_five_of_six_layers_of_gemma3_slide() -> None:
    architecture = inspected(gguf_models.sliding())
    assert mixers(architecture) == [WINDOWED] * 5 + [FULL, WINDOWED]
    assert architecture.assumptions == ()
    assert architecture.kv_bytes(1000) == (1000 + 6 * 32) * 2 * 32 * 2
    assert architecture.kv_bytes_per_token() == 2 * 32 * 2


def test_a_pattern_stated_by_layer_needs_no_knowledge_of_the_family() -> None:
    pattern = Array(7, [0, 1])
    model = llama_with(
        "new", attention__sliding_window=32, attention__sliding_window_pattern=pattern
    )
    assert mixers(inspected(model)) == [FULL, WINDOWED]


def test_sliding_layers_may_have_their_own_widths() -> None:
    metadata, tensors = llama_with(
        attention__sliding_window=32,
        attention__sliding_window_pattern=Array(7, [1, 0]),
        attention__key_length=16,
        attention__key_length_swa=8,
        attention__value_length_swa=8,
    )
    tensors |= gguf_models.attention(0, head=8)
    assert mixers(inspected((metadata, tensors))) == [attention(4, 2, 8, 8, 32), FULL]


@pytest.mark.parametrize(
    "model",
    [
        llama_with(attention__sliding_window=32),
        llama_with(attention__sliding_window=32, attention__sliding_window_pattern=2),
        llama_with(attention__sliding_window=Array(4, [32, 0])),
        llama_with("gemma2"),
        llama_with("llama4"),
    ],
)
def test_an_unknown_sliding_pattern_is_an_upper_bound_that_says_so(model: Model) -> None:
    architecture = inspected(model)
    assert mixers(architecture) == [FULL, FULL]
    assert "an upper bound of the KV cache" in architecture.assumptions[0]


def test_layers_with_a_state_stand_beside_layers_that_attend() -> None:
    architecture = inspected(gguf_models.hybrid())
    assert [mixer.kind for mixer in mixers(architecture)] == ["ssm", "full", "ssm"]
    state = Cache(state=(64 + 2 * 16) * 3, state_float32=64 * 16)
    assert [mixer.cache for mixer in mixers(architecture)] == [state, FULL.cache, state]
    assert architecture.kv_bytes_per_token() == 2 * 32 * 2
    assert architecture.assumptions == ()
    mixer = 64 * 128 + 4 * 96 + 4 + 64 * 64
    assert dict(architecture.by_component)["linear_mixer"] == 2 * mixer


def test_projections_of_linear_layers_count_as_linear_mixer() -> None:
    metadata, tensors = gguf_models.keys("qwen3next", 1), gguf_models.ends()
    tensors |= gguf_models.recurrent(0) | gguf_models.mlp(0)
    tensors["blk.0.attn_qkv.weight"] = ((64, 128), "Q8_0")
    counts = dict(inspected((metadata, tensors)).by_component)
    assert counts["attention"] == 0
    assert counts["linear_mixer"] == 64 * 128 + 4 * 96 + 4 + 64 * 64 + 64 * 128


@pytest.mark.parametrize(
    ("own", "says"),
    [
        ({"attention__kv_lora_rank": 32}, "MLA"),
        ({"attention__key_length_mla": 32}, "MLA"),
        ({"attention__indexer__top_k": 32}, "sparse attention"),
        ({"attention__compress_ratios": Array(4, [4, 128])}, "compressed blocks"),
        ({"attention__shared_kv_layers": 1}, "shares KV"),
        ({"num_loops": 2}, "several times"),
        ({"decoder_block_count": 2}, "encoder"),
        ({"attention__causal": False}, "not causal"),
        ({"attention__invented_in_2027": 1}, "'attention.invented_in_2027'"),
        ({"attention__head_count": Array(4, [4])}, "how many heads"),
        ({"attention__head_count_kv": "two"}, "how many heads"),
        ({"attention__head_count_kv": 3}, "attn_k tensors of shape 64x32"),
        ({"attention__value_length": 8}, "attn_v tensors of shape 64x32"),
    ],
)
def test_what_breaks_the_formula_is_named_and_not_computed(
    own: dict[str, object], says: str
) -> None:
    architecture = inspected(llama_with(**own))
    assert mixers(architecture) == [UNKNOWN, UNKNOWN]
    assert architecture.kv_bytes(10) is None
    assert says in architecture.assumptions[0]


def test_latent_attention_is_recognised_by_its_tensors() -> None:
    metadata, tensors = gguf_models.latent()
    assert "lack deepseek2.rope.dimension_count" in inspected((metadata, tensors)).assumptions[0]
    metadata |= {"deepseek2.rope.dimension_count": 16, "deepseek2.attention.key_length_mla": 24}
    assert inspected((metadata, tensors)).kv_bytes(10) == 10 * 48 * 2
    del metadata["deepseek2.attention.kv_lora_rank"]
    assert "lack deepseek2.attention.kv_lora_rank" in inspected((metadata, tensors)).assumptions[0]


def test_latents_without_their_first_projection_are_not_guessed() -> None:
    metadata, tensors = llama_with()
    tensors = tensors | {"blk.0.attn_kv_b.weight": ((64, 64), "Q8_0")}
    architecture = inspected((metadata, tensors))
    assert mixers(architecture) == [UNKNOWN, FULL]
    assert "latents (MLA) in a way that is not modelled" in architecture.assumptions[0]


def test_an_indexer_beside_plain_attention_is_not_guessed() -> None:
    metadata, tensors = llama_with()
    tensors = tensors | {"blk.0.indexer.q_proj.weight": ((64, 64), "Q8_0")}
    architecture = inspected((metadata, tensors))
    assert mixers(architecture) == [UNKNOWN, FULL]
    assert "have an indexer" in architecture.assumptions[0]


def test_fused_projections_prove_the_heads_too() -> None:
    metadata, tensors = gguf_models.keys("phi3", 1), gguf_models.ends() | gguf_models.mlp(0)
    tensors["blk.0.attn_qkv.weight"] = ((64, (4 + 2 + 2) * 16), "Q8_0")
    assert mixers(inspected((metadata, tensors))) == [FULL]
    tensors["blk.0.attn_qkv.weight"] = ((64, 160), "Q8_0")
    assert mixers(inspected((metadata, tensors))) == [UNKNOWN]
