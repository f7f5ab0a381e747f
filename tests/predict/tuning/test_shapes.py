from __future__ import annotations

from pathlib import Path

import pytest

from tests.predict.tuning.shapes import LLAMA_3B, LLAMA_8B, LLAMA_70B, QWEN_14B, shape
from weighbridge.facts import gguf_architecture
from weighbridge.facts.catalog.catalogue import load
from weighbridge.facts.gguf import read_gguf
from weighbridge.facts.quantizations.what_if import what_if
from weighbridge.predict.tuning.shapes import shape_of
from weighbridge.predict.work import work

DEMO = Path(__file__).parents[3] / "src/weighbridge/demo/models"


@pytest.mark.parametrize(
    ("name", "rank", "millions"),
    [(LLAMA_8B, 8, 21.0), (LLAMA_8B, 16, 41.9), (QWEN_14B, 16, 64.2), (LLAMA_70B, 16, 207.1)],
)
def test_adapters_have_the_published_size(name: str, rank: int, millions: float) -> None:
    assert round(shape(name).adapters * rank / 1e6, 1) == millions


def test_an_adapter_is_its_rank_times_both_ends_of_each_matrix() -> None:
    # Llama 3.1 8B: q and o 4096 × 4096, k and v 4096 × 1024, three matrices 4096 × 14336.
    of_layer = 2 * (4096 + 4096) + 2 * (4096 + 1024) + 3 * (4096 + 14336)
    assert shape(LLAMA_8B).adapters == 32 * of_layer


def test_weights_are_either_linear_or_kept() -> None:
    it = shape(LLAMA_8B)
    assert (it.linear, it.kept, it.towers) == (6_979_321_856, 1_050_939_392, 0)
    assert it.trainable == 8_030_261_248
    # Multiplied with a token: everything but the embedding, which is looked up.
    assert it.active == 8_030_261_248 - 128_256 * 4096


def test_a_tied_embedding_is_the_head_and_multiplied() -> None:
    it = shape(LLAMA_3B)
    assert it.tied
    assert it.head == it.embedding == 128_256 * 3072
    assert it.active == it.trainable


def test_what_a_token_leaves_is_the_inputs_of_norms_and_matrices() -> None:
    # Residual and norm twice, q, k, v, attention's output; gate, up and their product.
    assert shape(LLAMA_8B).widths == (4 * 4096 + (4096 + 2 * 1024 + 4096) + 3 * 14336,) * 32


def test_latent_attention_and_experts_carry_adapters_of_their_own() -> None:
    it = shape("zai-org/GLM-4.7-Flash")
    attention = (
        (2048 + 768)  # query down
        + (768 + 20 * 256)  # query up
        + (2048 + 576)  # key-value down
        + (512 + 20 * 448)  # key-value up
        + (20 * 256 + 2048)  # output
    )
    assert it.adapters == 47 * attention + 3 * (2048 + 10240) + 46 * 3 * (2048 + 1536)
    assert it.expert_adapters == 46 * 64 * 3 * (2048 + 1536)
    assert not it.untouched


def test_biases_of_queries_do_not_widen_adapters() -> None:
    it = shape_of(load().find("Qwen/Qwen2.5-7B-Instruct").architecture())
    heads = (3584 + 3584) * 2 + (3584 + 512) * 2
    assert it.adapters == 28 * (heads + 3 * (3584 + 18944))


def test_what_has_no_adapter_is_named() -> None:
    assert shape("Qwen/Qwen3.5-27B").untouched == ("decay and beta",)
    assert shape("openai/gpt-oss-20b").untouched == ()  # sinks are no matrix


def test_a_gguf_file_gives_the_same_as_its_dimensions() -> None:
    path = DEMO / "porter-q4_0.gguf"
    built, _ = gguf_architecture.describe(read_gguf(path), name="porter", stem="porter")
    it = shape_of(built)
    # 3 layers of width 128: 4 heads and 2 key-value heads of 32, an MLP of 512.
    assert it.adapters == 3 * (2 * (128 + 128) + 2 * (128 + 64) + 3 * (128 + 512))
    assert it.widths == (4 * 128 + (128 + 64 + 64 + 128) + 3 * 512,) * 3


def test_active_weights_agree_with_those_of_a_forward_pass() -> None:
    for name in (LLAMA_8B, "openai/gpt-oss-20b"):
        built = load().find(name).architecture()
        forward = work(built, what_if("bf16", built))
        assert forward is not None
        experts = forward.experts.parameters * forward.active_share
        summed = forward.attention.parameters + forward.dense.parameters + experts
        assert shape(name).active == pytest.approx(summed + forward.head.parameters, rel=1e-3)
