from __future__ import annotations

import pytest

from tests.predict.loads import HYBRID, LLAMA, OSS, load_of
from weighbridge.predict.llamacpp.token_load import packing_of


def test_all_but_the_embedding_and_idle_experts_is_read() -> None:
    load = load_of(LLAMA, "bf16")
    assert load.dense_weights + load.head_weights == pytest.approx(7.5049e9, rel=1e-3)
    assert load.dense_bytes == pytest.approx(2 * (load.dense_weights + load.head_weights), rel=1e-3)
    experts = load_of(OSS, "mxfp4")
    assert experts.expert_share == 4 / 128
    assert experts.touched(1) == pytest.approx(4 / 128)
    assert experts.touched(64) == pytest.approx(1 - (1 - 4 / 128) ** 64)


def test_the_cache_is_that_of_the_architecture() -> None:
    assert load_of().cache_bytes(1000) == pytest.approx(131_072_000)
    # Half of gpt-oss' layers keep the last 128 tokens only.
    assert load_of(OSS, "mxfp4").cache_bytes(100_000) == pytest.approx(36_864 * (100_000 + 128))
    assert load_of(HYBRID).recurrent
    assert load_of(HYBRID).cache_bytes(0) > 0


def test_parts_make_the_whole() -> None:
    load = load_of(OSS, "mxfp4")
    left, right = load.part(0.25), load.part(0.75, head=True)
    assert left.dense_bytes + right.dense_bytes == pytest.approx(load.dense_bytes)
    assert left.expert_bytes + right.expert_bytes == pytest.approx(load.expert_bytes)
    assert left.head_weights + right.head_weights == load.head_weights
    apart = load.experts_alone(0.5)
    kept = load.part(1.0, experts=0.5, head=True)
    assert apart.dense_bytes == apart.cache_bytes(1000) == 0
    assert apart.expert_bytes + kept.expert_bytes == pytest.approx(load.expert_bytes)


@pytest.mark.parametrize(
    ("name", "packing"),
    [
        ("F16", "float"), ("bf16", "float"), ("Q8_0", "q8"), ("fp8 (128×128 blocks)", "q8"),
        ("Q4_0", "q4"), ("NVFP4", "q4"), ("AWQ int4 g128", "q4"), ("mxfp4 (experts)", "q4"),
        ("Q4_K_M", "k"), ("IQ4_XS", "k"), ("IQ2_XXS", "iq"), ("UD-Q3_K_XL", "k"),
    ],
)  # fmt: skip
def test_names_tell_how_weights_are_packed(name: str, packing: str) -> None:
    assert packing_of(name) == packing
